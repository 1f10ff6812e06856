// Node's thread, but for done(). The prober, and its results on their way to JavaScript.
#include <unordered_map>

#include "addon.h"
#include "prober.h"

namespace vipd {
namespace {

class ProberWrap : public Napi::ObjectWrap<ProberWrap>, private ProbeSink {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Prober",
                       {InstanceMethod("tcp", &ProberWrap::tcp), InstanceMethod("close", &ProberWrap::close)});
  }

  explicit ProberWrap(const Napi::CallbackInfo& info) : ObjectWrap(info), prober_(*this) {
    const napi_env env = info.Env();
    // Unlimited: each result waits for one caller, so there are never more than probes under way.
    if (napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "vipd:prober"), 0, 1, nullptr,
                                        nullptr, this, deliver, &to_js_) != napi_ok) {
      throw Napi::Error::New(env, "cannot create a thread-safe function");
    }
    napi_unref_threadsafe_function(env, to_js_);
    if (const Status failed = prober_.start()) {
      napi_release_threadsafe_function(to_js_, napi_tsfn_abort);
      throw errno_error(env, *failed);
    }
    open_ = true;
    // Registered after the thread-safe function, hence run before that one is torn down.
    napi_add_env_cleanup_hook(env, on_cleanup, this);
    Ref();
  }

  ~ProberWrap() override { prober_.stop(); }

 private:
  void tcp(const Napi::CallbackInfo& info) {
    const std::string host = string_at(info, 0);
    const auto port = static_cast<std::uint16_t>(number_at(info, 1, 0, 65535));
    const double timeout_ms = number_at(info, 2, 0, 1e9);
    const Napi::Function done = function_at(info, 3);
    const std::optional<Address> address = Address::parse(host, port);
    if (!address) throw errno_error(info.Env(), {EINVAL, "connect"}, host);
    if (!open_) throw errno_error(info.Env(), {ESHUTDOWN, "connect"}, host);
    do ++last_;
    while (waiting_.contains(last_));
    waiting_.emplace(last_, Napi::Persistent(done));
    prober_.probe(last_, *address, timeout_ms);
  }

  void close(const Napi::CallbackInfo& info) {
    if (!open_) return;
    open_ = false;
    napi_remove_env_cleanup_hook(info.Env(), on_cleanup, this);
    prober_.stop();
    napi_release_threadsafe_function(to_js_, napi_tsfn_abort);  // what is in the queue is dropped
    waiting_.clear();
    Unref();
  }

  static void on_cleanup(void* data) { static_cast<ProberWrap*>(data)->prober_.stop(); }

  // The prober's thread.
  void done(const ProbeReport& report) noexcept override {
    auto* copy = new ProbeReport(report);
    if (napi_call_threadsafe_function(to_js_, copy, napi_tsfn_nonblocking) != napi_ok) delete copy;
  }

  static void deliver(napi_env env, napi_value, void* context, void* data) noexcept {
    const std::unique_ptr<ProbeReport> report(static_cast<ProbeReport*>(data));
    if (env == nullptr) return;  // closed, or the environment is going away
    auto* self = static_cast<ProberWrap*>(context);
    const auto found = self->waiting_.find(report->id);
    if (found == self->waiting_.end()) return;
    const Napi::FunctionReference done = std::move(found->second);
    self->waiting_.erase(found);
    constexpr const char* kCodes[] = {"L4OK", "L4CON", "L4TOUT"};
    try {
      Napi::Object result = Napi::Object::New(env);
      result.Set("code", Napi::String::New(env, kCodes[static_cast<int>(report->code)]));
      result.Set("detail", Napi::String::New(env, report->error == 0 ? "" : errno_name(report->error)));
      result.Set("tookMs", Napi::Number::New(env, report->took_ms));
      call_in_scope(env, done.Value(), {result});
    } catch (const Napi::Error&) {
      return;  // the environment is going away
    }
  }

  Prober prober_;
  napi_threadsafe_function to_js_ = nullptr;
  std::unordered_map<std::uint32_t, Napi::FunctionReference> waiting_;
  std::uint32_t last_ = 0;
  bool open_ = false;
};

}  // namespace

void register_prober(Napi::Env env, Napi::Object exports) { exports.Set("Prober", ProberWrap::define(env)); }

}  // namespace vipd
