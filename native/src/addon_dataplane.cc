// Node's thread, but for emit() and answered(). The data plane as a class of JavaScript's.
#include "addon_dataplane.h"

#include <cerrno>
#include <map>
#include <memory>
#include <utility>

namespace vipd {
namespace {

constexpr std::size_t kEventsWaiting = 1024;
constexpr std::size_t kQueriesAtOnce = 256;
constexpr double kMostMs = 1e12;
constexpr double kMostSession = 9007199254740991.0;

Mode mode_of(const Napi::Object& given) {
  const std::string mode = string_of(given, "mode");
  if (mode == "hybrid") return Mode::hybrid;
  if (mode == "copy") return Mode::copy;
  if (mode == "splice") return Mode::splice;
  throw Napi::TypeError::New(given.Env(), "no such mode: " + mode);
}

class DataPlaneWrap : public Napi::ObjectWrap<DataPlaneWrap>, private EventSink {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "DataPlane",
                       {InstanceMethod("publish", &DataPlaneWrap::publish),
                        InstanceMethod("withdraw", &DataPlaneWrap::withdraw),
                        InstanceMethod("counters", &DataPlaneWrap::counters),
                        InstanceMethod("sessions", &DataPlaneWrap::sessions),
                        InstanceMethod("endpoints", &DataPlaneWrap::endpoints),
                        InstanceMethod("handOver", &DataPlaneWrap::hand_over),
                        InstanceMethod("adopt", &DataPlaneWrap::adopt),
                        InstanceMethod("offer", &DataPlaneWrap::offer),
                        InstanceMethod("closeOffers", &DataPlaneWrap::close_offers),
                        InstanceMethod("kill", &DataPlaneWrap::kill),
                        InstanceMethod("resetAt", &DataPlaneWrap::reset_at),
                        InstanceMethod("records", &DataPlaneWrap::records),
                        InstanceMethod("stop", &DataPlaneWrap::stop)});
  }

