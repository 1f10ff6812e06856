// Node's thread. The data plane as a whole: workers, and what is in force on them.
#include "dataplane.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace vipd {
namespace {

// Of all workers together: half of the pipe memory that the kernel lets an unprivileged user have.
constexpr unsigned kWidePipes = 32;

}  // namespace

DataPlane::DataPlane(const PlaneOptions& options, EventSink& sink)
    : plane_(options.mode, options.pipes, std::max(1U, kWidePipes / std::max(1U, options.threads)), sink) {}

Result<std::unique_ptr<DataPlane>> DataPlane::create(const PlaneOptions& options, EventSink& sink) {
  std::unique_ptr<DataPlane> plane{new DataPlane(options, sink)};
  plane->plane_.slots.limit(options.maxconn);
  for (unsigned i = 0; i < options.threads; ++i) {
    plane->plane_.workers.push_back(std::make_unique<Worker>(plane->plane_, i));
  }
  // The list is complete before any thread reads it.
  for (const auto& worker : plane->plane_.workers) {
    if (Status failed = worker->start()) return *failed;
  }
  return plane;
}

DataPlane::~DataPlane() { stop(); }

std::optional<PublishError> DataPlane::publish(std::unique_ptr<Table> table) {
  if (stopped_) return PublishError{{ESHUTDOWN, "publish"}, {}};
  const auto known = services_.find(table->id);
  std::vector<std::shared_ptr<ListenerGroup>> kept;
  std::vector<std::shared_ptr<ListenerGroup>> dropped;
  if (known != services_.end()) dropped = known->second.listeners;
  std::vector<Opened> opened;
  for (const ListenerSpec& spec : table->listeners) {
    const auto same = [&spec](const auto& group) { return group->spec.same_place(spec); };
    if (const auto old = std::find_if(dropped.begin(), dropped.end(), same); old != dropped.end()) {
      kept.push_back(*old);
      dropped.erase(old);
      continue;
    }
    if (std::any_of(kept.begin(), kept.end(), same)) continue;  // named twice
    if (std::any_of(opened.begin(), opened.end(), [&](const Opened& o) { return same(o.group); })) continue;
    const auto overlaps = [&spec](const Opened& one) { return one.group->spec.overlaps(spec); };
    const bool ours = std::any_of(opened.begin(), opened.end(), overlaps);
    Result<Opened> result = open(spec, *table, ours);
    if (const Errno* error = std::get_if<Errno>(&result)) return PublishError{*error, spec.text()};
    opened.push_back(std::move(*std::get_if<Opened>(&result)));
  }

  // Nothing fails from here on.
  const auto workers = static_cast<unsigned>(plane_.workers.size());
  Service& service = services_[table->id];
  if (!service.state) service.state = std::make_shared<ServiceState>(table->id, workers);
  std::vector<ServerKill> kill;
  for (Server& server : table->servers) {
    std::shared_ptr<ServerState>& state = service.servers[server.id];
    if (!state) state = std::make_shared<ServerState>(server.id, workers);
    state->maxconn.store(server.maxconn, std::memory_order_relaxed);
    server.state = state;
    if (server.close_sessions != CloseSessions::no) kill.push_back({server.id, server.close_sessions});
  }
  service.state->slots.limit(table->maxconn);
  service.table = std::move(table);
  service.published = true;
  service.listeners = std::move(kept);
  retire(dropped);
  for (const Opened& one : opened) service.listeners.push_back(one.group);
  // What of a listener may change while its socket stays.
  for (const ListenerSpec& spec : service.table->listeners) {
    for (const auto& group : service.listeners) {
      if (!group->spec.same_place(spec)) continue;
      if (group->file) group->file->set_mode(spec.mode);
      group->accept_proxy.store(spec.accept_proxy, std::memory_order_relaxed);
      group->maxconn.store(spec.maxconn, std::memory_order_relaxed);
      group->slots.limit(spec.maxconn);
    }
  }

  for (unsigned i = 0; i < workers; ++i) {
    ServiceMail mail;
    mail.state = service.state;
    mail.table = service.table;
    mail.kill = kill;
    for (const auto& group : service.listeners) mail.live.push_back(group->id);
    for (Opened& one : opened) {
      for (std::size_t fd = i; fd < one.fds.size(); fd += workers) mail.opened.push_back({one.group, std::move(one.fds[fd])});
    }
    plane_.workers[i]->post(std::move(mail));
  }
  return std::nullopt;
}

Result<DataPlane::Opened> DataPlane::open(const ListenerSpec& spec, const Table& table, bool ours) {
  if (std::optional<OpenedListeners> offered = take_offer(spec, table)) {
    auto& [fds, file] = *offered;
    return Opened{std::make_shared<ListenerGroup>(++last_group_, spec, std::move(file)), std::move(fds)};
  }
  if (Status taken = check_free(spec, table.id, ours)) return *taken;
  Result<OpenedListeners> made =
      open_listeners(spec, table.sockets, table.backlog, static_cast<unsigned>(plane_.workers.size()));
  if (const Errno* error = std::get_if<Errno>(&made)) return *error;
  auto& [fds, file] = *std::get_if<OpenedListeners>(&made);
  return Opened{std::make_shared<ListenerGroup>(++last_group_, spec, std::move(file)), std::move(fds)};
}

