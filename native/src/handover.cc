// Worker thread. Gives its sessions away, all at once and without a word to either end; and takes up those of another process.
#include "handover.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "worker.h"

namespace vipd {
namespace {

constexpr std::int64_t kYoungMs = 1000;

std::uint8_t leg_bits(const Leg& leg) noexcept {
  return static_cast<std::uint8_t>((leg.eof ? HandedSession::kEof : 0) | (leg.shut ? HandedSession::kShut : 0) |
                                   (leg.careful ? HandedSession::kCareful : 0) |
                                   (leg.urgent ? HandedSession::kUrgent : 0));
}

std::uint8_t session_bits(const Session& session) noexcept {
  return static_cast<std::uint8_t>((session.server_failed ? HandedSession::kServerFailed : 0) |
                                   (session.is_redispatched ? HandedSession::kRedispatched : 0) |
                                   (session.admitted ? HandedSession::kAdmitted : 0) |
                                   (session.counts_for_source ? HandedSession::kCountsForSource : 0) |
                                   (session.watched ? HandedSession::kWatched : 0));
}

void append(std::vector<std::uint8_t>& to, const void* bytes, std::size_t size) {
  const auto* from = static_cast<const std::uint8_t*>(bytes);
  to.insert(to.end(), from, from + size);
}

// What waits in a flow, wherever it is. Returns how much.
std::uint32_t append_flow(std::vector<std::uint8_t>& to, Flow& flow) {
  if (flow.rest != nullptr) {
    append(to, flow.rest + flow.rest_at, flow.rest_size - flow.rest_at);
    return flow.rest_size - flow.rest_at;
  }
  const std::size_t begin = to.size();
  to.resize(begin + flow.piped);
  std::size_t got = 0;
  while (got < flow.piped) {
    const ssize_t part = ::read(flow.pipe->read.get(), to.data() + begin + got, flow.piped - got);
    if (part <= 0) break;  // cannot be: so much is in it
    got += static_cast<std::size_t>(part);
  }
  to.resize(begin + got);
  flow.piped -= static_cast<std::uint32_t>(got);
  return static_cast<std::uint32_t>(got);
}

// 2: bound to the very same name, 1: a listener for every address of that port, 0: another's.
int likeness(int client, const Listener& listener) noexcept {
  sockaddr_storage ours{};
  sockaddr_storage theirs{};
  socklen_t our_size = sizeof ours;
  socklen_t their_size = sizeof theirs;
  if (::getsockname(client, reinterpret_cast<sockaddr*>(&ours), &our_size) != 0) return 0;
  if (::getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&theirs), &their_size) != 0) return 0;
  if (ours.ss_family == AF_UNIX) return our_size == their_size && std::memcmp(&ours, &theirs, our_size) == 0 ? 2 : 0;
  const Address local = Address::from_kernel(ours);
  const Address place = Address::from_kernel(theirs);
  if (local == place) return 2;
  const bool same_family = local.family() == place.family() || listener.group->spec.v4v6;
  return place.is_ip() && place.wildcard() && local.port() == place.port() && same_family ? 1 : 0;
}

// Of a session that is adopted: the listener of which it holds a slot, for no record says it.
std::shared_ptr<ListenerGroup> group_of(const LocalService& service, int client) noexcept {
  std::shared_ptr<ListenerGroup> found;
  int most = 0;
  for (const auto& listener : service.listeners) {
    const Listener& socket = listener->socket;
    if (socket.group->maxconn.load(std::memory_order_relaxed) == 0) continue;
    const int like = likeness(client, socket);
    if (like <= most) continue;
    most = like;
    found = socket.group;
  }
  return found;
}

void hold(Flow& flow, const std::uint8_t* bytes, std::uint32_t size) {
  if (size > 0) Pump::prepend(flow, bytes, size);
}

}  // namespace

HandedAddress::HandedAddress(const Address& address) noexcept {
  if (!address.is_ip()) return;
  family = static_cast<std::uint16_t>(address.family());
  port = address.port();
  const std::array<std::uint8_t, 16> all = address.bytes();
  std::memcpy(bytes, all.data(), sizeof bytes);
}

Address HandedAddress::address() const noexcept {
  if (family == AF_INET) return Address::from_bytes(AF_INET, bytes + 12, port);
  if (family == AF_INET6) return Address::from_bytes(AF_INET6, bytes, port);
  return {};
}

