// Any thread. Messages between two processes of one host, with descriptors among them.
#pragma once

#include <cstdint>
#include <vector>

#include "fd.h"

namespace vipd {

// What one message carries at most: the kernel's own limit of descriptors, and what fits any socket buffer.
inline constexpr std::size_t kMostPassed = 253;
inline constexpr std::size_t kMostMessage = 96 * 1024;

struct Passed {
  std::vector<std::uint8_t> bytes;
  std::vector<Fd> descriptors;
};

// Both ends of a connection that keeps messages apart and never blocks.
[[nodiscard]] Result<std::pair<Fd, Fd>> open_pair() noexcept;
// EAGAIN: the other side has not read enough yet. The descriptors stay open here.
[[nodiscard]] Status send_passed(int fd, const void* bytes, std::size_t size, const std::vector<int>& descriptors) noexcept;
// EAGAIN: nothing is there. ECONNRESET: the other side is gone. EMSGSIZE: it was cut, and what came of it is closed.
[[nodiscard]] Result<Passed> receive_passed(int fd);

}  // namespace vipd
