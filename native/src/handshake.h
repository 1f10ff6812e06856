// Worker thread. What has been read of a client that has no server yet.
#pragma once

#include <string>
#include <string_view>

#include "client_hello.h"
#include "table.h"

namespace vipd {

// Bounded: at most a PROXY header, a ClientHello and what came in one read with its end.
struct Handshake {
  std::string bytes;         // what was read and is the stream's
  std::size_t read_of = 0;   // how many of them `hello` has seen
  bool expects_proxy = false;
  ClientHello hello;
};

// Of a name in lower case: its own route, else the one of the longest '*.' above it; nullptr: none.
[[nodiscard]] const Route* find_route(const std::vector<Route>& routes, std::string_view name) noexcept;

}  // namespace vipd
