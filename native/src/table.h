// Made by Node's thread, then read by every worker: immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "address.h"
#include "listener.h"
#include "networks.h"
#include "shared.h"

namespace vipd {

enum class Algorithm : std::uint8_t { rotation, leastconn, first, source, consistent, random };
enum class SessionLog : std::uint8_t { off, errors, sampled, all };
// Why all sessions of a server are closed: haproxy's D, U and K.
enum class CloseSessions : std::uint8_t { no, down, up, killed };

struct Server {
  std::uint16_t id = 0;
  Address address;
  std::uint16_t weight = 1;
  std::int64_t maxconn = 0;       // 0: no limit
  int send_proxy = 0;             // version of the PROXY header; 0: none
  std::optional<Address> source;  // port 0; none: the kernel chooses
  CloseSessions close_sessions = CloseSessions::no;
  std::shared_ptr<ServerState> state;  // filled in by DataPlane::publish
};

// A point of the ring of 'consistent'.
struct RingPoint {
  std::uint32_t hash;
  std::uint16_t server;  // index into servers
};

struct Route {
  std::string servername;  // in lower case; "*.example.com" for all below
  std::uint16_t service;
};

// Milliseconds, 0: none. The sides by Side: [0] client, [1] server.
struct Timeouts {
  std::int64_t connect = 0;
  std::int64_t side[2] = {0, 0};
  std::int64_t tunnel = 0;
  std::int64_t fin[2] = {0, 0};
  std::int64_t queue = 0;
  std::int64_t handshake = 0;
  [[nodiscard]] bool operator==(const Timeouts&) const = default;
};

struct Table {
  std::uint16_t id = 0;
  std::vector<ListenerSpec> listeners;
  int backlog = 0;
  std::vector<Server> servers;
  std::vector<std::uint16_t> rotation;  // indexes into servers
  Algorithm algorithm = Algorithm::rotation;
  unsigned draws = 2;
  std::vector<RingPoint> ring;      // by ascending hash
  std::int64_t balance_factor = 0;  // percent; 0: none
  unsigned retries = 0;
  bool redispatch = false;
  bool aborts_on_close = false;
  std::int64_t maxconn = 0;
  std::int64_t rate_limit = 0;      // 0: none
  std::int64_t source_maxconn = 0;  // 0: none
  Networks deny;
  Networks allow;
  std::vector<Route> routes;
  bool is_transparent = false;
  Timeouts timeouts;
  SocketOptions sockets{};
  SessionLog session_log = SessionLog::off;
  std::uint32_t log_sample = 1;
};

}  // namespace vipd
