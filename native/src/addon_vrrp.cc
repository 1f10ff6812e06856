// Node's thread. VrrpSocket.
#include <algorithm>

#include "addon_poller.h"
#include "addon_vrrp.h"
#include "clock.h"

namespace vipd {
namespace {

// Marks our objects, so that another one is not taken for one of them.
constexpr napi_type_tag kVrrpSocket{0x9d1f0c5a7be14c0f, 0x8a6b3f1e20d94e77};
constexpr int kMostDrained = 1024;

class VrrpSocket : public Napi::ObjectWrap<VrrpSocket> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "VrrpSocket",
                       {InstanceMethod("send", &VrrpSocket::send), InstanceMethod("drain", &VrrpSocket::drain),
                        InstanceMethod("close", &VrrpSocket::close)});
  }

  explicit VrrpSocket(const Napi::CallbackInfo& info)
      : ObjectWrap(info), on_packet_(Napi::Persistent(function_at(info, 1))), context_(info.Env(), "vipd:vrrp") {
    const Napi::Object given = object_at(info, 0);
    const auto family = integer_of<int>(given, "family", 4, 6);
    const VrrpOptions options{family == 4 ? AF_INET : AF_INET6, string_of(given, "interface"),
                              integer_of<unsigned>(given, "interfaceIndex", 1, INT32_MAX), strings_of(given, "groups"),
                              string_of(given, "source")};
    family_ = options.family;
    interface_index_ = options.interface_index;
    groups_ = canonical(options.family, options.groups);
    empty_ms_ = monotonic_ms_exact();
    Result<Fd> opened = open_vrrp(options);
    if (const Errno* failed = std::get_if<Errno>(&opened)) throw errno_error(info.Env(), *failed, options.interface);
    info.This().As<Napi::Object>().TypeTag(&kVrrpSocket);
    poller_ = Poller::open(info.Env(), std::move(*std::get_if<Fd>(&opened)), ready, this);
    Ref();  // alive while open
  }

  // Only when the environment ends: an open socket is referenced.
  ~VrrpSocket() override {
    if (poller_ != nullptr) poller_->close();
  }

  [[nodiscard]] VrrpHandle handle() const noexcept {
    return {poller_ == nullptr ? -1 : poller_->fd(), family_, interface_index_};
  }

 private:
  void send(const Napi::CallbackInfo& info) {
    const auto payload = buffer_at(info, 0);
    const Napi::Object to = object_at(info, 1);
    const VrrpTarget target = vrrp_target_of(handle(), to);
    const Status failed = send_vrrp(handle().fd, target, payload.Data(), payload.Length());
    if (failed) throw errno_error(info.Env(), *failed, string_of(to, "destination"));
  }

  void close(const Napi::CallbackInfo&) {
    if (poller_ == nullptr) return;
    poller_->close();
    poller_ = nullptr;
    Unref();
  }

  void drain(const Napi::CallbackInfo&) { read(kMostDrained, false); }

  static void ready(void* self) noexcept { static_cast<VrrpSocket*>(self)->read(kDatagramsAtOnce, true); }

  void read(int most, bool from_loop) noexcept {
    if (is_reading_) return;
    const Napi::HandleScope scope(Env());
    [[maybe_unused]] const Napi::Object alive = Value();  // a callback may close it
    is_reading_ = true;
    std::uint8_t buffer[65536];
    for (int i = 0; i < most && poller_ != nullptr && !poller_->closing(); ++i) {
      VrrpPacket packet{};
      const Received received = receive_vrrp(poller_->fd(), family_, buffer, sizeof buffer, empty_ms_, packet);
      if (received == Received::nothing) break;
      if (received == Received::packet && is_wanted(packet)) deliver(packet, from_loop);
    }
    is_reading_ = false;
  }

  // A raw IPv6 socket that is bound to no address hears the groups of every other socket, IPV6_MULTICAST_ALL or not.
  [[nodiscard]] bool is_wanted(const VrrpPacket& packet) const noexcept {
    return !packet.is_multicast || std::ranges::find(groups_, packet.destination) != groups_.end();
  }

  void deliver(const VrrpPacket& packet, bool from_loop) noexcept {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    try {
      Napi::Object object = Napi::Object::New(env);
      object.Set("payload", Napi::Buffer<std::uint8_t>::Copy(env, packet.payload, packet.size));
      object.Set("source", Napi::String::New(env, packet.source));
      object.Set("destination", Napi::String::New(env, packet.destination));
      object.Set("ttl", Napi::Number::New(env, packet.ttl));
      object.Set("receivedAtMs", Napi::Number::New(env, packet.received_at_ms));
      if (from_loop) call_from_loop(env, on_packet_, context_, {object});
      else call_in_scope(env, on_packet_.Value(), {object});
    } catch (const Napi::Error&) {
      return;  // the environment is going away
    }
  }

  Napi::FunctionReference on_packet_;
  Napi::AsyncContext context_;
  Poller* poller_ = nullptr;
  int family_ = AF_INET;
  unsigned interface_index_ = 0;
  double empty_ms_ = 0;
  std::vector<std::string> groups_;  // as the kernel writes them
  bool is_reading_ = false;
};

}  // namespace

VrrpHandle vrrp_handle_of(const Napi::Object& object) {
  if (!object.CheckTypeTag(&kVrrpSocket)) throw Napi::TypeError::New(object.Env(), "socket must be a VrrpSocket");
  const VrrpHandle handle = VrrpSocket::Unwrap(object)->handle();
  if (handle.fd < 0) throw errno_error(object.Env(), {EBADF, "dup"});
  return handle;
}

VrrpTarget vrrp_target_of(const VrrpHandle& handle, const Napi::Object& object) {
  const std::string destination = string_of(object, "destination");
  const std::string source = string_of(object, "source");
  const auto ttl = integer_of<int>(object, "ttl", 1, 255);
  const Result<VrrpTarget> target = vrrp_target(handle.family, handle.interface_index, destination, source, ttl);
  if (const Errno* failed = std::get_if<Errno>(&target)) {
    throw errno_error(object.Env(), *failed, source + " to " + destination);
  }
  return *std::get_if<VrrpTarget>(&target);
}

void register_vrrp(Napi::Env env, Napi::Object exports) { exports.Set("VrrpSocket", VrrpSocket::define(env)); }

}  // namespace vipd
