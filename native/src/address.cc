// Any thread. One TCP endpoint, as the kernel takes it.
#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <cstring>

namespace vipd {

std::optional<Address> Address::parse(const std::string& text, std::uint16_t port) noexcept {
  Address address;
  if (inet_pton(AF_INET, text.c_str(), &address.raw_.v4.sin_addr) == 1) {
    address.raw_.v4.sin_family = AF_INET;
    address.raw_.v4.sin_port = htons(port);
    return address;
  }
  address.raw_.v6 = {};
  const std::size_t percent = text.find('%');
  const std::string host = text.substr(0, percent);
  if (inet_pton(AF_INET6, host.c_str(), &address.raw_.v6.sin6_addr) != 1) return std::nullopt;
  address.raw_.v6.sin6_family = AF_INET6;
  address.raw_.v6.sin6_port = htons(port);
  if (percent != std::string::npos) {
    address.raw_.v6.sin6_scope_id = if_nametoindex(text.c_str() + percent + 1);
    if (address.raw_.v6.sin6_scope_id == 0) return std::nullopt;
  }
  return address;
}

std::optional<Address> Address::from(const sockaddr* raw) noexcept {
  Address address;
  if (raw->sa_family == AF_INET) {
    std::memcpy(&address.raw_.v4, raw, sizeof address.raw_.v4);
    return address;
  }
  if (raw->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, raw, sizeof v6);
  if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    address.raw_.v6 = v6;
    return address;
  }
  address.raw_.v4 = {};
  address.raw_.v4.sin_family = AF_INET;
  address.raw_.v4.sin_port = v6.sin6_port;
  std::memcpy(&address.raw_.v4.sin_addr, &v6.sin6_addr.s6_addr[12], sizeof address.raw_.v4.sin_addr);
  return address;
}

std::string Address::text() const {
  char host[INET6_ADDRSTRLEN] = "?";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &raw_.v4.sin_addr, host, sizeof host);
    return std::string(host) + ":" + std::to_string(port());
  }
  inet_ntop(AF_INET6, &raw_.v6.sin6_addr, host, sizeof host);
  return "[" + std::string(host) + "]:" + std::to_string(port());
}

bool Address::wildcard() const noexcept {
  if (family() == AF_INET) return raw_.v4.sin_addr.s_addr == htonl(INADDR_ANY);
  return IN6_IS_ADDR_UNSPECIFIED(&raw_.v6.sin6_addr);
}

bool Address::overlaps(const Address& other) const noexcept {
  if (family() != other.family() || port() != other.port()) return false;
  return *this == other || wildcard() || other.wildcard();
}

bool Address::operator==(const Address& other) const noexcept {
  if (family() != other.family() || port() != other.port()) return false;
  if (family() == AF_INET) return raw_.v4.sin_addr.s_addr == other.raw_.v4.sin_addr.s_addr;
  return raw_.v6.sin6_scope_id == other.raw_.v6.sin6_scope_id &&
         std::memcmp(&raw_.v6.sin6_addr, &other.raw_.v6.sin6_addr, sizeof raw_.v6.sin6_addr) == 0;
}

}  // namespace vipd
