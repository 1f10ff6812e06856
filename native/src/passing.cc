// Any thread. Messages between two processes of one host, with descriptors among them.
#include "passing.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace vipd {

Result<std::pair<Fd, Fd>> open_pair() noexcept {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return Errno{errno, "socketpair"};
  return std::pair<Fd, Fd>{Fd{ends[0]}, Fd{ends[1]}};
}

namespace {

Status send_to(int fd, const sockaddr_un* to, socklen_t to_size, const void* bytes, std::size_t size,
               const std::vector<int>& descriptors) noexcept {
  if (size == 0 || size > kMostMessage || descriptors.size() > kMostPassed) return Errno{EMSGSIZE, "sendmsg"};
  iovec part{const_cast<void*>(bytes), size};
  alignas(cmsghdr) char control[CMSG_SPACE(kMostPassed * sizeof(int))] = {};
  msghdr message{};
  message.msg_name = const_cast<sockaddr_un*>(to);
  message.msg_namelen = to_size;
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

}  // namespace

Status send_passed(int fd, const void* bytes, std::size_t size, const std::vector<int>& descriptors) noexcept {
  return send_to(fd, nullptr, 0, bytes, size, descriptors);
}

Status send_passed_to(const std::string& path, const void* bytes, std::size_t size,
                      const std::vector<int>& descriptors) noexcept {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof to.sun_path) return Errno{ENAMETOOLONG, "sendmsg"};
  std::memcpy(to.sun_path, path.data(), path.size());
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  if (path[0] == '@') {
    to.sun_path[0] = '\0';
    --length;  // in the abstract namespace a trailing zero is part of the name
  }
  const Fd fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.open()) return Errno{errno, "socket"};
  return send_to(fd.get(), &to, length, bytes, size, descriptors);
}

std::string identity_of(int fd) {
  struct stat is{};
  if (::fstat(fd, &is) != 0) return {};
  return std::to_string(is.st_dev) + ":" + std::to_string(is.st_ino);
}

Result<Fd> memory_file(const void* bytes, std::size_t size) noexcept {
  Fd fd{::memfd_create("vipd", MFD_CLOEXEC)};
  if (!fd.open()) return Errno{errno, "memfd_create"};
  const auto* at = static_cast<const std::uint8_t*>(bytes);
  while (size > 0) {
    const ssize_t put = ::write(fd.get(), at, size);
    if (put < 0 && errno != EINTR) return Errno{errno, "write"};
    if (put <= 0) continue;
    at += put;
    size -= static_cast<std::size_t>(put);
  }
  return fd;
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
