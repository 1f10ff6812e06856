// Worker thread. Living sessions as one process gives them to another of the same host: a record each, and descriptors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "address.h"
#include "fd.h"

namespace vipd {

// Changes whenever a record does; who knows another one does not take it.
inline constexpr unsigned kHandoverFormat = 1;

// In network order as far as the network sees it, else in the host's: both processes are on one host.
struct HandedAddress {
  std::uint16_t family = 0;  // 0: not known
  std::uint16_t port = 0;
  std::uint8_t bytes[16] = {};

  HandedAddress() = default;
  explicit HandedAddress(const Address& address) noexcept;
  [[nodiscard]] Address address() const noexcept;
};

// Followed by the bytes that are on their way: held[0] from the client, then held[1] from the server. Its descriptors: the
// client's socket and, where it is established, the server's.
struct HandedSession {
  // The server's leg goes along; it begins anew with a server of the new process's choice; what was read is looked at again.
  enum class Kind : std::uint8_t { established, unserved, handshake };
  enum LegBits : std::uint8_t { kEof = 1, kShut = 2, kCareful = 4, kUrgent = 8 };
  enum Bits : std::uint8_t {
    kServerFailed = 1,
    kRedispatched = 2,
    kAdmitted = 4,
    kCountsForSource = 8,
    kWatched = 16,
    kExpectsProxy = 32
  };

  std::int64_t age_ms = 0;
  std::int64_t idle_ms[2] = {0, 0};
  std::uint64_t bytes[2] = {0, 0};
  std::int32_t server = -1;
  std::int32_t queue_ms = -1;
  std::int32_t connect_ms = -1;
  std::uint32_t held[2] = {0, 0};
  HandedAddress client;
  HandedAddress listener;
  std::uint16_t service = 0;
  std::uint16_t backend = 0;
  std::uint16_t failures = 0;
  std::uint16_t retries = 0;
  Kind kind = Kind::established;
  std::uint8_t leg[2] = {0, 0};
  std::uint8_t bits = 0;

  [[nodiscard]] unsigned descriptors() const noexcept { return kind == Kind::established ? 2 : 1; }
};
static_assert(std::is_trivially_copyable_v<HandedSession>);

// A session of another process that goes on here.
struct Adoption {
  HandedSession record;
  std::vector<Fd> descriptors;
  std::vector<std::uint8_t> held;
};

// Records, one after the other, with the descriptors of all of them in the same order. None: something is cut, and every
// descriptor is closed.
[[nodiscard]] std::optional<std::vector<Adoption>> read_handed(const std::uint8_t* bytes, std::size_t size,
                                                               std::vector<Fd>&& descriptors);

}  // namespace vipd
