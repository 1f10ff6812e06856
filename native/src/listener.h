// Opened by Node's thread, then owned by one worker each.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "address.h"
#include "fd.h"
#include "slots.h"
#include "unix_listener.h"

namespace vipd {

struct Keepalive {
  int idle_s;  // 0: off
  int interval_s;
  int count;
  [[nodiscard]] bool operator==(const Keepalive&) const = default;
};

// How sockets of both legs are set up. Accepted sockets inherit all of it from their listener.
struct SocketOptions {
  Keepalive keepalive;
  unsigned user_timeout_ms;
  [[nodiscard]] bool operator==(const SocketOptions&) const = default;
};

// Where a service listens, as it was asked for.
struct ListenerSpec {
  enum class Kind : std::uint8_t { tcp, unix_socket, inherited };

  Kind kind = Kind::tcp;
  Address address;        // tcp
  bool v4v6 = false;      // [::] takes IPv4 too
  std::string interface;  // SO_BINDTODEVICE; "": any
  std::string path;       // unix_socket
  int mode = -1;          // −1: as the umask has it
  int fd = -1;            // inherited: duplicated, never closed
  bool accept_proxy = false;
  std::int64_t maxconn = 0;  // 0: no limit of its own

  // The same socket serves both; accept_proxy, maxconn and mode may differ.
  [[nodiscard]] bool same_place(const ListenerSpec& other) const noexcept;
  // The kernel would not let both be bound by two processes.
  [[nodiscard]] bool overlaps(const ListenerSpec& other) const noexcept;
  // One socket for all workers, each with a descriptor of its own; otherwise one socket each.
  [[nodiscard]] bool shared() const noexcept { return kind != Kind::tcp; }
  [[nodiscard]] std::string text() const;
  // What tells it apart from all others, for another process.
  [[nodiscard]] std::string place() const { return interface.empty() ? text() : text() + "%" + interface; }
};

// Descriptors of listening sockets, in turn for the workers; at least one each.
struct OpenedListeners {
  std::vector<Fd> fds;
  std::optional<UnixFile> file;  // of a unix socket
};

// One place a service listens on: every worker has a descriptor. Alive as long as any of them is.
struct ListenerGroup {
  ListenerGroup(std::uint64_t number, const ListenerSpec& wanted, std::optional<UnixFile>&& name)
      : id(number), file(std::move(name)), spec(wanted) {}

  const std::uint64_t id;
  const std::optional<UnixFile> file;
  const ListenerSpec spec;  // but for these, which later publications change:
  std::atomic<bool> accept_proxy{false};
  std::atomic<std::int64_t> maxconn{0};
  Slots slots;  // in use only with maxconn
};

// Member order matters: the socket closes before the group may expire.
struct Listener {
  std::shared_ptr<ListenerGroup> group;
  Fd fd;
};

// EADDRINUSE when anybody listens there, also with SO_REUSEPORT.
[[nodiscard]] Status probe_listener(const ListenerSpec& spec) noexcept;
// `count` bound and listening descriptors, or none.
[[nodiscard]] Result<OpenedListeners> open_listeners(const ListenerSpec& spec, const SocketOptions& options, int backlog,
                                                     unsigned count);
// Of a listener, for all that it accepts. `fresh`: the socket still has the kernel's defaults, so what is off need not be
// switched off. Here and below failures are of no consequence: the defaults stay.
void tune_socket(int fd, const SocketOptions& options, bool fresh) noexcept;
// Keepalive and user timeout alone.
void tune_watch(int fd, const SocketOptions& options, bool fresh) noexcept;
// Of a socket that is to connect.
void tune_server_socket(int fd) noexcept;
// Whether the handshake's ACK waits for the first data that we send. The kernel changes its mind later as it sees fit.
void delay_ack(int fd, bool delayed) noexcept;

}  // namespace vipd
