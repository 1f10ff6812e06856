// Node's thread. Frames, datagrams, limits, capabilities, netlink events. VRRP sockets are in vrrp_socket.cc.
#include "sockets.h"

#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

namespace vipd {

Status send_frame(int interface_index, const void* frame, std::size_t size) noexcept {
  // Kept open: closing a packet socket waits for an RCU grace period, 5 to 20 ms of Node's main thread for every frame.
  static Fd fd;
  if (!fd.open()) fd.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));  // protocol 0: receives nothing
  if (!fd.open()) return Errno{errno, "socket"};
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = interface_index;
  if (::sendto(fd.get(), frame, size, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) {
    return Errno{errno, "sendto"};
  }
  return std::nullopt;
}

Status send_ip(const std::uint8_t* packet, std::size_t size) noexcept {
  // Protocol RAW: the header is ours, and nothing is ever received.
  static Fd fds[2];
  const bool is_v4 = size >= 20 && packet[0] >> 4 == 4;
  if (!is_v4 && (size < 40 || packet[0] >> 4 != 6)) return Errno{EINVAL, "sendto"};
  Fd& fd = fds[is_v4 ? 0 : 1];
  if (!fd.open()) fd.reset(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  if (!fd.open()) return Errno{errno, "socket"};
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  std::memcpy(&v4.sin_addr, packet + 16, sizeof v4.sin_addr);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  if (!is_v4) std::memcpy(&v6.sin6_addr, packet + 24, sizeof v6.sin6_addr);
  const auto* to = is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  const auto to_size = static_cast<socklen_t>(is_v4 ? sizeof v4 : sizeof v6);
  if (::sendto(fd.get(), packet, size, MSG_DONTWAIT, to, to_size) < 0) return Errno{errno, "sendto"};
  return std::nullopt;
}

Status close_on_exec() noexcept {
  if (::syscall(SYS_close_range, 3u, UINT_MAX, CLOSE_RANGE_CLOEXEC) != 0) return Errno{errno, "close_range"};
  return std::nullopt;
}

std::uint64_t raise_descriptor_limit(std::uint64_t wanted) noexcept {
  rlimit now{};
  if (::getrlimit(RLIMIT_NOFILE, &now) != 0) return 0;
  if (now.rlim_cur >= wanted) return now.rlim_cur;
  const rlimit both{wanted, std::max<rlim_t>(wanted, now.rlim_max)};
  if (::setrlimit(RLIMIT_NOFILE, &both) == 0) return wanted;
  const rlimit soft{std::min<rlim_t>(wanted, now.rlim_max), now.rlim_max};
  return ::setrlimit(RLIMIT_NOFILE, &soft) == 0 ? soft.rlim_cur : now.rlim_cur;
}

std::vector<const char*> missing_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  std::vector<const char*> missing;
  const bool known = ::syscall(SYS_capget, &header, data) == 0;
  if (!known || (data[0].effective >> CAP_NET_ADMIN & 1) == 0) missing.push_back("CAP_NET_ADMIN");
  if (!known || (data[0].effective >> CAP_NET_RAW & 1) == 0) missing.push_back("CAP_NET_RAW");
  return missing;
}

Result<Fd> open_netlink_events() noexcept {
  constexpr int kReceiveBuffer = 1024 * 1024;
  Fd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)};
  if (!fd.open()) return Errno{errno, "socket"};
  set_receive_buffer(fd.get(), kReceiveBuffer);
  sockaddr_nl self{};
  self.nl_family = AF_NETLINK;
  self.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&self), sizeof self) != 0) return Errno{errno, "bind"};
  return fd;
}

Received receive_netlink(int fd, std::uint8_t* buffer, std::size_t size, std::size_t& got) noexcept {
  Envelope envelope;
  const Received received = receive_datagram(fd, buffer, size, envelope);
  if (received == Received::nothing || received == Received::overrun) return received;
  sockaddr_nl from{};
  std::memcpy(&from, &envelope.from, sizeof from);
  if (from.nl_pid != 0) return Received::malformed;  // any process may send here; only the kernel is believed
  if (received == Received::malformed) return Received::overrun;
  got = envelope.size;
  return Received::packet;
}

}  // namespace vipd
