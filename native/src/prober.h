// Health checks over TCP the way haproxy makes them: SYN, SYN/ACK, RST. One thread; any thread may ask.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>
#include <vector>

#include "address.h"
#include "fd.h"
#include "loop_thread.h"

namespace vipd {

struct ProbeReport {
  enum class Code : std::uint8_t { ok, failed, timed_out };
  std::uint32_t id;
  Code code;
  int error;
  double took_ms;
};

// Called by the prober's thread; must neither block nor throw, nor lose a report.
class ProbeSink {
 public:
  virtual void done(const ProbeReport& report) noexcept = 0;

 protected:
  ~ProbeSink() = default;
};

class Prober {
 public:
  explicit Prober(ProbeSink& sink) noexcept : sink_(sink) {}
  ~Prober() { stop(); }
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  [[nodiscard]] Status start();
  void stop() noexcept;  // and join; twice is once. No report comes after it.
  void probe(std::uint32_t id, const Address& address, double timeout_ms);

 private:
  struct Probe {
    std::uint32_t id;
    Address address;
    double started_ms;
    double deadline_ms;
    Fd fd;
  };

  void run();
  void take_wanted();
  void begin(Probe&& probe);
  void finish(std::uint32_t id);
  void expire();
  void report(const Probe& probe, ProbeReport::Code code, int error) noexcept;
  [[nodiscard]] int wait_ms() const noexcept;

  ProbeSink& sink_;
  LoopThread loop_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<Probe> wanted_;  // guarded by mutex_

  // The thread alone.
  std::unordered_map<std::uint32_t, Probe> under_way_;
  std::set<std::pair<double, std::uint32_t>> deadlines_;
};

}  // namespace vipd
