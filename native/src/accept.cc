// Worker thread. Listeners: accepting, and when not to.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "worker.h"
#include "worker_events.h"

namespace vipd {
namespace {

constexpr std::uint32_t kMostAtOnce = 16;
constexpr std::int64_t kDescriptorPauseMs = 100;
constexpr std::int64_t kAcceptEventMs = 1000;

bool out_of_resources(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

}  // namespace

void Worker::add_listener(LocalService& service, Listener&& socket) {
  auto listener = std::make_unique<LocalListener>();
  listener->socket = std::move(socket);
  listener->service = &service;
  do last_listener_ = (last_listener_ + 1) & 0x3fffffff;
  while (listeners_.contains(last_listener_));
  listener->number = last_listener_;
  listeners_[listener->number] = listener.get();
  epoll_event event{};
  event.events = service.paused ? 0u : EPOLLIN;  // level-triggered: what one turn leaves, the next one finds
  event.data.u64 = event_tag(EventKind::listener, listener->number, 0);
  if (::epoll_ctl(loop_.epoll(), EPOLL_CTL_ADD, listener->socket.fd.get(), &event) != 0) {
    emit(Event::Type::accept_failed, service.state->id, -1, errno);
  }
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

void Worker::on_listener(LocalListener& listener) {
  // One accept a turn suffices for a slow trickle, and saves the accept that says EAGAIN; a rush makes it more.
  const std::uint64_t turn = turns.get();
  listener.burst = turn - listener.last_turn <= 1 ? std::min(listener.burst * 2, kMostAtOnce) : 1;
  listener.last_turn = turn;
  for (std::uint32_t i = 0; i < listener.burst; ++i) {
    if (accept_one(listener)) continue;
    listener.burst = 1;
    return;
  }
}

// False: stop accepting for now.
bool Worker::accept_one(LocalListener& listener) {
  LocalService& service = *listener.service;
  if (!acquire_slots(service)) return false;
  if (const int error = ready_socket(service); error != 0) {
    release_slots(service);
    out_of_descriptors(service, error);
    return false;
  }
  Fd client{::accept4(listener.socket.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
  if (client.open()) {
    begin(service, std::move(client));
    return true;
  }
  const int error = errno;
  release_slots(service);
  if (out_of_resources(error)) out_of_descriptors(service, error);
  // All others (ECONNABORTED, network errors of the new socket) are about the one connection.
  return error != EAGAIN && error != EWOULDBLOCK && !out_of_resources(error);
}

bool Worker::acquire_slots(LocalService& service) noexcept {
  Slots& own = service.state->slots;
  if (!own.acquire()) {
    own.wait(index_);
    if (!own.acquire()) {
      pause(service);
      return false;
    }
  }
  if (plane_.slots.acquire()) return true;
  plane_.slots.wait(index_);
  if (plane_.slots.acquire()) return true;
  pause(service);
  plane_.wake(own.release());
  return false;
}

void Worker::release_slots(LocalService& service) noexcept {
  plane_.wake(service.state->slots.release() | plane_.slots.release());
}

// 0, or why there is no socket for the next server leg.
int Worker::ready_socket(const LocalService& service) noexcept {
  if (service.rotation.empty()) return 0;
  const int family = service.rotation.front()->address.family();
  if (spare_.open() && spare_family_ == family) return 0;
  spare_.reset(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  spare_family_ = family;
  if (spare_.open()) return 0;
  return out_of_resources(errno) ? errno : 0;
}

void Worker::pause(LocalService& service) noexcept {
  if (service.paused) return;
  service.paused = true;
  service.counters->accept_pauses.add();
  poll_listeners(service, 0);
}

void Worker::out_of_descriptors(LocalService& service, int error) noexcept {
  pause(service);
  descriptors_at_ms_ = now_ms_ + kDescriptorPauseMs;
  std::int64_t last = plane_.last_accept_event_ms.load(std::memory_order_relaxed);
  if (now_ms_ - last < kAcceptEventMs || !plane_.last_accept_event_ms.compare_exchange_strong(last, now_ms_)) return;
  emit(Event::Type::accept_failed, service.state->id, -1, error);
}

void Worker::resume(LocalService& service) noexcept {
  if (!service.paused) return;
  service.paused = false;
  poll_listeners(service, EPOLLIN);
}

void Worker::resume_all() noexcept {
  for (const auto& [id, service] : services_) resume(*service);
}

void Worker::poll_listeners(LocalService& service, std::uint32_t events) noexcept {
  for (const auto& listener : service.listeners) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = event_tag(EventKind::listener, listener->number, 0);
    ::epoll_ctl(loop_.epoll(), EPOLL_CTL_MOD, listener->socket.fd.get(), &event);
  }
}

void Worker::begin(LocalService& service, Fd client) {
  service.counters->total.add();
  service.state->opened();
  Session& session = slab_.take();
  session.state = Session::State::connecting;
  session.service = &service;
  Leg& leg = session.leg[kClient];
  leg.fd = client.release();
  leg.active_ms = now_ms_;
  leg.writable = true;  // a new socket is: no need to wait for epoll to say so
  if (service.rotation.empty()) {
    no_server(session);
    return;
  }
  if (!watch(session, kClient)) {
    close(session, Close::plain);
    return;
  }
  attempt(session, next_server(service, nullptr));
}

}  // namespace vipd