Status DataPlane::check_free(const ListenerSpec& spec, std::uint16_t service, bool ours) const noexcept {
  for (const auto& [id, other] : services_) {
    for (const auto& group : other.listeners) {
      if (!group->spec.overlaps(spec)) continue;
      if (id != service) return Errno{EADDRINUSE, "bind"};
      ours = true;  // it is about to close, or a wildcard of the same service
    }
  }
  for (const auto& weak : retired_) {
    const auto group = weak.lock();
    ours = ours || (group && group->spec.overlaps(spec));
  }
  // Our own sockets, while they last, would make the probe fail; and while they last nobody else can have come.
  if (ours) return std::nullopt;
  return probe_listener(spec);
}

void DataPlane::offer(const std::string& place, Fd fd) { offered_[place].push_back(std::move(fd)); }

// At least one for each worker: where there are more workers than sockets some share one. Where there are fewer, some have
// several, for clients wait in the queue of each.
std::optional<OpenedListeners> DataPlane::take_offer(const ListenerSpec& spec, const Table& table) {
  const bool is_inherited = spec.kind == ListenerSpec::Kind::inherited;
  const auto found = is_inherited ? offered_.end() : offered_.find(spec.place());
  if (found == offered_.end()) return std::nullopt;
  OpenedListeners taken{std::move(found->second), std::nullopt};
  offered_.erase(found);
  if (spec.kind == ListenerSpec::Kind::unix_socket) {
    std::optional<UnixFile> file = claim_unix(spec.path);
    if (!file) return std::nullopt;
    taken.file.emplace(std::move(*file));
  }
  std::vector<Fd>& fds = taken.fds;
  const std::size_t given = fds.size();
  for (std::size_t i = given; i < plane_.workers.size(); ++i) {
    fds.emplace_back(::fcntl(fds[i % given].get(), F_DUPFD_CLOEXEC, 3));
    if (!fds.back().open()) return std::nullopt;
  }
  if (spec.shared()) fds.resize(plane_.workers.size());  // all of them are one socket
  for (const Fd& fd : fds) {
    tune_socket(fd.get(), table.sockets, false);
    ::listen(fd.get(), table.backlog);
  }
  return taken;
}

void DataPlane::close_offers() noexcept {
  const std::string unix_place = "unix@";
  for (const auto& [place, fds] : offered_) {
    if (place.starts_with(unix_place)) remove_unix(place.substr(unix_place.size()));
  }
  offered_.clear();
}

// In turn, whatever worker had them.
void DataPlane::adopt(std::vector<Adoption>&& sessions) {
  is_given_away_ = false;
  std::vector<std::vector<Adoption>> parts(plane_.workers.size());
  for (std::size_t i = 0; i < sessions.size(); ++i) parts[i % parts.size()].push_back(std::move(sessions[i]));
  if (stopped_) return;
  for (std::size_t i = 0; i < parts.size(); ++i) plane_.workers[i]->post(std::move(parts[i]));
}

void DataPlane::withdraw(std::uint16_t id, bool close_sessions) {
  const auto found = services_.find(id);
  if (found == services_.end() || stopped_) return;
  Service& service = found->second;
  service.published = false;
  retire(service.listeners);
  for (const auto& worker : plane_.workers) {
    ServiceMail mail;
    mail.state = service.state;
    mail.withdrawn = true;
    mail.kill_all = close_sessions;
    worker->post(std::move(mail));
  }
}

void DataPlane::ask(const std::shared_ptr<SessionQuery>& query) {
  if (stopped_) return;
  if (query->hands_over) is_given_away_ = true;
  for (const auto& worker : plane_.workers) worker->post(query);
}

void DataPlane::kill(std::uint64_t session, std::int64_t quiet_ms) {
  if (stopped_) return;
  const std::uint64_t worker = session % kMostWorkers;
  if (worker < plane_.workers.size()) plane_.workers[worker]->post(SessionKill{session, quiet_ms});
}

void DataPlane::retire(std::vector<std::shared_ptr<ListenerGroup>>& listeners) {
  std::erase_if(retired_, [](const auto& weak) { return weak.expired(); });
  retired_.insert(retired_.end(), listeners.begin(), listeners.end());
  listeners.clear();
}

void DataPlane::stop() noexcept {
  if (stopped_) return;
  stopped_ = true;
  if (is_given_away_) {
    for (const auto& [id, service] : services_) {
      for (const auto& group : service.listeners) {
        if (group->file) group->file->leave();
      }
    }
  }
  for (const auto& worker : plane_.workers) worker->request_stop();
  for (const auto& worker : plane_.workers) worker->stop();
  for (auto& [id, service] : services_) service.listeners.clear();  // the names of unix sockets go with them
}

}  // namespace vipd