std::optional<std::vector<Adoption>> read_handed(const std::uint8_t* bytes, std::size_t size,
                                                 std::vector<Fd>&& descriptors) {
  std::vector<Fd> fds = std::move(descriptors);
  std::vector<Adoption> all;
  std::size_t at = 0;
  std::size_t used = 0;
  while (at < size) {
    Adoption one;
    if (size - at < sizeof one.record) return std::nullopt;
    std::memcpy(&one.record, bytes + at, sizeof one.record);
    at += sizeof one.record;
    const HandedSession& record = one.record;
    const std::uint64_t held = std::uint64_t{record.held[kClient]} + record.held[kServer];
    if (record.kind > HandedSession::Kind::handshake || held > size - at) return std::nullopt;
    if (fds.size() - used < record.descriptors()) return std::nullopt;
    one.held.assign(bytes + at, bytes + at + held);
    at += held;
    for (unsigned i = 0; i < record.descriptors(); ++i) one.descriptors.push_back(std::move(fds[used++]));
    all.push_back(std::move(one));
  }
  return used == fds.size() ? std::optional{std::move(all)} : std::nullopt;
}

// From here on it accepts nothing: what comes waits in the listeners' queues, which go along.
void Worker::hand_over(SessionQuery& query) {
  frozen_ = true;
  Handed& part = query.handed[index_];
  for (const auto& [id, service] : services_) {
    for (const auto& listener : service->listeners) {
      poll(*listener);
      const ListenerGroup& group = *listener->socket.group;
      // The daemon itself has what was inherited. A unix socket whose name is another's by now nobody can reach.
      if (group.spec.kind == ListenerSpec::Kind::inherited || (group.file && !group.file->is_there())) continue;
      Fd copy{::fcntl(listener->socket.fd.get(), F_DUPFD_CLOEXEC, 3)};
      if (copy.open()) part.listeners.push_back({group.spec.place(), std::move(copy)});
    }
  }
  slab_.each([&](Session& session) { give_away(session, part); });
}

void Worker::give_away(Session& session, Handed& part) {
  HandedSession record;
  record.age_ms = now_ms_ - session.accepted_ms;
  record.server = session.server != nullptr ? session.server->spec.id : -1;
  record.service = session.service->state->id;
  record.backend = session.backend->state->id;
  const bool is_established = session.state == Session::State::established;
  if (!is_established) {
    record.kind = session.state == Session::State::handshake && session.extra->handshake
                      ? HandedSession::Kind::handshake
                      : HandedSession::Kind::unserved;
    if (session.state == Session::State::queued) leave_queue(session);
    drop_server_leg(session);
    leave_server(session);
    session.state = Session::State::connecting;
  }
  for (const Side side : {kClient, kServer}) {
    record.idle_ms[side] = now_ms_ - session.leg[side].active_ms;
    record.bytes[side] = session.bytes[side];
    record.leg[side] = leg_bits(session.leg[side]);
  }
  record.queue_ms = session.queue_ms;
  record.connect_ms = session.connect_ms;
  record.client = HandedAddress(session.client);
  if (session.extra) record.listener = HandedAddress(session.extra->listener);
  record.failures = session.failures;
  record.retries = session.retries;
  record.bits = session_bits(session);
  const std::size_t at = part.sessions.size();
  append(part.sessions, &record, sizeof record);
  if (record.kind == HandedSession::Kind::handshake) {
    const Handshake& shake = *session.extra->handshake;
    if (shake.expects_proxy) record.bits |= HandedSession::kExpectsProxy;
    append(part.sessions, shake.bytes.data(), shake.bytes.size());
    record.held[kClient] = static_cast<std::uint32_t>(shake.bytes.size());
  } else {
    for (const Side side : {kClient, kServer}) record.held[side] = append_flow(part.sessions, session.flow[side]);
  }
  std::memcpy(part.sessions.data() + at, &record, sizeof record);
  for (unsigned side = 0; side < record.descriptors(); ++side) {
    Leg& leg = session.leg[side];
    ::epoll_ctl(loop_.epoll(), EPOLL_CTL_DEL, leg.fd, nullptr);
    part.descriptors.emplace_back(std::exchange(leg.fd, -1));
    ++leg.generation;
  }
  forget(session);
}

// As close(), but its sockets live on elsewhere, and nothing is told of its end.
void Worker::forget(Session& session) {
  stand_still(session);
  give_back(session);
}

void Worker::thaw() {
  if (!frozen_) return;
  frozen_ = false;
  for (const auto& [id, service] : services_) poll_all(*service);
}

