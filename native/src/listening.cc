// Worker thread. Listeners: which of them epoll tells of, and when not.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "worker.h"
#include "worker_events.h"

namespace vipd {
namespace {

constexpr std::int64_t kDescriptorPauseMs = 100;
constexpr std::int64_t kAcceptEventMs = 1000;

}  // namespace

void Worker::add_listener(LocalService& service, Listener&& socket) {
  auto listener = std::make_unique<LocalListener>();
  listener->socket = std::move(socket);
  listener->service = &service;
  do last_listener_ = (last_listener_ + 1) & 0x3fffffff;
  while (listeners_.contains(last_listener_));
  listener->number = last_listener_;
  listeners_[listener->number] = listener.get();
  poll(*listener);
  service.listeners.push_back(std::move(listener));
}

void Worker::close_listeners(LocalService& service, const std::vector<std::uint64_t>& live, bool drain) {
  const auto gone = [&live](const std::unique_ptr<LocalListener>& listener) {
    return std::find(live.begin(), live.end(), listener->socket.group->id) == live.end();
  };
  for (const auto& listener : service.listeners) {
    if (!gone(listener)) continue;
    // Closing a listening socket resets what is in its accept queue.
    if (drain) {
      for (int i = std::max(1, service.table->backlog); i > 0 && accept_one(*listener); --i) continue;
    }
    listeners_.erase(listener->number);
    ::epoll_ctl(loop_.epoll(), EPOLL_CTL_DEL, listener->socket.fd.get(), nullptr);
  }
  std::erase_if(service.listeners, gone);
}

// Level-triggered: what one turn leaves, the next one finds. Of a socket that all workers share one alone is woken;
// the kernel does not let such an entry be changed, so it is taken out and put in again.
void Worker::poll(LocalListener& listener) noexcept {
  const bool wanted = !frozen_ && !listener.service->paused && !listener.paused;
  if (wanted == listener.polled) return;
  listener.polled = wanted;
  epoll_event event{};
  event.events = listener.socket.group->spec.shared() ? EPOLLIN | EPOLLEXCLUSIVE : EPOLLIN;
  event.data.u64 = event_tag(EventKind::listener, listener.number, 0);
  const int how = wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;
  if (::epoll_ctl(loop_.epoll(), how, listener.socket.fd.get(), &event) == 0 || !wanted) return;
  emit(Event::Type::accept_failed, listener.service->state->id, -1, errno);
}

void Worker::poll_all(LocalService& service) noexcept {
  for (const auto& listener : service.listeners) poll(*listener);
}

// 0: until a slot is free.
void Worker::pause(LocalService& service, std::int64_t until_ms) noexcept {
  service.resume_at_ms = until_ms;
  if (until_ms != 0) resume_at_ms_ = std::min(resume_at_ms_, until_ms);
  if (service.paused) return;
  service.paused = true;
  service.counters->accept_pauses.add();
  poll_all(service);
}

void Worker::out_of_descriptors(LocalService& service, int error) noexcept {
  pause(service, now_ms_ + kDescriptorPauseMs);
  std::int64_t last = plane_.last_accept_event_ms.load(std::memory_order_relaxed);
  if (now_ms_ - last < kAcceptEventMs || !plane_.last_accept_event_ms.compare_exchange_strong(last, now_ms_)) return;
  emit(Event::Type::accept_failed, service.state->id, -1, error);
}

// If not, this worker is woken when there is.
bool Worker::has_room(Slots& slots) noexcept {
  if (slots.room()) return true;
  slots.wait(index_);
  return slots.room();
}

void Worker::resume(LocalService& service) noexcept {
  if (service.paused && now_ms_ >= service.resume_at_ms && has_room(service.state->slots) && has_room(plane_.slots)) {
    service.paused = false;
    service.resume_at_ms = 0;
    poll_all(service);
  }
  for (const auto& listener : service.listeners) {
    ListenerGroup& group = *listener->socket.group;
    if (!listener->paused || (group.maxconn.load(std::memory_order_relaxed) > 0 && !has_room(group.slots))) continue;
    listener->paused = false;
    poll(*listener);
  }
}

void Worker::resume_all() noexcept {
  resume_at_ms_ = INT64_MAX;
  for (const auto& [id, service] : services_) {
    resume(*service);
    if (service->paused && service->resume_at_ms > now_ms_) resume_at_ms_ = std::min(resume_at_ms_, service->resume_at_ms);
  }
}

}  // namespace vipd
