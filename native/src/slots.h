// Any worker. A bounded count of sessions, and which workers wait for it to fall.
#pragma once

#include <atomic>
#include <cstdint>

namespace vipd {

class Slots {
 public:
  void limit(std::int64_t max) noexcept { max_.store(max, std::memory_order_relaxed); }

  // A compare-and-swap rather than add-and-back-off: a count that is briefly too high would make another worker wait
  // for a release that nobody will announce.
  [[nodiscard]] bool acquire() noexcept {
    std::int64_t used = used_.load();
    while (used < max_.load(std::memory_order_relaxed)) {
      if (used_.compare_exchange_weak(used, used + 1)) return true;
    }
    return false;
  }

  // Whether there is room or not: what lives already, in another process until now.
  void take() noexcept { used_.fetch_add(1); }

  [[nodiscard]] bool room() const noexcept { return used_.load() < max_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

  // Announces that a worker waits. It must try acquire() once more afterwards: together with release(), which writes
  // the count before it reads the waiters (both sequentially consistent), no wake-up is lost.
  void wait(unsigned worker) noexcept { waiting_.fetch_or(std::uint64_t{1} << worker); }

  // Returns the set of workers to wake.
  [[nodiscard]] std::uint64_t release() noexcept {
    used_.fetch_sub(1);
    return waiting_.load() == 0 ? 0 : waiting_.exchange(0);
  }

 private:
  std::atomic<std::int64_t> used_{0};
  std::atomic<std::uint64_t> waiting_{0};
  std::atomic<std::int64_t> max_{0};
};

}  // namespace vipd
