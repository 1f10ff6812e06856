// A PROXY header is `more` until it is what it is, what follows it changes nothing, and what was read can be made again.
#include "../src/proxy_header.h"

#include <string>

#include "check.h"

using namespace vipd;
using Verdict = ProxyHeader::Verdict;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = text_of(data, size);
  const ProxyHeader whole = parse_proxy_header(Exact(bytes).view());
  CHECK(whole.size <= bytes.size());
  CHECK(whole.size <= kMostProxyHeader);
  CHECK(!whole.addressed || whole.verdict == Verdict::done);
  if (whole.verdict == Verdict::more) CHECK(bytes.size() < kMostProxyHeader);
  // Of what came before nothing may have been said that is not so now.
  const std::size_t end = whole.verdict == Verdict::done ? whole.size : bytes.size();
  const std::size_t stride = 1 + end / 64;
  for (std::size_t cut = 0; cut < end; cut += stride) {
    const Verdict part = parse_proxy_header(Exact(bytes.substr(0, cut)).view()).verdict;
    CHECK(part == Verdict::more || (part == Verdict::malformed && whole.verdict == Verdict::malformed));
  }
  if (whole.verdict == Verdict::done) {
    const ProxyHeader alone = parse_proxy_header(Exact(bytes.substr(0, whole.size)).view());
    CHECK(alone.verdict == Verdict::done && alone.size == whole.size && alone.addressed == whole.addressed);
  }
  if (whole.addressed) {
    for (const unsigned version : {1u, 2u}) {
      std::vector<char> out(kMostBuiltHeader);
      const std::size_t made = build_proxy_header(version, &whole.source, &whole.destination, out.data());
      CHECK(made <= kMostBuiltHeader);
      const ProxyHeader again = parse_proxy_header({out.data(), made});
      CHECK(again.verdict == Verdict::done && again.size == made && again.addressed);
      CHECK(again.source == whole.source && again.destination == whole.destination);
    }
  }
  return 0;
}
