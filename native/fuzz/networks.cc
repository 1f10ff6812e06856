// Addresses and networks of a configuration, one on each line: what is taken contains itself, in any company.
#include "../src/networks.h"

#include <sstream>
#include <string>

#include "check.h"

using namespace vipd;

namespace {

std::optional<Networks> parsed(const std::vector<std::string>& texts) {
  Result<Networks> result = Networks::parse(texts);
  if (Networks* list = std::get_if<Networks>(&result)) return std::move(*list);
  return std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::istringstream lines{std::string(text_of(data, size))};
  std::vector<std::string> good;
  for (std::string line; std::getline(lines, line) && good.size() < 64;) {
    if (const std::optional<Address> address = Address::parse(line, 443)) {
      CHECK(address->is_ip() && address->port() == 443);
      CHECK(Address::from_bytes(AF_INET6, address->bytes().data(), 443).bytes() == address->bytes());
      const std::string text = address->text();
      CHECK(text.size() > 4 && text.substr(text.size() - 4) == ":443");
      CHECK(address->overlaps(*address));
    }
    const std::optional<Networks> alone = parsed({line});
    if (!alone) continue;
    CHECK(!alone->empty());
    good.push_back(line);
    if (const std::optional<Address> first = Address::parse(line.substr(0, line.find('/')), 1)) CHECK(alone->contains(*first));
  }
  const std::optional<Networks> all = parsed(good);
  CHECK(all.has_value());
  CHECK(all->empty() == good.empty());
  for (const std::string& one : good) {
    if (const std::optional<Address> first = Address::parse(one.substr(0, one.find('/')), 1)) CHECK(all->contains(*first));
  }
  std::vector<std::string> turned(good.rbegin(), good.rend());
  CHECK(*all == *parsed(turned));
  return 0;
}
