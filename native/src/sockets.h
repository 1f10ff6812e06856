// Node's thread. What Node and raw-socket cannot do: raw frames, unix datagrams, VRRP and netlink sockets, limits.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fd.h"

namespace vipd {

[[nodiscard]] Status send_frame(int interface_index, const void* frame, std::size_t size) noexcept;
// A path that begins with '@' is in the abstract namespace. Never blocks.
[[nodiscard]] Status send_unix_datagram(const std::string& path, const void* data, std::size_t size) noexcept;
// Every descriptor above 2.
[[nodiscard]] Status close_on_exec() noexcept;
// Returns the soft limit in force afterwards; never lowers it.
[[nodiscard]] std::uint64_t raise_descriptor_limit(std::uint64_t wanted) noexcept;
// Of CAP_NET_ADMIN and CAP_NET_RAW, those that are not in the effective set.
[[nodiscard]] std::vector<const char*> missing_capabilities();

struct VrrpOptions {
  int family;  // AF_INET or AF_INET6
  std::string interface;
  unsigned interface_index;
  std::string group;
  std::string source;  // address that multicasts are sent from
};

struct VrrpPacket {
  const std::uint8_t* payload;  // in the caller's buffer
  std::size_t size;
  char source[INET6_ADDRSTRLEN];
  char destination[INET6_ADDRSTRLEN];
  int ttl;
};

[[nodiscard]] Result<Fd> open_vrrp(const VrrpOptions& options) noexcept;
[[nodiscard]] Status send_vrrp(int fd, int family, unsigned interface_index, const std::string& destination,
                               const void* payload, std::size_t size) noexcept;
enum class Received : std::uint8_t { packet, malformed, nothing, overrun };
// One datagram into `buffer`. `nothing`: none is waiting, or the socket has failed.
[[nodiscard]] Received receive_vrrp(int fd, int family, std::uint8_t* buffer, std::size_t size,
                                    VrrpPacket& packet) noexcept;

// Subscribed to links and addresses of both families.
[[nodiscard]] Result<Fd> open_netlink_events() noexcept;
// One datagram from the kernel into `buffer`.
[[nodiscard]] Received receive_netlink(int fd, std::uint8_t* buffer, std::size_t size, std::size_t& got) noexcept;

}  // namespace vipd
