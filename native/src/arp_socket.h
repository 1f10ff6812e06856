// Node's thread. ARP as it comes in by one interface.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>

#include "datagram.h"
#include "fd.h"

namespace vipd {

struct Arp {
  std::uint16_t operation;  // 1 request, 2 reply
  std::array<std::uint8_t, 6> sender_mac;
  char sender_address[INET_ADDRSTRLEN];
  char target_address[INET_ADDRSTRLEN];
};

// Closing it waits for an RCU grace period: 10 to 50 ms, not for Node's thread.
[[nodiscard]] Result<Fd> open_arp(int interface_index) noexcept;
// `nothing`: none is waiting, or the interface went down.
[[nodiscard]] Received receive_arp(int fd, Arp& arp) noexcept;

}  // namespace vipd
