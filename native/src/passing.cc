// Any thread. Messages between two processes of one host, with descriptors among them.
#include "passing.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

namespace vipd {

Result<std::pair<Fd, Fd>> open_pair() noexcept {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return Errno{errno, "socketpair"};
  return std::pair<Fd, Fd>{Fd{ends[0]}, Fd{ends[1]}};
}

Status send_passed(int fd, const void* bytes, std::size_t size, const std::vector<int>& descriptors) noexcept {
  if (size == 0 || size > kMostMessage || descriptors.size() > kMostPassed) return Errno{EMSGSIZE, "sendmsg"};
  iovec part{const_cast<void*>(bytes), size};
  alignas(cmsghdr) char control[CMSG_SPACE(kMostPassed * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
  }
  return ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? Status{Errno{errno, "sendmsg"}} : std::nullopt;
}

Result<Passed> receive_passed(int fd) {
  Passed passed;
  passed.bytes.resize(kMostMessage);
  iovec part{passed.bytes.data(), passed.bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMostPassed * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) return Errno{errno, "recvmsg"};
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int one = -1;
      std::memcpy(&one, CMSG_DATA(header) + i * sizeof one, sizeof one);
      passed.descriptors.emplace_back(one);
    }
  }
  if (got == 0) return Errno{ECONNRESET, "recvmsg"};
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Errno{EMSGSIZE, "recvmsg"};
  passed.bytes.resize(static_cast<std::size_t>(got));
  return passed;
}

}  // namespace vipd
