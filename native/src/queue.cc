// Any worker. Who waits for a server's slot.
#include "queue.h"

namespace vipd {

std::size_t Queue::push(QueueLink& link) noexcept {
  const std::lock_guard lock(mutex_);
  link.previous = last_;
  link.next = nullptr;
  (last_ != nullptr ? last_->next : first_) = &link;
  last_ = &link;
  return size_.fetch_add(1);
}

int Queue::remove(QueueLink& link) noexcept {
  const std::lock_guard lock(mutex_);
  const bool was_head = link.previous == nullptr;
  (was_head ? first_ : link.previous->next) = link.next;
  (link.next != nullptr ? link.next->previous : last_) = link.previous;
  link.previous = link.next = nullptr;
  size_.fetch_sub(1);
  return was_head && first_ != nullptr ? first_->worker : -1;
}

int Queue::head_worker() noexcept {
  const std::lock_guard lock(mutex_);
  return first_ != nullptr ? first_->worker : -1;
}

Session* Queue::head_of(int worker) noexcept {
  const std::lock_guard lock(mutex_);
  return first_ != nullptr && first_->worker == worker ? first_->session : nullptr;
}

}  // namespace vipd
