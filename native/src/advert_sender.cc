// The sender's thread, except start(), stop(), plan(), clear(), prove() and state().
#include "advert_sender.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <mutex>

#include "clock.h"

namespace vipd {
namespace {

constexpr std::uint64_t kWake = UINT64_MAX;
constexpr std::uint64_t kTimer = 0;
// A send that comes later than this restarts the interval, so that two adverts never follow close upon each other.
constexpr double kLateMs = 1;

}  // namespace

Status AdvertSender::start(int real_time_priority) noexcept {
  priority_ = real_time_priority;
  timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer_.open()) return Errno{errno, "timerfd_create"};
  const auto body = [](void* self) { static_cast<AdvertSender*>(self)->run(); };
  if (const Status failed = loop_.start("vipd-advert", kWake, body, this)) return failed;
  begun_.wait(false);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;  // never read: setting it anew takes the readiness away
  event.data.u64 = kTimer;
  if (::epoll_ctl(loop_.epoll(), EPOLL_CTL_ADD, timer_.get(), &event) == 0) return std::nullopt;
  const int error = errno;
  stop();
  return Errno{error, "epoll_ctl"};
}

void AdvertSender::stop() noexcept {
  if (!loop_.running()) return;
  stop_.store(true);
  loop_.wake();
  loop_.join();
  instances_.clear();
  due_.clear();
  held_.clear();
}

Status AdvertSender::plan(std::uint16_t id, AdvertPlan&& plan) {
  std::optional<AdvertPlan> before;  // freed once the mutex is free: closing a socket may take a while
  {
    std::lock_guard lock(mutex_);
    if (!instances_.contains(id) && instances_.size() >= kMostInstances) {
      std::erase_if(instances_, [](const auto& one) { return !one.second.plan; });
      if (instances_.size() >= kMostInstances) return Errno{ENOSPC, "plan"};
    }
    Instance& instance = instances_[id];
    unschedule(id, instance);
    before.swap(instance.plan);
    instance.plan.emplace(std::move(plan));
    instance.next = 0;
    instance.was_held = false;
    instance.state.ended = AdvertState::Ended::no;
    // What this thread has sent in the meantime its planner may not know yet.
    instance.state.last_sent_ms = std::max(instance.state.last_sent_ms, instance.plan->since_ms);
    schedule(id, instance, std::max(instance.plan->first_at_ms, monotonic_ms_exact()));
  }
  loop_.wake();
  return std::nullopt;
}

void AdvertSender::clear(std::uint16_t id) noexcept {
  std::optional<AdvertPlan> before;
  std::lock_guard lock(mutex_);
  const auto found = instances_.find(id);
  if (found == instances_.end()) return;
  unschedule(id, found->second);
  before.swap(found->second.plan);
}

void AdvertSender::prove(double until_ms) noexcept {
  {
    std::lock_guard lock(mutex_);
    proven_until_ms_ = until_ms;
    if (held_.empty() || until_ms < monotonic_ms_exact()) return;
    for (const std::uint16_t id : held_) due_.emplace(instances_.at(id).due_ms, id);
    held_.clear();
  }
  loop_.wake();
}

std::optional<AdvertState> AdvertSender::state(std::uint16_t id) noexcept {
  std::lock_guard lock(mutex_);
  const auto found = instances_.find(id);
  if (found == instances_.end()) return std::nullopt;
  Instance& instance = found->second;
  const bool is_active = instance.plan && instance.state.ended == AdvertState::Ended::no;
  if (is_active && monotonic_ms_exact() - instance.state.last_sent_ms >= instance.plan->silence_ms) {
    end(id, instance, AdvertState::Ended::stalled);
  }
  return instance.state;
}

void AdvertSender::run() noexcept {
  set_priority(priority_);
  begun_.store(true);
  begun_.notify_all();
  epoll_event events[2];
  while (!stop_.load()) {
    ::epoll_wait(loop_.epoll(), events, 2, -1);
    while (!stop_.load() && turn()) continue;
  }
}

void AdvertSender::set_priority(int real_time_priority) noexcept {
  if (real_time_priority == 0) return;
  const sched_param wanted{real_time_priority};
  if (pthread_setschedparam(pthread_self(), SCHED_RR, &wanted) == 0) real_time_.store(true);
  else ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), -20);
}

bool AdvertSender::turn() noexcept {
  std::lock_guard lock(mutex_);
  const double now = monotonic_ms_exact();
  if (due_.empty() || due_.begin()->first > now) {
    arm();
    return false;
  }
  const std::uint16_t id = due_.begin()->second;
  due_.erase(due_.begin());
  Instance& instance = instances_.at(id);
  if (now - instance.state.last_sent_ms >= instance.plan->silence_ms) {
    end(id, instance, AdvertState::Ended::stalled);
  } else if (now > proven_until_ms_) {
    held_.insert(id);
    if (!instance.was_held) ++instance.state.held_back;
    instance.was_held = true;
  } else {
    send(id, instance, now);
  }
  return true;
}

void AdvertSender::send(std::uint16_t id, Instance& instance, double now) noexcept {
  const AdvertPlan& plan = *instance.plan;
  AdvertState& state = instance.state;
  const std::vector<AdvertDatagram>& advert = plan.adverts[instance.next];
  bool has_left = advert.empty();
  for (const AdvertDatagram& datagram : advert) {
    const std::vector<std::uint8_t>& payload = datagram.payload;
    if (const Status failed = send_vrrp(plan.socket.get(), datagram.to, payload.data(), payload.size())) {
      ++state.errors;
      state.last_error = failed->value;
    } else {
      has_left = true;
    }
  }
  const double lateness = now - instance.due_ms;
  instance.was_held = false;
  schedule(id, instance, (lateness > kLateMs ? now : instance.due_ms) + plan.interval_ms);
  if (!has_left) return;  // the same one again at the next due time
  ++state.sent;
  state.last_sent_ms = now;
  state.worst_lateness_ms = std::max(state.worst_lateness_ms, lateness);
  if (instance.next + 1 < plan.adverts.size()) ++instance.next;
  else if (!plan.repeat) end(id, instance, AdvertState::Ended::exhausted);
}

void AdvertSender::schedule(std::uint16_t id, Instance& instance, double due_ms) {
  instance.due_ms = due_ms;
  due_.emplace(due_ms, id);
}

void AdvertSender::unschedule(std::uint16_t id, const Instance& instance) noexcept {
  due_.erase({instance.due_ms, id});
  held_.erase(id);
}

// Its socket stays open until it is planned anew or cleared: closing one is not for this thread.
void AdvertSender::end(std::uint16_t id, Instance& instance, AdvertState::Ended why) noexcept {
  unschedule(id, instance);
  instance.state.ended = why;
}

void AdvertSender::arm() noexcept {
  itimerspec at{};  // zero disarms it
  if (!due_.empty()) {
    const double ms = due_.begin()->first;
    const double seconds = std::floor(ms / 1e3);
    at.it_value.tv_sec = static_cast<time_t>(seconds);
    at.it_value.tv_nsec = std::clamp(static_cast<long>(std::ceil((ms - seconds * 1e3) * 1e6)), 1L, 999'999'999L);
  }
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
}

}  // namespace vipd
