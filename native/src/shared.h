// What all workers share of a service and of a server; survives publications.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "counters.h"
#include "limits.h"
#include "queue.h"
#include "slots.h"

namespace vipd {

// A server's identity over publications.
struct ServerState {
  ServerState(std::uint16_t server_id, unsigned workers)
      : id(server_id), by_worker(std::make_unique<ServerCounters[]>(workers)) {}

  // A slot for one session, from the moment it is sent here until it has ended or goes elsewhere.
  [[nodiscard]] bool take_slot() noexcept {
    const std::int64_t most = maxconn.load(std::memory_order_relaxed);
    if (most == 0) {
      served.fetch_add(1);
      return true;
    }
    std::int64_t used = served.load();
    while (used < most) {
      if (served.compare_exchange_weak(used, used + 1)) return true;
    }
    return false;
  }
  [[nodiscard]] bool has_slot() const noexcept {
    const std::int64_t most = maxconn.load(std::memory_order_relaxed);
    // As free_slot(): who finds none and then waits must not have looked before it was freed.
    return most == 0 || served.load() < most;
  }
  // Sequentially consistent, as all that has to do with queues: whoever frees a slot sees who waits, or the other way
  // round. The caller looks at the queues afterwards.
  void free_slot() noexcept { served.fetch_sub(1); }
  // Sessions that are here or wait for it.
  [[nodiscard]] std::int64_t load() const noexcept {
    return served.load(std::memory_order_relaxed) + static_cast<std::int64_t>(queue.size());
  }

  const std::uint16_t id;
  const std::unique_ptr<ServerCounters[]> by_worker;
  alignas(64) std::atomic<std::int64_t> served{0};
  std::atomic<std::int64_t> maxconn{0};  // 0: no limit
  std::atomic<std::uint32_t> failures_in_row{0};
  Queue queue;  // for algorithms that want this server and no other
};

struct ServiceState {
  ServiceState(std::uint16_t service_id, unsigned workers)
      : id(service_id), by_worker(std::make_unique<ServiceCounters[]>(workers)) {}

  void opened() noexcept {
    const std::int64_t now = current.fetch_add(1, std::memory_order_relaxed) + 1;
    std::int64_t high = max.load(std::memory_order_relaxed);
    while (now > high && !max.compare_exchange_weak(high, now, std::memory_order_relaxed)) continue;
  }
  void closed() noexcept { current.fetch_sub(1, std::memory_order_relaxed); }

  const std::uint16_t id;
  const std::unique_ptr<ServiceCounters[]> by_worker;
  alignas(64) std::atomic<std::uint64_t> cursor{0};  // position in the rotation, of all workers together
  alignas(64) Slots slots;
  alignas(64) std::atomic<std::int64_t> current{0};
  std::atomic<std::int64_t> max{0};
  std::atomic<std::int64_t> routed{0};  // sessions that came here from other services, less those that went to others
  alignas(64) Queue queue;
  std::atomic<std::int64_t> queued{0};  // in its queue and in those of its servers; raised before, lowered after
  std::atomic<std::uint64_t> sampled{0};
  RateLimit rate;
  SourceCounts sources;
};

}  // namespace vipd