// One that has no place here any more is reset: its service, or its server, is not configured.
void Worker::adopt(Adoption& one) {
  const HandedSession& record = one.record;
  const auto found = services_.find(record.service);
  LocalService* backend = find_service(record.backend);
  const bool is_established = record.kind == HandedSession::Kind::established;
  LocalServer* server = nullptr;
  if (backend != nullptr && is_established) {
    const auto entry = backend->servers.find(static_cast<std::uint16_t>(record.server));
    if (entry != backend->servers.end()) server = entry->second.get();
  }
  if (found == services_.end() || !found->second->table || backend == nullptr || (is_established && server == nullptr)) {
    constexpr linger kReset{1, 0};
    for (Fd& fd : one.descriptors) ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &kReset, sizeof kReset);
    return;
  }
  LocalService& service = *found->second;
  service.state->opened();
  service.state->slots.take();
  plane_.slots.take();
  Session& session = slab_.take();
  if (const auto group = group_of(service, one.descriptors[kClient].get()); group != nullptr) {
    group->slots.take();
    session.more().group = group;
  }
  session.id = ++last_session_ * kMostWorkers + index_;
  session.service = &service;
  session.backend = backend;
  session.accepted_ms = now_ms_ - record.age_ms;
  session.client = record.client.address();
  if (record.listener.family != 0) session.more().listener = record.listener.address();
  session.queue_ms = record.queue_ms;
  session.connect_ms = record.connect_ms;
  session.failures = record.failures;
  session.retries = record.retries;
  session.server_failed = (record.bits & HandedSession::kServerFailed) != 0;
  session.is_redispatched = (record.bits & HandedSession::kRedispatched) != 0;
  session.admitted = (record.bits & HandedSession::kAdmitted) != 0;
  session.watched = (record.bits & HandedSession::kWatched) != 0;
  if ((record.bits & HandedSession::kCountsForSource) != 0) {
    session.counts_for_source = service.state->sources.take(session.client, INT64_MAX);
  }
  for (unsigned side = 0; side < record.descriptors(); ++side) {
    Leg& leg = session.leg[side];
    leg.fd = one.descriptors[side].release();
    leg.active_ms = now_ms_ - record.idle_ms[side];
    leg.wrote_ms = static_cast<std::uint32_t>(now_ms_);
    // Whether it is so, the first system call tells.
    leg.readable = leg.writable = true;
    leg.eof = (record.leg[side] & HandedSession::kEof) != 0;
    leg.shut = (record.leg[side] & HandedSession::kShut) != 0;
    leg.careful = true;
    leg.urgent = (record.leg[side] & HandedSession::kUrgent) != 0;
    session.bytes[side] = record.bytes[side];
  }
  for (const Side side : {kClient, kServer}) session.bytes[side] = record.bytes[side];
  if (is_established) resume_session(session, *server, one);
  else begin_again(session, one);
}

void Worker::resume_session(Session& session, LocalServer& server, Adoption& one) {
  const std::uint32_t* held = one.record.held;
  session.state = Session::State::established;
  server.state().served.fetch_add(1);
  join_server(session, server);
  server.counters->current.add();
  if (session.backend != session.service) {
    session.routed = true;
    session.service->state->routed.fetch_sub(1, std::memory_order_relaxed);
    session.backend->state->routed.fetch_add(1, std::memory_order_relaxed);
  }
  hold(session.flow[kClient], one.held.data(), held[kClient]);
  hold(session.flow[kServer], one.held.data() + held[kClient], held[kServer]);
  if (!watch(session, kClient) || !watch(session, kServer)) {
    session.ends('R', 'D');
    close(session, Close::plain);
    return;
  }
  look_at_idle(session);
  if (session.state != Session::State::established) return;
  if (!session.watched) timers_.at_latest(session, now_ms_ + kYoungMs);
  session.runnable = true;
  runnable_.push_back(&session);
}

void Worker::begin_again(Session& session, Adoption& one) {
  session.state = Session::State::handshake;
  const bool is_handshake = one.record.kind == HandedSession::Kind::handshake;
  if (is_handshake) {
    begin_handshake(session, (one.record.bits & HandedSession::kExpectsProxy) != 0);
    session.extra->handshake->bytes.assign(reinterpret_cast<const char*>(one.held.data()), one.held.size());
    const std::int64_t limit = session.service->table->timeouts.handshake;
    if (limit > 0) timers_.at_latest(session, session.accepted_ms + limit);
  } else {
    hold(session.flow[kClient], one.held.data(), one.record.held[kClient]);
  }
  if (!watch(session, kClient)) {
    session.ends('R', 'C');
    close(session, Close::plain);
    return;
  }
  if (!is_handshake) choose(session);
  else if (!one.held.empty()) read_handshake(session);
}

}  // namespace vipd
