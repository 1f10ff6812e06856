// Worker thread. Puts what the mailbox brought into force.
#include <sys/socket.h>

#include "worker.h"

namespace vipd {

void Worker::read_mail() {
  mail_ = false;
  Mail mail = mailbox_.take();
  for (ServiceMail& service : mail.services) apply(service);
  if (!mail.kills.empty()) kill_sessions(mail.kills);
  if (mail.thaws) thaw();
  for (Adoption& one : mail.adoptions) adopt(one);
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

}  // namespace vipd
