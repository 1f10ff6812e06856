// Worker thread. Puts what the mailbox brought into force.
#include <sys/socket.h>

#include <algorithm>

#include "worker.h"

namespace vipd {

void Worker::read_mail() {
  mail_ = false;
  for (ServiceMail& mail : mailbox_.take()) apply(mail);
  resume_all();  // the wake-up may have been for a free slot
}

void Worker::apply(ServiceMail& mail) {
  std::unique_ptr<LocalService>& place = services_[mail.state->id];
  if (!place) {
    place = std::make_unique<LocalService>();
    place->state = mail.state;
    place->counters = &mail.state->by_worker[index_];
  }
  LocalService& service = *place;
  if (mail.kill_all) kill_all(service);
  const bool retune = service.table && mail.table &&
                      (service.table->sockets != mail.table->sockets || service.table->backlog != mail.table->backlog);
  if (mail.table) take_table(service, std::move(mail.table));
  if (!service.table) return;  // withdrawn before it ever came
  if (retune) {
    for (const auto& listener : service.listeners) {
      tune_socket(listener->socket.fd.get(), service.table->sockets, false);
      ::listen(listener->socket.fd.get(), service.table->backlog);
    }
  }
  for (Listener& listener : mail.opened) add_listener(service, std::move(listener));
  close_listeners(service, mail.live, !mail.kill_all);
  settle_connecting(service);
  for (const std::uint16_t id : mail.kill) kill(service, id);
}

void Worker::take_table(LocalService& service, std::shared_ptr<const Table> table) {
  service.table = std::move(table);
  std::erase_if(service.servers, [](const auto& entry) { return !entry.second->listed && entry.second->sessions == nullptr; });
  for (const auto& [id, server] : service.servers) server->listed = server->in_rotation = false;
  std::vector<LocalServer*> by_index;
  for (const Server& entry : service.table->servers) {
    std::unique_ptr<LocalServer>& server = service.servers[entry.id];
    if (!server) server = std::make_unique<LocalServer>();
    server->id = entry.id;
    server->address = entry.address;
    server->state = entry.state;
    server->counters = &entry.state->by_worker[index_];
    server->listed = true;
    by_index.push_back(server.get());
  }
  service.rotation.clear();
  service.distinct = 0;
  for (const std::uint16_t index : service.table->rotation) {
    LocalServer* server = by_index[index];
    if (!server->in_rotation) ++service.distinct;
    server->in_rotation = true;
    service.rotation.push_back(server);
  }
}

// Sessions that are still connecting to a server which is out of rotation now.
void Worker::settle_connecting(LocalService& service) {
  for (const auto& [id, server] : service.servers) {
    if (server->in_rotation) continue;
    for (Session* session = server->sessions; session != nullptr;) {
      Session* next = session->next;
      if (session->connecting() && service.rotation.empty()) no_server(*session);
      else if (session->connecting() && may_leave(*session)) redispatch(*session);
      session = next;
    }
  }
}

void Worker::kill(LocalService& service, std::uint16_t server_id) {
  const auto found = service.servers.find(server_id);
  if (found == service.servers.end()) return;
  LocalServer& server = *found->second;
  for (Session* session = server.sessions; session != nullptr;) {
    Session* next = session->next;
    if (session->connecting() && may_leave(*session)) {
      redispatch(*session);
    } else {
      server.counters->killed.add();
      pump_.flush_once(session->flow[kServer], session->leg[kClient]);
      close(*session, Close::plain);
    }
    session = next;
  }
}

void Worker::kill_all(LocalService& service) {
  for (const auto& [id, server] : service.servers) {
    while (Session* session = server->sessions) {
      server->counters->killed.add();
      close(*session, Close::reset_client);
    }
  }
}

}  // namespace vipd
