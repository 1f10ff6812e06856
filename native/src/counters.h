// Written by one worker each, read by Node's thread.
#pragma once

#include <atomic>
#include <cstdint>

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
  Counter denied;
  Counter source_limited;
  Counter malformed;
  Counter accept_pauses;
  Counter connect_timeouts;
  Counter timeouts[2];  // [0] client, [1] server
  Counter queue_timeouts;
  Counter handshake_timeouts;
  Counter aborts[2];
};

}  // namespace vipd
