// Node's thread. IP protocol 112 on one interface, both families.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sockets.h"

namespace vipd {
namespace {

constexpr int kVrrp = 112;
constexpr int kHops = 255;
constexpr int kTrafficClass = 0xc0;  // internetwork control
constexpr int kChecksumOffset = 6;
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
  ip_mreqn group{};
  group.imr_ifindex = static_cast<int>(options.interface_index);
  if (inet_pton(AF_INET, options.group.c_str(), &group.imr_multiaddr) != 1) return Errno{EINVAL, "inet_pton"};
  ip_mreqn interface{};
  interface.imr_ifindex = group.imr_ifindex;
  if (inet_pton(AF_INET, options.source.c_str(), &interface.imr_address) != 1) return Errno{EINVAL, "inet_pton"};
  const Option wanted[] = {
      {IPPROTO_IP, IP_MULTICAST_ALL, &kOff, sizeof kOff},  // else groups of other sockets on this host come too
      {IPPROTO_IP, IP_MULTICAST_LOOP, &kOff, sizeof kOff},
      {IPPROTO_IP, IP_MULTICAST_TTL, &kHops, sizeof kHops},
      {IPPROTO_IP, IP_TTL, &kHops, sizeof kHops},
      {IPPROTO_IP, IP_TOS, &kTrafficClass, sizeof kTrafficClass},
      {IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface},
      {IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group},
  };
  return set_all(fd, wanted);
}

Status set_up_v6(int fd, const VrrpOptions& options) noexcept {
  ipv6_mreq group{};
  group.ipv6mr_interface = options.interface_index;
  if (inet_pton(AF_INET6, options.group.c_str(), &group.ipv6mr_multiaddr) != 1) return Errno{EINVAL, "inet_pton"};
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
      {IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof group},
  };
  return set_all(fd, wanted);
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
  inet_ntop(AF_INET, &header.saddr, packet.source, sizeof packet.source);
  inet_ntop(AF_INET, &header.daddr, packet.destination, sizeof packet.destination);
  return Received::packet;
}

Received parse_v6(msghdr& message, const sockaddr_in6& from, VrrpPacket& packet) noexcept {
  packet.ttl = -1;
  packet.destination[0] = '\0';
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != IPPROTO_IPV6) continue;
    if (part->cmsg_type == IPV6_HOPLIMIT) std::memcpy(&packet.ttl, CMSG_DATA(part), sizeof packet.ttl);
    if (part->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(part), sizeof info);
      inet_ntop(AF_INET6, &info.ipi6_addr, packet.destination, sizeof packet.destination);
    }
  }
  inet_ntop(AF_INET6, &from.sin6_addr, packet.source, sizeof packet.source);
  return packet.ttl < 0 || packet.destination[0] == '\0' ? Received::malformed : Received::packet;
}

}  // namespace

Result<Fd> open_vrrp(const VrrpOptions& options) noexcept {
  Fd fd{::socket(options.family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, kVrrp)};
  if (!fd.open()) return Errno{errno, "socket"};
  const auto size = static_cast<socklen_t>(options.interface.size() + 1);
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, options.interface.c_str(), size) != 0) {
    return Errno{errno, "setsockopt"};
  }
  const Status failed = options.family == AF_INET ? set_up_v4(fd.get(), options) : set_up_v6(fd.get(), options);
  if (failed) return *failed;
  return fd;
}

Status send_vrrp(int fd, int family, unsigned interface_index, const std::string& destination, const void* payload,
                 std::size_t size) noexcept {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  v6.sin6_scope_id = interface_index;
  const bool is_v4 = family == AF_INET;
  void* address = is_v4 ? static_cast<void*>(&v4.sin_addr) : &v6.sin6_addr;
  if (inet_pton(family, destination.c_str(), address) != 1) return Errno{EINVAL, "inet_pton"};
  // The kernel refuses a scope on an address that has none of its own.
  if (!is_v4 && !IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) && !IN6_IS_ADDR_MC_LINKLOCAL(&v6.sin6_addr)) v6.sin6_scope_id = 0;
  const auto* to = is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  const socklen_t length = is_v4 ? sizeof v4 : sizeof v6;
  if (::sendto(fd, payload, size, MSG_DONTWAIT, to, length) < 0) return Errno{errno, "sendto"};
  return std::nullopt;
}

Received receive_vrrp(int fd, int family, std::uint8_t* buffer, std::size_t size, VrrpPacket& packet) noexcept {
  alignas(cmsghdr) char control[256];
  sockaddr_in6 from{};
  iovec part{buffer, size};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t length = ::recvmsg(fd, &message, MSG_DONTWAIT);
  if (length < 0) return errno == ENOBUFS ? Received::overrun : Received::nothing;
  if ((message.msg_flags & MSG_TRUNC) != 0) return Received::malformed;
  const auto got = static_cast<std::size_t>(length);
  if (family == AF_INET) return parse_v4(buffer, got, packet);
  packet.payload = buffer;
  packet.size = got;
  return parse_v6(message, from, packet);
}

}  // namespace vipd
