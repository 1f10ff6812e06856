// Worker thread. One connection: two sockets, two flows, and where it stands.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "handshake.h"
#include "listener.h"
#include "pump.h"
#include "table.h"

namespace vipd {

enum Side : unsigned { kClient = 0, kServer = 1 };

// Numbers of sessions are unique over workers: the remainder says whose it is.
inline constexpr std::uint64_t kMostWorkers = 64;

struct LocalServer;
struct LocalService;

// What few sessions need, so that the others stay small.
struct Extra {
  QueueLink link;                        // state queued
  Queue* queue = nullptr;                // … which
  std::int64_t queued_at_ms = 0;
  std::uint32_t before[2] = {0, 0};      // how many were before it in the queue of its server, of its service
  std::shared_ptr<ListenerGroup> group;  // it holds a slot of this listener's own maxconn
  Address listener;                      // what the client connected to, where a PROXY header said so
  std::unique_ptr<Handshake> handshake;  // state handshake
};

struct Session {
  enum class State : std::uint8_t { free, handshake, queued, connecting, waiting, established, closed };

  Leg leg[2];    // by Side
  Flow flow[2];  // by the side the bytes come from
  LocalService* service = nullptr;  // that accepted it: its listener's, client side
  LocalService* backend = nullptr;  // whose servers it gets
  LocalServer* server = nullptr;    // it holds a slot there
  Session* previous = nullptr;      // of the same server and worker; of those that are queued for the same backend
  Session* next = nullptr;
  std::unique_ptr<Extra> extra;
  std::uint64_t id = 0;
  std::int64_t accepted_ms = 0;
  std::uint64_t bytes[2] = {0, 0};
  Address client;  // not known: none was told
  std::uint32_t index = 0;
  std::uint32_t timer = 0;       // position in the timer heap plus one, 0: none
  std::int32_t queue_ms = -1;    // until a server was chosen
  std::int32_t connect_ms = -1;  // from then until it was reached
  std::uint16_t failures = 0;    // connect attempts that failed
  std::uint16_t retries = 0;     // attempts after the first
  State state = State::free;
  char ending[2] = {'-', '-'};         // haproxy's termination state; the first reason stays
  bool runnable : 1 = false;           // in the run list
  bool server_failed : 1 = false;      // reset by the server: what was received still goes to the client
  bool is_redispatched : 1 = false;
  bool admitted : 1 = false;           // it has passed deny, allow and the limit of its address
  bool counts_for_source : 1 = false;  // it holds a place among the sessions of its address
  bool routed : 1 = false;             // its backend is counted as another service
  bool watched : 1 = false;            // its server leg has keepalive and user timeout

  [[nodiscard]] bool connecting() const noexcept { return state == State::connecting || state == State::waiting; }
  // Since the last byte, either way.
  [[nodiscard]] std::int64_t idle_ms(std::int64_t now_ms) const noexcept {
    return now_ms - std::max(leg[kClient].active_ms, state == State::established ? leg[kServer].active_ms : 0);
  }
  [[nodiscard]] Extra& more() {
    if (!extra) extra = std::make_unique<Extra>();
    return *extra;
  }
  void ends(char who, char when) noexcept {
    if (ending[0] != '-') return;
    ending[0] = who;
    ending[1] = when;
  }
};
static_assert(sizeof(Session) <= 256);

// Sessions in a list of their worker.
struct SessionList {
  Session* first = nullptr;

  void add(Session& session) noexcept;
  void remove(Session& session) noexcept;
};

// A worker's view of a server. Lives as long as it is listed or has sessions.
struct LocalServer {
  Server spec;  // as last published
  ServerCounters* counters = nullptr;
  SessionList sessions;
  bool listed = false;
  bool in_rotation = false;

  [[nodiscard]] ServerState& state() const noexcept { return *spec.state; }
};

struct LocalListener {
  Listener socket;
  LocalService* service = nullptr;
  std::uint32_t number = 0;     // identifies it in epoll events
  std::uint32_t burst = 1;      // connections to accept in one go
  std::uint64_t last_turn = 0;  // turn of the loop in which it was ready
  bool paused = false;          // its own maxconn is reached
  bool polled = false;          // it is in epoll
};

// A worker's view of a service. Never deleted while the worker runs, so that a backend can be named by its sessions.
struct LocalService {
  std::shared_ptr<ServiceState> state;
  ServiceCounters* counters = nullptr;
  std::shared_ptr<const Table> table;  // the last one, also after a withdrawal
  std::map<std::uint16_t, std::unique_ptr<LocalServer>> servers;
  std::vector<LocalServer*> by_index;  // as in the table
  std::vector<LocalServer*> rotation;
  std::vector<LocalServer*> choices;  // those in the rotation, once each, in the order of the table
  std::int64_t weight = 0;            // of all choices
  bool limited = false;               // a server in the rotation has a maxconn
  bool withdrawn = false;
  bool paused = false;
  std::int64_t resume_at_ms = 0;  // paused until then, whatever is freed meanwhile; 0: until a slot is
  std::vector<std::unique_ptr<LocalListener>> listeners;
  SessionList queued;  // sessions of this worker that wait for a slot here
};

// Sessions come from chunks that are never returned, so a stale index is always readable.
class Slab {
 public:
  [[nodiscard]] Session& take();
  void give_back(Session& session) noexcept;
  [[nodiscard]] Session* at(std::uint32_t index) noexcept;
  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(chunks_.size()) * kChunk; }
  // Every session that lives.
  template <class F>
  void each(F run) {
    for (std::uint32_t i = 0; i < size(); ++i) {
      Session& session = *at(i);
      if (session.state != Session::State::free && session.state != Session::State::closed) run(session);
    }
  }

 private:
  static constexpr std::uint32_t kChunk = 128;
  std::vector<std::unique_ptr<Session[]>> chunks_;
  std::vector<std::uint32_t> free_;
};

// One deadline per session. Deadlines move later without an operation: whoever is due looks whether it really is.
class Timers {
 public:
  // Makes sure that the session is looked at no later than `due_ms`.
  void at_latest(Session& session, std::int64_t due_ms);
  void remove(Session& session) noexcept;
  [[nodiscard]] Session* pop_due(std::int64_t now_ms) noexcept;
  [[nodiscard]] std::int64_t next_ms() const noexcept { return heap_.empty() ? INT64_MAX : heap_.front().due_ms; }

 private:
  struct Entry {
    std::int64_t due_ms;
    Session* session;
  };
  void put(std::size_t at, Entry entry) noexcept;
  void up(std::size_t at, Entry entry) noexcept;
  void down(std::size_t at, Entry entry) noexcept;

  std::vector<Entry> heap_;
};

// Nothing more comes from the server or goes to it.
[[nodiscard]] bool server_is_done(const Session& session) noexcept;
void close_socket(Leg& leg, bool reset) noexcept;

}  // namespace vipd
