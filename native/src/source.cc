// Worker thread. Where connections to servers come from.
#include "source.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace vipd {
namespace {

constexpr int kOn = 1;

// With whatever port is free: it is chosen at connect(), when the kernel knows the whole connection.
Status bind_to(int fd, const Address& address) noexcept {
  sockaddr_storage raw{};
  std::memcpy(&raw, address.get(), address.size());
  if (address.family() == AF_INET) reinterpret_cast<sockaddr_in*>(&raw)->sin_port = 0;
  else reinterpret_cast<sockaddr_in6*>(&raw)->sin6_port = 0;
  // Also of IPv6 sockets. Where it is not known the port is chosen now, of fewer.
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &kOn, sizeof kOn);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&raw), address.size()) != 0) return Errno{errno, "bind"};
  return std::nullopt;
}

}  // namespace

Status prepare_server_socket(int fd, const Session& session, const Server& server) noexcept {
  const int family = server.address.family();
  const bool transparent = session.backend->table->is_transparent;
  const Address& from = transparent ? session.client : *server.source;
  // Also a unix client has no address that a server could see.
  if (from.family() != family) return Errno{EAFNOSUPPORT, "bind"};
  if (transparent) {
    const bool v4 = family == AF_INET;
    const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    const int option = v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT;
    if (::setsockopt(fd, level, option, &kOn, sizeof kOn) != 0) return Errno{errno, "setsockopt"};
  }
  return bind_to(fd, from);
}

}  // namespace vipd
