// Node's thread posts, one worker takes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "handover.h"
#include "listener.h"
#include "record.h"
#include "table.h"

namespace vipd {

struct ServerKill {
  std::uint16_t server;
  CloseSessions why;
};

// What a worker must know about one service. Two of them merge into one, so at most one per service waits.
struct ServiceMail {
  std::shared_ptr<ServiceState> state;
  std::shared_ptr<const Table> table;  // null: the service was withdrawn, its sessions live on under the last table
  bool withdrawn = false;
  std::vector<Listener> opened;
  std::vector<std::uint64_t> live;  // listener groups that stay; all others close
  std::vector<ServerKill> kill;     // servers whose sessions end
  bool kill_all = false;
};

struct SessionKill {
  std::uint64_t session;
  std::int64_t quiet_ms;
};

struct Mail {
  std::vector<ServiceMail> services;
  std::vector<SessionKill> kills;
  std::vector<std::shared_ptr<SessionQuery>> queries;
  std::vector<Adoption> adoptions;
  bool thaws = false;
};

class Mailbox {
 public:
  void post(ServiceMail&& mail);
  // At most 4,096 wait; more are dropped.
  void post(const SessionKill& kill);
  void post(std::shared_ptr<SessionQuery> query);
  // Listeners are looked at again, too.
  void post(std::vector<Adoption>&& adoptions);
  [[nodiscard]] Mail take();

 private:
  static constexpr std::size_t kMostKills = 4096;
  std::mutex mutex_;
  std::map<std::uint16_t, ServiceMail> pending_;
  std::vector<SessionKill> kills_;
  std::vector<std::shared_ptr<SessionQuery>> queries_;
  std::vector<Adoption> adoptions_;
  bool thaws_ = false;
};

}  // namespace vipd
