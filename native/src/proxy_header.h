// Any thread. The PROXY protocol, versions 1 and 2: who the client is behind a proxy before us, and behind us.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "address.h"

namespace vipd {

// The longest header that is taken. Version 2 could say 64 KiB; nobody needs them.
constexpr std::size_t kMostProxyHeader = 4096;
// The longest header that is made.
constexpr std::size_t kMostBuiltHeader = 107;

struct ProxyHeader {
  enum class Verdict : std::uint8_t {
    more,  // so far it may be a header
    done,
    malformed
  };
  Verdict verdict = Verdict::more;
  // False: the header names nobody that we could name (LOCAL, UNKNOWN, a unix socket); the socket's addresses hold.
  bool addressed = false;
  std::size_t size = 0;  // of the header; what follows is the client's
  Address source;
  Address destination;
};

// Of all bytes that came so far. Strict: what the specification does not allow is malformed.
[[nodiscard]] ProxyHeader parse_proxy_header(std::string_view bytes) noexcept;

// Writes at most kMostBuiltHeader bytes, returns how many. `source` null: it is not known (a unix client), so the
// header says UNKNOWN or LOCAL.
[[nodiscard]] std::size_t build_proxy_header(unsigned version, const Address* source, const Address* destination,
                                             char* out) noexcept;

}  // namespace vipd
