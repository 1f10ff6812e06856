// One worker's thread: the loop. start(), stop(), post() and wake() are for other threads.
#include "worker.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "clock.h"
#include "worker_events.h"

namespace vipd {
namespace {

constexpr int kBatch = 256;
// What a turn of the loop does at most of each, so that neither others nor the heartbeat wait for it.
constexpr int kDueEachTurn = 512;
constexpr std::size_t kPumpedEachTurn = 256;
constexpr std::int64_t kHeartbeatMs = 250;
constexpr std::int64_t kStopMs = 700;

}  // namespace

void Plane::wake(std::uint64_t workers_to_wake) noexcept {
  for (std::size_t i = 0; i < workers.size(); ++i) {
    if ((workers_to_wake >> i & 1) != 0) workers[i]->wake();
  }
}

Worker::Worker(Plane& plane, unsigned index)
    : plane_(plane),
      index_(index),
      random_(static_cast<std::uint64_t>(monotonic_ms_exact() * 1e6) | 1 | std::uint64_t{index} << 48),
      pipes_(plane.pipes, plane.wide_pipes),
      pump_(plane.mode, pipes_) {}

Worker::~Worker() { stop(); }

Status Worker::start() {
  char name[16];
  std::snprintf(name, sizeof name, "vipd-w%u", index_);
  return loop_.start(name, event_tag(EventKind::wake, 0, 0), [](void* self) { static_cast<Worker*>(self)->run(); }, this);
}

void Worker::request_stop() noexcept {
  stop_.store(true);
  wake();
}

void Worker::stop() noexcept {
  if (!loop_.running()) return;
  request_stop();
  loop_.join();
}

void Worker::post(ServiceMail&& mail) {
  mailbox_.post(std::move(mail));
  wake();
}

void Worker::post(const SessionKill& kill) {
  mailbox_.post(kill);
  wake();
}

void Worker::post(const std::shared_ptr<SessionQuery>& query) {
  mailbox_.post(query);
  wake();
}

void Worker::post(std::vector<Adoption>&& adoptions) {
  mailbox_.post(std::move(adoptions));
  wake();
}

void Worker::wake() noexcept {
  if (woken_.exchange(true)) return;  // not read yet: one wake-up does for all
  loop_.wake();
}

void Worker::run() {
  epoll_event events[kBatch];
  while (!stop_.load()) {
    const int count = ::epoll_wait(loop_.epoll(), events, kBatch, wait_ms());
    now_ms_ = monotonic_ms();
    turns.add();
    for (int i = 0; i < count; ++i) dispatch(events[i]);
    // Only now: these replace the sockets of sessions, and later events of the batch are about the old ones.
    if (mail_ && orders_.empty()) read_mail();
    carry_out_some();
    look_at_timers();
    run_runnable();
    answer_some();
    serve_queues();
    reap();
  }
  end_all();
  services_.clear();
  static_cast<void>(mailbox_.take());  // listeners that came too late close now
}

// As many as can be in time; the kernel closes the others with the process.
void Worker::end_all() {
  const std::int64_t deadline_ms = monotonic_ms() + kStopMs;
  std::uint32_t ended = 0;
  bool is_late = false;
  slab_.each([&](Session& session) {
    is_late = is_late || (++ended % 64 == 0 && monotonic_ms() >= deadline_ms);
    if (is_late) return;
    session.ends('K', '-');
    close(session, Close::plain);
  });
  runnable_.clear();
  reap();
}

int Worker::wait_ms() const noexcept {
  if (mail_ || queues_ || !orders_.empty() || !runnable_.empty() || !running_now_.empty() || !answers_.empty()) return 0;
  const std::int64_t due = std::min(timers_.next_ms(), resume_at_ms_);
  if (due == INT64_MAX) return static_cast<int>(kHeartbeatMs);
  return static_cast<int>(std::clamp<std::int64_t>(due - monotonic_ms(), 0, kHeartbeatMs));
}

void Worker::dispatch(const epoll_event& event) {
  const EventTag tag = read_tag(event.data.u64);
  if (tag.kind == EventKind::wake) {
    // Edge-triggered and never read: any later write makes a new edge. Cleared before the mailbox is looked at.
    woken_.store(false);
    mail_ = true;
    return;
  }
  if (tag.kind == EventKind::listener) {
    const auto found = listeners_.find(tag.index);
    if (found != listeners_.end()) on_listener(*found->second);
    return;
  }
  const Side side = tag.kind == EventKind::client ? kClient : kServer;
  Session* session = slab_.at(tag.index);
  // Stale: the session or its socket changed since. Also after close(): a child between fork and exec keeps the old
  // socket, and so its place in epoll, alive.
  if (session == nullptr || session->leg[side].generation != tag.generation) return;
  Leg& leg = session->leg[side];
  if ((event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) leg.readable = true;
  if ((event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) leg.writable = true;
  if ((event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0) leg.careful = true;
  if ((event.events & EPOLLPRI) != 0) leg.urgent = true;
  switch (session->state) {
    case Session::State::established: on_traffic(*session, side, event.events); break;
    case Session::State::handshake: on_handshake(*session); break;
    case Session::State::queued:
    case Session::State::connecting:
    case Session::State::waiting: on_connecting(*session, side, event.events); break;
    case Session::State::free:
    case Session::State::closed: break;
  }
}

void Worker::look_at_timers() {
  for (int i = 0; i < kDueEachTurn; ++i) {
    Session* session = timers_.pop_due(now_ms_);
    if (session == nullptr) break;
    on_timer(*session);
  }
  if (now_ms_ >= resume_at_ms_) resume_all();
}

// Whoever is due looks whether it really is: deadlines move without telling the heap.
void Worker::on_timer(Session& session) {
  switch (session.state) {
    case Session::State::established:
      if (!session.watched) watch_peer(session);
      look_at_idle(session);
      break;
    case Session::State::handshake: on_handshake_timer(session); break;
    case Session::State::queued: on_queue_timer(session); break;
    case Session::State::connecting:
    case Session::State::waiting: on_connect_timer(session); break;
    case Session::State::free:
    case Session::State::closed: break;
  }
}

void Worker::run_runnable() {
  if (running_now_.empty()) running_now_.swap(runnable_);
  const std::size_t end = std::min(ran_ + kPumpedEachTurn, running_now_.size());
  for (; ran_ < end; ++ran_) {
    Session& session = *running_now_[ran_];
    session.runnable = false;
    if (session.state == Session::State::established) pump(session);
  }
  if (ran_ < running_now_.size()) return;
  running_now_.clear();
  ran_ = 0;
}

void Worker::reap() noexcept {
  // Those that run_runnable() still has in a list stay until it has passed them.
  std::erase_if(closed_, [this](Session* session) {
    if (session->runnable) return false;
    slab_.give_back(*session);
    return true;
  });
}

void Worker::emit(Event::Type type, std::uint16_t service, int server, int error) noexcept {
  if (!plane_.sink.emit({type, service, server, error})) events_dropped.add();
}

bool Worker::watch(Session& session, Side side) noexcept {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
  const EventKind kind = side == kClient ? EventKind::client : EventKind::server;
  event.data.u64 = event_tag(kind, session.index, session.leg[side].generation);
  return ::epoll_ctl(loop_.epoll(), EPOLL_CTL_ADD, session.leg[side].fd, &event) == 0;
}

}  // namespace vipd
