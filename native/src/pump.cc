// Worker thread. Moves bytes from one socket to another, by buffer or by pipe.
#include "pump.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace vipd {
namespace {

constexpr std::size_t kBuffer = 64 * 1024;
// A wide pipe saves a fifth of a bulk transfer's CPU. All that a worker has are not: what is in the pipe of a reader that
// stopped is the kernel's memory, and of that an unprivileged user has a limit.
constexpr int kWidePipe = 1024 * 1024;
constexpr int kPipeSize = 256 * 1024;
constexpr int kSmallestPipe = 32 * 1024;
constexpr std::size_t kPipesIdle = 32;
constexpr std::int64_t kPipeRetryMs = 100;
constexpr std::uint64_t kShareBytes = 1024 * 1024;
constexpr int kShareRounds = 16;
constexpr std::uint8_t kFullReadsToBulk = 4;
constexpr std::uint64_t kCalmBytes = 64 * 1024;
constexpr std::uint8_t kCalmTurns = 4;

std::uint32_t low(std::int64_t ms) noexcept { return static_cast<std::uint32_t>(ms); }

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Pipe* PipePool::borrow(std::int64_t now_ms) {
  if (!idle_.empty()) {
    Pipe* pipe = idle_.back().release();
    idle_.pop_back();
    ++lent_;
    return pipe;
  }
  if (lent_ >= most_ || now_ms < retry_at_ms_) return nullptr;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    retry_at_ms_ = now_ms + kPipeRetryMs;
    return nullptr;
  }
  auto pipe = std::make_unique<Pipe>();
  pipe->read.reset(ends[0]);
  pipe->write.reset(ends[1]);
  int capacity = lent_ < wide_ ? ::fcntl(ends[1], F_SETPIPE_SZ, kWidePipe) : -1;
  if (capacity < 0) capacity = ::fcntl(ends[1], F_SETPIPE_SZ, kPipeSize);
  if (capacity < 0) capacity = ::fcntl(ends[1], F_GETPIPE_SZ);
  if (capacity < kSmallestPipe) {  // above the user's pipe limit the kernel hands out one page
    retry_at_ms_ = now_ms + kPipeRetryMs;
    return nullptr;
  }
  pipe->capacity = static_cast<std::uint32_t>(capacity);
  ++lent_;
  return pipe.release();
}

void PipePool::give_back(Pipe* pipe, bool dirty) noexcept {
  std::unique_ptr<Pipe> owned(pipe);
  --lent_;
  if (!dirty && idle_.size() < kPipesIdle) idle_.push_back(std::move(owned));
}

Pump::Pump(Mode mode, PipePool& pipes) : mode_(mode), pipes_(pipes), buffer_(new char[kBuffer]) {}

Outcome Pump::run(Flow& flow, Leg& from, Leg& to, std::int64_t now_ms) {
  now_ms_ = now_ms;
  Outcome out;
  if (!to.writable || (!flow.pending() && (from.eof || !from.readable))) return out;
  Step step = Step::moved;
  int rounds = 0;
  while (step == Step::moved && out.moved < kShareBytes && rounds < kShareRounds) {
    ++rounds;
    if (flow.rest != nullptr) step = flush_rest(flow, from, to, out);
    else if (by_pipe(flow, from)) step = splice(flow, from, to, out);
    else step = copy(flow, from, to, out);
  }
  settle(flow, out);
  if (step == Step::source_failed) out.verdict = Verdict::source_failed;
  if (step == Step::sink_failed) out.verdict = Verdict::sink_failed;
  if (step == Step::moved && to.writable && (flow.pending() || (from.readable && !from.eof))) {
    out.verdict = Verdict::again;
  }
  return out;
}

