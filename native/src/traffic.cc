// Worker thread. Established sessions: pumping, half-close, resets, the end.
#include <sys/socket.h>

#include <algorithm>

#include "worker.h"

namespace vipd {

void Worker::on_traffic(Session& session, Side side, std::uint32_t events) {
  if ((events & EPOLLERR) != 0) {
    if (side == kClient) {
      leg_failed(session, kClient, true);
      return;
    }
    // What the server sent before its reset can still be read, unless its FIN was read before.
    if (session.leg[kServer].eof) fail_server(session, false);
  }
  pump(session);
}

void Worker::pump(Session& session) {
  bool again = false;
  for (const Side side : {kClient, kServer}) {
    if (side == kClient && session.server_failed) continue;
    const Outcome out = pump_.run(session.flow[side], session.leg[side], session.leg[1 - side], now_ms_);
    if (out.moved > 0) {
      session.bytes[side] += out.moved;
      session.service->counters->bytes[side].add(out.moved);
      session.server->counters->bytes[side].add(out.moved);
      if (out.spliced > 0) spliced.add(out.spliced);
    }
    if (out.verdict == Verdict::source_failed || out.verdict == Verdict::sink_failed) {
      const bool reading = out.verdict == Verdict::source_failed;
      const Side failed = reading ? side : static_cast<Side>(1 - side);
      leg_failed(session, failed, reading);
      if (failed == kClient) return;
    }
    again = again || out.verdict == Verdict::again;
  }
  if (!advance(session) || !again || session.runnable) return;
  session.runnable = true;
  runnable_.push_back(&session);
}

void Worker::leg_failed(Session& session, Side side, bool reading) {
  if (side == kServer) {
    fail_server(session, !reading);
    return;
  }
  // One end, one reason: after a reset by the server it matters no more.
  if (!session.server_failed) session.service->counters->aborts[kClient].add();
  session.ends('C', server_is_done(session) ? 'L' : 'D');
  close(session, Close::plain);
}

// Nothing more goes to the server; what it sent before still goes to the client, then the session ends.
void Worker::fail_server(Session& session, bool more_to_read) noexcept {
  Leg& leg = session.leg[kServer];
  if (!session.server_failed) session.service->counters->aborts[kServer].add();
  session.ends('S', 'D');
  session.server_failed = true;
  leg.shut = true;
  leg.careful = true;
  leg.readable = more_to_read;
  leg.eof = !more_to_read;
  pump_.discard(session.flow[kClient]);
}

// Passes on what has ended. False: the session is over.
bool Worker::advance(Session& session) {
  bool done[2];
  for (const Side side : {kClient, kServer}) {
    done[side] = session.leg[side].eof && !session.flow[side].pending();
  }
  if (done[kServer] && (done[kClient] || session.server_failed)) {
    close(session, Close::plain);
    return false;
  }
  for (const Side side : {kClient, kServer}) {
    Leg& sink = session.leg[1 - side];
    if (!done[side] || sink.shut) continue;
    sink.shut = true;
    sink.active_ms = now_ms_;
    ::shutdown(sink.fd, SHUT_WR);  // if it fails the socket is dead, and epoll says so
    for (const Side other : {kClient, kServer}) {
      const LocalService& owner = other == kClient ? *session.service : *session.backend;
      const std::int64_t limit = owner.table->timeouts.fin[other];
      if (limit > 0) timers_.at_latest(session, now_ms_ + limit);
    }
  }
  return true;
}

void Worker::close(Session& session, Close how) {
  LocalService& service = *session.service;
  if (session.state == Session::State::queued) leave_queue(session);
  if (service.table->session_log != SessionLog::off) leave_record(session);
  stand_still(session);
  // A reset leaves no TIME_WAIT, and tells a server that is still at work that nobody listens.
  close_socket(session.leg[kServer], !session.leg[kServer].eof && !session.server_failed && how != Close::timed_out);
  close_socket(session.leg[kClient], how == Close::reset_client);
  give_back(session);
}

// Nothing happens to it any more; it still has its sockets.
void Worker::stand_still(Session& session) {
  if (session.state == Session::State::established) session.server->counters->current.sub();
  session.state = Session::State::closed;
  timers_.remove(session);
  pump_.discard(session.flow[kClient]);
  pump_.discard(session.flow[kServer]);
  session.service->state->closed();  // before anybody can see it: who is told of an end finds it counted
}

// All that it held besides its sockets.
void Worker::give_back(Session& session) {
  LocalService& service = *session.service;
  leave_server(session);
  if (session.routed) {
    service.state->routed.fetch_add(1, std::memory_order_relaxed);
    session.backend->state->routed.fetch_sub(1, std::memory_order_relaxed);
  }
  if (session.counts_for_source) service.state->sources.give_back(session.client);
  closed_.push_back(&session);
  free_slots(service, session.extra ? session.extra->group.get() : nullptr);
}

}  // namespace vipd
