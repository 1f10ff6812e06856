// Any worker. Who waits for a server's slot: first come, first served, over all workers.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>

namespace vipd {

struct Session;

// A session's place in a queue. Its worker alone puts it in and takes it out; neighbours of other workers are linked to
// it under the queue's lock.
struct QueueLink {
  QueueLink* previous = nullptr;
  QueueLink* next = nullptr;
  Session* session = nullptr;
  int worker = -1;
};

// Nobody is handed a slot: the worker whose session is at the head is woken, and takes one. It must be when a slot is
// freed and when another session comes to the head; whoever puts a session in looks once more afterwards. The lock is
// taken only where somebody waits.
class Queue {
 public:
  // How many were before it.
  [[nodiscard]] std::size_t push(QueueLink& link) noexcept;
  // The worker whose session is at the head now, if another one was before; −1: there is nothing to tell anybody.
  [[nodiscard]] int remove(QueueLink& link) noexcept;
  // −1: nobody waits.
  [[nodiscard]] int head_worker() noexcept;
  // The session at the head, if it is that worker's.
  [[nodiscard]] Session* head_of(int worker) noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(); }

 private:
  std::mutex mutex_;
  QueueLink* first_ = nullptr;
  QueueLink* last_ = nullptr;
  std::atomic<std::size_t> size_{0};
};

}  // namespace vipd