Pump::Step Pump::copy(Flow& flow, Leg& from, Leg& to, Outcome& out) {
  if (from.eof || !from.readable) return Step::blocked;
  const ssize_t got = ::recv(from.fd, buffer_.get(), kBuffer, 0);
  if (got < 0) {
    if (!would_block(errno)) return Step::source_failed;
    from.readable = errno == EINTR;
    flow.full_reads = 0;
    return errno == EINTR ? Step::moved : Step::blocked;
  }
  if (got == 0) {
    from.eof = true;
    from.active_ms = now_ms_;
    return Step::blocked;
  }
  auto size = static_cast<std::size_t>(got);
  from.active_ms = now_ms_;
  // A FIN that is there already goes out with the last bytes.
  bool failed = false;
  if (from.careful && !from.urgent) size += read_to_end(from, size, failed);
  if (size == kBuffer) {
    if (++flow.full_reads >= kFullReadsToBulk) flow.bulk = true;
    if (flow.bulk) flow.full_reads = 0;
  } else {
    flow.full_reads = 0;
    if (!from.careful) from.readable = false;  // drained: whatever comes later makes a new edge
  }
  // After the end whoever runs this passes it on at once, so nothing waits for long.
  const ssize_t put = ::send(to.fd, buffer_.get(), size, from.eof ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL);
  if (put < 0 && !would_block(errno)) return Step::sink_failed;
  const auto sent = put < 0 ? std::size_t{0} : static_cast<std::size_t>(put);
  if (sent > 0) to.active_ms = now_ms_;
  out.moved += sent;
  if (sent == size) return failed ? Step::source_failed : Step::moved;
  to.writable = false;
  to.wrote_ms = low(now_ms_);
  flow.rest_size = static_cast<std::uint32_t>(size - sent);
  flow.rest_at = 0;
  flow.rest = static_cast<char*>(std::malloc(flow.rest_size));
  if (flow.rest == nullptr) std::abort();
  std::memcpy(flow.rest, buffer_.get() + sent, flow.rest_size);
  return failed ? Step::source_failed : Step::blocked;
}

// Adds to the `size` bytes in the buffer what else is there, as far as there is room.
std::size_t Pump::read_to_end(Leg& from, std::size_t size, bool& failed) noexcept {
  std::size_t more = 0;
  while (size + more < kBuffer) {
    const ssize_t got = ::recv(from.fd, buffer_.get() + size + more, kBuffer - size - more, 0);
    if (got > 0) {
      more += static_cast<std::size_t>(got);
      continue;
    }
    from.eof = got == 0;
    // A socket tells its error once.
    if (got < 0 && would_block(errno)) from.readable = errno == EINTR;
    else failed = got < 0;
    break;
  }
  return more;
}

Pump::Step Pump::flush_rest(Flow& flow, Leg& from, Leg& to, Outcome& out) noexcept {
  const std::uint32_t left = flow.rest_size - flow.rest_at;
  const ssize_t put = ::send(to.fd, flow.rest + flow.rest_at, left, MSG_NOSIGNAL);
  if (put < 0) {
    if (!would_block(errno)) return Step::sink_failed;
    to.writable = errno == EINTR;
    return errno == EINTR ? Step::moved : Step::blocked;
  }
  to.active_ms = now_ms_;
  to.wrote_ms = low(now_ms_);
  flow.rest_at += static_cast<std::uint32_t>(put);
  out.moved += static_cast<std::uint64_t>(put);
  if (flow.rest_at < flow.rest_size) {
    to.writable = false;
    return Step::blocked;
  }
  std::free(flow.rest);
  flow.rest = nullptr;
  from.active_ms = now_ms_;  // its reads were held up until now: the idle clock starts afresh
  return Step::moved;
}

