// Worker thread. From accept to an established server leg: attempts, retries, redispatches.
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "worker.h"

namespace vipd {
namespace {

constexpr std::int64_t kRetryDelayMs = 1000;

bool out_of_descriptors_error(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

}  // namespace

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

// 0: under way or established.
int Worker::try_connect(Session& session, LocalServer& server) {
  const Table& table = *session.service->table;
  detach(session);
  attach(server, session);
  session.state = Session::State::connecting;
  Leg& leg = session.leg[kServer];
  const int family = server.address.family();
  if (spare_.open() && spare_family_ == family) leg.fd = spare_.release();
  else leg.fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (leg.fd < 0) return errno;
  tune_socket(leg.fd, table.sockets, true);
  const bool done = ::connect(leg.fd, server.address.get(), server.address.size()) == 0;
  if (!done && errno != EINPROGRESS) return errno;
  if (!watch(session, kServer)) return errno;
  if (done) {
    leg.writable = true;
    established(session);
    return 0;
  }
  if (table.connect_timeout_ms > 0) timers_.at_latest(session, now_ms_ + table.connect_timeout_ms);
  return 0;
}

// Which server to try now; none: the session waits for its timer or is closed.
LocalServer* Worker::after_failure(Session& session, int error) {
  LocalService& service = *session.service;
  const Table& table = *service.table;
  LocalServer& failed = *session.server;
  failed.counters->connect_errors.add();
  emit(Event::Type::connect_failed, service.state->id, failed.id, error);
  ++session.failures;
  timers_.remove(session);
  if (service.rotation.empty()) {
    no_server(session);
    return nullptr;
  }
  if (session.failures > table.retries || out_of_descriptors_error(error)) {
    if (error == ETIMEDOUT) service.counters->connect_timeouts.add();
    close(session, Close::plain);
    return nullptr;
  }
  if (can_redispatch(session)) {
    failed.counters->redispatches.add();
    return &next_server(service, &failed);
  }
  failed.counters->retries.add();
  if (error == ETIMEDOUT) return &failed;
  session.state = Session::State::waiting;
  const std::int64_t limit = table.connect_timeout_ms > 0 ? table.connect_timeout_ms : kRetryDelayMs;
  timers_.at_latest(session, now_ms_ + std::min(kRetryDelayMs, limit));
  return nullptr;
}

LocalServer& Worker::next_server(LocalService& service, const LocalServer* avoid) noexcept {
  const std::size_t size = service.rotation.size();
  // Relaxed: only the number itself must be unique, so that the turn is exact over all workers.
  const std::size_t position = service.state->cursor.fetch_add(1, std::memory_order_relaxed) % size;
  for (std::size_t i = 0; i < size; ++i) {
    LocalServer* server = service.rotation[(position + i) % size];
    if (server != avoid) return *server;
  }
  return *service.rotation[position];
}

bool Worker::can_redispatch(const Session& session) const noexcept {
  const LocalService& service = *session.service;
  return service.table->redispatch && service.distinct > (session.server->in_rotation ? 1u : 0u);
}

// Whether a further attempt is left for it.
bool Worker::may_leave(const Session& session) const noexcept {
  return session.failures < session.service->table->retries && can_redispatch(session);
}

// Away from a server that is no longer wanted, without calling it an error of that server.
void Worker::redispatch(Session& session) {
  drop_server_leg(session);
  timers_.remove(session);
  ++session.failures;
  session.server->counters->redispatches.add();
  attempt(session, next_server(*session.service, session.server));
}

void Worker::drop_server_leg(Session& session) noexcept {
  Leg& leg = session.leg[kServer];
  close_socket(leg, true);
  const std::uint32_t generation = leg.generation;
  leg = Leg{};
  leg.generation = generation;
}

void Worker::on_connecting(Session& session, Side side, std::uint32_t events) {
  Leg& leg = session.leg[side];
  if (side == kClient) {
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) return;
    int unread = 0;
    const bool has_data = ::ioctl(leg.fd, FIONREAD, &unread) == 0 && unread > 0;
    if (has_data && (events & (EPOLLERR | EPOLLHUP)) == 0) return;
    session.service->counters->aborts[kClient].add();
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
  LocalService& service = *session.service;
  if (session.state == Session::State::connecting) {
    drop_server_leg(session);
    if (LocalServer* next = after_failure(session, ETIMEDOUT)) attempt(session, *next);
    return;
  }
  // The delay is over. The server may have left the rotation meanwhile.
  LocalServer& last = *session.server;
  attempt(session, last.in_rotation || !service.table->redispatch ? last : next_server(service, &last));
}

void Worker::established(Session& session) {
  LocalService& service = *session.service;
  const Table& table = *service.table;
  session.state = Session::State::established;
  session.server->counters->current.add();
  session.server->counters->total.add();
  session.leg[kClient].active_ms = session.leg[kServer].active_ms = now_ms_;
  timers_.remove(session);
  std::int64_t due = INT64_MAX;
  for (const std::int64_t limit : table.idle_timeout_ms) {
    if (limit > 0) due = std::min(due, now_ms_ + limit);
  }
  if (due != INT64_MAX) timers_.at_latest(session, due);
  pump(session);
}

void Worker::no_server(Session& session) {
  session.service->counters->refused.add();
  close(session, Close::reset_client);
}

}  // namespace vipd
