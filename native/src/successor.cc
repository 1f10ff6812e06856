// Node's thread. A process that takes our place.
#include "successor.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace vipd {
namespace {

constexpr int kHandedFd = 3;

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

// As fork(), of which other threads know nothing: what runs until exec may only make system calls.
pid_t fork_as_sibling() noexcept {
  const auto clone = [](unsigned long flags) { return static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, 0)); };
  const pid_t sibling = clone(CLONE_PARENT | SIGCHLD);
  return sibling < 0 && errno == EINVAL ? clone(SIGCHLD) : sibling;
}

}  // namespace

Result<pid_t> start_successor(const std::string& program, const std::vector<std::string>& arguments,
                              const std::vector<std::string>& environment, int fd) {
  std::vector<std::string> all{program};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const std::vector<char*> argv = pointers(all);
  const std::vector<char*> env = pointers(environment);
  const Fd nothing{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  // Above the place where it is to be: dup2 of a descriptor onto itself would leave it close-on-exec.
  const Fd handed{::fcntl(fd, F_DUPFD_CLOEXEC, kHandedFd + 1)};
  // Closes by itself when the program runs; what comes through it is why it does not.
  int told[2];
  if (!nothing.open() || !handed.open() || ::pipe2(told, O_CLOEXEC) != 0) return Errno{errno, "pipe2"};
  const Fd read_end{told[0]};
  Fd write_end{told[1]};
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  ::pthread_sigmask(SIG_SETMASK, &blocked, &before);
  const pid_t pid = fork_as_sibling();
  if (pid == 0) {
    // No handler of ours may run here: all become the default ones, with exec or before.
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    ::setsid();
    ::dup2(nothing.get(), 0);
    // The end that tells may be where the other one belongs.
    const int tell = ::fcntl(write_end.get(), F_DUPFD_CLOEXEC, kHandedFd + 1);
    ::dup2(handed.get(), kHandedFd);
    ::execve(program.c_str(), argv.data(), env.data());
    const int error = errno;
    static_cast<void>(!::write(tell, &error, sizeof error));
    ::_exit(127);
  }
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return Errno{fork_error, "clone"};
  write_end.reset();
  int error = 0;
  if (::read(read_end.get(), &error, sizeof error) == static_cast<ssize_t>(sizeof error)) return Errno{error, "execve"};
  return pid;
}

}  // namespace vipd