Pump::Step Pump::splice(Flow& flow, Leg& from, Leg& to, Outcome& out) noexcept {
  constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
  if (flow.piped == 0) {
    if (from.eof || !from.readable) return Step::blocked;
    // EAGAIN from splice means "source empty" or "pipe full". Only an empty pipe is ever filled, so it is the former.
    const ssize_t got = ::splice(from.fd, nullptr, flow.pipe->write.get(), nullptr, flow.pipe->capacity, kFlags);
    if (got < 0) {
      if (!would_block(errno)) return Step::source_failed;
      from.readable = errno == EINTR;
      return errno == EINTR ? Step::moved : Step::blocked;
    }
    if (got == 0) {
      from.eof = true;
      from.active_ms = now_ms_;
      return Step::blocked;
    }
    from.active_ms = now_ms_;
    to.wrote_ms = low(now_ms_);
    flow.piped = static_cast<std::uint32_t>(got);
  }
  const ssize_t put = ::splice(flow.pipe->read.get(), nullptr, to.fd, nullptr, flow.piped, kFlags);
  if (put < 0) {
    if (!would_block(errno)) return Step::sink_failed;
    to.writable = errno == EINTR;
    return errno == EINTR ? Step::moved : Step::blocked;
  }
  if (put == 0) return Step::sink_failed;  // cannot be: there are bytes in the pipe. Never spin on it.
  to.active_ms = now_ms_;
  to.wrote_ms = low(now_ms_);
  flow.piped -= static_cast<std::uint32_t>(put);
  out.moved += static_cast<std::uint64_t>(put);
  out.spliced += static_cast<std::uint64_t>(put);
  if (flow.piped == 0) from.active_ms = now_ms_;
  return Step::moved;  // a partial write is not the end: the next one says EAGAIN and arms the edge
}

bool Pump::by_pipe(Flow& flow, const Leg& from) {
  if (flow.piped > 0) return true;
  if (from.urgent || mode_ == Mode::copy) return false;
  if (mode_ == Mode::hybrid && !flow.bulk) return false;
  if (flow.pipe == nullptr) flow.pipe = pipes_.borrow(now_ms_);
  if (flow.pipe == nullptr) flow.bulk = false;
  return flow.pipe != nullptr;
}

void Pump::settle(Flow& flow, const Outcome& out) noexcept {
  if (flow.pipe == nullptr || flow.piped > 0) return;
  pipes_.give_back(flow.pipe, false);
  flow.pipe = nullptr;
  flow.calm = out.moved < kCalmBytes ? static_cast<std::uint8_t>(flow.calm + 1) : std::uint8_t{0};
  if (flow.calm < kCalmTurns) return;
  flow.calm = 0;
  flow.bulk = false;
}

void Pump::flush_once(Flow& flow, Leg& to) noexcept {
  if (flow.rest != nullptr) {
    const ssize_t put = ::send(to.fd, flow.rest + flow.rest_at, flow.rest_size - flow.rest_at, MSG_NOSIGNAL);
    if (put > 0) flow.rest_at += static_cast<std::uint32_t>(put);
  } else if (flow.piped > 0) {
    const ssize_t put = ::splice(flow.pipe->read.get(), nullptr, to.fd, nullptr, flow.piped, SPLICE_F_NONBLOCK);
    if (put > 0) flow.piped -= static_cast<std::uint32_t>(put);
  }
}

void Pump::prepend(Flow& flow, const void* bytes, std::size_t size) {
  const std::size_t left = flow.rest != nullptr ? flow.rest_size - flow.rest_at : 0;
  auto* all = static_cast<char*>(std::malloc(size + left));
  if (all == nullptr) std::abort();
  std::memcpy(all, bytes, size);
  if (left > 0) std::memcpy(all + size, flow.rest + flow.rest_at, left);
  std::free(flow.rest);
  flow.rest = all;
  flow.rest_at = 0;
  flow.rest_size = static_cast<std::uint32_t>(size + left);
}

void Pump::discard(Flow& flow) noexcept {
  std::free(flow.rest);
  if (flow.pipe != nullptr) pipes_.give_back(flow.pipe, flow.piped > 0);
  flow = Flow{};
}

}  // namespace vipd
