// The control of the advert scenarios: a real-time thread that wakes each INTERVAL ms and does nothing else. What it suffers is
// the machine's, not vipd's.   tick INTERVAL_MS SECONDS
#include <sched.h>

#include <algorithm>
#include <cmath>

#include "common.h"

int main(int argc, char** argv) {
  using namespace load;
  if (argc != 3) fail("tick INTERVAL_MS SECONDS");
  const std::int64_t interval = std::atoi(argv[1]) * std::int64_t{1'000'000};
  const std::int64_t count = std::atoi(argv[2]) * std::int64_t{1'000'000'000} / (interval > 0 ? interval : 1);
  if (interval <= 0 || count < 2 || count > 10'000'000) fail("out of range");
  sched_param parameters{};
  parameters.sched_priority = 1;
  const bool is_real_time = ::sched_setscheduler(0, SCHED_RR, &parameters) == 0;
  std::vector<double> off;
  off.reserve(static_cast<std::size_t>(count));
  std::int64_t due = now_ns();
  std::int64_t last = due;
  std::int64_t missed = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    due += interval;
    const timespec at{due / 1'000'000'000, due % 1'000'000'000};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
    const std::int64_t now = now_ns();
    const std::int64_t gap = now - last;
    last = now;
    off.push_back(std::abs(static_cast<double>(gap - interval)) / 1e6);
    // What was slept through is not caught up on.
    for (; now - due >= interval; due += interval, ++i) ++missed;
  }
  std::sort(off.begin(), off.end());
  const auto at = [&](double part) { return off[static_cast<std::size_t>(std::ceil(static_cast<double>(off.size()) * part)) - 1]; };
  std::printf("{\"ok\":true,\"p50_ms\":%.4f,\"p999_ms\":%.4f,\"max_ms\":%.4f,\"missed\":%lld,\"real_time\":%s}\n", at(0.5), at(0.999),
              off.back(), static_cast<long long>(missed), is_real_time ? "true" : "false");
}
