// Node's thread. NetlinkEvents and ArpSocket.
#include "addon_poller.h"
#include "arp_socket.h"
#include "sockets.h"

namespace vipd {
namespace {

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

// Closes a packet socket on a thread of libuv's pool: it takes an RCU grace period, 10 to 50 ms.
void close_elsewhere(napi_env env, Fd fd) noexcept {
  struct Closing {
    napi_async_work work;
    Fd fd;
  };
  auto* closing = new Closing{nullptr, std::move(fd)};
  const auto execute = [](napi_env, void* data) { static_cast<Closing*>(data)->fd.reset(); };
  const auto complete = [](napi_env in, napi_status, void* data) {
    napi_delete_async_work(in, static_cast<Closing*>(data)->work);
    delete static_cast<Closing*>(data);
  };
  napi_value name = nullptr;
  if (napi_create_string_utf8(env, "vipd:close", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, nullptr, name, execute, complete, closing, &closing->work) != napi_ok) {
    delete closing;  // the environment is going away
    return;
  }
  if (napi_queue_async_work(env, closing->work) != napi_ok) complete(env, napi_ok, closing);
}

class ArpSocket : public Napi::ObjectWrap<ArpSocket> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "ArpSocket", {InstanceMethod("close", &ArpSocket::close)});
  }

  explicit ArpSocket(const Napi::CallbackInfo& info)
      : ObjectWrap(info), on_arp_(Napi::Persistent(function_at(info, 1))), context_(info.Env(), "vipd:arp") {
    Result<Fd> opened = open_arp(static_cast<int>(number_at(info, 0, 1, INT32_MAX)));
    if (const Errno* failed = std::get_if<Errno>(&opened)) throw errno_error(info.Env(), *failed);
    poller_ = Poller::open(info.Env(), std::move(*std::get_if<Fd>(&opened)), ready, this);
    Ref();
  }

  ~ArpSocket() override {
    if (poller_ != nullptr) poller_->close();
  }

 private:
  void close(const Napi::CallbackInfo& info) {
    if (poller_ == nullptr) return;
    close_elsewhere(info.Env(), poller_->close());
    poller_ = nullptr;
    Unref();
  }

  static void ready(void* self) noexcept { static_cast<ArpSocket*>(self)->read(); }

  void read() noexcept {
    const Napi::Env env = Env();
    const Napi::HandleScope outer(env);
    [[maybe_unused]] const Napi::Object alive = Value();  // a callback may close it
    for (int i = 0; i < kDatagramsAtOnce && poller_ != nullptr && !poller_->closing(); ++i) {
      Arp arp{};
      const Received received = receive_arp(poller_->fd(), arp);
      if (received == Received::nothing) return;
      if (received != Received::packet) continue;
      const Napi::HandleScope scope(env);
      try {
        Napi::Object object = Napi::Object::New(env);
        object.Set("operation", Napi::Number::New(env, arp.operation));
        object.Set("senderMac", Napi::Buffer<std::uint8_t>::Copy(env, arp.sender_mac.data(), arp.sender_mac.size()));
        object.Set("senderAddress", Napi::String::New(env, arp.sender_address));
        object.Set("targetAddress", Napi::String::New(env, arp.target_address));
        call_from_loop(env, on_arp_, context_, {object});
      } catch (const Napi::Error&) {
        return;  // the environment is going away
      }
    }
  }

  Napi::FunctionReference on_arp_;
  Napi::AsyncContext context_;
  Poller* poller_ = nullptr;
};

}  // namespace

void register_sockets(Napi::Env env, Napi::Object exports) {
  exports.Set("NetlinkEvents", NetlinkEvents::define(env));
  exports.Set("ArpSocket", ArpSocket::define(env));
}

}  // namespace vipd
