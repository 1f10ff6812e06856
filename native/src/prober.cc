// The prober's thread, except start(), stop(), probe() and wake().
#include "prober.h"

#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
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
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.open()) return Errno{errno, "epoll_create1"};
  wake_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_fd_.open()) return Errno{errno, "eventfd"};
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = kWake;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_fd_.get(), &event) != 0) return Errno{errno, "epoll_ctl"};
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int failed = pthread_create(
      &thread_, nullptr,
      [](void* self) -> void* {
        static_cast<Prober*>(self)->run();
        return nullptr;
      },
      this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failed != 0) return Errno{failed, "pthread_create"};
  running_ = true;
  pthread_setname_np(thread_, "vipd-probe");
  return std::nullopt;
}

void Prober::stop() noexcept {
  if (!running_) return;
  running_ = false;
  stop_.store(true);
  wake();
  pthread_join(thread_, nullptr);
}

void Prober::probe(std::uint32_t id, const Address& address, double timeout_ms) {
  const double now = monotonic_ms_exact();
  {
    std::lock_guard lock(mutex_);
    wanted_.push_back({id, address, now, now + timeout_ms, {}});
  }
  wake();
}

void Prober::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t done = ::write(wake_fd_.get(), &one, sizeof one);
}

void Prober::run() {
  epoll_event events[kBatch];
  while (!stop_.load()) {
    const int count = ::epoll_wait(epoll_.get(), events, kBatch, wait_ms());
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
  if ((connected != 0 && errno != EINPROGRESS) || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
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
