// Opened by Node's thread, then owned by one worker each.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "address.h"
#include "fd.h"
#include "table.h"

namespace vipd {

// One address a service listens on: one socket per worker. Alive as long as any of the sockets is.
struct ListenerGroup {
  std::uint64_t id;
  Address address;
};

// Member order matters: the socket closes before the group may expire.
struct Listener {
  std::shared_ptr<const ListenerGroup> group;
  Fd fd;
};

// EADDRINUSE when anybody listens there, also with SO_REUSEPORT.
[[nodiscard]] Status probe_listener(const Address& address) noexcept;
// `count` bound and listening sockets, or none.
[[nodiscard]] Result<std::vector<Fd>> open_listeners(const Address& address, const Table& table, unsigned count);
// `fresh`: the socket still has the kernel's defaults, so what is off need not be switched off. Failures are of no
// consequence: the defaults stay.
void tune_socket(int fd, const SocketOptions& options, bool fresh) noexcept;

}  // namespace vipd
