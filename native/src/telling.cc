// Worker thread. What is told of sessions: a record when one ends, and those that live when somebody asks.
#include <algorithm>

#include "clock.h"
#include "worker.h"

namespace vipd {
namespace {

// A part of an answer in each turn of the loop: each session costs two system calls.
constexpr std::size_t kToldEachTurn = 256;

const char* name_of(Session::State state) noexcept {
  switch (state) {
    case Session::State::handshake: return "handshake";
    case Session::State::queued: return "queued";
    case Session::State::connecting:
    case Session::State::waiting: return "connecting";
    case Session::State::established: return "established";
    case Session::State::free:
    case Session::State::closed: return "";
  }
  return "";
}

bool is_meant(const Session& session, const SessionQuery& query, std::int64_t now_ms) noexcept {
  const int backend = session.backend->state->id;
  if (query.server >= 0) {
    if (session.server == nullptr || session.server->spec.id != query.server) return false;
    if (query.service >= 0 && query.service != backend) return false;
  } else if (query.service >= 0 && query.service != backend && query.service != session.service->state->id) {
    return false;
  }
  return session.idle_ms(now_ms) >= query.quiet_ms;
}

}  // namespace

SessionFacts Worker::facts_of(const Session& session) const noexcept {
  SessionFacts facts;
  facts.id = session.id;
  facts.service = session.service->state->id;
  facts.backend = session.backend->state->id;
  if (session.server != nullptr) facts.server = session.server->spec.id;
  facts.client = session.client;
  if (session.extra) facts.listener = session.extra->listener;
  if (!facts.listener.known()) facts.listener = Address::local_of(session.leg[kClient].fd);
  facts.local = Address::local_of(session.leg[kServer].fd);
  facts.bytes[kClient] = session.bytes[kClient];
  facts.bytes[kServer] = session.bytes[kServer];
  return facts;
}

// Its sockets are still open, and it still counts.
void Worker::leave_record(const Session& session) {
  const Table& table = *session.service->table;
  ServiceState& service = *session.service->state;
  if (table.session_log == SessionLog::errors && session.ending[0] == '-') return;
  if (table.session_log == SessionLog::sampled &&
      service.sampled.fetch_add(1, std::memory_order_relaxed) % table.log_sample != 0) {
    return;
  }
  if (!records.room()) {
    records_dropped.add();
    return;
  }
  const ServiceState& backend = *session.backend->state;
  SessionRecord record;
  record.facts = facts_of(session);
  record.ended_ms = now_ms_;
  record.total_ms = now_ms_ - session.accepted_ms;
  record.accepted_at_ms = wall_ms() - record.total_ms;
  record.queue_ms = session.queue_ms;
  record.connect_ms = session.connect_ms;
  record.ending[0] = session.ending[0];
  record.ending[1] = session.ending[1];
  record.retries = session.retries;
  record.is_redispatched = session.is_redispatched;
  record.connections[0] = plane_.slots.used();
  record.connections[1] = service.current.load(std::memory_order_relaxed);
  record.connections[2] =
      backend.current.load(std::memory_order_relaxed) + backend.routed.load(std::memory_order_relaxed);
  if (session.server != nullptr) record.connections[3] = session.server->state().served.load(std::memory_order_relaxed);
  if (session.extra) std::copy_n(session.extra->before, 2, record.queued);
  records.push(record);
}

void Worker::start_query(std::shared_ptr<SessionQuery> query) {
  if (query->hands_over) {
    hand_over(*query);
    if (query->left.fetch_sub(1) == 1) plane_.sink.answered(query);
    return;
  }
  if (!query->resets_at.empty()) {
    query->reset.fetch_add(reset_at(query->resets_at), std::memory_order_relaxed);
    answers_.push_back({std::move(query), {}});
    return;
  }
  Answer answer{std::move(query), {}};
  slab_.each([&](const Session& session) {
    if (is_meant(session, *answer.query, now_ms_)) answer.left.emplace_back(session.id, session.index);
  });
  // The later one was accepted, the higher its number.
  std::sort(answer.left.begin(), answer.left.end());
  if (answer.left.size() > answer.query->most) answer.left.resize(answer.query->most);
  std::reverse(answer.left.begin(), answer.left.end());
  answers_.push_back(std::move(answer));
}

void Worker::answer_some() {
  // After what was ordered before it was asked.
  if (answers_.empty() || !orders_.empty()) return;
  Answer& answer = answers_.front();
  std::vector<LiveSession>& found = answer.query->found[index_];
  for (std::size_t i = 0; i < kToldEachTurn && !answer.left.empty(); ++i) {
    const auto [id, index] = answer.left.back();
    answer.left.pop_back();
    const Session& session = *slab_.at(index);
    if (session.id != id || session.state == Session::State::closed) continue;  // it ended meanwhile
    found.push_back({facts_of(session), name_of(session.state), session.accepted_ms, now_ms_ - session.accepted_ms,
                     session.idle_ms(now_ms_)});
  }
  if (!answer.left.empty()) return;
  const std::shared_ptr<SessionQuery> query = std::move(answer.query);
  answers_.erase(answers_.begin());
  // Sequentially consistent: who is last sees what the others found.
  if (query->left.fetch_sub(1) == 1) plane_.sink.answered(query);
}

}  // namespace vipd
