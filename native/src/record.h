// What is told of sessions. A worker writes, Node's thread reads.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "address.h"
#include "counters.h"
#include "fd.h"

namespace vipd {

// Of a session, living or ended.
struct SessionFacts {
  std::uint64_t id = 0;
  std::uint16_t service = 0;
  std::uint16_t backend = 0;
  int server = -1;
  Address client;
  Address listener;
  Address local;
  std::uint64_t bytes[2] = {0, 0};
};

struct LiveSession {
  SessionFacts facts;
  const char* state = "";
  std::int64_t accepted_ms = 0;
  std::int64_t age_ms = 0;
  std::int64_t idle_ms = 0;
};

struct SessionRecord {
  SessionFacts facts;
  std::int64_t ended_ms = 0;  // monotonic; orders the records of all workers
  std::int64_t accepted_at_ms = 0;
  std::int64_t queue_ms = -1;
  std::int64_t connect_ms = -1;
  std::int64_t total_ms = 0;
  char ending[2] = {'-', '-'};
  unsigned retries = 0;
  bool is_redispatched = false;
  std::int64_t connections[4] = {0, 0, 0, 0};
  std::uint32_t queued[2] = {0, 0};
};

// One worker puts in, Node's thread takes out; neither waits for the other.
class RecordRing {
 public:
  // The worker's: whether one more fits.
  [[nodiscard]] bool room() const noexcept;
  // Only where there is room.
  void push(const SessionRecord& record);
  // The oldest one; nullptr: none. Good until pop().
  [[nodiscard]] const SessionRecord* peek() const noexcept;
  void pop() noexcept;

 private:
  static constexpr std::size_t kSize = 4096;
  std::unique_ptr<SessionRecord[]> records_;  // made with the first one, published by head_
  std::atomic<std::size_t> head_{0};          // the worker's
  std::atomic<std::size_t> tail_{0};          // Node's
};

// What a worker gives away: sessions as records (handover.h) with their descriptors in the same order, and its listeners.
struct Handed {
  struct Listening {
    std::string place;
    Fd fd;
  };
  std::vector<std::uint8_t> sessions;
  std::vector<Fd> descriptors;
  std::vector<Listening> listeners;
};

// Which sessions to tell of. Posted to every worker; each fills its own list, the last one announces it.
struct SessionQuery {
  SessionQuery(std::uint32_t query_number, std::size_t workers) : number(query_number), left(workers), found(workers), handed(workers) {}

  const std::uint32_t number;
  int service = -1;  // −1: all
  int server = -1;
  std::int64_t quiet_ms = 0;
  std::size_t most = 0;  // of each worker, the oldest
  bool wants_endpoints = false;  // nothing else is told of them
  bool hands_over = false;       // they are given away, with all that is needed to go on elsewhere
  std::vector<std::array<std::uint8_t, 16>> resets_at;  // not empty: those whose client came to one of these addresses are reset
  std::atomic<std::uint32_t> reset{0};                  // … so many
  std::atomic<std::size_t> left;
  std::vector<std::vector<LiveSession>> found;  // by worker
  std::vector<Handed> handed;                   // by worker
};

}  // namespace vipd
