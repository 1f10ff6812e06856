// Any thread. The PROXY protocol, versions 1 and 2: who the client is behind a proxy before us, and behind us.
#include "proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace vipd {
namespace {

using Verdict = ProxyHeader::Verdict;

constexpr std::string_view kV1{"PROXY "};
constexpr std::string_view kV2{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kMostV1 = 107;
constexpr std::size_t kFixedV2 = 16;
constexpr std::size_t kV4Bytes = 12;
constexpr std::size_t kV6Bytes = 36;
constexpr std::size_t kUnixBytes = 216;

ProxyHeader of(Verdict verdict) noexcept {
  ProxyHeader header;
  header.verdict = verdict;
  return header;
}

std::uint8_t byte_at(std::string_view bytes, std::size_t at) noexcept { return static_cast<std::uint8_t>(bytes[at]); }

bool begins_alike(std::string_view bytes, std::string_view with) noexcept {
  const std::size_t size = std::min(bytes.size(), with.size());
  return bytes.substr(0, size) == with.substr(0, size);
}

// `host`: as it stands in the packet. IPv4 in IPv6 becomes IPv4, as it does where the kernel tells of it.
Address endpoint(int family, const char* host, std::uint16_t port) noexcept {
  sockaddr_storage raw{};
  const Address address = Address::from_bytes(family, host, port);
  std::memcpy(&raw, address.get(), address.size());
  return Address::from_kernel(raw);
}

// Cuts the next word off; the words stand one space apart.
std::string_view word_of(std::string_view& line) noexcept {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

bool read_host(int family, std::string_view text, char* out) noexcept {
  char terminated[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof terminated) return false;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  return ::inet_pton(family, terminated, out) == 1;
}

std::optional<std::uint16_t> read_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || stopped != text.data() + text.size()) return std::nullopt;
  return port;
}

ProxyHeader parse_v1(std::string_view bytes) noexcept {
  const std::size_t end = bytes.substr(0, kMostV1).find('\r');
  if (end == std::string_view::npos || end + 1 == kMostV1) {
    return of(bytes.size() < kMostV1 ? Verdict::more : Verdict::malformed);
  }
  if (bytes.size() == end + 1) return of(Verdict::more);
  if (bytes[end + 1] != '\n') return of(Verdict::malformed);
  ProxyHeader header = of(Verdict::done);
  header.size = end + 2;
  std::string_view line = bytes.substr(kV1.size(), end - kV1.size());
  const std::string_view protocol = word_of(line);
  if (protocol == "UNKNOWN") return header;  // whatever stands behind it
  if (protocol != "TCP4" && protocol != "TCP6") return of(Verdict::malformed);
  const int family = protocol == "TCP4" ? AF_INET : AF_INET6;
  char source[sizeof(in6_addr)];
  char destination[sizeof(in6_addr)];
  const bool hosts = read_host(family, word_of(line), source) && read_host(family, word_of(line), destination);
  const std::optional<std::uint16_t> source_port = read_port(word_of(line));
  const std::optional<std::uint16_t> destination_port = read_port(line);  // to the end: nothing may follow
  if (!hosts || !source_port || !destination_port) return of(Verdict::malformed);
  header.addressed = true;
  header.source = endpoint(family, source, *source_port);
  header.destination = endpoint(family, destination, *destination_port);
  return header;
}

// The addresses of a PROXY command; `body` is all that the header has behind its fixed part.
ProxyHeader read_v2_body(std::uint8_t protocol, std::string_view body) noexcept {
  const unsigned family = protocol >> 4;
  const unsigned transport = protocol & 15;
  if (family > 3 || transport > 2) return of(Verdict::malformed);
  constexpr std::size_t kNeeded[] = {0, kV4Bytes, kV6Bytes, kUnixBytes};
  if (body.size() < kNeeded[family]) return of(Verdict::malformed);
  ProxyHeader header = of(Verdict::done);
  header.addressed = transport == 1 && (family == 1 || family == 2);
  if (!header.addressed) return header;
  const std::size_t host = family == 1 ? sizeof(in_addr) : sizeof(in6_addr);
  const auto port_at = [&body](std::size_t at) {
    return static_cast<std::uint16_t>(byte_at(body, at) << 8 | byte_at(body, at + 1));
  };
  const int address_family = family == 1 ? AF_INET : AF_INET6;
  header.source = endpoint(address_family, body.data(), port_at(2 * host));
  header.destination = endpoint(address_family, body.data() + host, port_at(2 * host + 2));
  return header;
}

ProxyHeader parse_v2(std::string_view bytes) noexcept {
  constexpr std::size_t kCommand = 12;
  constexpr std::size_t kProtocol = 13;
  constexpr std::size_t kLength = 14;
  if (bytes.size() > kCommand && (byte_at(bytes, kCommand) >> 4 != 2 || (byte_at(bytes, kCommand) & 15) > 1)) {
    return of(Verdict::malformed);
  }
  if (bytes.size() < kFixedV2) return of(Verdict::more);
  const std::size_t length = std::size_t{byte_at(bytes, kLength)} << 8 | byte_at(bytes, kLength + 1);
  const std::size_t size = kFixedV2 + length;
  if (size > kMostProxyHeader) return of(Verdict::malformed);
  if (bytes.size() < size) return of(Verdict::more);
  const bool local = (byte_at(bytes, kCommand) & 15) == 0;
  ProxyHeader header =
      local ? of(Verdict::done) : read_v2_body(byte_at(bytes, kProtocol), bytes.substr(kFixedV2, length));
  header.size = header.verdict == Verdict::done ? size : 0;
  return header;
}

// Both as IPv6, IPv4 as IPv4 in IPv6.
void put_v6(const Address& address, char* out) noexcept {
  if (address.family() == AF_INET6) {
    std::memcpy(out, &reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_addr, sizeof(in6_addr));
    return;
  }
  std::memset(out, 0, 10);
  std::memset(out + 10, 0xff, 2);
  std::memcpy(out + 12, &reinterpret_cast<const sockaddr_in*>(address.get())->sin_addr, sizeof(in_addr));
}

void put_v4(const Address& address, char* out) noexcept {
  std::memcpy(out, &reinterpret_cast<const sockaddr_in*>(address.get())->sin_addr, sizeof(in_addr));
}

char* put_text(char* out, std::string_view text) noexcept { return std::copy(text.begin(), text.end(), out); }

std::size_t build_v1(const Address* source, const Address* destination, char* out) noexcept {
  if (source == nullptr) return static_cast<std::size_t>(put_text(out, "PROXY UNKNOWN\r\n") - out);
  const bool v4 = source->family() == AF_INET && destination->family() == AF_INET;
  char* at = put_text(out, v4 ? "PROXY TCP4" : "PROXY TCP6");
  for (const Address* address : {source, destination}) {
    char raw[sizeof(in6_addr)];
    char text[INET6_ADDRSTRLEN] = "";
    v4 ? put_v4(*address, raw) : put_v6(*address, raw);
    ::inet_ntop(v4 ? AF_INET : AF_INET6, raw, text, sizeof text);
    at = put_text(put_text(at, " "), text);
  }
  for (const Address* address : {source, destination}) {
    at = put_text(at, " ");
    at = std::to_chars(at, at + 5, address->port()).ptr;
  }
  return static_cast<std::size_t>(put_text(at, "\r\n") - out);
}

std::size_t build_v2(const Address* source, const Address* destination, char* out) noexcept {
  char* at = put_text(out, kV2);
  if (source == nullptr) return static_cast<std::size_t>(put_text(at, {"\x20\x00\x00\x00", 4}) - out);
  const bool v4 = source->family() == AF_INET && destination->family() == AF_INET;
  at = put_text(at, v4 ? std::string_view{"\x21\x11\x00\x0c", 4} : std::string_view{"\x21\x21\x00\x24", 4});
  for (const Address* address : {source, destination}) {
    v4 ? put_v4(*address, at) : put_v6(*address, at);
    at += v4 ? sizeof(in_addr) : sizeof(in6_addr);
  }
  for (const Address* address : {source, destination}) {
    *at++ = static_cast<char>(address->port() >> 8);
    *at++ = static_cast<char>(address->port() & 0xff);
  }
  return static_cast<std::size_t>(at - out);
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view bytes) noexcept {
  if (begins_alike(bytes, kV1)) return bytes.size() <= kV1.size() ? of(Verdict::more) : parse_v1(bytes);
  if (begins_alike(bytes, kV2)) return bytes.size() <= kV2.size() ? of(Verdict::more) : parse_v2(bytes);
  return of(Verdict::malformed);
}

std::size_t build_proxy_header(unsigned version, const Address* source, const Address* destination,
                               char* out) noexcept {
  return version == 1 ? build_v1(source, destination, out) : build_v2(source, destination, out);
}

}  // namespace vipd
