// Node's thread; tune_socket() also on workers. Opens listening sockets.
#include "listener.h"

#include <cerrno>
#include <fcntl.h>
#include <netinet/tcp.h>

namespace vipd {
namespace {

constexpr int kOn = 1;
constexpr int kOff = 0;

bool set(int fd, int level, int option, int value) noexcept {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

Result<Fd> bind_socket(const ListenerSpec& spec, bool reuse_port) noexcept {
  const Address& address = spec.address;
  Fd fd{::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP)};
  if (!fd.open()) return Errno{errno, "socket"};
  const bool v6 = address.family() == AF_INET6;
  // FREEBIND: a backup binds the address before it has it.
  const bool options = set(fd.get(), SOL_SOCKET, SO_REUSEADDR, kOn) &&
                       (!reuse_port || set(fd.get(), SOL_SOCKET, SO_REUSEPORT, kOn)) &&
                       (v6 ? set(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, spec.v4v6 ? kOff : kOn) &&
                                 set(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND, kOn)
                           : set(fd.get(), IPPROTO_IP, IP_FREEBIND, kOn));
  if (!options) return Errno{errno, "setsockopt"};
  const std::string& name = spec.interface;
  if (!name.empty() && ::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, name.c_str(),
                                    static_cast<socklen_t>(name.size() + 1)) != 0) {
    return Errno{errno, "SO_BINDTODEVICE"};
  }
  if (::bind(fd.get(), address.get(), address.size()) != 0) return Errno{errno, "bind"};
  return fd;
}

Result<OpenedListeners> open_tcp(const ListenerSpec& spec, const SocketOptions& options, int backlog, unsigned count) {
  OpenedListeners opened;
  for (unsigned i = 0; i < count; ++i) {
    Result<Fd> fd = bind_socket(spec, true);
    if (const Errno* error = std::get_if<Errno>(&fd)) return *error;
    opened.fds.push_back(std::move(*std::get_if<Fd>(&fd)));
    tune_socket(opened.fds.back().get(), options, true);
  }
  for (const Fd& fd : opened.fds) {
    if (::listen(fd.get(), backlog) != 0) return Errno{errno, "listen"};
  }
  return opened;
}

// One descriptor of the same socket for each worker.
Status duplicate(int fd, unsigned count, std::vector<Fd>& into) {
  for (unsigned i = 0; i < count; ++i) {
    into.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!into.back().open()) return Errno{errno, "fcntl"};
  }
  return std::nullopt;
}

// EBADF, ENOTSOCK, or EINVAL where it is a socket on which no streams are accepted.
Status check_inherited(int fd) noexcept {
  int listens = 0;
  int type = 0;
  socklen_t size = sizeof listens;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) return Errno{errno, "getsockopt"};
  size = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return Errno{errno, "getsockopt"};
  if (listens == 0 || type != SOCK_STREAM) return Errno{EINVAL, "accept"};
  return std::nullopt;
}

Result<OpenedListeners> open_inherited(int fd, const SocketOptions& options, unsigned count) {
  if (const Status bad = check_inherited(fd)) return *bad;
  // Of the socket, thus also for whoever else has it: without it a worker could wait in accept() for ever.
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return Errno{errno, "fcntl"};
  OpenedListeners opened;
  if (const Status failed = duplicate(fd, count, opened.fds)) return *failed;
  tune_socket(fd, options, true);
  return opened;
}

Result<OpenedListeners> open_named(const ListenerSpec& spec, int backlog, unsigned count) {
  Result<UnixListener> made = open_unix(spec.path, spec.mode, backlog);
  if (const Errno* error = std::get_if<Errno>(&made)) return *error;
  auto& [file, fd] = *std::get_if<UnixListener>(&made);
  OpenedListeners opened;
  if (const Status failed = duplicate(fd.get(), count, opened.fds)) return *failed;
  opened.file.emplace(std::move(file));
  return opened;
}

}  // namespace

bool ListenerSpec::same_place(const ListenerSpec& other) const noexcept {
  if (kind != other.kind) return false;
  if (kind == Kind::unix_socket) return path == other.path;
  if (kind == Kind::inherited) return fd == other.fd;
  return address == other.address && v4v6 == other.v4v6 && interface == other.interface;
}

bool ListenerSpec::overlaps(const ListenerSpec& other) const noexcept {
  if (kind != other.kind || kind != Kind::tcp) return same_place(other);
  if (!interface.empty() && !other.interface.empty() && interface != other.interface) return false;
  if (address.overlaps(other.address)) return true;
  const auto takes_all_v4 = [](const ListenerSpec& one) {
    return one.v4v6 && one.address.family() == AF_INET6 && one.address.wildcard();
  };
  const auto is_v4 = [](const ListenerSpec& one) { return one.address.family() == AF_INET; };
  return address.port() == other.address.port() &&
         ((takes_all_v4(*this) && is_v4(other)) || (takes_all_v4(other) && is_v4(*this)));
}

std::string ListenerSpec::text() const {
  if (kind == Kind::unix_socket) return "unix@" + path;
  if (kind == Kind::inherited) return "fd@" + std::to_string(fd);
  return interface.empty() ? address.text() : address.text() + " interface " + interface;
}

Status probe_listener(const ListenerSpec& spec) noexcept {
  if (spec.kind == ListenerSpec::Kind::unix_socket) return probe_unix(spec.path);
  if (spec.kind == ListenerSpec::Kind::inherited) return std::nullopt;
  // Without SO_REUSEPORT, bind() refuses a port on which anybody is in LISTEN, whatever options he has.
  const Result<Fd> fd = bind_socket(spec, false);
  if (const Errno* error = std::get_if<Errno>(&fd)) return *error;
  return std::nullopt;
}

Result<OpenedListeners> open_listeners(const ListenerSpec& spec, const SocketOptions& options, int backlog,
                                       unsigned count) {
  if (spec.kind == ListenerSpec::Kind::unix_socket) return open_named(spec, backlog, count);
  if (spec.kind == ListenerSpec::Kind::inherited) return open_inherited(spec.fd, options, count);
  return open_tcp(spec, options, backlog, count);
}

void tune_socket(int fd, const SocketOptions& options, bool fresh) noexcept {
  if (fresh) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn);
  tune_watch(fd, options, fresh);
}

void tune_watch(int fd, const SocketOptions& options, bool fresh) noexcept {
  const Keepalive& alive = options.keepalive;
  const int keep = alive.idle_s > 0 ? 1 : 0;
  if (keep != 0 || !fresh) ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keep, sizeof keep);
  if (keep != 0) {
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &alive.idle_s, sizeof alive.idle_s);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &alive.interval_s, sizeof alive.interval_s);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &alive.count, sizeof alive.count);
  }
  if (options.user_timeout_ms == 0 && fresh) return;
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &options.user_timeout_ms, sizeof options.user_timeout_ms);
}

void tune_server_socket(int fd) noexcept {
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn);
  delay_ack(fd, true);
}

void delay_ack(int fd, bool delayed) noexcept {
  const int& quick = delayed ? kOff : kOn;
  ::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &quick, sizeof quick);
}

}  // namespace vipd
