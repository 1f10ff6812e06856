// Any thread. A list of networks, immutable once made.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "address.h"
#include "fd.h"

namespace vipd {

class Networks {
 public:
  // "10.0.0.0/8", "2001:db8::/32"; a bare address is a network of its own. EINVAL when one is not.
  [[nodiscard]] static Result<Networks> parse(const std::vector<std::string>& texts);
  [[nodiscard]] bool contains(const Address& address) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return networks_.empty(); }

 private:
  struct Network {
    std::array<std::uint8_t, 16> bytes;
    unsigned bits;
  };
  std::vector<Network> networks_;
};

}  // namespace vipd
