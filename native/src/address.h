// Any thread. One TCP endpoint, as the kernel takes it; or the fact that it is a unix socket, or not known.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace vipd {

class Address {
 public:
  Address() noexcept { raw_.v6 = {}; }

  // Numeric addresses only; an IPv6 zone ("fe80::1%eth0") must name an interface that exists.
  [[nodiscard]] static std::optional<Address> parse(const std::string& text, std::uint16_t port) noexcept;
  // Of 4 or 16 bytes in network order, as a PROXY header has them.
  [[nodiscard]] static Address from_bytes(int family, const void* bytes, std::uint16_t port) noexcept;
  // What the kernel wrote; IPv4 in IPv6 becomes IPv4. Not known when it is of any other family than IP and unix.
  [[nodiscard]] static Address from_kernel(const sockaddr_storage& raw) noexcept;
  // Our end of a socket; not known when it has none.
  [[nodiscard]] static Address local_of(int fd) noexcept;

  [[nodiscard]] const sockaddr* get() const noexcept { return &raw_.any; }
  [[nodiscard]] socklen_t size() const noexcept { return family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6); }
  [[nodiscard]] int family() const noexcept { return raw_.any.sa_family; }
  [[nodiscard]] bool known() const noexcept { return family() != AF_UNSPEC; }
  [[nodiscard]] bool is_ip() const noexcept { return family() == AF_INET || family() == AF_INET6; }
  [[nodiscard]] std::uint16_t port() const noexcept {
    return ntohs(family() == AF_INET ? raw_.v4.sin_port : raw_.v6.sin6_port);
  }
  // The address without its port, in network order; IPv4 as ::ffff:0:0/96.
  [[nodiscard]] std::array<std::uint8_t, 16> bytes() const noexcept;
  // The words of the address, one over the other: what haproxy's `balance source` begins with.
  [[nodiscard]] std::uint32_t hash() const noexcept;
  // "192.0.2.1:80" or "[2001:db8::1]:80"; "unix"; "" when not known.
  [[nodiscard]] std::string text() const;
  // Equal, or one is the wildcard of the other's family, on the same port.
  [[nodiscard]] bool overlaps(const Address& other) const noexcept;
  [[nodiscard]] bool wildcard() const noexcept;
  [[nodiscard]] bool operator==(const Address& other) const noexcept;

 private:
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } raw_;
};

}  // namespace vipd
