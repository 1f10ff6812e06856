// Worker thread. What an epoll event is about, in its 64 bits.
#pragma once

#include <cstdint>

namespace vipd {

enum class EventKind : std::uint8_t { client, server, listener, wake };

struct EventTag {
  EventKind kind;
  std::uint32_t index;       // 30 bits
  std::uint32_t generation;
};

constexpr std::uint64_t event_tag(EventKind kind, std::uint32_t index, std::uint32_t generation) noexcept {
  return std::uint64_t{generation} << 32 | std::uint64_t{index} << 2 | static_cast<std::uint64_t>(kind);
}

constexpr EventTag read_tag(std::uint64_t tag) noexcept {
  return {static_cast<EventKind>(tag & 3), static_cast<std::uint32_t>(tag & 0xffffffff) >> 2,
          static_cast<std::uint32_t>(tag >> 32)};
}

}  // namespace vipd
