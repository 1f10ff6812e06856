// Worker thread. What must be read of a client before it gets a server: a PROXY header, a TLS ClientHello.
#include "handshake.h"

#include <sys/socket.h>

#include <cerrno>

#include "proxy_header.h"
#include "worker.h"

namespace vipd {
namespace {

constexpr std::size_t kReadBytes = 16 * 1024;

}  // namespace

const Route* find_route(const std::vector<Route>& routes, std::string_view name) noexcept {
  const Route* best = nullptr;
  for (const Route& route : routes) {
    const std::string_view pattern = route.servername;
    if (pattern == name) return &route;
    const bool below = pattern.starts_with("*.") && name.size() >= pattern.size() && name.ends_with(pattern.substr(1));
    if (below && (best == nullptr || pattern.size() > best->servername.size())) best = &route;
  }
  return best;
}

void Worker::begin_handshake(Session& session, bool expects_proxy) {
  session.more().handshake = std::make_unique<Handshake>();
  session.extra->handshake->expects_proxy = expects_proxy;
}

void Worker::on_handshake(Session& session) {
  Leg& leg = session.leg[kClient];
  while (session.state == Session::State::handshake && leg.readable) {
    char buffer[kReadBytes];
    const ssize_t got = ::recv(leg.fd, buffer, sizeof buffer, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      leg.readable = false;
      if (errno != EAGAIN && errno != EWOULDBLOCK) fail_handshake(session, HandshakeEnd::client_left);
      return;
    }
    leg.active_ms = now_ms_;
    leg.eof = got == 0;
    leg.readable = !leg.eof && (leg.careful || got == ssize_t{kReadBytes});
    session.extra->handshake->bytes.append(buffer, static_cast<std::size_t>(got));
    read_handshake(session);
  }
}

// Looks at what there is, and goes on as far as that leads.
void Worker::read_handshake(Session& session) {
  Handshake& shake = *session.extra->handshake;
  if (shake.expects_proxy && !read_proxy_header(session)) return;
  const std::vector<Route>& routes = session.service->table->routes;
  if (routes.empty()) {
    end_handshake(session);
    return;
  }
  const ClientHello::Verdict verdict = shake.hello.feed(std::string_view(shake.bytes).substr(shake.read_of));
  shake.read_of = shake.bytes.size();
  if (verdict == ClientHello::Verdict::more && !session.leg[kClient].eof) return;
  if (verdict == ClientHello::Verdict::not_tls) session.service->counters->malformed.add();
  if (verdict == ClientHello::Verdict::name) {
    const Route* route = find_route(routes, shake.hello.name());
    LocalService* target = route != nullptr ? find_service(route->service) : nullptr;
    if (target != nullptr) session.backend = target;
  }
  end_handshake(session);
}

// False: it is not all there, or the session has ended.
bool Worker::read_proxy_header(Session& session) {
  Handshake& shake = *session.extra->handshake;
  const ProxyHeader header = parse_proxy_header(shake.bytes);
  if (header.verdict == ProxyHeader::Verdict::malformed) {
    fail_handshake(session, HandshakeEnd::malformed);
    return false;
  }
  if (header.verdict == ProxyHeader::Verdict::more) {
    if (session.leg[kClient].eof) fail_handshake(session, HandshakeEnd::client_left);
    return false;
  }
  shake.expects_proxy = false;
  shake.bytes.erase(0, header.size);
  if (header.addressed) {
    session.client = header.source;
    session.extra->listener = header.destination;
  }
  return admit(session);
}

// The session gets a server; what was read of the stream goes to it first.
void Worker::end_handshake(Session& session) {
  const std::string bytes = std::move(session.extra->handshake->bytes);
  session.extra->handshake.reset();
  if (!bytes.empty()) {
    Pump::prepend(session.flow[kClient], bytes.data(), bytes.size());
  } else if (session.leg[kClient].eof) {
    // It said nothing and never will: no server need know of it.
    fail_handshake(session, HandshakeEnd::client_left);
    return;
  }
  choose(session);
}

// Who says nothing where a name decides may wait for the server to speak first. Who owes a PROXY header has broken a rule.
void Worker::on_handshake_timer(Session& session) {
  const std::int64_t limit = session.service->table->timeouts.handshake;
  if (limit == 0) return;
  if (session.accepted_ms + limit > now_ms_) {
    timers_.at_latest(session, session.accepted_ms + limit);
  } else if (session.extra->handshake->expects_proxy) {
    fail_handshake(session, HandshakeEnd::timed_out);
  } else {
    end_handshake(session);
  }
}

// A new connection takes it at once; should it not, the rest goes the way of all bytes.
void Worker::send_proxy_header(Session& session) {
  const Address& told = session.extra ? session.extra->listener : Address{};
  const Address destination = told.known() ? told : Address::local_of(session.leg[kClient].fd);
  const bool named = session.client.is_ip() && destination.is_ip();
  char header[kMostBuiltHeader];
  const std::size_t size = build_proxy_header(static_cast<unsigned>(session.server->spec.send_proxy),
                                              named ? &session.client : nullptr, &destination, header);
  const ssize_t sent = ::send(session.leg[kServer].fd, header, size, MSG_NOSIGNAL);
  const std::size_t done = sent > 0 ? static_cast<std::size_t>(sent) : 0;
  if (done < size) Pump::prepend(session.flow[kClient], header + done, size - done);
}

}  // namespace vipd
