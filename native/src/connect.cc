// Worker thread. From the choice of a server to an established server leg: attempts, retries, redispatches.
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "source.h"
#include "worker.h"

namespace vipd {
namespace {

constexpr std::int64_t kRetryDelayMs = 1000;
constexpr std::int64_t kYoungMs = 1000;

bool out_of_descriptors_error(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

std::int64_t retry_delay_ms(std::int64_t connect_timeout_ms) noexcept {
  return connect_timeout_ms > 0 ? std::min(kRetryDelayMs, connect_timeout_ms) : kRetryDelayMs;
}

std::int64_t connect_limit_ms(const Table& table) noexcept {
  return table.timeouts.connect > 0 ? table.timeouts.connect : INT64_MAX;
}

// Ours, not the server's: nothing was sent to it.
bool is_our_own(int error) noexcept {
  return out_of_descriptors_error(error) || error == EADDRNOTAVAIL || error == EADDRINUSE || error == EPERM ||
         error == EACCES || error == EINVAL || error == EAFNOSUPPORT || error == ENODEV || error == ENOSPC;
}

}  // namespace

void Worker::choose_server(Session& session, const LocalServer* avoid) {
  LocalService& backend = *session.backend;
  if (backend.rotation.empty() || backend.withdrawn) {
    no_server(session);
    return;
  }
  const Choice choice = take_server(session, avoid);
  if (choice.server == nullptr) {
    enqueue(session, *choice.queue);
    return;
  }
  join_server(session, *choice.server);
  attempt(session, *choice.server);
}

// Attempts until one is under way, the session waits, or it is over. A loop, since connect() may fail on the spot.
void Worker::attempt(Session& session, LocalServer& first) {
  LocalServer* server = &first;
  while (server != nullptr) {
    const int error = try_connect(session, *server);
    if (error == 0) return;
    drop_server_leg(session);
    server = after_failure(session, error);
  }
}

// The session holds a slot of the server. 0: under way or established.
int Worker::try_connect(Session& session, LocalServer& server) {
  const Table& table = *session.backend->table;
  session.state = Session::State::connecting;
  if (session.queue_ms < 0) session.queue_ms = static_cast<std::int32_t>(now_ms_ - session.accepted_ms);
  Leg& leg = session.leg[kServer];
  leg.active_ms = now_ms_;
  const Address& address = server.spec.address;
  const int family = address.family();
  if (spare_.open() && spare_family_ == family) leg.fd = spare_.release();
  else leg.fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (leg.fd < 0) return errno;
  tune_server_socket(leg.fd);
  session.watched = false;
  // Most sessions are over before these matter. Only where the kernel's patience is to end the attempt it must know now.
  if (table.sockets.user_timeout_ms > 0 && table.sockets.user_timeout_ms < connect_limit_ms(table)) watch_peer(session);
  if (server.spec.source || table.is_transparent) {
    if (const Status failed = prepare_server_socket(leg.fd, session, server.spec)) return failed->value;
  }
  const bool done = ::connect(leg.fd, address.get(), address.size()) == 0;
  if (!done && errno != EINPROGRESS) return errno;
  if (!watch(session, kServer)) return errno;
  if (done) {
    leg.writable = true;
    established(session);
    return 0;
  }
  if (table.timeouts.connect > 0) timers_.at_latest(session, now_ms_ + table.timeouts.connect);
  return 0;
}

void Worker::join_server(Session& session, LocalServer& server) noexcept {
  session.server = &server;
  server.sessions.add(session);
}

void Worker::leave_server(Session& session) noexcept {
  if (session.server == nullptr) return;
  LocalServer& server = *session.server;
  server.sessions.remove(session);
  session.server = nullptr;
  server.state().free_slot();
  slot_freed(*session.backend, server.state());
}

// Which server to try now; none: the session waits for its timer or for a slot, or is closed.
LocalServer* Worker::after_failure(Session& session, int error) {
  LocalService& backend = *session.backend;
  const Table& table = *backend.table;
  LocalServer& failed = *session.server;
  failed.counters->connect_errors.add();
  if (!is_our_own(error)) failed.state().failures_in_row.fetch_add(1, std::memory_order_relaxed);
  emit(Event::Type::connect_failed, backend.state->id, failed.spec.id, error);
  ++session.failures;
  timers_.remove(session);
  if (backend.rotation.empty()) {
    no_server(session);
    return nullptr;
  }
  if (session.failures > table.retries || out_of_descriptors_error(error)) {
    give_up(session, error);
    return nullptr;
  }
  ++session.retries;
  if (should_redispatch(session)) return elsewhere(session);
  failed.counters->retries.add();
  if (error == ETIMEDOUT) return &failed;
  session.state = Session::State::waiting;
  session.leg[kServer].active_ms = now_ms_;
  timers_.at_latest(session, now_ms_ + retry_delay_ms(table.timeouts.connect));
  return nullptr;
}

void Worker::give_up(Session& session, int error) {
  if (error == ETIMEDOUT) session.service->counters->connect_timeouts.add();
  session.ends(error == ETIMEDOUT ? 's' : is_our_own(error) ? 'R' : 'S', 'C');
  close(session, Close::plain);
}

// From the server that it has to another one, with a slot there; none: it waits for one.
LocalServer* Worker::elsewhere(Session& session) {
  const LocalServer* left = session.server;
  left->counters->redispatches.add();
  session.is_redispatched = true;
  leave_server(session);
  const Choice choice = take_server(session, left);
  if (choice.server == nullptr) {
    enqueue(session, *choice.queue);
    return nullptr;
  }
  join_server(session, *choice.server);
  return choice.server;
}

// Where the address decides, only the last attempt goes elsewhere; otherwise each.
bool Worker::should_redispatch(const Session& session) const noexcept {
  if (!can_redispatch(session)) return false;
  const Table& table = *session.backend->table;
  const bool by_address = table.algorithm == Algorithm::source || table.algorithm == Algorithm::consistent;
  return !by_address || !session.server->in_rotation || session.failures >= table.retries;
}

bool Worker::can_redispatch(const Session& session) const noexcept {
  const LocalService& backend = *session.backend;
  return backend.table->redispatch && backend.choices.size() > (session.server->in_rotation ? 1u : 0u);
}

// Whether a further attempt is left for it.
bool Worker::may_leave(const Session& session) const noexcept {
  return session.failures < session.backend->table->retries && can_redispatch(session);
}

// Away from a server that is no longer wanted, without calling it an error of that server.
void Worker::redispatch(Session& session) {
  drop_server_leg(session);
  timers_.remove(session);
  ++session.failures;
  ++session.retries;
  if (LocalServer* server = elsewhere(session)) attempt(session, *server);
}

void Worker::drop_server_leg(Session& session) noexcept {
  Leg& leg = session.leg[kServer];
  close_socket(leg, true);
  const std::uint32_t generation = leg.generation;
  leg = Leg{};
  leg.generation = generation;
}

// Also while it is queued.
void Worker::on_connecting(Session& session, Side side, std::uint32_t events) {
  Leg& leg = session.leg[side];
  if (side == kClient) {
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) return;
    int unread = 0;
    const bool has_asked =
        session.flow[kClient].pending() || (::ioctl(leg.fd, FIONREAD, &unread) == 0 && unread > 0);
    if (has_asked && !session.backend->table->aborts_on_close && (events & (EPOLLERR | EPOLLHUP)) == 0) return;
    session.service->counters->aborts[kClient].add();
    session.ends('C', session.state == Session::State::queued ? 'Q' : 'C');
    close(session, Close::plain);
    return;
  }
  if ((events & EPOLLERR) != 0) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(leg.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      drop_server_leg(session);
      if (LocalServer* next = after_failure(session, error)) attempt(session, *next);
      return;
    }
  }
  if ((events & EPOLLOUT) != 0) established(session);
}

