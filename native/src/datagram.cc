// Any thread. One datagram with its sender and control messages.
#include "datagram.h"

#include <cerrno>

namespace vipd {

Received receive_datagram(int fd, void* buffer, std::size_t size, Envelope& envelope) noexcept {
  envelope.part = {buffer, size};
  msghdr& message = envelope.message;
  message.msg_name = &envelope.from;
  message.msg_namelen = sizeof envelope.from;
  message.msg_iov = &envelope.part;
  message.msg_iovlen = 1;
  message.msg_control = envelope.control;
  message.msg_controllen = sizeof envelope.control;
  const ssize_t length = ::recvmsg(fd, &message, MSG_DONTWAIT);
  if (length < 0) return errno == ENOBUFS ? Received::overrun : Received::nothing;
  envelope.size = static_cast<std::size_t>(length);
  return (message.msg_flags & MSG_TRUNC) != 0 ? Received::malformed : Received::packet;
}

void set_receive_buffer(int fd, int size) noexcept {
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) == 0) return;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

}  // namespace vipd
