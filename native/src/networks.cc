// Any thread. A list of networks.
#include "networks.h"

#include <cerrno>
#include <cstdlib>

namespace vipd {

Result<Networks> Networks::parse(const std::vector<std::string>& texts) {
  Networks made;
  for (const std::string& text : texts) {
    const std::size_t slash = text.find('/');
    const std::optional<Address> address = Address::parse(text.substr(0, slash), 0);
    if (!address) return Errno{EINVAL, "network"};
    const unsigned most = address->family() == AF_INET ? 32 : 128;
    unsigned bits = most;
    if (slash != std::string::npos) {
      char* end = nullptr;
      const unsigned long given = std::strtoul(text.c_str() + slash + 1, &end, 10);
      if (*end != '\0' || end == text.c_str() + slash + 1 || given > most) return Errno{EINVAL, "network"};
      bits = static_cast<unsigned>(given);
    }
    made.networks_.push_back({address->bytes(), bits + 128 - most});
  }
  return made;
}

bool Networks::contains(const Address& address) const noexcept {
  const auto bytes = address.bytes();
  for (const Network& network : networks_) {
    unsigned at = 0;
    unsigned left = network.bits;
    while (left >= 8 && bytes[at] == network.bytes[at]) {
      ++at;
      left -= 8;
    }
    if (left == 0 || (left < 8 && ((bytes[at] ^ network.bytes[at]) >> (8 - left)) == 0)) return true;
  }
  return false;
}

}  // namespace vipd
