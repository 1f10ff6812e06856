// Node's thread, but for wake(). A thread of our own with an epoll, and a way to wake it.
#pragma once

#include <pthread.h>

#include <cstdint>

#include "fd.h"

namespace vipd {

class LoopThread {
 public:
  LoopThread() = default;
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  // Runs `body(self)` with every signal blocked. `wake_tag` is what epoll says when wake() was called.
  [[nodiscard]] Status start(const char* name, std::uint64_t wake_tag, void (*body)(void*), void* self) noexcept;
  // Waits for its end; twice is once. The caller has told the body to end.
  void join() noexcept;
  [[nodiscard]] bool running() const noexcept { return running_; }
  [[nodiscard]] int epoll() const noexcept { return epoll_.get(); }
  // Any thread. An edge, never read: the next call makes a new one.
  void wake() const noexcept;

 private:
  struct Start {
    void (*body)(void*);
    void* self;
  };
  Start begin_{};
  pthread_t thread_{};
  bool running_ = false;
  Fd epoll_;
  Fd wake_fd_;
};

}  // namespace vipd
