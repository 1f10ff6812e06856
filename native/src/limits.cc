// Any worker. Limits over all workers that most services do not have.
#include "limits.h"

#include <algorithm>
#include <utility>

namespace vipd {
namespace {

constexpr std::int64_t kSecondMs = 1000;

}  // namespace

std::int64_t RateLimit::take(std::int64_t limit, std::int64_t now_ms) noexcept {
  const std::lock_guard lock(mutex_);
  // A worker whose clock was read a little earlier may come a little later.
  std::int64_t past = std::max<std::int64_t>(0, now_ms - since_ms_);
  if (past >= 2 * kSecondMs) {
    since_ms_ = now_ms;
    past = count_ = before_ = 0;
  } else if (past >= kSecondMs) {
    since_ms_ += kSecondMs;
    past -= kSecondMs;
    before_ = std::exchange(count_, 0);
  }
  const std::int64_t left = kSecondMs - past;
  if (count_ * kSecondMs + before_ * left < limit * kSecondMs) {
    ++count_;
    return 0;
  }
  if (count_ >= limit) return left + 1;  // all of this second: the next one decides
  // The first millisecond at which count × 1000 + before × left < limit × 1000.
  return left - ((limit - count_) * kSecondMs - 1) / before_;
}

void RateLimit::give_back() noexcept {
  const std::lock_guard lock(mutex_);
  if (count_ > 0) --count_;
}

SourceCounts::Shard& SourceCounts::shard(const Address& client) noexcept {
  return shards_[client.hash() % shards_.size()];
}

bool SourceCounts::take(const Address& client, std::int64_t limit) {
  Shard& part = shard(client);
  const std::lock_guard lock(part.mutex);
  std::int64_t& count = part.counts[client.bytes()];
  if (count >= limit && count > 0) return false;
  ++count;
  return true;
}

void SourceCounts::give_back(const Address& client) noexcept {
  Shard& part = shard(client);
  const std::lock_guard lock(part.mutex);
  const auto found = part.counts.find(client.bytes());
  if (found != part.counts.end() && --found->second == 0) part.counts.erase(found);
}

}  // namespace vipd
