// Node's thread. AdvertSender: plans in, what became of them out.
#include <fcntl.h>

#include <limits>

#include "addon.h"
#include "addon_vrrp.h"
#include "advert_sender.h"

namespace vipd {
namespace {

constexpr std::uint32_t kMostAdverts = 1024;
constexpr std::uint32_t kMostDatagrams = 1024;  // of one advert
constexpr double kFarMs = 1e15;
constexpr double kForever = std::numeric_limits<double>::infinity();

Napi::Array bounded(const Napi::Array& array, const char* name, std::uint32_t low, std::uint32_t high) {
  if (array.Length() >= low && array.Length() <= high) return array;
  throw Napi::RangeError::New(array.Env(), std::string(name) + " must be " + std::to_string(low) + " to " +
                                               std::to_string(high));
}

std::vector<AdvertDatagram> advert_of(const VrrpHandle& handle, const Napi::Value& value) {
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), "an advert must be an array");
  const Napi::Array array = bounded(value.As<Napi::Array>(), "the datagrams of an advert", 0, kMostDatagrams);
  std::vector<AdvertDatagram> datagrams;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::HandleScope scope(array.Env());
    const Napi::Value one = array.Get(i);
    if (!one.IsObject()) throw Napi::TypeError::New(array.Env(), "a datagram must be an object");
    const auto object = one.As<Napi::Object>();
    const Napi::Value payload = object.Get("payload");
    if (!payload.IsBuffer()) throw Napi::TypeError::New(array.Env(), "payload must be a Buffer");
    const auto bytes = payload.As<Napi::Buffer<std::uint8_t>>();
    datagrams.push_back({vrrp_target_of(handle, object), {bytes.Data(), bytes.Data() + bytes.Length()}});
  }
  return datagrams;
}

AdvertPlan plan_of(const Napi::Object& object) {
  const VrrpHandle handle = vrrp_handle_of(object_of(object, "socket"));
  AdvertPlan plan{};
  const Napi::Array adverts = bounded(array_of(object, "adverts"), "adverts", 1, kMostAdverts);
  for (std::uint32_t i = 0; i < adverts.Length(); ++i) plan.adverts.push_back(advert_of(handle, adverts.Get(i)));
  plan.repeat = bool_of(object, "repeat");
  plan.first_at_ms = number_of(object, "firstAtMs", -kFarMs, kFarMs);
  plan.interval_ms = number_of(object, "intervalMs", 10, kFarMs);
  plan.silence_ms = number_of(object, "silenceMs", 1, kForever);
  plan.since_ms = number_of(object, "sinceMs", -kFarMs, kFarMs);
  // A descriptor of its own: the number of a closed one may soon be another file's.
  plan.socket.reset(::fcntl(handle.fd, F_DUPFD_CLOEXEC, 0));
  if (!plan.socket.open()) throw errno_error(object.Env(), {errno, "dup"});
  return plan;
}

class AdvertSenderWrap : public Napi::ObjectWrap<AdvertSenderWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "AdvertSender",
        {InstanceMethod("plan", &AdvertSenderWrap::plan), InstanceMethod("clear", &AdvertSenderWrap::clear),
         InstanceMethod("prove", &AdvertSenderWrap::prove), InstanceMethod("state", &AdvertSenderWrap::state),
         InstanceMethod("close", &AdvertSenderWrap::close),
         InstanceAccessor<&AdvertSenderWrap::is_real_time>("isRealTime")});
  }

  explicit AdvertSenderWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    const auto priority = integer_of<int>(object_at(info, 0), "realTimePriority", 0, 99);
    throw_if(info.Env(), sender_.start(priority));
    open_ = true;
    napi_add_env_cleanup_hook(info.Env(), on_cleanup, this);
    Ref();
  }

  ~AdvertSenderWrap() override { sender_.stop(); }

 private:
  static std::uint16_t id_at(const Napi::CallbackInfo& info) {
    return static_cast<std::uint16_t>(number_at(info, 0, 0, 65535));
  }

  void plan(const Napi::CallbackInfo& info) {
    const std::uint16_t id = id_at(info);
    if (!open_) throw errno_error(info.Env(), {ESHUTDOWN, "plan"});
    throw_if(info.Env(), sender_.plan(id, plan_of(object_at(info, 1))));
  }

  void clear(const Napi::CallbackInfo& info) { sender_.clear(id_at(info)); }

  void prove(const Napi::CallbackInfo& info) { sender_.prove(number_at(info, 0, -kForever, kForever)); }

  Napi::Value state(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const std::optional<AdvertState> state = sender_.state(id_at(info));
    if (!state) return env.Undefined();
    constexpr const char* kEnded[] = {"", "stalled", "exhausted"};
    Napi::Object object = Napi::Object::New(env);
    object.Set("lastSentAtMs", Napi::Number::New(env, state->last_sent_ms));
    object.Set("sent", Napi::Number::New(env, static_cast<double>(state->sent)));
    object.Set("heldBack", Napi::Number::New(env, static_cast<double>(state->held_back)));
    object.Set("worstLatenessMs", Napi::Number::New(env, state->worst_lateness_ms));
    object.Set("ended", Napi::String::New(env, kEnded[static_cast<int>(state->ended)]));
    object.Set("errors", Napi::Number::New(env, static_cast<double>(state->errors)));
    object.Set("lastError", Napi::String::New(env, state->last_error == 0 ? "" : errno_name(state->last_error)));
    return object;
  }

  Napi::Value is_real_time(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), sender_.is_real_time());
  }

  void close(const Napi::CallbackInfo& info) {
    if (!open_) return;
    open_ = false;
    napi_remove_env_cleanup_hook(info.Env(), on_cleanup, this);
    sender_.stop();
    Unref();
  }

  static void on_cleanup(void* data) { static_cast<AdvertSenderWrap*>(data)->sender_.stop(); }

  AdvertSender sender_;
  bool open_ = false;
};

}  // namespace

void register_sender(Napi::Env env, Napi::Object exports) {
  exports.Set("AdvertSender", AdvertSenderWrap::define(env));
}

}  // namespace vipd