void Worker::on_connect_timer(Session& session) {
  const std::int64_t limit = session.backend->table->timeouts.connect;
  const bool delayed = session.state == Session::State::waiting;
  const std::int64_t due = session.leg[kServer].active_ms + (delayed ? retry_delay_ms(limit) : limit);
  if (!delayed && limit == 0) return;
  if (due > now_ms_) {
    timers_.at_latest(session, due);
    return;
  }
  if (session.state == Session::State::connecting) {
    drop_server_leg(session);
    if (LocalServer* next = after_failure(session, ETIMEDOUT)) attempt(session, *next);
    return;
  }
  // The delay is over. The server may have left the rotation meanwhile.
  LocalServer* server = session.server;
  if (!server->in_rotation && can_redispatch(session)) server = elsewhere(session);
  if (server != nullptr) attempt(session, *server);
}

void Worker::established(Session& session) {
  LocalServer& server = *session.server;
  session.state = Session::State::established;
  session.connect_ms = static_cast<std::int32_t>(now_ms_ - session.accepted_ms) - session.queue_ms;
  server.counters->current.add();
  server.counters->total.add();
  std::atomic<std::uint32_t>& failures = server.state().failures_in_row;
  if (failures.load(std::memory_order_relaxed) != 0) failures.store(0, std::memory_order_relaxed);
  for (Leg& leg : session.leg) {
    leg.active_ms = now_ms_;
    leg.wrote_ms = static_cast<std::uint32_t>(now_ms_);
  }
  timers_.remove(session);
  look_at_idle(session);
  if (!session.watched) timers_.at_latest(session, now_ms_ + kYoungMs);
  if (server.spec.send_proxy != 0) send_proxy_header(session);
  const int fd = session.leg[kServer].fd;
  const std::uint32_t generation = session.leg[kServer].generation;
  pump(session);
  // With or without data, from here on the kernel acknowledges as for any client: a server that speaks first, or in
  // several small pieces, does not wait for us.
  if (session.leg[kServer].generation == generation) delay_ack(fd, false);
}

// Keepalive and user timeout of the server leg; the client's has inherited them from its listener.
void Worker::watch_peer(Session& session) noexcept {
  session.watched = true;
  tune_watch(session.leg[kServer].fd, session.backend->table->sockets, true);
}

void Worker::no_server(Session& session) {
  session.service->counters->refused.add();
  session.ends('S', 'C');
  close(session, Close::reset_client);
}

}  // namespace vipd
