// Any thread. Messages between two processes of one host, with descriptors among them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
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

// The same to a unix socket of datagrams, by its path ('@' at the beginning: in the abstract namespace).
[[nodiscard]] Status send_passed_to(const std::string& path, const void* bytes, std::size_t size,
                                    const std::vector<int>& descriptors) noexcept;
// What a descriptor stands for, in every process: device and inode; "" where it is none.
[[nodiscard]] std::string identity_of(int fd);
// A file that is nowhere but in memory, with these bytes in it.
[[nodiscard]] Result<Fd> memory_file(const void* bytes, std::size_t size) noexcept;

}  // namespace vipd
