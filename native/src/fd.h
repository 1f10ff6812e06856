// Any thread. Ownership of descriptors, and failures as values.
#pragma once

#include <unistd.h>

#include <optional>
#include <utility>
#include <variant>

namespace vipd {

// A system call that failed: its errno and its name.
struct Errno {
  int value;
  const char* call;
};

template <class T>
using Result = std::variant<T, Errno>;

// Empty: it worked.
using Status = std::optional<Errno>;

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool open() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace vipd
