// Node's thread. A socket polled by Node's own loop.
#pragma once

#include <memory>

#include "addon.h"

namespace vipd {

constexpr int kDatagramsAtOnce = 64;  // for each turn of the loop

// A socket on the event loop. Lives from open() until libuv has let go of it, which outlasts the JavaScript object:
// hence a heap object that deletes itself, and an asynchronous cleanup hook that the environment waits for.
class Poller {
 public:
  using Ready = void (*)(void* owner) noexcept;

  static Poller* open(Napi::Env env, Fd fd, Ready ready, void* owner) {
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) throw Napi::Error::New(env, "no event loop");
    auto poller = std::unique_ptr<Poller>(new Poller(std::move(fd), ready, owner));
    if (const int failed = uv_poll_init(loop, &poller->handle_, poller->fd_.get()); failed != 0) {
      throw errno_error(env, {-failed, "epoll_ctl"});
    }
    Poller* self = poller.release();  // libuv knows it from here on
    self->handle_.data = self;
    uv_poll_start(&self->handle_, UV_READABLE, on_poll);
    napi_add_async_cleanup_hook(env, on_cleanup, self, &self->hook_);
    return self;
  }

  // No callback comes after it. The socket is closed with what this returns.
  Fd close() noexcept {
    owner_ = nullptr;
    if (closing_) return Fd();
    closing_ = true;
    Fd fd = std::move(fd_);
    // Takes it out of libuv's epoll at once: a duplicate of the descriptor would keep it in there.
    uv_close(reinterpret_cast<uv_handle_t*>(&handle_), [](uv_handle_t* handle) {
      auto* self = static_cast<Poller*>(handle->data);
      if (self->hook_ != nullptr) napi_remove_async_cleanup_hook(self->hook_);
      delete self;
    });
    return fd;
  }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] bool closing() const noexcept { return closing_; }

 private:
  Poller(Fd fd, Ready ready, void* owner) : fd_(std::move(fd)), ready_(ready), owner_(owner) {}

  static void on_poll(uv_poll_t* handle, int status, int) {
    auto* self = static_cast<Poller*>(handle->data);
    // On POLLERR (ENOBUFS of netlink) libuv reports EBADF and stops polling. Reading takes the error off the socket.
    if (status < 0) uv_poll_start(&self->handle_, UV_READABLE, on_poll);
    if (self->owner_ != nullptr) self->ready_(self->owner_);
  }

  static void on_cleanup(napi_async_cleanup_hook_handle, void* data) { static_cast<Poller*>(data)->close(); }

  uv_poll_t handle_{};
  Fd fd_;
  Ready ready_;
  void* owner_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool closing_ = false;
};

}  // namespace vipd
