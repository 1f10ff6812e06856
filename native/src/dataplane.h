// Node's thread. The data plane as a whole: workers, and what is in force on them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "worker.h"

namespace vipd {

struct PlaneOptions {
  unsigned threads;
  Mode mode;
  std::int64_t maxconn;
  std::uint32_t pipes;  // that each worker may hold
};

struct PublishError {
  Errno error;
  std::string where;
};

class DataPlane {
 public:
  // The sink must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<DataPlane>> create(const PlaneOptions& options, EventSink& sink);
  ~DataPlane();

  // When it fails nothing has changed.
  [[nodiscard]] std::optional<PublishError> publish(std::unique_ptr<Table> table);
  void withdraw(std::uint16_t service, bool close_sessions);
  // Every worker answers; the last one tells the sink.
  void ask(const std::shared_ptr<SessionQuery>& query);
  void kill(std::uint64_t session, std::int64_t quiet_ms);
  // Listening sockets of another process, by place: the next listener there takes them instead of opening its own.
  void offer(const std::string& place, Fd fd);
  // Whatever is still offered is not needed.
  void close_offers() noexcept;
  // Sessions of another process, or our own that it did not take after all: records of hand_over with their descriptors.
  // Listeners are accepted from again.
  void adopt(std::vector<Adoption>&& sessions);
  void stop() noexcept;

  struct Service {
    std::shared_ptr<ServiceState> state;
    std::map<std::uint16_t, std::shared_ptr<ServerState>> servers;  // all there ever were
    std::shared_ptr<const Table> table;
    std::vector<std::shared_ptr<ListenerGroup>> listeners;
    bool published = false;
  };
  [[nodiscard]] const std::map<std::uint16_t, Service>& services() const noexcept { return services_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Worker>>& workers() const noexcept { return plane_.workers; }

 private:
  struct Opened {
    std::shared_ptr<ListenerGroup> group;
    std::vector<Fd> fds;  // in turn for the workers; at least one each
  };

  DataPlane(const PlaneOptions& options, EventSink& sink);
  // `ours`: an overlapping listener of the same table is already open.
  [[nodiscard]] Result<Opened> open(const ListenerSpec& spec, const Table& table, bool ours);
  [[nodiscard]] std::optional<OpenedListeners> take_offer(const ListenerSpec& spec, const Table& table);
  [[nodiscard]] Status check_free(const ListenerSpec& spec, std::uint16_t service, bool ours) const noexcept;
  void retire(std::vector<std::shared_ptr<ListenerGroup>>& listeners);

  Plane plane_;
  std::map<std::uint16_t, Service> services_;
  std::vector<std::weak_ptr<ListenerGroup>> retired_;  // until the workers have closed them
  std::map<std::string, std::vector<Fd>> offered_;
  std::uint64_t last_group_ = 0;
  bool is_given_away_ = false;  // to another process, unless it is adopted again
  bool stopped_ = false;
};

}  // namespace vipd
