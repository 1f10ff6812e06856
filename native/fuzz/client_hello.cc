// However a ClientHello is cut, the verdict and the name are the same, and final. The first byte says how it is cut.
#include "../src/client_hello.h"

#include <algorithm>
#include <string>

#include "check.h"

using namespace vipd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = 1 + data[0];
  const std::string_view bytes = text_of(data + 1, size - 1);
  ClientHello whole;
  const ClientHello::Verdict verdict = whole.feed(Exact(bytes).view());
  ClientHello parts;
  ClientHello::Verdict last = ClientHello::Verdict::more;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const ClientHello::Verdict next = parts.feed(Exact(bytes.substr(at, step)).view());
    CHECK(last == ClientHello::Verdict::more || last == next);
    last = next;
  }
  CHECK(last == verdict);
  if (verdict == ClientHello::Verdict::name) {
    CHECK(whole.name() == parts.name());
    CHECK(!whole.name().empty());
    CHECK(std::none_of(whole.name().begin(), whole.name().end(), [](char byte) { return byte >= 'A' && byte <= 'Z'; }));
  }
  if (verdict == ClientHello::Verdict::more) CHECK(bytes.size() <= kMostClientHello);
  return 0;
}
