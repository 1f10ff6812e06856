// Worker thread. Sessions that wait for a slot of a server.
#include <algorithm>

#include "worker.h"

namespace vipd {
namespace {

constexpr int kServedEachTurn = 256;

}  // namespace

void Worker::enqueue(Session& session, Queue& queue) {
  LocalService& backend = *session.backend;
  Extra& more = session.more();
  session.state = Session::State::queued;
  backend.queued.add(session);
  more.queue = &queue;
  more.queued_at_ms = now_ms_;
  more.link.session = &session;
  more.link.worker = static_cast<int>(index_);
  const bool own = &queue != &backend.state->queue;
  backend.state->queued.fetch_add(1);
  const auto before = static_cast<std::uint32_t>(queue.push(more.link));
  more.before[own ? 0 : 1] = before;
  if (const std::int64_t limit = backend.table->timeouts.queue; limit > 0) timers_.at_latest(session, now_ms_ + limit);
  // A slot that was freed just before was announced to nobody.
  if (before == 0) queues_ = true;
}

void Worker::leave_queue(Session& session) noexcept {
  Extra& more = *session.extra;
  session.backend->queued.remove(session);
  const int next = more.queue->remove(more.link);
  session.backend->state->queued.fetch_sub(1);
  more.queue = nullptr;
  session.queue_ms = static_cast<std::int32_t>(now_ms_ - session.accepted_ms);
  timers_.remove(session);
  // What woke this session may have been meant for the next one.
  tell_head(next);
}

// Whoever freed a slot has done so already.
void Worker::slot_freed(LocalService& backend, ServerState& server) noexcept {
  if (backend.state->queued.load() == 0) return;
  tell_head(server.queue.head_worker());
  tell_head(backend.state->queue.head_worker());
}

void Worker::tell_head(int worker) noexcept {
  if (worker == static_cast<int>(index_)) queues_ = true;
  else if (worker >= 0) plane_.workers[static_cast<std::size_t>(worker)]->wake();
}

void Worker::serve_queues() {
  int left = kServedEachTurn;
  while (queues_ && left > 0) {
    queues_ = false;
    for (const auto& [id, service] : services_) {
      if (!service->table || service->state->queued.load() == 0) continue;
      serve(*service, service->state->queue, nullptr, left);
      for (const auto& [server_id, server] : service->servers) {
        if (server->in_rotation) serve(*service, server->state().queue, server.get(), left);
      }
    }
  }
  if (left == 0) queues_ = true;
}

// While this worker's session is the first one, and there is a slot for it.
void Worker::serve(LocalService& backend, Queue& queue, LocalServer* only, int& left) {
  if (queue.size() == 0 || backend.rotation.empty()) return;
  while (left > 0) {
    Session* session = queue.head_of(static_cast<int>(index_));
    if (session == nullptr) return;
    LocalServer* server = only;
    if (only == nullptr) server = take_any(backend, nullptr);
    else if (!only->state().take_slot()) server = nullptr;
    if (server == nullptr) return;
    --left;
    leave_queue(*session);
    join_server(*session, *server);
    attempt(*session, *server);
  }
}

void Worker::on_queue_timer(Session& session) {
  const std::int64_t limit = session.backend->table->timeouts.queue;
  const std::int64_t due = limit > 0 ? session.extra->queued_at_ms + limit : INT64_MAX;
  if (due > now_ms_) {
    if (limit > 0) timers_.at_latest(session, due);
    return;
  }
  session.service->counters->queue_timeouts.add();
  session.ends('s', 'Q');
  close(session, Close::plain);
}

}  // namespace vipd
