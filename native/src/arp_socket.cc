// Node's thread. ARP as it comes in by one interface.
#include "arp_socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace vipd {
namespace {

constexpr int kReceiveBuffer = 64 * 1024;
constexpr std::size_t kArpSize = 28;  // IPv4 over Ethernet, without padding

// RFC 826
struct Wire {
  std::uint8_t kinds[6];
  std::uint8_t operation[2];
  std::uint8_t sender_mac[6];
  std::uint8_t sender_address[4];
  std::uint8_t target_mac[6];
  std::uint8_t target_address[4];
};
static_assert(sizeof(Wire) == kArpSize);

}  // namespace

Result<Fd> open_arp(int interface_index) noexcept {
  // Protocol 0 until it is bound: nothing comes in before the filter is in place. DGRAM: without the Ethernet header.
  Fd fd{::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.open()) return Errno{errno, "socket"};
  // What this host sends is given to sockets of ETH_P_ALL only, never to one of ETH_P_ARP: the filter need not look.
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x00010800, 0, 4),  // Ethernet, IPv4
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0604, 0, 2),  // lengths of their addresses
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 24),             // a load beyond the end drops the packet
      BPF_STMT(BPF_RET | BPF_K, kArpSize),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog filter{sizeof code / sizeof code[0], code};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) {
    return Errno{errno, "setsockopt"};
  }
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  sockaddr_ll self{};
  self.sll_family = AF_PACKET;
  self.sll_protocol = htons(ETH_P_ARP);
  self.sll_ifindex = interface_index;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&self), sizeof self) != 0) return Errno{errno, "bind"};
  return fd;
}

Received receive_arp(int fd, Arp& arp) noexcept {
  Wire wire{};
  Envelope envelope;
  const Received received = receive_datagram(fd, &wire, sizeof wire, envelope);
  if (received != Received::packet) return received;
  if (envelope.size != sizeof wire) return Received::malformed;
  arp.operation = static_cast<std::uint16_t>(wire.operation[0] << 8 | wire.operation[1]);
  std::memcpy(arp.sender_mac.data(), wire.sender_mac, arp.sender_mac.size());
  inet_ntop(AF_INET, wire.sender_address, arp.sender_address, sizeof arp.sender_address);
  inet_ntop(AF_INET, wire.target_address, arp.target_address, sizeof arp.target_address);
  return Received::packet;
}

}  // namespace vipd
