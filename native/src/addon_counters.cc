// Node's thread. The counters of all workers, summed.
#include "addon_dataplane.h"

namespace vipd {
namespace {

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
  out.Set("failuresInRow", number(env, state.failures_in_row.load(std::memory_order_relaxed)));
  return out;
}

bool is_listed(const DataPlane::Service& service, std::uint16_t id) {
  for (const Server& server : service.table->servers) {
    if (server.id == id) return true;
  }
  return false;
}

bool is_busy(const ServerState& server) { return server.served.load(std::memory_order_relaxed) > 0; }

// A service that was withdrawn is told of until its last session has ended, also those that others routed to it.
bool is_alive(const DataPlane::Service& service) {
  if (service.published || service.state->current.load(std::memory_order_relaxed) > 0) return true;
  for (const auto& [id, server] : service.servers) {
    if (is_busy(*server)) return true;
  }
  return false;
}

Napi::Object service_counters(Napi::Env env, const DataPlane::Service& service, std::size_t workers) {
  const ServiceState& state = *service.state;
  const auto of = [&](auto member) { return number(env, sum(state.by_worker, workers, member)); };
  Napi::Object out = Napi::Object::New(env);
  out.Set("id", number(env, state.id));
  out.Set("current", number(env, state.current.load(std::memory_order_relaxed)));
  out.Set("max", number(env, state.max.load(std::memory_order_relaxed)));
  out.Set("total", of([](auto& c) -> auto& { return c.total; }));
  out.Set("bytesIn", of([](auto& c) -> auto& { return c.bytes[kClient]; }));
  out.Set("bytesOut", of([](auto& c) -> auto& { return c.bytes[kServer]; }));
  out.Set("refused", of([](auto& c) -> auto& { return c.refused; }));
  out.Set("denied", of([](auto& c) -> auto& { return c.denied; }));
  out.Set("sourceLimited", of([](auto& c) -> auto& { return c.source_limited; }));
  out.Set("malformed", of([](auto& c) -> auto& { return c.malformed; }));
  out.Set("queued", number(env, state.queued.load(std::memory_order_relaxed)));
  out.Set("acceptPauses", of([](auto& c) -> auto& { return c.accept_pauses; }));
  Napi::Object timeouts = Napi::Object::New(env);
  timeouts.Set("connect", of([](auto& c) -> auto& { return c.connect_timeouts; }));
  timeouts.Set("client", of([](auto& c) -> auto& { return c.timeouts[kClient]; }));
  timeouts.Set("server", of([](auto& c) -> auto& { return c.timeouts[kServer]; }));
  timeouts.Set("queue", of([](auto& c) -> auto& { return c.queue_timeouts; }));
  timeouts.Set("handshake", of([](auto& c) -> auto& { return c.handshake_timeouts; }));
  out.Set("timeouts", timeouts);
  Napi::Object aborts = Napi::Object::New(env);
  aborts.Set("client", of([](auto& c) -> auto& { return c.aborts[kClient]; }));
  aborts.Set("server", of([](auto& c) -> auto& { return c.aborts[kServer]; }));
  out.Set("aborts", aborts);
  Napi::Array servers = Napi::Array::New(env);
  for (const auto& [id, server] : service.servers) {
    if (!is_busy(*server) && !is_listed(service, id)) continue;
    servers.Set(servers.Length(), server_counters(env, *server, workers));
  }
  out.Set("servers", servers);
  return out;
}

}  // namespace

Napi::Object counters_of(Napi::Env env, const DataPlane& plane) {
  const auto& workers = plane.workers();
  Napi::Array services = Napi::Array::New(env);
  for (const auto& [id, service] : plane.services()) {
    if (is_alive(service)) services.Set(services.Length(), service_counters(env, service, workers.size()));
  }
  Napi::Array heartbeats = Napi::Array::New(env);
  std::uint64_t events_dropped = 0;
  std::uint64_t records_dropped = 0;
  std::uint64_t spliced = 0;
  for (const auto& worker : workers) {
    heartbeats.Set(heartbeats.Length(), number(env, worker->turns.get()));
    events_dropped += worker->events_dropped.get();
    records_dropped += worker->records_dropped.get();
    spliced += worker->spliced.get();
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("services", services);
  out.Set("heartbeats", heartbeats);
  out.Set("eventsDropped", number(env, events_dropped));
  out.Set("recordsDropped", number(env, records_dropped));
  out.Set("bytesSpliced", number(env, spliced));
  return out;
}

}  // namespace vipd
