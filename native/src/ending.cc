// Worker thread. Sessions that an order ends, or moves away from a server: who they are is noted at once, and carried out
// a part each turn, since each costs some system calls. No other order is taken meanwhile.
#include <algorithm>

#include "worker.h"

namespace vipd {

namespace {

constexpr std::size_t kEndedEachTurn = 256;

char letter_of(CloseSessions why) noexcept {
  switch (why) {
    case CloseSessions::no: return '-';
    case CloseSessions::down: return 'D';
    case CloseSessions::up: return 'U';
    case CloseSessions::killed: return 'K';
  }
  return '-';
}

// The second letter of the termination state of a session that is ended by us.
char phase_of(const Session& session) noexcept {
  switch (session.state) {
    case Session::State::handshake: return 'R';
    case Session::State::queued: return 'Q';
    case Session::State::connecting:
    case Session::State::waiting: return 'C';
    case Session::State::established:
    case Session::State::free:
    case Session::State::closed: return '-';
  }
  return '-';
}

}  // namespace

// Those that are still on their way to a server which is out of rotation now, and those that wait for one.
void Worker::settle(LocalService& service) {
  for (const auto& [id, server] : service.servers) {
    if (server->in_rotation) continue;
    for (Session* session = server->sessions.first; session != nullptr; session = session->next) {
      if (session->connecting()) order(*session, Fate::moved, '-', -1);
    }
  }
  const std::size_t from = orders_.size();
  for (Session* session = service.queued.first; session != nullptr; session = session->next) {
    if (!has_server(service, *session)) order(*session, Fate::moved, '-', -1);
  }
  // The list begins with the one that came last.
  std::reverse(orders_.begin() + static_cast<std::ptrdiff_t>(from), orders_.end());
}

void Worker::kill(LocalService& service, const ServerKill& which) {
  const auto found = service.servers.find(which.server);
  if (found == service.servers.end()) return;
  for (Session* session = found->second->sessions.first; session != nullptr; session = session->next) {
    order(*session, Fate::ended, letter_of(which.why), which.server);
  }
}

void Worker::kill_all(LocalService& service) {
  slab_.each([&](Session& session) {
    if (session.service == &service || session.backend == &service) order(session, Fate::reset, 'K', -1);
  });
}

void Worker::kill_sessions(std::vector<SessionKill>& kills) {
  std::sort(kills.begin(), kills.end(), [](const auto& a, const auto& b) { return a.session < b.session; });
  slab_.each([&](Session& session) {
    const auto kill = std::lower_bound(kills.begin(), kills.end(), session.id,
                                       [](const SessionKill& one, std::uint64_t id) { return one.session < id; });
    if (kill == kills.end() || kill->session != session.id || session.idle_ms(now_ms_) < kill->quiet_ms) return;
    order(session, Fate::ended, 'K', -1);
  });
}

// The addresses themselves go: whoever came to them by the network cannot be answered any more.
std::uint32_t Worker::reset_at(const std::vector<std::array<std::uint8_t, 16>>& addresses) {
  const std::size_t before = orders_.size();
  slab_.each([&](const Session& session) {
    if (!session.client.is_ip()) return;
    const Address local = Address::local_of(session.leg[kClient].fd);
    if (!local.is_ip() || std::find(addresses.begin(), addresses.end(), local.bytes()) == addresses.end()) return;
    order(session, Fate::reset, 'K', -1);
  });
  return static_cast<std::uint32_t>(orders_.size() - before);
}

void Worker::order(const Session& session, Fate fate, char why, int server) {
  orders_.push_back({session.id, session.index, server, fate, why});
}

void Worker::carry_out_some() {
  const std::size_t end = std::min(carried_out_ + kEndedEachTurn, orders_.size());
  for (; carried_out_ < end; ++carried_out_) carry_out(orders_[carried_out_]);
  if (carried_out_ < orders_.size()) return;
  orders_.clear();
  carried_out_ = 0;
}

// Much may have happened to the session since it was noted.
void Worker::carry_out(const Order& order) {
  Session& session = *slab_.at(order.index);
  if (session.id != order.session || session.state == Session::State::closed) return;
  if (order.fate == Fate::moved) {
    move(session);
    return;
  }
  if (order.server >= 0) {
    if (session.server == nullptr || session.server->spec.id != order.server) return;
    if (session.connecting() && may_leave(session)) {
      redispatch(session);
      return;
    }
  }
  if (session.server != nullptr) session.server->counters->killed.add();
  session.ends(order.why, phase_of(session));
  const bool is_reset = order.fate == Fate::reset;
  if (!is_reset && session.state == Session::State::established) {
    pump_.flush_once(session.flow[kServer], session.leg[kClient]);
  }
  close(session, is_reset ? Close::reset_client : Close::plain);
}

void Worker::move(Session& session) {
  const LocalService& backend = *session.backend;
  if (session.state == Session::State::queued) {
    if (has_server(backend, session)) return;
    leave_queue(session);
    session.state = Session::State::connecting;
    if (backend.rotation.empty()) no_server(session);
    else choose_server(session, nullptr);
    return;
  }
  if (!session.connecting() || session.server == nullptr || session.server->in_rotation) return;
  if (backend.rotation.empty()) no_server(session);
  else if (may_leave(session)) redispatch(session);
}

// Whether there is a server in rotation whose slot the queued session would get.
bool Worker::has_server(const LocalService& backend, const Session& session) noexcept {
  const Queue* queue = session.extra->queue;
  if (queue == &backend.state->queue) return !backend.rotation.empty();
  return std::any_of(backend.choices.begin(), backend.choices.end(),
                     [queue](const LocalServer* server) { return &server->state().queue == queue; });
}

}  // namespace vipd
