// Worker thread. Where sessions live: slab, timer heap, lists by server.
#include "session.h"

#include <sys/socket.h>

#include <utility>

namespace vipd {

Session& Slab::take() {
  if (free_.empty()) {
    const auto base = static_cast<std::uint32_t>(chunks_.size()) * kChunk;
    chunks_.push_back(std::make_unique<Session[]>(kChunk));
    for (std::uint32_t i = kChunk; i-- > 0;) {
      chunks_.back()[i].index = base + i;
      free_.push_back(base + i);
    }
  }
  Session& session = *at(free_.back());
  free_.pop_back();
  return session;
}

void Slab::give_back(Session& session) noexcept {
  Session fresh;
  fresh.index = session.index;
  // Generations go on, so that an event of an earlier life is recognised.
  fresh.leg[kClient].generation = session.leg[kClient].generation;
  fresh.leg[kServer].generation = session.leg[kServer].generation;
  session = std::move(fresh);
  free_.push_back(session.index);
}

Session* Slab::at(std::uint32_t index) noexcept {
  return index < chunks_.size() * kChunk ? &chunks_[index / kChunk][index % kChunk] : nullptr;
}

void Timers::at_latest(Session& session, std::int64_t due_ms) {
  if (session.timer != 0) {
    const std::size_t at = session.timer - 1;
    if (heap_[at].due_ms > due_ms) up(at, {due_ms, &session});
    return;
  }
  heap_.push_back({due_ms, &session});
  up(heap_.size() - 1, heap_.back());
}

void Timers::remove(Session& session) noexcept {
  if (session.timer == 0) return;
  const std::size_t at = session.timer - 1;
  session.timer = 0;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (at == heap_.size()) return;
  if (at > 0 && last.due_ms < heap_[(at - 1) / 4].due_ms) up(at, last);
  else down(at, last);
}

Session* Timers::pop_due(std::int64_t now_ms) noexcept {
  if (heap_.empty() || heap_.front().due_ms > now_ms) return nullptr;
  Session* session = heap_.front().session;
  remove(*session);
  return session;
}

void Timers::put(std::size_t at, Entry entry) noexcept {
  heap_[at] = entry;
  entry.session->timer = static_cast<std::uint32_t>(at + 1);
}

void Timers::up(std::size_t at, Entry entry) noexcept {
  while (at > 0) {
    const std::size_t parent = (at - 1) / 4;
    if (heap_[parent].due_ms <= entry.due_ms) break;
    put(at, heap_[parent]);
    at = parent;
  }
  put(at, entry);
}

void Timers::down(std::size_t at, Entry entry) noexcept {
  for (;;) {
    const std::size_t first = at * 4 + 1;
    if (first >= heap_.size()) break;
    std::size_t least = first;
    for (std::size_t i = first + 1; i < first + 4 && i < heap_.size(); ++i) {
      if (heap_[i].due_ms < heap_[least].due_ms) least = i;
    }
    if (heap_[least].due_ms >= entry.due_ms) break;
    put(at, heap_[least]);
    at = least;
  }
  put(at, entry);
}

bool server_is_done(const Session& session) noexcept {
  return session.server_failed || (session.leg[kServer].eof && session.leg[kServer].shut);
}

void close_socket(Leg& leg, bool reset) noexcept {
  constexpr linger kReset{1, 0};
  if (leg.fd < 0) return;
  if (reset) ::setsockopt(leg.fd, SOL_SOCKET, SO_LINGER, &kReset, sizeof kReset);
  ::close(leg.fd);
  leg.fd = -1;
  ++leg.generation;
}

void SessionList::add(Session& session) noexcept {
  session.previous = nullptr;
  session.next = first;
  if (first != nullptr) first->previous = &session;
  first = &session;
}

void SessionList::remove(Session& session) noexcept {
  (session.previous != nullptr ? session.previous->next : first) = session.next;
  if (session.next != nullptr) session.next->previous = session.previous;
  session.previous = session.next = nullptr;
}

}  // namespace vipd
