// The prober's thread, except start(), stop() and probe().
#include "prober.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "clock.h"

namespace vipd {
namespace {

constexpr std::uint64_t kWake = UINT64_MAX;
constexpr int kBatch = 128;
constexpr double kLongestWaitMs = 60'000;

}  // namespace

Status Prober::start() {
  return loop_.start("vipd-probe", kWake, [](void* self) { static_cast<Prober*>(self)->run(); }, this);
}

void Prober::stop() noexcept {
  if (!loop_.running()) return;
  stop_.store(true);
  loop_.wake();
  loop_.join();
}

void Prober::probe(std::uint32_t id, const Address& address, double timeout_ms) {
  const double now = monotonic_ms_exact();
  {
    std::lock_guard lock(mutex_);
    wanted_.push_back({id, address, now, now + timeout_ms, {}});
  }
  loop_.wake();
}

void Prober::run() {
  epoll_event events[kBatch];
  while (!stop_.load()) {
    const int count = ::epoll_wait(loop_.epoll(), events, kBatch, wait_ms());
    bool woken = false;
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u64 == kWake) woken = true;
      else finish(static_cast<std::uint32_t>(events[i].data.u64));
    }
    if (woken) take_wanted();
    expire();
  }
}

int Prober::wait_ms() const noexcept {
  if (deadlines_.empty()) return static_cast<int>(kLongestWaitMs);
  const double left = deadlines_.begin()->first - monotonic_ms_exact();
  return static_cast<int>(std::ceil(std::clamp(left, 0.0, kLongestWaitMs)));
}

void Prober::take_wanted() {
  std::vector<Probe> wanted;
  {
    std::lock_guard lock(mutex_);
    wanted.swap(wanted_);
  }
  for (Probe& probe : wanted) begin(std::move(probe));
}

void Prober::begin(Probe&& probe) {
  constexpr int on = 1;
  constexpr int off = 0;
  probe.fd.reset(::socket(probe.address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!probe.fd.open()) {
    report(probe, ProbeReport::Code::failed, errno);
    return;
  }
  const int fd = probe.fd.get();
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Holds back the ACK of the SYN/ACK: closed with RST before it is sent, the server's accept() never returns.
  ::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
  const int connected = ::connect(fd, probe.address.get(), probe.address.size());
  epoll_event event{};
  event.events = EPOLLOUT;
  event.data.u64 = probe.id;
  if ((connected != 0 && errno != EINPROGRESS) || ::epoll_ctl(loop_.epoll(), EPOLL_CTL_ADD, fd, &event) != 0) {
    report(probe, ProbeReport::Code::failed, errno);
    return;
  }
  const std::uint32_t id = probe.id;
  deadlines_.emplace(probe.deadline_ms, id);
  under_way_.emplace(id, std::move(probe));
  if (connected == 0) finish(id);
}

void Prober::finish(std::uint32_t id) {
  const auto found = under_way_.find(id);
  if (found == under_way_.end()) return;
  Probe& probe = found->second;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(probe.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  constexpr linger reset{1, 0};
  ::setsockopt(probe.fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  probe.fd.reset();
  report(probe, error == 0 ? ProbeReport::Code::ok : ProbeReport::Code::failed, error);
  deadlines_.erase({probe.deadline_ms, id});
  under_way_.erase(found);
}

void Prober::expire() {
  const double now = monotonic_ms_exact();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto found = under_way_.find(deadlines_.begin()->second);
    deadlines_.erase(deadlines_.begin());
    found->second.fd.reset();
    report(found->second, ProbeReport::Code::timed_out, 0);
    under_way_.erase(found);
  }
}

void Prober::report(const Probe& probe, ProbeReport::Code code, int error) noexcept {
  sink_.done({probe.id, code, error, monotonic_ms_exact() - probe.started_ms});
}

}  // namespace vipd
