// Node's thread, but for ~UnixFile() and is_there(). Listening sockets with a name in the file system.
#include "unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <unordered_map>

namespace vipd {
namespace {

bool fill(sockaddr_un& address, const std::string& path) noexcept {
  if (path.empty() || path.size() >= sizeof address.sun_path) return false;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return true;
}

Fd unix_socket() noexcept { return Fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}; }

// Removes what was made under the first name, unless it got its place.
struct Draft {
  const std::string path;
  bool in_place = false;
  ~Draft() {
    if (!in_place) ::unlink(path.c_str());
  }
};

// Who has which path in this process. A withdrawn socket goes when the last worker lets go of it, which may be while its
// successor takes the place: looking whose the file is and removing it are one step, and so is taking a place. An inode's
// number alone does not tell, since the file system gives it away again.
struct Places {
  std::mutex lock;
  std::unordered_map<std::string, std::uint64_t> claims;
  std::uint64_t last = 0;
};

// Never destroyed: workers may outlive static objects.
Places& places() {
  static auto* const all = new Places;
  return *all;
}

}  // namespace

UnixFile::~UnixFile() {
  if (inode_ == 0) return;
  Places& all = places();
  const std::lock_guard hold(all.lock);
  if (is_ours()) ::unlink(path_.c_str());
  const auto found = all.claims.find(path_);
  if (found != all.claims.end() && found->second == claim_) all.claims.erase(found);
}

void UnixFile::set_mode(int mode) const noexcept {
  if (mode < 0) return;
  const std::lock_guard hold(places().lock);
  if (is_ours()) ::chmod(path_.c_str(), static_cast<mode_t>(mode));
}

bool UnixFile::is_there() const noexcept {
  const std::lock_guard hold(places().lock);
  return is_ours();
}

void UnixFile::leave() const noexcept {
  const std::lock_guard hold(places().lock);
  if (is_ours()) places().claims.erase(path_);
}

// The lock of the places is held. Another process may have taken the place too.
bool UnixFile::is_ours() const noexcept {
  struct stat found {};
  const Places& all = places();
  const auto claimed = all.claims.find(path_);
  return inode_ != 0 && claimed != all.claims.end() && claimed->second == claim_ && ::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_;
}

Status probe_unix(const std::string& path) noexcept {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return errno == ENOENT ? Status{} : Status{Errno{errno, "lstat"}};
  if (!S_ISSOCK(found.st_mode)) return Errno{ENOTSOCK, "bind"};
  sockaddr_un address{};
  if (!fill(address, path)) return Errno{ENAMETOOLONG, "bind"};
  const Fd fd = unix_socket();
  if (!fd.open()) return Errno{errno, "socket"};
  // A full backlog says EAGAIN, another kind of socket EPROTOTYPE: all but these two has somebody behind it.
  const bool answered = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (!answered && (errno == ECONNREFUSED || errno == ENOENT)) return std::nullopt;
  return Errno{EADDRINUSE, "bind"};
}

Result<UnixListener> open_unix(const std::string& path, int mode, int backlog) {
  Draft draft{path + "." + std::to_string(::getpid())};
  sockaddr_un address{};
  if (!fill(address, draft.path)) return Errno{ENAMETOOLONG, "bind"};
  Fd fd = unix_socket();
  if (!fd.open()) return Errno{errno, "socket"};
  ::unlink(draft.path.c_str());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return Errno{errno, "bind"};
  // Before listen(): until then nobody gets in, whatever the umask lets through.
  if (mode >= 0 && ::chmod(draft.path.c_str(), static_cast<mode_t>(mode)) != 0) return Errno{errno, "chmod"};
  if (::listen(fd.get(), backlog) != 0) return Errno{errno, "listen"};
  struct stat made {};
  if (::lstat(draft.path.c_str(), &made) != 0) return Errno{errno, "lstat"};
  Places& all = places();
  const std::lock_guard hold(all.lock);
  if (::rename(draft.path.c_str(), path.c_str()) != 0) return Errno{errno, "rename"};
  draft.in_place = true;
  const std::uint64_t claim = ++all.last;
  all.claims[path] = claim;
  return UnixListener{UnixFile{path, made.st_dev, made.st_ino, claim}, std::move(fd)};
}

std::optional<UnixFile> claim_unix(const std::string& path) {
  struct stat found {};
  Places& all = places();
  const std::lock_guard hold(all.lock);
  if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return std::nullopt;
  const std::uint64_t claim = ++all.last;
  all.claims[path] = claim;
  return UnixFile{path, found.st_dev, found.st_ino, claim};
}

void remove_unix(const std::string& path) noexcept {
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) ::unlink(path.c_str());
}

}  // namespace vipd
