// Any thread. A list of networks, and whether an address is in one of them.
#include "networks.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace vipd {

Result<Networks> Networks::parse(const std::vector<std::string>& texts) {
  Networks networks;
  std::vector<Range> given;
  for (const std::string& text : texts) {
    const std::optional<Range> range = range_of(text);
    if (!range) return Errno{EINVAL, "network"};
    given.push_back(*range);
  }
  std::sort(given.begin(), given.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  for (const Range& range : given) {
    const bool apart = networks.ranges_.empty() || (networks.ranges_.back().last != kHighest &&
                                                    networks.ranges_.back().last + 1 < range.first);
    if (apart) networks.ranges_.push_back(range);
    else networks.ranges_.back().last = std::max(networks.ranges_.back().last, range.last);
  }
  return networks;
}

bool Networks::contains(const Address& address) const noexcept {
  if (!address.is_ip()) return false;
  const Number number = number_of(address);
  const auto after = [](Number value, const Range& range) { return value < range.first; };
  const auto next = std::upper_bound(ranges_.begin(), ranges_.end(), number, after);
  return next != ranges_.begin() && number <= std::prev(next)->last;
}

Networks::Number Networks::number_of(const Address& address) noexcept {
  Number number = 0;
  for (const std::uint8_t byte : address.bytes()) number = number << 8 | byte;
  return number;
}

std::optional<Networks::Range> Networks::range_of(const std::string& text) noexcept {
  const std::size_t slash = text.find('/');
  const std::string host = text.substr(0, slash);
  const std::optional<Address> address = host.find('%') == std::string::npos ? Address::parse(host, 0) : std::nullopt;
  if (!address) return std::nullopt;
  const unsigned most = address->family() == AF_INET ? 32 : 128;
  unsigned bits = most;
  if (slash != std::string::npos) {
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data() + slash + 1, end, bits);
    if (error != std::errc{} || stopped != end || bits > most) return std::nullopt;
  }
  const unsigned host_bits = most - bits;
  const Number hosts = host_bits == 128 ? kHighest : (Number{1} << host_bits) - 1;
  const Number number = number_of(*address);
  return Range{number & ~hosts, number | hosts};
}

}  // namespace vipd
