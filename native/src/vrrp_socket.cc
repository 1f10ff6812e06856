// Any thread. IP protocol 112 on one interface, both families.
#include "vrrp_socket.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "clock.h"

namespace vipd {
namespace {

constexpr int kVrrp = 112;
constexpr int kHops = 255;
constexpr int kTrafficClass = 0xc0;  // internetwork control
constexpr int kChecksumOffset = 6;
constexpr int kReceiveBuffer = 256 * 1024;
constexpr int kOn = 1;
constexpr int kOff = 0;

struct Option {
  int level;
  int name;
  const void* value;
  socklen_t size;
};

template <std::size_t N>
Status set_all(int fd, const Option (&options)[N]) noexcept {
  for (const Option& option : options) {
    if (::setsockopt(fd, option.level, option.name, option.value, option.size) != 0) return Errno{errno, "setsockopt"};
  }
  return std::nullopt;
}

Status set_up_v4(int fd, const VrrpOptions& options) noexcept {
  ip_mreqn interface{};
  interface.imr_ifindex = static_cast<int>(options.interface_index);
  if (inet_pton(AF_INET, options.source.c_str(), &interface.imr_address) != 1) return Errno{EINVAL, "inet_pton"};
  const Option wanted[] = {
      {IPPROTO_IP, IP_MULTICAST_ALL, &kOff, sizeof kOff},  // else groups of other sockets on this host come too
      {IPPROTO_IP, IP_MULTICAST_LOOP, &kOff, sizeof kOff},
      {IPPROTO_IP, IP_MULTICAST_TTL, &kHops, sizeof kHops},
      {IPPROTO_IP, IP_TTL, &kHops, sizeof kHops},
      {IPPROTO_IP, IP_TOS, &kTrafficClass, sizeof kTrafficClass},
      {IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface},
  };
  if (const Status failed = set_all(fd, wanted)) return failed;
  for (const std::string& name : options.groups) {
    ip_mreqn group{};
    group.imr_ifindex = interface.imr_ifindex;
    if (inet_pton(AF_INET, name.c_str(), &group.imr_multiaddr) != 1) return Errno{EINVAL, "inet_pton"};
    const Option join[] = {{IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group}};
    if (const Status failed = set_all(fd, join)) return failed;
  }
  return std::nullopt;
}

Status set_up_v6(int fd, const VrrpOptions& options) noexcept {
  const int interface = static_cast<int>(options.interface_index);
  const Option wanted[] = {
      {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &kOn, sizeof kOn},
      {IPPROTO_IPV6, IPV6_RECVPKTINFO, &kOn, sizeof kOn},
      {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &kOff, sizeof kOff},
      {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &kHops, sizeof kHops},
      {IPPROTO_IPV6, IPV6_UNICAST_HOPS, &kHops, sizeof kHops},
      {IPPROTO_IPV6, IPV6_TCLASS, &kTrafficClass, sizeof kTrafficClass},
      {IPPROTO_IPV6, IPV6_CHECKSUM, &kChecksumOffset, sizeof kChecksumOffset},
      {IPPROTO_IPV6, IPV6_MULTICAST_IF, &interface, sizeof interface},
  };
  if (const Status failed = set_all(fd, wanted)) return failed;
  for (const std::string& name : options.groups) {
    ipv6_mreq group{};
    group.ipv6mr_interface = options.interface_index;
    if (inet_pton(AF_INET6, name.c_str(), &group.ipv6mr_multiaddr) != 1) return Errno{EINVAL, "inet_pton"};
    const Option join[] = {{IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof group}};
    if (const Status failed = set_all(fd, join)) return failed;
  }
  return std::nullopt;
}

// The kernel stamps with wall time, which may be stepped at any moment: so the stamp is only believed as an age, and
// only as far as it can be true.
double received_at(msghdr& message, double empty_ms) noexcept {
  double age = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec wall{};
    timespec stamp{};
    clock_gettime(CLOCK_REALTIME, &wall);
    std::memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
    age = static_cast<double>(wall.tv_sec - stamp.tv_sec) * 1e3;
    age += static_cast<double>(wall.tv_nsec - stamp.tv_nsec) / 1e6;
  }
  return arrival_ms(monotonic_ms_exact(), age, empty_ms);
}

Received parse_v4(std::uint8_t* buffer, std::size_t length, VrrpPacket& packet) noexcept {
  iphdr header{};
  if (length < sizeof header) return Received::malformed;
  std::memcpy(&header, buffer, sizeof header);
  const std::size_t header_size = std::size_t{header.ihl} * 4;
  if (header.version != 4 || header_size < sizeof header || header_size > length) return Received::malformed;
  const std::size_t total = std::min<std::size_t>(ntohs(header.tot_len), length);
  if (total < header_size) return Received::malformed;
  packet.payload = buffer + header_size;
  packet.size = total - header_size;
  packet.ttl = header.ttl;
  packet.is_multicast = IN_MULTICAST(ntohl(header.daddr));
  inet_ntop(AF_INET, &header.saddr, packet.source, sizeof packet.source);
  inet_ntop(AF_INET, &header.daddr, packet.destination, sizeof packet.destination);
  return Received::packet;
}

Received parse_v6(Envelope& envelope, VrrpPacket& packet) noexcept {
  sockaddr_in6 from{};
  std::memcpy(&from, &envelope.from, sizeof from);
  packet.ttl = -1;
  packet.destination[0] = '\0';
  msghdr& message = envelope.message;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != IPPROTO_IPV6) continue;
    if (part->cmsg_type == IPV6_HOPLIMIT) std::memcpy(&packet.ttl, CMSG_DATA(part), sizeof packet.ttl);
    if (part->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof info);
      packet.is_multicast = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
      inet_ntop(AF_INET6, &info.ipi6_addr, packet.destination, sizeof packet.destination);
    }
  }
  inet_ntop(AF_INET6, &from.sin6_addr, packet.source, sizeof packet.source);
  return packet.ttl < 0 || packet.destination[0] == '\0' ? Received::malformed : Received::packet;
}

