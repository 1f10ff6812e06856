// Node's thread, but for wake(). Starts and joins the threads of the data plane and the prober.
#include "loop_thread.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>

namespace vipd {

Status LoopThread::start(const char* name, std::uint64_t wake_tag, void (*body)(void*), void* self) noexcept {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.open()) return Errno{errno, "epoll_create1"};
  wake_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_fd_.open()) return Errno{errno, "eventfd"};
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = wake_tag;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_fd_.get(), &event) != 0) return Errno{errno, "epoll_ctl"};

  begin_ = {body, self};
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // the thread inherits it: signals are for Node
  const int failed = pthread_create(
      &thread_, nullptr,
      [](void* start) -> void* {
        const Start& begin = *static_cast<Start*>(start);
        begin.body(begin.self);
        return nullptr;
      },
      &begin_);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failed != 0) return Errno{failed, "pthread_create"};
  running_ = true;
  pthread_setname_np(thread_, name);
  return std::nullopt;
}

void LoopThread::join() noexcept {
  if (!running_) return;
  running_ = false;
  pthread_join(thread_, nullptr);
}

void LoopThread::wake() const noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t done = ::write(wake_fd_.get(), &one, sizeof one);
}

}  // namespace vipd