  explicit DataPlaneWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    const Napi::Env env = info.Env();
    const Napi::Object given = object_at(info, 0);
    const PlaneOptions options{integer_of<unsigned>(given, "threads", 1, kMostWorkers), mode_of(given),
                               integer_of<std::int64_t>(given, "maxconn", 1, 1e9),
                               integer_of<std::uint32_t>(given, "pipes", 0, 4096)};
    const Napi::Function on_event = function_at(info, 1);
    const auto create = [&](std::size_t waiting, napi_threadsafe_function_call_js call, napi_threadsafe_function& made) {
      return napi_create_threadsafe_function(env, on_event, nullptr, Napi::String::New(env, "vipd:dataplane"), waiting, 1,
                                             nullptr, nullptr, this, call, &made) == napi_ok;
    };
    if (!create(kEventsWaiting, deliver, to_js_) || !create(0, answer, answers_to_js_)) {
      throw Napi::Error::New(env, "cannot create a thread-safe function");
    }
    Result<std::unique_ptr<DataPlane>> made = DataPlane::create(options, *this);
    if (const Errno* failed = std::get_if<Errno>(&made)) {
      release();
      throw errno_error(env, *failed);
    }
    plane_ = std::move(*std::get_if<std::unique_ptr<DataPlane>>(&made));
    running_ = true;
    // Registered after the thread-safe functions, hence run before those are torn down.
    napi_add_env_cleanup_hook(env, on_cleanup, this);
    Ref();
  }

  ~DataPlaneWrap() override {
    if (plane_) plane_->stop();
  }

 private:
  void publish(const Napi::CallbackInfo& info) {
    const auto failed = plane_->publish(read_table(object_at(info, 0)));
    if (failed) throw errno_error(info.Env(), failed->error, failed->where);
  }

  void withdraw(const Napi::CallbackInfo& info) {
    const auto id = static_cast<std::uint16_t>(number_at(info, 0, 0, 65535));
    plane_->withdraw(id, info[1].ToBoolean().Value());
  }

  Napi::Value counters(const Napi::CallbackInfo& info) { return counters_of(info.Env(), *plane_); }

  void sessions(const Napi::CallbackInfo& info) {
    const Napi::Object filter = object_at(info, 0);
    const Napi::Function done = function_at(info, 1);
    const auto query = new_query(info.Env());
    query->service = integer_of<int>(filter, "service", -1, 65535);
    query->server = integer_of<int>(filter, "server", -1, 65535);
    query->quiet_ms = integer_of<std::int64_t>(filter, "quietMs", 0, kMostMs);
    query->most = integer_of<std::size_t>(filter, "most", 0, 65536);
    ask(query, done);
  }

  void endpoints(const Napi::CallbackInfo& info) {
    const auto most = static_cast<std::size_t>(number_at(info, 0, 0, 65536));
    const Napi::Function done = function_at(info, 1);
    const auto query = new_query(info.Env());
    query->most = most;
    query->wants_endpoints = true;
    ask(query, done);
  }

  void reset_at(const Napi::CallbackInfo& info) {
    const Napi::Array addresses = object_at(info, 0).As<Napi::Array>();
    const Napi::Function done = function_at(info, 1);
    const auto query = new_query(info.Env());
    for (std::uint32_t i = 0; i < addresses.Length(); ++i) {
      const std::optional<Address> one = Address::parse(addresses.Get(i).ToString().Utf8Value(), 0);
      if (!one) throw Napi::TypeError::New(info.Env(), "no IP address");
      query->resets_at.push_back(one->bytes());
    }
    if (query->resets_at.empty()) throw Napi::TypeError::New(info.Env(), "no address");
    ask(query, done);
  }

  void hand_over(const Napi::CallbackInfo& info) {
    const Napi::Function done = function_at(info, 0);
    const auto query = new_query(info.Env());
    query->hands_over = true;
    ask(query, done);
  }

  void adopt(const Napi::CallbackInfo& info) { plane_->adopt(adoptions_of(info)); }

  void offer(const Napi::CallbackInfo& info) {
    plane_->offer(string_at(info, 0), Fd{static_cast<int>(number_at(info, 1, 0, INT32_MAX))});
  }

  void close_offers(const Napi::CallbackInfo&) { plane_->close_offers(); }

  std::shared_ptr<SessionQuery> new_query(Napi::Env env) {
    if (queries_.size() >= kQueriesAtOnce) throw errno_error(env, {EAGAIN, "sessions"});
    return std::make_shared<SessionQuery>(++last_query_, plane_->workers().size());
  }

  void ask(const std::shared_ptr<SessionQuery>& query, const Napi::Function& done) {
    if (!running_) return;
    queries_[query->number] = Napi::Persistent(done);
    plane_->ask(query);
  }

  void kill(const Napi::CallbackInfo& info) {
    const auto session = static_cast<std::uint64_t>(number_at(info, 0, 0, kMostSession));
    plane_->kill(session, static_cast<std::int64_t>(number_at(info, 1, 0, kMostMs)));
  }

  Napi::Value records(const Napi::CallbackInfo& info) {
    return take_records(info.Env(), *plane_, static_cast<std::size_t>(number_at(info, 0, 0, 1e9)));
  }

  void stop(const Napi::CallbackInfo& info) {
    if (!running_) return;
    running_ = false;
    napi_remove_env_cleanup_hook(info.Env(), on_cleanup, this);
    plane_->stop();
    queries_.clear();
    release();  // what is in the queues is dropped
    Unref();
  }

  void release() noexcept {
    napi_release_threadsafe_function(to_js_, napi_tsfn_abort);
    napi_release_threadsafe_function(answers_to_js_, napi_tsfn_abort);
  }

  static void on_cleanup(void* data) {
    auto* self = static_cast<DataPlaneWrap*>(data);
    self->plane_->stop();
    self->queries_.clear();
  }

  // Any worker.
  bool emit(const Event& event) noexcept override {
    auto* copy = new Event(event);
    if (napi_call_threadsafe_function(to_js_, copy, napi_tsfn_nonblocking) == napi_ok) return true;
    delete copy;  // the queue is full
    return false;
  }

  // Any worker. Never full: there are no more of them than queries.
  void answered(std::shared_ptr<SessionQuery> query) noexcept override {
    auto* copy = new std::shared_ptr<SessionQuery>(std::move(query));
    if (napi_call_threadsafe_function(answers_to_js_, copy, napi_tsfn_nonblocking) != napi_ok) delete copy;
  }

  static void deliver(napi_env env, napi_value callback, void*, void* data) noexcept {
    const std::unique_ptr<Event> event(static_cast<Event*>(data));
    if (env == nullptr || callback == nullptr) return;  // stopped, or the environment is going away
    try {
      Napi::Object out = Napi::Object::New(env);
      const bool connect = event->type == Event::Type::connect_failed;
      out.Set("type", Napi::String::New(env, connect ? "connect-failed" : "accept-failed"));
      out.Set("service", Napi::Number::New(env, event->service));
      out.Set("server", Napi::Number::New(env, event->server));
      out.Set("error", Napi::String::New(env, errno_name(event->error)));
      call_in_scope(env, callback, {out});
    } catch (const Napi::Error&) {
      return;  // the environment is going away
    }
  }

  static void answer(napi_env env, napi_value callback, void* context, void* data) noexcept {
    const std::unique_ptr<std::shared_ptr<SessionQuery>> query(static_cast<std::shared_ptr<SessionQuery>*>(data));
    if (env == nullptr || callback == nullptr) return;  // stopped, or the environment is going away
    try {
      auto& waiting = static_cast<DataPlaneWrap*>(context)->queries_;
      const auto found = waiting.find((*query)->number);
      if (found == waiting.end()) return;
      const Napi::FunctionReference done = std::move(found->second);
      waiting.erase(found);
      SessionQuery& asked = **query;
      const napi_value told = asked.hands_over           ? napi_value(handed_of(env, asked))
                              : asked.wants_endpoints    ? napi_value(endpoints_of(env, asked))
                              : !asked.resets_at.empty() ? napi_value(Napi::Number::New(env, asked.reset.load()))
                                                         : napi_value(sessions_of(env, asked));
      call_in_scope(env, done.Value(), {told});
    } catch (const Napi::Error&) {
      return;  // the environment is going away
    }
  }

  std::unique_ptr<DataPlane> plane_;
  napi_threadsafe_function to_js_ = nullptr;
  napi_threadsafe_function answers_to_js_ = nullptr;
  std::map<std::uint32_t, Napi::FunctionReference> queries_;  // who waits for an answer
  std::uint32_t last_query_ = 0;
  bool running_ = false;
};

}  // namespace

void register_data_plane(Napi::Env env, Napi::Object exports) {
  exports.Set("DataPlane", DataPlaneWrap::define(env));
}

}  // namespace vipd
