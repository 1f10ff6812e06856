// A worker puts records in, Node's thread takes them out.
#include "record.h"

namespace vipd {

bool RecordRing::room() const noexcept {
  // Acquire: the reader is done with the place that is written next.
  return head_.load(std::memory_order_relaxed) - tail_.load(std::memory_order_acquire) < kSize;
}

void RecordRing::push(const SessionRecord& record) {
  const std::size_t head = head_.load(std::memory_order_relaxed);
  if (!records_) records_ = std::make_unique<SessionRecord[]>(kSize);
  records_[head % kSize] = record;
  head_.store(head + 1, std::memory_order_release);
}

const SessionRecord* RecordRing::peek() const noexcept {
  const std::size_t tail = tail_.load(std::memory_order_relaxed);
  if (tail == head_.load(std::memory_order_acquire)) return nullptr;
  return &records_[tail % kSize];
}

void RecordRing::pop() noexcept {
  tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

}  // namespace vipd
