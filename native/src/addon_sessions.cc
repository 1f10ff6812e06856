// Node's thread. Sessions, living and ended, as JavaScript has them.
#include <algorithm>
#include <array>
#include <string_view>

#include "addon_dataplane.h"

namespace vipd {
namespace {

void set_facts(Napi::Env env, Napi::Object& out, const SessionFacts& facts) {
  out.Set("id", number(env, facts.id));
  out.Set("service", number(env, facts.service));
  out.Set("backend", number(env, facts.backend));
  out.Set("server", number(env, facts.server));
  out.Set("client", Napi::String::New(env, facts.client.text()));
  out.Set("listener", Napi::String::New(env, facts.listener.text()));
  out.Set("local", Napi::String::New(env, facts.local.text()));
  out.Set("bytesIn", number(env, facts.bytes[kClient]));
  out.Set("bytesOut", number(env, facts.bytes[kServer]));
}

Napi::Object record_of(Napi::Env env, const SessionRecord& record) {
  Napi::Object out = Napi::Object::New(env);
  set_facts(env, out, record.facts);
  out.Set("acceptedAtMs", number(env, record.accepted_at_ms));
  out.Set("queueMs", number(env, record.queue_ms));
  out.Set("connectMs", number(env, record.connect_ms));
  out.Set("totalMs", number(env, record.total_ms));
  out.Set("termination", Napi::String::New(env, std::string(record.ending, 2)));
  out.Set("retries", number(env, record.retries));
  out.Set("isRedispatched", Napi::Boolean::New(env, record.is_redispatched));
  Napi::Array connections = Napi::Array::New(env, 4);
  for (std::uint32_t i = 0; i < 4; ++i) connections.Set(i, number(env, record.connections[i]));
  out.Set("connections", connections);
  Napi::Array queued = Napi::Array::New(env, 2);
  for (std::uint32_t i = 0; i < 2; ++i) queued.Set(i, number(env, record.queued[i]));
  out.Set("queued", queued);
  return out;
}

}  // namespace

Napi::Array sessions_of(Napi::Env env, SessionQuery& query) {
  std::vector<LiveSession> all;
  for (std::vector<LiveSession>& part : query.found) all.insert(all.end(), part.begin(), part.end());
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.accepted_ms < b.accepted_ms; });
  Napi::Array out = Napi::Array::New(env, all.size());
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    const Napi::HandleScope scope(env);
    Napi::Object session = Napi::Object::New(env);
    set_facts(env, session, all[i].facts);
    session.Set("state", Napi::String::New(env, all[i].state));
    session.Set("ageMs", number(env, all[i].age_ms));
    session.Set("idleMs", number(env, all[i].idle_ms));
    out.Set(i, session);
  }
  return out;
}

Napi::Buffer<std::uint8_t> endpoints_of(Napi::Env env, const SessionQuery& query) {
  std::vector<std::uint8_t> packed;
  const auto add = [&packed](const Address& one) {
    const std::array<std::uint8_t, 16> bytes = one.bytes();
    packed.insert(packed.end(), bytes.begin(), bytes.end());
    packed.push_back(static_cast<std::uint8_t>(one.port() >> 8));
    packed.push_back(static_cast<std::uint8_t>(one.port() & 0xff));
  };
  for (const std::vector<LiveSession>& part : query.found) {
    for (const LiveSession& session : part) {
      if (session.state != std::string_view("established") || !session.facts.client.is_ip() || !session.facts.listener.is_ip()) continue;
      add(session.facts.client);
      add(session.facts.listener);
    }
  }
  return Napi::Buffer<std::uint8_t>::Copy(env, packed.data(), packed.size());
}

Napi::Array take_records(Napi::Env env, const DataPlane& plane, std::size_t most) {
  Napi::Array out = Napi::Array::New(env);
  for (std::uint32_t i = 0; i < most; ++i) {
    const Napi::HandleScope scope(env);
    RecordRing* oldest = nullptr;
    for (const auto& worker : plane.workers()) {
      const SessionRecord* first = worker->records.peek();
      if (first != nullptr && (oldest == nullptr || first->ended_ms < oldest->peek()->ended_ms)) oldest = &worker->records;
    }
    if (oldest == nullptr) break;
    out.Set(i, record_of(env, *oldest->peek()));
    oldest->pop();
  }
  return out;
}

}  // namespace vipd
