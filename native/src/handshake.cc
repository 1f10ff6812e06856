// Worker thread. What must be read of a client before it gets a server.
#include "worker.h"

namespace vipd {

void Worker::begin_handshake(Session& session) { choose(session); }

void Worker::on_handshake(Session&, std::uint32_t) {}

void Worker::on_handshake_timer(Session& session) {
  const std::int64_t limit = session.service->table->timeouts.handshake;
  const std::int64_t due = limit > 0 ? session.accepted_ms + limit : INT64_MAX;
  if (due <= now_ms_) fail_handshake(session, HandshakeEnd::timed_out);
  else if (limit > 0) timers_.at_latest(session, due);
}

void Worker::send_proxy_header(Session&) {}

}  // namespace vipd
