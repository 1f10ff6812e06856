// Worker thread. Puts what the mailbox brought into force.
#include <sys/socket.h>

#include <algorithm>

#include "worker.h"

namespace vipd {

namespace {

char letter_of(CloseSessions why) noexcept {
  switch (why) {
    case CloseSessions::no: return '-';
    case CloseSessions::down: return 'D';
    case CloseSessions::up: return 'U';
    case CloseSessions::killed: return 'K';
  }
  return '-';
}

// The second letter of the termination state of a session that is ended by us.
char phase_of(const Session& session) noexcept {
  switch (session.state) {
    case Session::State::handshake: return 'R';
    case Session::State::queued: return 'Q';
    case Session::State::connecting:
    case Session::State::waiting: return 'C';
    case Session::State::established:
    case Session::State::free:
    case Session::State::closed: return '-';
  }
  return '-';
}

}  // namespace

void Worker::read_mail() {
  mail_ = false;
  Mail mail = mailbox_.take();
  for (ServiceMail& service : mail.services) apply(service);
  if (!mail.kills.empty()) kill_sessions(mail.kills);
  for (auto& query : mail.queries) start_query(std::move(query));
  // The wake-up may have been for a free slot.
  resume_all();
  queues_ = true;
}

void Worker::apply(ServiceMail& mail) {
  std::unique_ptr<LocalService>& place = services_[mail.state->id];
  if (!place) {
    place = std::make_unique<LocalService>();
    place->state = mail.state;
    place->counters = &mail.state->by_worker[index_];
  }
  LocalService& service = *place;
  service.withdrawn = mail.withdrawn;
  if (mail.kill_all) kill_all(service);
  const std::shared_ptr<const Table> before = service.table;
  if (mail.table) take_table(service, std::move(mail.table));
  if (!service.table) return;  // withdrawn before it ever came
  const Table& table = *service.table;
  if (before && (before->sockets != table.sockets || before->backlog != table.backlog)) {
    for (const auto& listener : service.listeners) {
      tune_socket(listener->socket.fd.get(), table.sockets, false);
      // What was inherited keeps the backlog that its maker gave it.
      const bool ours = listener->socket.group->spec.kind != ListenerSpec::Kind::inherited;
      if (ours) ::listen(listener->socket.fd.get(), table.backlog);
    }
  }
  for (Listener& listener : mail.opened) add_listener(service, std::move(listener));
  close_listeners(service, mail.live, !mail.kill_all);
  settle(service);
  settle_queued(service);
  for (const ServerKill& which : mail.kill) kill(service, which);
  if (before && before->timeouts != table.timeouts) retime(service);
}

void Worker::take_table(LocalService& service, std::shared_ptr<const Table> table) {
  service.table = std::move(table);
  std::erase_if(service.servers, [](const auto& entry) {
    return !entry.second->listed && entry.second->sessions.first == nullptr;
  });
  for (const auto& [id, server] : service.servers) server->listed = server->in_rotation = false;
  service.by_index.clear();
  for (const Server& entry : service.table->servers) {
    std::unique_ptr<LocalServer>& server = service.servers[entry.id];
    if (!server) server = std::make_unique<LocalServer>();
    server->spec = entry;
    server->counters = &entry.state->by_worker[index_];
    server->listed = true;
    service.by_index.push_back(server.get());
  }
  service.rotation.clear();
  for (const std::uint16_t index : service.table->rotation) {
    service.by_index[index]->in_rotation = true;
    service.rotation.push_back(service.by_index[index]);
  }
  service.choices.clear();
  service.weight = 0;
  service.limited = false;
  for (LocalServer* server : service.by_index) {
    if (!server->in_rotation) continue;
    service.choices.push_back(server);
    service.weight += server->spec.weight;
    service.limited = service.limited || server->spec.maxconn > 0;
  }
}

// Sessions that are still connecting to a server which is out of rotation now.
void Worker::settle(LocalService& service) {
  for (const auto& [id, server] : service.servers) {
    if (server->in_rotation) continue;
    for (Session* session = server->sessions.first; session != nullptr;) {
      Session* next = session->next;
      if (session->connecting() && service.rotation.empty()) no_server(*session);
      else if (session->connecting() && may_leave(*session)) redispatch(*session);
      session = next;
    }
  }
}

// Sessions that wait for a server which is out of rotation now. Nobody waits if there is none left.
void Worker::settle_queued(LocalService& service) {
  std::vector<Session*> stranded;
  for (Session* session = service.queued.first; session != nullptr; session = session->next) {
    const Queue* queue = session->extra->queue;
    const bool has_server =
        queue == &service.state->queue
            ? !service.rotation.empty()
            : std::any_of(service.choices.begin(), service.choices.end(),
                          [queue](const LocalServer* server) { return &server->state().queue == queue; });
    if (!has_server) stranded.push_back(session);
  }
  // The list begins with the one that came last.
  for (auto session = stranded.rbegin(); session != stranded.rend(); ++session) {
    leave_queue(**session);
    (*session)->state = Session::State::connecting;
    if (service.rotation.empty()) no_server(**session);
    else choose_server(**session, nullptr);
  }
}

void Worker::kill(LocalService& service, const ServerKill& which) {
  const auto found = service.servers.find(which.server);
  if (found == service.servers.end()) return;
  LocalServer& server = *found->second;
  for (Session* session = server.sessions.first; session != nullptr;) {
    Session* next = session->next;
    if (session->connecting() && may_leave(*session)) {
      redispatch(*session);
    } else {
      server.counters->killed.add();
      session->ends(letter_of(which.why), phase_of(*session));
      pump_.flush_once(session->flow[kServer], session->leg[kClient]);
      close(*session, Close::plain);
    }
    session = next;
  }
}

void Worker::kill_all(LocalService& service) {
  slab_.each([&](Session& session) {
    if (session.service != &service && session.backend != &service) return;
    if (session.server != nullptr) session.server->counters->killed.add();
    session.ends('K', phase_of(session));
    close(session, Close::reset_client);
  });
}

void Worker::kill_sessions(std::vector<SessionKill>& kills) {
  std::sort(kills.begin(), kills.end(), [](const auto& a, const auto& b) { return a.session < b.session; });
  slab_.each([&](Session& session) {
    const auto kill = std::lower_bound(kills.begin(), kills.end(), session.id,
                                       [](const SessionKill& one, std::uint64_t id) { return one.session < id; });
    if (kill == kills.end() || kill->session != session.id || session.idle_ms(now_ms_) < kill->quiet_ms) return;
    if (session.server != nullptr) session.server->counters->killed.add();
    session.ends('K', phase_of(session));
    if (session.state == Session::State::established) pump_.flush_once(session.flow[kServer], session.leg[kClient]);
    close(session, Close::plain);
  });
}

}  // namespace vipd
