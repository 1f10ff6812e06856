// Any thread. A list of networks, and whether an address is in one of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "address.h"
#include "fd.h"

namespace vipd {

// IPv4 is looked at as IPv4 in IPv6 (::ffff:0:0/96), so '::/0' has every address in it. A zone does not count.
class Networks {
 public:
  // "10.0.0.0/8", "2001:db8::/32" or one address. Host bits that are set are ignored. EINVAL: one of them is no network.
  [[nodiscard]] static Result<Networks> parse(const std::vector<std::string>& texts);

  [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }
  // Whatever is no IP address is in none. Costs the logarithm of the number of networks.
  [[nodiscard]] bool contains(const Address& address) const noexcept;
  // The same addresses, however they were written.
  [[nodiscard]] bool operator==(const Networks&) const = default;

 private:
  __extension__ using Number = unsigned __int128;
  static constexpr Number kHighest = ~Number{0};
  struct Range {
    Number first;
    Number last;
    [[nodiscard]] bool operator==(const Range&) const = default;
  };

  [[nodiscard]] static Number number_of(const Address& address) noexcept;
  [[nodiscard]] static std::optional<Range> range_of(const std::string& text) noexcept;

  std::vector<Range> ranges_;  // ascending, apart from each other
};

}  // namespace vipd
