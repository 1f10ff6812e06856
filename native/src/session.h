// Worker thread. One connection: two sockets, two flows, and where it stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "listener.h"
#include "pump.h"
#include "table.h"

namespace vipd {

enum Side : unsigned { kClient = 0, kServer = 1 };

struct LocalServer;
struct LocalService;

struct Session {
  enum class State : std::uint8_t { free, connecting, waiting, established, closed };

  Leg leg[2];    // by Side
  Flow flow[2];  // by the side the bytes come from
  LocalService* service = nullptr;
  LocalServer* server = nullptr;
  Session* previous = nullptr;  // of the same server and worker
  Session* next = nullptr;
  std::uint32_t index = 0;
  std::uint32_t timer = 0;     // position in the timer heap plus one, 0: none
  std::uint32_t failures = 0;  // connect attempts that failed
  State state = State::free;
  bool runnable = false;       // in the run list
  bool server_failed = false;  // reset by the server: what was received still goes to the client

  [[nodiscard]] bool connecting() const noexcept { return state == State::connecting || state == State::waiting; }
};
static_assert(sizeof(Session) <= 256);

// A worker's view of a server. Lives as long as it is listed or has sessions.
struct LocalServer {
  std::uint16_t id = 0;
  Address address;
  std::shared_ptr<ServerState> state;
  ServerCounters* counters = nullptr;
  Session* sessions = nullptr;
  bool listed = false;
  bool in_rotation = false;
};

struct LocalListener {
  Listener socket;
  LocalService* service = nullptr;
  std::uint32_t number = 0;     // identifies it in epoll events
  std::uint32_t burst = 1;      // connections to accept in one go
  std::uint64_t last_turn = 0;  // turn of the loop in which it was ready
};

// A worker's view of a service.
struct LocalService {
  std::shared_ptr<ServiceState> state;
  ServiceCounters* counters = nullptr;
  std::shared_ptr<const Table> table;  // the last one, also after a withdrawal
  std::map<std::uint16_t, std::unique_ptr<LocalServer>> servers;
  std::vector<LocalServer*> rotation;
  std::size_t distinct = 0;  // servers in the rotation
  std::vector<std::unique_ptr<LocalListener>> listeners;
  bool paused = false;
};

// Sessions come from chunks that are never returned, so a stale index is always readable.
class Slab {
 public:
  [[nodiscard]] Session& take();
  void give_back(Session& session) noexcept;
  [[nodiscard]] Session* at(std::uint32_t index) noexcept;
  template <class F>
  void each(F run) {
    for (std::uint32_t i = 0; i < chunks_.size() * kChunk; ++i) run(*at(i));
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

void close_socket(Leg& leg, bool reset) noexcept;
void attach(LocalServer& server, Session& session) noexcept;
void detach(Session& session) noexcept;

}  // namespace vipd
