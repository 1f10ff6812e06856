// Node's thread, but for ~UnixFile() and is_there(). Listening sockets with a name in the file system.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "fd.h"

namespace vipd {

// A socket's name. When it goes the name goes, unless somebody else has put his own socket there meanwhile.
class UnixFile {
 public:
  // `claim`: which of those that this process made at the path it is; see unix_listener.cc.
  UnixFile(std::string path, dev_t device, ino_t inode, std::uint64_t claim) noexcept
      : path_(std::move(path)), device_(device), inode_(inode), claim_(claim) {}
  UnixFile(UnixFile&& other) noexcept
      : path_(std::move(other.path_)),
        device_(other.device_),
        inode_(std::exchange(other.inode_, 0)),
        claim_(other.claim_) {}
  UnixFile(const UnixFile&) = delete;
  UnixFile& operator=(const UnixFile&) = delete;
  UnixFile& operator=(UnixFile&&) = delete;
  ~UnixFile();

  // Who may connect from now on. −1: whoever may now.
  void set_mode(int mode) const noexcept;
  // Nobody else has put his own socket there.
  [[nodiscard]] bool is_there() const noexcept;
  // It outlives this object: another process has the socket.
  void leave() const noexcept;

 private:
  [[nodiscard]] bool is_ours() const noexcept;

  std::string path_;
  dev_t device_;
  ino_t inode_;  // 0: moved from
  std::uint64_t claim_;
};

struct UnixListener {
  UnixFile file;
  Fd fd;
};

// EADDRINUSE when somebody answers there, ENOTSOCK when it is something else than a socket. What a dead process left
// is no hindrance.
[[nodiscard]] Status probe_unix(const std::string& path) noexcept;
// Takes the place over from whoever has it: made beside it, complete, and renamed. `mode` −1: as the umask has it.
[[nodiscard]] Result<UnixListener> open_unix(const std::string& path, int mode, int backlog);

// Of a socket that another process has given us. None: what is at the path is no socket.
[[nodiscard]] std::optional<UnixFile> claim_unix(const std::string& path);
// What nobody listens to any more.
void remove_unix(const std::string& path) noexcept;

}  // namespace vipd