template <class T>
void append(msghdr& message, char* control, int level, int type, const T& value) noexcept {
  auto* part = reinterpret_cast<cmsghdr*>(control + message.msg_controllen);
  part->cmsg_level = level;
  part->cmsg_type = type;
  part->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(part), &value, sizeof value);
  message.msg_controllen += CMSG_SPACE(sizeof value);
}

}  // namespace

std::vector<std::string> canonical(int family, const std::vector<std::string>& addresses) {
  std::vector<std::string> texts;
  for (const std::string& address : addresses) {
    in6_addr bytes{};
    char text[INET6_ADDRSTRLEN];
    if (inet_pton(family, address.c_str(), &bytes) != 1) continue;
    texts.emplace_back(inet_ntop(family, &bytes, text, sizeof text));
  }
  return texts;
}

double arrival_ms(double now_ms, double age_ms, double empty_ms) noexcept {
  return now_ms - std::clamp(age_ms, 0.0, std::max(0.0, now_ms - empty_ms));
}

Result<Fd> open_vrrp(const VrrpOptions& options) noexcept {
  Fd fd{::socket(options.family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, kVrrp)};
  if (!fd.open()) return Errno{errno, "socket"};
  const auto size = static_cast<socklen_t>(options.interface.size() + 1);
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, options.interface.c_str(), size) != 0) {
    return Errno{errno, "setsockopt"};
  }
  // Failing it costs precision: packets then count from when they are read.
  ::setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, &kOn, sizeof kOn);
  set_receive_buffer(fd.get(), kReceiveBuffer);
  const Status failed = options.family == AF_INET ? set_up_v4(fd.get(), options) : set_up_v6(fd.get(), options);
  if (failed) return *failed;
  return fd;
}

Result<VrrpTarget> vrrp_target(int family, unsigned interface_index, const std::string& destination,
                               const std::string& source, int ttl) noexcept {
  VrrpTarget to{};
  to.interface_index = interface_index;
  to.ttl = ttl;
  const bool is_v4 = family == AF_INET;
  void* address = is_v4 ? static_cast<void*>(&to.v4.sin_addr) : &to.v6.sin6_addr;
  void* from = is_v4 ? static_cast<void*>(&to.source_v4) : &to.source_v6;
  if (inet_pton(family, destination.c_str(), address) != 1 || inet_pton(family, source.c_str(), from) != 1) {
    return Errno{EINVAL, "inet_pton"};
  }
  if (is_v4) {
    to.v4.sin_family = AF_INET;
    return to;
  }
  to.v6.sin6_family = AF_INET6;
  // The kernel refuses a scope on an address that has none of its own.
  const bool is_scoped = IN6_IS_ADDR_LINKLOCAL(&to.v6.sin6_addr) || IN6_IS_ADDR_MC_LINKLOCAL(&to.v6.sin6_addr);
  to.v6.sin6_scope_id = is_scoped ? interface_index : 0;
  return to;
}

Status send_vrrp(int fd, const VrrpTarget& to, const void* payload, std::size_t size) noexcept {
  VrrpTarget target = to;
  alignas(cmsghdr) char control[128]{};
  iovec part{const_cast<void*>(payload), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = 0;
  if (target.v4.sin_family == AF_INET) {
    message.msg_name = &target.v4;
    message.msg_namelen = sizeof target.v4;
    in_pktinfo from{};
    from.ipi_ifindex = static_cast<int>(target.interface_index);
    from.ipi_spec_dst = target.source_v4;
    append(message, control, IPPROTO_IP, IP_PKTINFO, from);
    append(message, control, IPPROTO_IP, IP_TTL, target.ttl);
  } else {
    message.msg_name = &target.v6;
    message.msg_namelen = sizeof target.v6;
    in6_pktinfo from{};
    from.ipi6_ifindex = target.interface_index;
    from.ipi6_addr = target.source_v6;
    append(message, control, IPPROTO_IPV6, IPV6_PKTINFO, from);
    append(message, control, IPPROTO_IPV6, IPV6_HOPLIMIT, target.ttl);
  }
  if (::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return Errno{errno, "sendmsg"};
  return std::nullopt;
}

Received receive_vrrp(int fd, int family, std::uint8_t* buffer, std::size_t size, double& empty_ms,
                      VrrpPacket& packet) noexcept {
  const double before = monotonic_ms_exact();
  Envelope envelope;
  const Received received = receive_datagram(fd, buffer, size, envelope);
  if (received == Received::nothing) empty_ms = before;
  if (received != Received::packet) return received;
  packet.received_at_ms = received_at(envelope.message, empty_ms);
  if (family == AF_INET) return parse_v4(buffer, envelope.size, packet);
  packet.payload = buffer;
  packet.size = envelope.size;
  return parse_v6(envelope, packet);
}

}  // namespace vipd
