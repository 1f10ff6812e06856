// Node's thread, but for emit(). Tables in, counters and events out.
#include <atomic>
#include <memory>

#include "addon.h"
#include "dataplane.h"

namespace vipd {
namespace {

constexpr std::size_t kEventsWaiting = 1024;
constexpr double kMostMs = 1e12;

Address address_of(const Napi::Object& object) {
  const std::string text = string_of(object, "address");
  const auto port = integer_of<std::uint16_t>(object, "port", 1, 65535);
  const std::optional<Address> address = Address::parse(text, port);
  if (!address) throw errno_error(object.Env(), {EINVAL, "inet_pton"}, text);
  return *address;
}

void read_servers(const Napi::Object& from, Table& table) {
  const Napi::Array servers = array_of(from, "servers");
  for (std::uint32_t i = 0; i < servers.Length(); ++i) {
    const Napi::Object entry = servers.Get(i).As<Napi::Object>();
    table.servers.push_back(
        {integer_of<std::uint16_t>(entry, "id", 0, 65535), address_of(entry), bool_of(entry, "closeSessions"), nullptr});
  }
  const Napi::Array rotation = array_of(from, "rotation");
  for (std::uint32_t i = 0; i < rotation.Length(); ++i) {
    const Napi::Value index = rotation.Get(i);
    const double at = index.IsNumber() ? index.As<Napi::Number>().DoubleValue() : -1;
    if (!(at >= 0 && at < static_cast<double>(table.servers.size()))) {
      throw Napi::RangeError::New(from.Env(), "rotation: no server has index " + std::to_string(at));
    }
    table.rotation.push_back(static_cast<std::uint16_t>(at));
  }
}

std::unique_ptr<Table> read_table(const Napi::Object& from) {
  auto table = std::make_unique<Table>();
  table->id = integer_of<std::uint16_t>(from, "id", 0, 65535);
  const Napi::Array listeners = array_of(from, "listeners");
  for (std::uint32_t i = 0; i < listeners.Length(); ++i) {
    table->listeners.push_back(address_of(listeners.Get(i).As<Napi::Object>()));
  }
  table->backlog = integer_of<int>(from, "backlog", 0, INT32_MAX);
  read_servers(from, *table);
  table->retries = integer_of<unsigned>(from, "retries", 0, 1000);
  table->redispatch = bool_of(from, "redispatch");
  table->maxconn = integer_of<std::int64_t>(from, "maxconn", 0, 1e9);
  table->connect_timeout_ms = integer_of<std::int64_t>(from, "connectTimeoutMs", 0, kMostMs);
  table->idle_timeout_ms[kClient] = integer_of<std::int64_t>(from, "clientTimeoutMs", 0, kMostMs);
  table->idle_timeout_ms[kServer] = integer_of<std::int64_t>(from, "serverTimeoutMs", 0, kMostMs);
  table->sockets.user_timeout_ms = integer_of<unsigned>(from, "userTimeoutMs", 0, INT32_MAX);
  const Napi::Object keepalive = object_of(from, "keepalive");
  table->sockets.keepalive = {integer_of<int>(keepalive, "idleS", 0, 32767),
                              integer_of<int>(keepalive, "intervalS", 0, 32767),
                              integer_of<int>(keepalive, "count", 0, 127)};
  return table;
}

Napi::Number number(Napi::Env env, std::uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

// Sums one counter over the workers.
template <class Block, class Member>
std::uint64_t sum(const std::unique_ptr<Block[]>& blocks, std::size_t workers, Member member) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < workers; ++i) total += member(blocks[i]).get();
  return total;
}

Napi::Object server_counters(Napi::Env env, const ServerState& state, std::size_t workers) {
  const auto of = [&](auto member) { return number(env, sum(state.by_worker, workers, member)); };
  Napi::Object out = Napi::Object::New(env);
  out.Set("id", number(env, state.id));
  out.Set("current", of([](auto& c) -> auto& { return c.current; }));
  out.Set("total", of([](auto& c) -> auto& { return c.total; }));
  out.Set("bytesIn", of([](auto& c) -> auto& { return c.bytes[kClient]; }));
  out.Set("bytesOut", of([](auto& c) -> auto& { return c.bytes[kServer]; }));
  out.Set("retries", of([](auto& c) -> auto& { return c.retries; }));
  out.Set("redispatches", of([](auto& c) -> auto& { return c.redispatches; }));
  out.Set("connectErrors", of([](auto& c) -> auto& { return c.connect_errors; }));
  out.Set("killed", of([](auto& c) -> auto& { return c.killed; }));
  return out;
}

bool is_listed(const DataPlane::Service& service, std::uint16_t id) {
  for (const Server& server : service.table->servers) {
    if (server.id == id) return true;
  }
  return false;
}

Napi::Object service_counters(Napi::Env env, const DataPlane::Service& service, std::size_t workers) {
  const ServiceState& state = *service.state;
  const auto of = [&](auto member) { return number(env, sum(state.by_worker, workers, member)); };
  Napi::Object out = Napi::Object::New(env);
  out.Set("id", number(env, state.id));
  out.Set("current", Napi::Number::New(env, static_cast<double>(state.current.load(std::memory_order_relaxed))));
  out.Set("max", Napi::Number::New(env, static_cast<double>(state.max.load(std::memory_order_relaxed))));
  out.Set("total", of([](auto& c) -> auto& { return c.total; }));
  out.Set("bytesIn", of([](auto& c) -> auto& { return c.bytes[kClient]; }));
  out.Set("bytesOut", of([](auto& c) -> auto& { return c.bytes[kServer]; }));
  out.Set("refused", of([](auto& c) -> auto& { return c.refused; }));
  out.Set("acceptPauses", of([](auto& c) -> auto& { return c.accept_pauses; }));
  Napi::Object timeouts = Napi::Object::New(env);
  timeouts.Set("connect", of([](auto& c) -> auto& { return c.connect_timeouts; }));
  timeouts.Set("client", of([](auto& c) -> auto& { return c.timeouts[kClient]; }));
  timeouts.Set("server", of([](auto& c) -> auto& { return c.timeouts[kServer]; }));
  out.Set("timeouts", timeouts);
  Napi::Object aborts = Napi::Object::New(env);
  aborts.Set("client", of([](auto& c) -> auto& { return c.aborts[kClient]; }));
  aborts.Set("server", of([](auto& c) -> auto& { return c.aborts[kServer]; }));
  out.Set("aborts", aborts);
  Napi::Array servers = Napi::Array::New(env);
  for (const auto& [id, server] : service.servers) {
    const bool busy = sum(server->by_worker, workers, [](auto& c) -> auto& { return c.current; }) > 0;
    if (busy || is_listed(service, id)) servers.Set(servers.Length(), server_counters(env, *server, workers));
  }
  out.Set("servers", servers);
  return out;
}

class DataPlaneWrap : public Napi::ObjectWrap<DataPlaneWrap>, private EventSink {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "DataPlane",
                       {InstanceMethod("publish", &DataPlaneWrap::publish),
                        InstanceMethod("withdraw", &DataPlaneWrap::withdraw),
                        InstanceMethod("counters", &DataPlaneWrap::counters),
                        InstanceMethod("stop", &DataPlaneWrap::stop)});
  }

  explicit DataPlaneWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    const Napi::Env env = info.Env();
    const Napi::Object given = object_at(info, 0);
    const std::string mode = string_of(given, "mode");
    if (mode != "hybrid" && mode != "copy" && mode != "splice") throw Napi::TypeError::New(env, "no such mode: " + mode);
    const PlaneOptions options{integer_of<unsigned>(given, "threads", 1, 64),
                               mode == "copy" ? Mode::copy : mode == "splice" ? Mode::splice : Mode::hybrid,
                               integer_of<std::int64_t>(given, "maxconn", 1, 1e9),
                               integer_of<std::uint32_t>(given, "pipes", 0, 4096)};
    if (napi_create_threadsafe_function(env, function_at(info, 1), nullptr, Napi::String::New(env, "vipd:dataplane"),
                                        kEventsWaiting, 1, nullptr, nullptr, nullptr, deliver, &to_js_) != napi_ok) {
      throw Napi::Error::New(env, "cannot create a thread-safe function");
    }
    Result<std::unique_ptr<DataPlane>> made = DataPlane::create(options, *this);
    if (const Errno* failed = std::get_if<Errno>(&made)) {
      napi_release_threadsafe_function(to_js_, napi_tsfn_abort);
      throw errno_error(env, *failed);
    }
    plane_ = std::move(*std::get_if<std::unique_ptr<DataPlane>>(&made));
    running_ = true;
    // Registered after the thread-safe function, hence run before that one is torn down.
    napi_add_env_cleanup_hook(env, on_cleanup, this);
    Ref();
  }

  ~DataPlaneWrap() override {
    if (plane_) plane_->stop();
  }

 private:
  void publish(const Napi::CallbackInfo& info) {
    const auto failed = plane_->publish(read_table(object_at(info, 0)));
    if (failed) throw errno_error(info.Env(), failed->error, failed->address.text());
  }

  void withdraw(const Napi::CallbackInfo& info) {
    const auto id = static_cast<std::uint16_t>(number_at(info, 0, 0, 65535));
    plane_->withdraw(id, info[1].ToBoolean().Value());
  }

  Napi::Value counters(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const auto& workers = plane_->workers();
    Napi::Array services = Napi::Array::New(env);
    for (const auto& [id, service] : plane_->services()) {
      // A withdrawn service is listed until its last session has ended.
      if (!service.published && service.state->current.load(std::memory_order_relaxed) == 0) continue;
      services.Set(services.Length(), service_counters(env, service, workers.size()));
    }
    Napi::Array heartbeats = Napi::Array::New(env);
    std::uint64_t dropped = 0;
    std::uint64_t spliced = 0;
    for (const auto& worker : workers) {
      heartbeats.Set(heartbeats.Length(), number(env, worker->turns.get()));
      dropped += worker->events_dropped.get();
      spliced += worker->spliced.get();
    }
    Napi::Object out = Napi::Object::New(env);
    out.Set("services", services);
    out.Set("heartbeats", heartbeats);
    out.Set("eventsDropped", number(env, dropped));
    out.Set("bytesSpliced", number(env, spliced));
    return out;
  }

  void stop(const Napi::CallbackInfo& info) {
    if (!running_) return;
    running_ = false;
    napi_remove_env_cleanup_hook(info.Env(), on_cleanup, this);
    plane_->stop();
    napi_release_threadsafe_function(to_js_, napi_tsfn_abort);  // what is in the queue is dropped
    Unref();
  }

  static void on_cleanup(void* data) { static_cast<DataPlaneWrap*>(data)->plane_->stop(); }

  // Any worker.
  bool emit(const Event& event) noexcept override {
    auto* copy = new Event(event);
    if (napi_call_threadsafe_function(to_js_, copy, napi_tsfn_nonblocking) == napi_ok) return true;
    delete copy;  // the queue is full
    return false;
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

  std::unique_ptr<DataPlane> plane_;
  napi_threadsafe_function to_js_ = nullptr;
  bool running_ = false;
};

}  // namespace

void register_data_plane(Napi::Env env, Napi::Object exports) {
  exports.Set("DataPlane", DataPlaneWrap::define(env));
}

}  // namespace vipd
