// Made by Node's thread, then read by every worker: immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "address.h"
#include "counters.h"

namespace vipd {

struct Server {
  std::uint16_t id;
  Address address;
  bool close_sessions;
  std::shared_ptr<ServerState> state;  // filled in by DataPlane::publish
};

struct Keepalive {
  int idle_s;  // 0: off
  int interval_s;
  int count;
  [[nodiscard]] bool operator==(const Keepalive&) const = default;
};

// How sockets of both legs are set up. Accepted sockets inherit all of it from their listener.
struct SocketOptions {
  Keepalive keepalive;
  unsigned user_timeout_ms;
  [[nodiscard]] bool operator==(const SocketOptions&) const = default;
};

struct Table {
  std::uint16_t id;
  std::vector<Address> listeners;
  int backlog;
  std::vector<Server> servers;
  std::vector<std::uint16_t> rotation;  // indexes into servers
  unsigned retries;
  bool redispatch;
  std::int64_t maxconn;
  std::int64_t connect_timeout_ms;
  std::int64_t idle_timeout_ms[2];  // [0] client, [1] server
  SocketOptions sockets;
};

}  // namespace vipd
