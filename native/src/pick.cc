// Worker thread. Which server a session gets. Counts are those of all workers together.
#include <algorithm>

#include "worker.h"

namespace vipd {
namespace {

constexpr std::int64_t kLeastExcess = 4;  // sessions above its share that cost a server its turn

// Neighbours become strangers: addresses of one network spread over the whole ring.
std::uint32_t spread(std::uint32_t hash) noexcept {
  hash ^= hash >> 16;
  hash *= 0x85ebca6bU;
  hash ^= hash >> 13;
  hash *= 0xc2b2ae35U;
  return hash ^ hash >> 16;
}

// `a` has fewer sessions for its weight than `b`.
bool is_freer(const LocalServer& a, const LocalServer& b) noexcept {
  return a.state().load() * std::max<std::int64_t>(1, b.spec.weight) <
         b.state().load() * std::max<std::int64_t>(1, a.spec.weight);
}

// More than `factor` percent of its share of all sessions here, and some more than it.
bool has_too_many(const LocalService& backend, const LocalServer& server) noexcept {
  const std::int64_t factor = backend.table->balance_factor;
  const std::int64_t own = server.state().served.load(std::memory_order_relaxed);
  if (factor == 0 || own < kLeastExcess || backend.weight == 0) return false;
  std::int64_t all = 0;
  for (const LocalServer* one : backend.choices) all += one->state().served.load(std::memory_order_relaxed);
  const std::int64_t share = all * server.spec.weight;  // times the whole weight
  return own * backend.weight * 100 > share * factor && (own - kLeastExcess) * backend.weight >= share;
}

// The next server of the rotation from there on that is not to be avoided.
LocalServer* by_hash(const LocalService& backend, std::size_t at, const LocalServer* avoid) noexcept {
  const std::size_t size = backend.rotation.size();
  for (std::size_t i = 0; i < size; ++i) {
    LocalServer* server = backend.rotation[(at + i) % size];
    if (server != avoid) return server;
  }
  return backend.rotation[at % size];
}

// The nearest point of the ring; the one after it where two are as near, and past all of a server to be avoided.
LocalServer* on_ring(const LocalService& backend, std::uint32_t hash, const LocalServer* avoid) noexcept {
  const std::vector<RingPoint>& ring = backend.table->ring;
  if (ring.empty()) return by_hash(backend, hash, avoid);
  const auto above = std::lower_bound(ring.begin(), ring.end(), hash,
                                      [](const RingPoint& point, std::uint32_t value) { return point.hash < value; });
  const std::size_t size = ring.size();
  const std::size_t next = static_cast<std::size_t>(above - ring.begin()) % size;
  const std::size_t last = (next + size - 1) % size;
  std::size_t at = hash - ring[last].hash < ring[next].hash - hash ? last : next;
  for (std::size_t i = 0; i < size; ++i, at = (at + 1) % size) {
    LocalServer* server = backend.by_index[ring[at].server];
    if (server != avoid && server->in_rotation) return server;
  }
  return by_hash(backend, hash, avoid);
}

}  // namespace

Worker::Choice Worker::take_server(const Session& session, const LocalServer* avoid) noexcept {
  LocalService& backend = *session.backend;
  const Algorithm algorithm = backend.table->algorithm;
  // A client without an address (a unix socket) is served in turn.
  if ((algorithm == Algorithm::source || algorithm == Algorithm::consistent) && session.client.is_ip()) {
    const std::uint32_t hash = session.client.hash();
    LocalServer* server = algorithm == Algorithm::source ? by_hash(backend, hash % backend.rotation.size(), avoid)
                                                         : on_ring(backend, spread(hash), avoid);
    ServerState& state = server->state();
    if (state.queue.size() == 0 && state.take_slot()) return {server, nullptr};
    return {nullptr, &state.queue};
  }
  // Nobody overtakes those who wait.
  if (backend.limited && backend.state->queue.size() > 0) return {nullptr, &backend.state->queue};
  return {take_any(backend, avoid), &backend.state->queue};
}

LocalServer* Worker::take_any(LocalService& backend, const LocalServer* avoid) noexcept {
  LocalServer* server = nullptr;
  switch (backend.table->algorithm) {
    case Algorithm::rotation:
    case Algorithm::source:
    case Algorithm::consistent: server = take_in_turn(backend, avoid); break;
    case Algorithm::leastconn: server = take_least(backend, avoid); break;
    case Algorithm::first: server = take_first(backend, avoid); break;
    case Algorithm::random: server = take_by_lot(backend, avoid); break;
  }
  if (server != nullptr) return server;
  // All others are full: better the one to be avoided than to wait.
  for (LocalServer* last : backend.choices) {
    if (last == avoid && last->state().take_slot()) return last;
  }
  return nullptr;
}

LocalServer* Worker::take_in_turn(LocalService& backend, const LocalServer* avoid) noexcept {
  const std::size_t size = backend.rotation.size();
  LocalServer* passed = nullptr;
  for (std::size_t i = 0; i < size; ++i) {
    // Relaxed: only the number itself must be unique, so that the turn is exact over all workers. Who is passed over
    // has lost its turn.
    LocalServer* server = backend.rotation[backend.state->cursor.fetch_add(1, std::memory_order_relaxed) % size];
    if (server == avoid) continue;
    if (has_too_many(backend, *server)) {
      if (passed == nullptr) passed = server;
      continue;
    }
    if (server->state().take_slot()) return server;
  }
  if (passed != nullptr && passed->state().take_slot()) return passed;
  // Other workers moved the turn meanwhile: perhaps somebody was never asked.
  return take_first(backend, avoid);
}

LocalServer* Worker::take_least(LocalService& backend, const LocalServer* avoid) noexcept {
  const std::size_t size = backend.choices.size();
  const std::size_t from = backend.state->cursor.fetch_add(1, std::memory_order_relaxed) % size;
  // Again when it was filled between the look and the grasp; as often as there are servers.
  for (std::size_t round = 0; round < size; ++round) {
    LocalServer* least = nullptr;
    for (std::size_t i = 0; i < size; ++i) {
      LocalServer* server = backend.choices[(from + i) % size];
      if (server == avoid || !server->state().has_slot()) continue;
      if (least == nullptr || is_freer(*server, *least)) least = server;
    }
    if (least == nullptr) return nullptr;
    if (least->state().take_slot()) return least;
  }
  return take_first(backend, avoid);
}

LocalServer* Worker::take_first(LocalService& backend, const LocalServer* avoid) noexcept {
  for (LocalServer* server : backend.choices) {
    if (server != avoid && server->state().take_slot()) return server;
  }
  return nullptr;
}

LocalServer* Worker::take_by_lot(LocalService& backend, const LocalServer* avoid) noexcept {
  LocalServer* best = nullptr;
  for (unsigned draw = 0; draw < backend.table->draws; ++draw) {
    // xorshift64*
    random_ ^= random_ >> 12;
    random_ ^= random_ << 25;
    random_ ^= random_ >> 27;
    const std::uint64_t lot = (random_ * 0x2545f4914f6cdd1dULL) >> 32;
    LocalServer* server = backend.rotation[lot % backend.rotation.size()];
    if (server == avoid || !server->state().has_slot()) continue;
    if (best == nullptr || is_freer(*server, *best)) best = server;
  }
  if (best != nullptr && best->state().take_slot()) return best;
  return take_least(backend, avoid);
}

}  // namespace vipd
