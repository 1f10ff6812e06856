// Worker thread. Deadlines of established sessions, and of all when their timeouts have changed. A deadline is moved
// when it comes, not with each byte.
#include <algorithm>

#include "worker.h"

namespace vipd {

// A side that has sent or received its FIN has a timeout of its own; before that a tunnel's replaces both.
std::int64_t Worker::idle_limit(const Session& session, Side side) const noexcept {
  const Timeouts& own = (side == kClient ? session.service : session.backend)->table->timeouts;
  const Leg& leg = session.leg[side];
  if ((leg.eof || leg.shut) && own.fin[side] > 0) return own.fin[side];
  const std::int64_t tunnel = session.backend->table->timeouts.tunnel;
  return tunnel > 0 ? tunnel : own.side[side];
}

void Worker::look_at_idle(Session& session) {
  std::int64_t next = INT64_MAX;
  for (const Side side : {kClient, kServer}) {
    const std::int64_t limit = idle_limit(session, side);
    if (limit == 0 || (side == kServer && session.server_failed)) continue;
    const Leg& leg = session.leg[side];
    // A side that takes nothing although there is something for it is stuck, whatever it sends meanwhile. A side that
    // cannot be read because the other one is stuck is held up: that one's clock runs.
    std::int64_t due = now_ms_ + limit;
    if (session.flow[1 - side].pending()) due -= static_cast<std::uint32_t>(now_ms_) - leg.wrote_ms;
    else if (!leg.eof && !session.flow[side].pending()) due = leg.active_ms + limit;
    if (due > now_ms_) {
      next = std::min(next, due);
      continue;
    }
    session.service->counters->timeouts[side].add();
    session.ends(side == kClient ? 'c' : 's', server_is_done(session) ? 'L' : 'D');
    close(session, side == kClient ? Close::plain : Close::timed_out);
    return;
  }
  if (next != INT64_MAX) timers_.at_latest(session, next);
}

void Worker::retime(LocalService& service) {
  slab_.each([&](Session& session) {
    if (session.service == &service || session.backend == &service) timers_.at_latest(session, now_ms_);
  });
}

}  // namespace vipd
