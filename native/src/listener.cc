// Node's thread; tune_socket() also on workers. Opens listening sockets.
#include "listener.h"

#include <cerrno>
#include <netinet/tcp.h>

namespace vipd {
namespace {

constexpr int kOn = 1;

Result<Fd> bind_socket(const Address& address, bool reuse_port) noexcept {
  Fd fd{::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP)};
  if (!fd.open()) return Errno{errno, "socket"};
  const bool v6 = address.family() == AF_INET6;
  // IP_FREEBIND: a backup binds the address before it has it. On IPv6 sockets the IPv4 level option does the same.
  const bool options =
      ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn) == 0 &&
      (!reuse_port || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &kOn, sizeof kOn) == 0) &&
      (v6 ? ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &kOn, sizeof kOn) == 0 &&
                ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND, &kOn, sizeof kOn) == 0
          : ::setsockopt(fd.get(), IPPROTO_IP, IP_FREEBIND, &kOn, sizeof kOn) == 0);
  if (!options) return Errno{errno, "setsockopt"};
  if (::bind(fd.get(), address.get(), address.size()) != 0) return Errno{errno, "bind"};
  return fd;
}

}  // namespace

bool ListenerSpec::same_place(const ListenerSpec& other) const noexcept {
  if (kind != other.kind) return false;
  if (kind == Kind::unix_socket) return path == other.path && mode == other.mode;
  if (kind == Kind::inherited) return fd == other.fd;
  return address == other.address && v4v6 == other.v4v6 && interface == other.interface;
}

bool ListenerSpec::overlaps(const ListenerSpec& other) const noexcept {
  if (kind != other.kind) return false;
  if (kind == Kind::unix_socket) return path == other.path;
  if (kind == Kind::inherited) return fd == other.fd;
  return address.overlaps(other.address);
}

std::string ListenerSpec::text() const {
  if (kind == Kind::unix_socket) return "unix@" + path;
  if (kind == Kind::inherited) return "fd@" + std::to_string(fd);
  return address.text();
}

Status probe_listener(const ListenerSpec& spec) noexcept {
  // Without SO_REUSEPORT, bind() refuses a port on which anybody is in LISTEN, whatever options he has.
  if (spec.kind != ListenerSpec::Kind::tcp) return Errno{EOPNOTSUPP, "bind"};
  const Result<Fd> fd = bind_socket(spec.address, false);
  if (const Errno* error = std::get_if<Errno>(&fd)) return *error;
  return std::nullopt;
}

Result<std::vector<Fd>> open_listeners(const ListenerSpec& spec, const SocketOptions& options, int backlog,
                                       unsigned count) {
  if (spec.kind != ListenerSpec::Kind::tcp) return Errno{EOPNOTSUPP, "bind"};
  std::vector<Fd> fds;
  for (unsigned i = 0; i < count; ++i) {
    Result<Fd> fd = bind_socket(spec.address, true);
    if (const Errno* error = std::get_if<Errno>(&fd)) return *error;
    fds.push_back(std::move(*std::get_if<Fd>(&fd)));
    tune_socket(fds.back().get(), options, true);
  }
  for (const Fd& fd : fds) {
    if (::listen(fd.get(), backlog) != 0) return Errno{errno, "listen"};
  }
  return fds;
}

void tune_socket(int fd, const SocketOptions& options, bool fresh) noexcept {
  const Keepalive& alive = options.keepalive;
  const int keep = alive.idle_s > 0 ? 1 : 0;
  if (fresh) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn);
  if (keep != 0 || !fresh) ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keep, sizeof keep);
  if (keep != 0) {
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &alive.idle_s, sizeof alive.idle_s);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &alive.interval_s, sizeof alive.interval_s);
    ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &alive.count, sizeof alive.count);
  }
  if (options.user_timeout_ms == 0 && fresh) return;
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &options.user_timeout_ms, sizeof options.user_timeout_ms);
}

}  // namespace vipd
