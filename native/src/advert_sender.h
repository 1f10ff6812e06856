// Sends adverts on time although Node's thread is busy, for as long as that one has proven to be alive. One thread; any
// thread may plan.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fd.h"
#include "loop_thread.h"
#include "pi_mutex.h"
#include "vrrp_socket.h"

namespace vipd {

struct AdvertDatagram {
  VrrpTarget to;
  std::vector<std::uint8_t> payload;
};

struct AdvertPlan {
  Fd socket;
  std::vector<std::vector<AdvertDatagram>> adverts;  // at least one
  bool repeat;                                       // the last one, again and again
  double first_at_ms;
  double interval_ms;
  double silence_ms;
  double since_ms;
};

struct AdvertState {
  enum class Ended : std::uint8_t { no, stalled, exhausted };
  double last_sent_ms = 0;
  std::uint64_t sent = 0;
  std::uint64_t held_back = 0;
  double worst_lateness_ms = 0;
  Ended ended = Ended::no;
  std::uint64_t errors = 0;
  int last_error = 0;
};

class AdvertSender {
 public:
  static constexpr std::size_t kMostInstances = 512;

  AdvertSender() = default;
  ~AdvertSender() { stop(); }
  AdvertSender(const AdvertSender&) = delete;
  AdvertSender& operator=(const AdvertSender&) = delete;

  // SCHED_RR with this priority, or, where that is not permitted, a nice value of -20; 0 is neither.
  [[nodiscard]] Status start(int real_time_priority) noexcept;
  void stop() noexcept;  // and join; twice is once. Nothing is sent after it.
  [[nodiscard]] bool is_real_time() const noexcept { return real_time_.load(); }

  // Replaces what was planned. Fails when kMostInstances have a plan.
  [[nodiscard]] Status plan(std::uint16_t id, AdvertPlan&& plan);
  void clear(std::uint16_t id) noexcept;
  void prove(double until_ms) noexcept;
  // Of an id that was planned once; remembered after clear() until the room is needed.
  [[nodiscard]] std::optional<AdvertState> state(std::uint16_t id) noexcept;

 private:
  struct Instance {
    std::optional<AdvertPlan> plan;
    std::size_t next = 0;  // of plan->adverts
    double due_ms = 0;     // key in due_, if it is there
    bool was_held = false;
    AdvertState state;
  };

  void run() noexcept;
  void set_priority(int real_time_priority) noexcept;
  // True: something was due, and there may be more.
  bool turn() noexcept;
  void send(std::uint16_t id, Instance& instance, double now) noexcept;
  void schedule(std::uint16_t id, Instance& instance, double due_ms);
  void unschedule(std::uint16_t id, const Instance& instance) noexcept;
  void end(std::uint16_t id, Instance& instance, AdvertState::Ended why) noexcept;
  void arm() noexcept;

  LoopThread loop_;
  Fd timer_;
  int priority_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<bool> begun_{false};
  std::atomic<bool> real_time_{false};

  // Guarded by mutex_. Nobody holds it for longer than one advert takes to send: the thread lets go between two.
  PiMutex mutex_;
  std::unordered_map<std::uint16_t, Instance> instances_;
  std::set<std::pair<double, std::uint16_t>> due_;
  std::set<std::uint16_t> held_;  // due, but Node's thread is not known to live; not in due_
  double proven_until_ms_ = 0;
};

}  // namespace vipd
