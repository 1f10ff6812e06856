// Written by one worker each, read by Node's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "slots.h"

namespace vipd {

// One writer, any reader: no read-modify-write needed, and readers need no ordering.
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub() noexcept { value_.store(value_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// One worker's share of a server. Aligned so that workers do not share cache lines.
struct alignas(64) ServerCounters {
  Counter current;  // established sessions
  Counter total;    // sessions that were established
  Counter bytes[2];
  Counter retries;
  Counter redispatches;
  Counter connect_errors;
  Counter killed;
};

// One worker's share of a service.
struct alignas(64) ServiceCounters {
  Counter total;
  Counter bytes[2];  // [0] client to server, [1] server to client
  Counter refused;
  Counter accept_pauses;
  Counter connect_timeouts;
  Counter timeouts[2];  // [0] client, [1] server
  Counter aborts[2];
};

// A server's identity over publications.
struct ServerState {
  ServerState(std::uint16_t server_id, unsigned workers)
      : id(server_id), by_worker(std::make_unique<ServerCounters[]>(workers)) {}

  const std::uint16_t id;
  const std::unique_ptr<ServerCounters[]> by_worker;
};

// What all workers share of a service; survives publications.
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
};

}  // namespace vipd
