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

Address Address::from_bytes(int family, const void* bytes, std::uint16_t port) noexcept {
  Address address;
  if (family == AF_INET) {
    address.raw_.v4.sin_family = AF_INET;
    address.raw_.v4.sin_port = htons(port);
    std::memcpy(&address.raw_.v4.sin_addr, bytes, sizeof address.raw_.v4.sin_addr);
    return address;
  }
  address.raw_.v6.sin6_family = AF_INET6;
  address.raw_.v6.sin6_port = htons(port);
  std::memcpy(&address.raw_.v6.sin6_addr, bytes, sizeof address.raw_.v6.sin6_addr);
  return address;
}

Address Address::from_kernel(const sockaddr_storage& raw) noexcept {
  Address address;
  if (raw.ss_family == AF_INET) {
    std::memcpy(&address.raw_.v4, &raw, sizeof address.raw_.v4);
  } else if (raw.ss_family == AF_INET6) {
    std::memcpy(&address.raw_.v6, &raw, sizeof address.raw_.v6);
    const in6_addr& six = address.raw_.v6.sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&six)) return from_bytes(AF_INET, &six.s6_addr[12], address.port());
  } else if (raw.ss_family == AF_UNIX) {
    address.raw_.any.sa_family = AF_UNIX;
  }
  return address;
}

Address Address::local_of(int fd) noexcept {
  sockaddr_storage raw{};
  socklen_t size = sizeof raw;
  if (fd < 0 || ::getsockname(fd, reinterpret_cast<sockaddr*>(&raw), &size) != 0) return {};
  return from_kernel(raw);
}

std::array<std::uint8_t, 16> Address::bytes() const noexcept {
  std::array<std::uint8_t, 16> out{};
  if (family() == AF_INET6) {
    std::memcpy(out.data(), &raw_.v6.sin6_addr, out.size());
  } else if (family() == AF_INET) {
    out[10] = out[11] = 0xff;
    std::memcpy(&out[12], &raw_.v4.sin_addr, 4);
  }
  return out;
}

std::uint32_t Address::hash() const noexcept {
  if (family() == AF_INET) return ntohl(raw_.v4.sin_addr.s_addr);
  if (family() != AF_INET6) return 0;
  std::uint32_t words[4];
  std::memcpy(words, &raw_.v6.sin6_addr, sizeof words);
  return ntohl(words[0] ^ words[1] ^ words[2] ^ words[3]);
}

std::string Address::text() const {
  if (!is_ip()) return family() == AF_UNIX ? "unix" : "";
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
