// Any thread. One TCP endpoint, as the kernel takes it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

namespace vipd {

class Address {
 public:
  Address() noexcept { raw_.v6 = {}; }

  // Numeric addresses only; an IPv6 zone ("fe80::1%eth0") must name an interface that exists.
  [[nodiscard]] static std::optional<Address> parse(const std::string& text, std::uint16_t port) noexcept;

  // Of what the kernel tells; none when it is no IP address. IPv4 in IPv6 ("::ffff:192.0.2.1") becomes IPv4.
  [[nodiscard]] static std::optional<Address> from(const sockaddr* raw) noexcept;

  [[nodiscard]] const sockaddr* get() const noexcept { return &raw_.any; }
  [[nodiscard]] socklen_t size() const noexcept { return family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6); }
  [[nodiscard]] int family() const noexcept { return raw_.any.sa_family; }
  [[nodiscard]] std::uint16_t port() const noexcept {
    return ntohs(family() == AF_INET ? raw_.v4.sin_port : raw_.v6.sin6_port);
  }
  // "192.0.2.1:80" or "[2001:db8::1]:80".
  [[nodiscard]] std::string text() const;
  // Equal, or one is the wildcard of the other's family, on the same port.
  [[nodiscard]] bool overlaps(const Address& other) const noexcept;
  [[nodiscard]] bool operator==(const Address& other) const noexcept;

 private:
  [[nodiscard]] bool wildcard() const noexcept;

  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } raw_;
};

}  // namespace vipd
