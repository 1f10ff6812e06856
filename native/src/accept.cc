// Worker thread. New connections: slots, accept, admission.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "worker.h"

namespace vipd {
namespace {

constexpr std::uint32_t kMostAtOnce = 16;

bool out_of_resources(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

}  // namespace

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
  ListenerGroup* group = listener.socket.group.get();
  if (group->maxconn.load(std::memory_order_relaxed) == 0) group = nullptr;
  if (!take_slots(listener, group)) return false;
  if (const int error = ready_socket(service); error != 0) {
    give_back_turn(service, group);
    out_of_descriptors(service, error);
    return false;
  }
  sockaddr_storage from;
  socklen_t size = sizeof from;
  Fd client{
      ::accept4(listener.socket.fd.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
  if (client.open()) {
    begin(listener, std::move(client), Address::from_kernel(from), group != nullptr);
    return true;
  }
  const int error = errno;
  give_back_turn(service, group);
  if (out_of_resources(error)) out_of_descriptors(service, error);
  // All others (ECONNABORTED, network errors of the new socket) are about the one connection.
  return error != EAGAIN && error != EWOULDBLOCK && !out_of_resources(error);
}

// Of the service, of the whole data plane, of the listener, and of this second. All or none.
bool Worker::take_slots(LocalListener& listener, ListenerGroup* group) noexcept {
  LocalService& service = *listener.service;
  if (!take_slot(service.state->slots)) {
    pause(service, 0);
    return false;
  }
  if (!take_slot(plane_.slots)) {
    pause(service, 0);
    plane_.wake(service.state->slots.release());
    return false;
  }
  if (group != nullptr && !take_slot(group->slots)) {
    listener.paused = true;
    service.counters->accept_pauses.add();
    poll(listener);
    free_slots(service, nullptr);
    return false;
  }
  if (service.table->rate_limit == 0) return true;
  const std::int64_t wait = service.state->rate.take(service.table->rate_limit, now_ms_);
  if (wait == 0) return true;
  pause(service, now_ms_ + wait);
  free_slots(service, group);
  return false;
}

// Whoever finds none is woken when one is freed.
bool Worker::take_slot(Slots& slots) noexcept {
  if (slots.acquire()) return true;
  slots.wait(index_);
  return slots.acquire();
}

void Worker::free_slots(LocalService& service, ListenerGroup* group) noexcept {
  std::uint64_t waiting = service.state->slots.release() | plane_.slots.release();
  if (group != nullptr) waiting |= group->slots.release();
  if (waiting != 0) plane_.wake(waiting);
}

// What take_slots() took, when nobody has come.
void Worker::give_back_turn(LocalService& service, ListenerGroup* group) noexcept {
  if (service.table->rate_limit != 0) service.state->rate.give_back();
  free_slots(service, group);
}

// 0, or why there is no socket for the next server leg.
int Worker::ready_socket(const LocalService& service) noexcept {
  if (service.rotation.empty()) return 0;
  const int family = service.rotation.front()->spec.address.family();
  if (spare_.open() && spare_family_ == family) return 0;
  spare_.reset(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  spare_family_ = family;
  if (spare_.open()) return 0;
  return out_of_resources(errno) ? errno : 0;
}

void Worker::begin(LocalListener& listener, Fd client, const Address& from, bool holds_group_slot) {
  LocalService& service = *listener.service;
  const ListenerGroup& group = *listener.socket.group;
  service.counters->total.add();
  service.state->opened();
  Session& session = slab_.take();
  session.id = ++last_session_ * kMostWorkers + index_;
  session.state = Session::State::handshake;
  session.service = session.backend = &service;
  session.accepted_ms = now_ms_;
  session.client = from;
  if (holds_group_slot) session.more().group = listener.socket.group;
  Leg& leg = session.leg[kClient];
  leg.fd = client.release();
  leg.active_ms = now_ms_;
  leg.writable = true;  // a new socket is: no need to wait for epoll to say so
  // With a PROXY header it is not known yet who comes.
  const bool proxied = group.accept_proxy.load(std::memory_order_relaxed);
  if (!proxied && !admit(session)) return;
  const bool talks_first = proxied || !service.table->routes.empty();
  if (!talks_first && service.rotation.empty()) {
    no_server(session);
    return;
  }
  if (!watch(session, kClient)) {
    session.ends('R', 'C');
    close(session, Close::plain);
    return;
  }
  if (!talks_first) {
    choose(session);
    return;
  }
  const std::int64_t limit = service.table->timeouts.handshake;
  if (limit > 0) timers_.at_latest(session, now_ms_ + limit);
  begin_handshake(session, proxied);
}

// False: it is not, and closed.
bool Worker::admit(Session& session) {
  LocalService& service = *session.service;
  const Table& table = *service.table;
  session.admitted = true;
  if (!session.client.is_ip()) return true;
  if (table.deny.contains(session.client) || (!table.allow.empty() && !table.allow.contains(session.client))) {
    service.counters->denied.add();
  } else if (table.source_maxconn > 0 && !service.state->sources.take(session.client, table.source_maxconn)) {
    service.counters->source_limited.add();
  } else {
    session.counts_for_source = table.source_maxconn > 0;
    return true;
  }
  session.ends('P', 'R');
  close(session, Close::reset_client);
  return false;
}

LocalService* Worker::find_service(std::uint16_t id) noexcept {
  const auto found = services_.find(id);
  if (found == services_.end() || !found->second->table || found->second->withdrawn) return nullptr;
  return found->second.get();
}

void Worker::choose(Session& session) {
  if (!session.admitted && !admit(session)) return;
  if (session.backend != session.service) {
    session.routed = true;
    session.service->state->routed.fetch_sub(1, std::memory_order_relaxed);
    session.backend->state->routed.fetch_add(1, std::memory_order_relaxed);
  }
  timers_.remove(session);
  choose_server(session, nullptr);
}

void Worker::fail_handshake(Session& session, HandshakeEnd why) {
  ServiceCounters& counters = *session.service->counters;
  switch (why) {
    case HandshakeEnd::malformed:
      counters.malformed.add();
      session.ends('P', 'R');
      break;
    case HandshakeEnd::timed_out:
      counters.handshake_timeouts.add();
      session.ends('c', 'R');
      break;
    case HandshakeEnd::client_left:
      counters.aborts[kClient].add();
      session.ends('C', 'R');
      break;
  }
  close(session, why == HandshakeEnd::malformed ? Close::reset_client : Close::plain);
}

}  // namespace vipd
