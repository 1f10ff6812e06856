// Node's thread posts, one worker takes. The only lock of the data plane.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "listener.h"

namespace vipd {

// What a worker must know about one service. Two of them merge into one, so at most one per service waits.
struct ServiceMail {
  std::shared_ptr<ServiceState> state;
  std::shared_ptr<const Table> table;  // null: the service was withdrawn, its sessions live on under the last table
  std::vector<Listener> opened;
  std::vector<std::uint64_t> live;  // listener groups that stay; all others close
  std::vector<std::uint16_t> kill;  // servers whose sessions end
  bool kill_all = false;
};

class Mailbox {
 public:
  void post(ServiceMail&& mail);
  [[nodiscard]] std::vector<ServiceMail> take();

 private:
  std::mutex mutex_;
  std::map<std::uint16_t, ServiceMail> pending_;
};

}  // namespace vipd
