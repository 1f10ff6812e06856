// Any thread. IP protocol 112 on one interface, both families.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <vector>

#include "datagram.h"
#include "fd.h"

namespace vipd {

struct VrrpOptions {
  int family;  // AF_INET or AF_INET6
  std::string interface;
  unsigned interface_index;
  std::vector<std::string> groups;  // all are joined
  std::string source;               // address that multicasts are sent from unless they say otherwise
};

struct VrrpPacket {
  const std::uint8_t* payload;  // in the caller's buffer
  std::size_t size;
  char source[INET6_ADDRSTRLEN];
  char destination[INET6_ADDRSTRLEN];
  bool is_multicast;
  int ttl;
  double received_at_ms;  // monotonic: when the kernel took it from the interface
};

// The addresses as packets have them: ff02:0::12 is ff02::12. What is no address is left out.
[[nodiscard]] std::vector<std::string> canonical(int family, const std::vector<std::string>& addresses);

// Where a datagram goes, and what it says that it comes from.
struct VrrpTarget {
  sockaddr_in v4;   // destination if its family is set
  sockaddr_in6 v6;  // else this
  in_addr source_v4;
  in6_addr source_v6;
  unsigned interface_index;
  int ttl;  // 1 to 255
};

// When a packet arrived that is read at `now_ms` and `age_ms` old by the wall clock, which may have been stepped:
// nothing arrives later than it is read, nor before the socket was last seen empty.
[[nodiscard]] double arrival_ms(double now_ms, double age_ms, double empty_ms) noexcept;

[[nodiscard]] Result<Fd> open_vrrp(const VrrpOptions& options) noexcept;
[[nodiscard]] Result<VrrpTarget> vrrp_target(int family, unsigned interface_index, const std::string& destination,
                                             const std::string& source, int ttl) noexcept;
// Never blocks.
[[nodiscard]] Status send_vrrp(int fd, const VrrpTarget& to, const void* payload, std::size_t size) noexcept;
// One datagram into `buffer`. `empty_ms` is the last monotonic moment at which nothing waited; this keeps it up.
[[nodiscard]] Received receive_vrrp(int fd, int family, std::uint8_t* buffer, std::size_t size, double& empty_ms,
                                    VrrpPacket& packet) noexcept;

}  // namespace vipd
