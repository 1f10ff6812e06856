// Node's thread. VrrpSocket and NetlinkEvents: sockets polled by Node's own loop.
#include <memory>

#include "addon.h"
#include "sockets.h"

namespace vipd {
namespace {

constexpr int kDatagramsAtOnce = 64;

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

  // No callback comes after it.
  void close() noexcept {
    owner_ = nullptr;
    if (closing_) return;
    closing_ = true;
    uv_close(reinterpret_cast<uv_handle_t*>(&handle_), [](uv_handle_t* handle) {
      auto* self = static_cast<Poller*>(handle->data);
      if (self->hook_ != nullptr) napi_remove_async_cleanup_hook(self->hook_);
      delete self;
    });
    fd_.reset();
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

class VrrpSocket : public Napi::ObjectWrap<VrrpSocket> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "VrrpSocket",
                       {InstanceMethod("send", &VrrpSocket::send), InstanceMethod("close", &VrrpSocket::close)});
  }

  explicit VrrpSocket(const Napi::CallbackInfo& info)
      : ObjectWrap(info), on_packet_(Napi::Persistent(function_at(info, 1))), context_(info.Env(), "vipd:vrrp") {
    const Napi::Object given = object_at(info, 0);
    const auto family = integer_of<int>(given, "family", 4, 6);
    const VrrpOptions options{family == 4 ? AF_INET : AF_INET6, string_of(given, "interface"),
                              integer_of<unsigned>(given, "interfaceIndex", 1, INT32_MAX), string_of(given, "group"),
                              string_of(given, "source")};
    family_ = options.family;
    interface_index_ = options.interface_index;
    Result<Fd> opened = open_vrrp(options);
    if (const Errno* failed = std::get_if<Errno>(&opened)) throw errno_error(info.Env(), *failed, options.interface);
    poller_ = Poller::open(info.Env(), std::move(*std::get_if<Fd>(&opened)), ready, this);
    Ref();  // alive while open
  }

  // Only when the environment ends: an open socket is referenced.
  ~VrrpSocket() override {
    if (poller_ != nullptr) poller_->close();
  }

 private:
  void send(const Napi::CallbackInfo& info) {
    const auto payload = buffer_at(info, 0);
    const std::string destination = string_at(info, 1);
    const int fd = poller_ == nullptr ? -1 : poller_->fd();
    throw_if(info.Env(), send_vrrp(fd, family_, interface_index_, destination, payload.Data(), payload.Length()),
             destination);
  }

  void close(const Napi::CallbackInfo&) {
    if (poller_ == nullptr) return;
    poller_->close();
    poller_ = nullptr;
    Unref();
  }

  static void ready(void* self) noexcept { static_cast<VrrpSocket*>(self)->drain(); }

  void drain() noexcept {
    std::uint8_t buffer[65536];
    for (int i = 0; i < kDatagramsAtOnce && poller_ != nullptr && !poller_->closing(); ++i) {
      VrrpPacket packet{};
      const Received received = receive_vrrp(poller_->fd(), family_, buffer, sizeof buffer, packet);
      if (received == Received::nothing) return;
      if (received == Received::packet) deliver(packet);
    }
  }

  void deliver(const VrrpPacket& packet) noexcept {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    try {
      Napi::Object object = Napi::Object::New(env);
      object.Set("payload", Napi::Buffer<std::uint8_t>::Copy(env, packet.payload, packet.size));
      object.Set("source", Napi::String::New(env, packet.source));
      object.Set("destination", Napi::String::New(env, packet.destination));
      object.Set("ttl", Napi::Number::New(env, packet.ttl));
      call_from_loop(env, on_packet_, context_, {object});
    } catch (const Napi::Error&) {
      return;  // the environment is going away
    }
  }

  Napi::FunctionReference on_packet_;
  Napi::AsyncContext context_;
  Poller* poller_ = nullptr;
  int family_ = AF_INET;
  unsigned interface_index_ = 0;
};

class NetlinkEvents : public Napi::ObjectWrap<NetlinkEvents> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NetlinkEvents", {InstanceMethod("close", &NetlinkEvents::close)});
  }

  explicit NetlinkEvents(const Napi::CallbackInfo& info)
      : ObjectWrap(info),
        on_messages_(Napi::Persistent(function_at(info, 0))),
        on_overrun_(Napi::Persistent(function_at(info, 1))),
        context_(info.Env(), "vipd:netlink") {
    Result<Fd> opened = open_netlink_events();
    if (const Errno* failed = std::get_if<Errno>(&opened)) throw errno_error(info.Env(), *failed);
    poller_ = Poller::open(info.Env(), std::move(*std::get_if<Fd>(&opened)), ready, this);
    Ref();
  }

  ~NetlinkEvents() override {
    if (poller_ != nullptr) poller_->close();
  }

 private:
  void close(const Napi::CallbackInfo&) {
    if (poller_ == nullptr) return;
    poller_->close();
    poller_ = nullptr;
    Unref();
  }

  static void ready(void* self) noexcept { static_cast<NetlinkEvents*>(self)->drain(); }

  void drain() noexcept {
    std::uint8_t buffer[65536];
    for (int i = 0; i < kDatagramsAtOnce && poller_ != nullptr && !poller_->closing(); ++i) {
      std::size_t size = 0;
      const Received received = receive_netlink(poller_->fd(), buffer, sizeof buffer, size);
      if (received == Received::nothing) return;
      if (received == Received::malformed) continue;
      const Napi::Env env = Env();
      const Napi::HandleScope scope(env);
      try {
        if (received == Received::overrun) call_from_loop(env, on_overrun_, context_, {});
        else call_from_loop(env, on_messages_, context_, {Napi::Buffer<std::uint8_t>::Copy(env, buffer, size)});
      } catch (const Napi::Error&) {
        return;  // the environment is going away
      }
    }
  }

  Napi::FunctionReference on_messages_;
  Napi::FunctionReference on_overrun_;
  Napi::AsyncContext context_;
  Poller* poller_ = nullptr;
};

}  // namespace

void register_sockets(Napi::Env env, Napi::Object exports) {
  exports.Set("VrrpSocket", VrrpSocket::define(env));
  exports.Set("NetlinkEvents", NetlinkEvents::define(env));
}

}  // namespace vipd
