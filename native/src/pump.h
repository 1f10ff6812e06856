// Worker thread. Moves bytes from one socket to another, by buffer or by pipe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "fd.h"

namespace vipd {

enum class Mode : std::uint8_t { hybrid, copy, splice };

struct Pipe {
  Fd read;
  Fd write;
  std::uint32_t capacity = 0;
};

// Pipes are lent while bytes are in flight, so an idle session has none. Bounded; nullptr when there is none to be had.
class PipePool {
 public:
  // `wide`: how many of them may be wide.
  PipePool(std::uint32_t most, std::uint32_t wide) noexcept : most_(most), wide_(wide) {}
  [[nodiscard]] Pipe* borrow(std::int64_t now_ms);
  // `dirty`: bytes are left in it, so it cannot be used again.
  void give_back(Pipe* pipe, bool dirty) noexcept;

 private:
  const std::uint32_t most_;  // lent and idle together
  const std::uint32_t wide_;
  std::vector<std::unique_ptr<Pipe>> idle_;
  std::uint32_t lent_ = 0;
  std::int64_t retry_at_ms_ = 0;
};

// One socket of a session, with what epoll said and no system call has disproved yet.
struct Leg {
  std::int64_t active_ms = 0;  // last byte read or written, last FIN; of a server leg that connects: when that began
  int fd = -1;
  std::uint32_t generation = 0;  // of fd; an event that carries another one is stale
  std::uint32_t wrote_ms = 0;    // low bits of the time when bytes last went out, or first could not
  bool readable : 1 = false;
  bool writable : 1 = false;
  bool careful : 1 = false;  // FIN or urgent data seen: a short read does not mean drained
  bool urgent : 1 = false;   // splice stops for ever at an urgent mark
  bool eof : 1 = false;      // FIN read
  bool shut : 1 = false;     // FIN sent
};
static_assert(sizeof(Leg) == 24);

// One direction. Bytes wait either in `rest` or in the pipe, never in both: that keeps them in order.
struct Flow {
  Pipe* pipe = nullptr;
  char* rest = nullptr;
  std::uint32_t rest_at = 0;
  std::uint32_t rest_size = 0;
  std::uint32_t piped = 0;
  std::uint8_t full_reads = 0;
  std::uint8_t calm = 0;
  bool bulk = false;

  [[nodiscard]] bool pending() const noexcept { return rest != nullptr || piped > 0; }
};

enum class Verdict : std::uint8_t {
  blocked,  // until epoll says more
  again,    // the share of this turn is used up
  source_failed,
  sink_failed
};

struct Outcome {
  Verdict verdict = Verdict::blocked;
  std::uint64_t moved = 0;
  std::uint64_t spliced = 0;
};

class Pump {
 public:
  Pump(Mode mode, PipePool& pipes);

  // Moves what can be moved without waiting, up to a fair share.
  [[nodiscard]] Outcome run(Flow& flow, Leg& from, Leg& to, std::int64_t now_ms);
  // One attempt to deliver what is already in hand; reads nothing.
  void flush_once(Flow& flow, Leg& to) noexcept;
  void discard(Flow& flow) noexcept;
  // Bytes that go out before whatever else the flow has; nothing may be in a pipe.
  static void prepend(Flow& flow, const void* bytes, std::size_t size);

 private:
  enum class Step : std::uint8_t { moved, blocked, source_failed, sink_failed };

  [[nodiscard]] Step copy(Flow& flow, Leg& from, Leg& to, Outcome& out);
  [[nodiscard]] std::size_t read_to_end(Leg& from, std::size_t size, bool& failed) noexcept;
  [[nodiscard]] Step flush_rest(Flow& flow, Leg& from, Leg& to, Outcome& out) noexcept;
  [[nodiscard]] Step splice(Flow& flow, Leg& from, Leg& to, Outcome& out) noexcept;
  [[nodiscard]] bool by_pipe(Flow& flow, const Leg& from);
  void settle(Flow& flow, const Outcome& out) noexcept;

  const Mode mode_;
  PipePool& pipes_;
  const std::unique_ptr<char[]> buffer_;
  std::int64_t now_ms_ = 0;
};

}  // namespace vipd
