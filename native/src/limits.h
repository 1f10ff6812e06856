// Any worker. Limits over all workers that most services do not have: sessions per second, sessions per address.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>

#include "address.h"

namespace vipd {

// New sessions in a second, as haproxy counts them: what came in this second, and of the one before as much as is left
// of a second.
class RateLimit {
 public:
  // 0: one more may come now, and is counted. Otherwise in how many milliseconds to ask again.
  [[nodiscard]] std::int64_t take(std::int64_t limit, std::int64_t now_ms) noexcept;
  // One that was counted has not come.
  void give_back() noexcept;

 private:
  std::mutex mutex_;
  std::int64_t since_ms_ = 0;  // when this second began
  std::int64_t count_ = 0;
  std::int64_t before_ = 0;
};

// Sessions at once by client address. Bounded by the sessions there are.
class SourceCounts {
 public:
  // False: it has `limit` already.
  [[nodiscard]] bool take(const Address& client, std::int64_t limit);
  void give_back(const Address& client) noexcept;

 private:
  using Key = std::array<std::uint8_t, 16>;
  struct alignas(64) Shard {
    std::mutex mutex;
    std::map<Key, std::int64_t> counts;
  };
  [[nodiscard]] Shard& shard(const Address& client) noexcept;

  std::array<Shard, 16> shards_;
};

}  // namespace vipd
