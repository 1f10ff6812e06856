// Any thread. One datagram with its sender and control messages.
#pragma once

#include <sys/socket.h>

#include <cstdint>

namespace vipd {

enum class Received : std::uint8_t { packet, malformed, nothing, overrun };

// What came beside a datagram's bytes. Neither copied nor moved: the message points into it.
struct Envelope {
  Envelope() = default;
  Envelope(const Envelope&) = delete;
  Envelope& operator=(const Envelope&) = delete;

  sockaddr_storage from{};
  alignas(cmsghdr) char control[256];
  iovec part{};
  msghdr message{};
  std::size_t size = 0;  // bytes in the caller's buffer
};

// Never blocks. `malformed`: it was longer than the buffer. `nothing`: none is waiting, or the socket has failed.
[[nodiscard]] Received receive_datagram(int fd, void* buffer, std::size_t size, Envelope& envelope) noexcept;

// SO_RCVBUF; beyond net.core.rmem_max where the process may.
void set_receive_buffer(int fd, int size) noexcept;

}  // namespace vipd
