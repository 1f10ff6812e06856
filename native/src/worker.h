// One thread that owns its listeners, sessions, pipes and timers. Others reach it by post(), wake() and stop() only.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "loop_thread.h"
#include "mailbox.h"
#include "session.h"

namespace vipd {

// What comes back from the data plane besides counters.
struct Event {
  enum class Type : std::uint8_t { connect_failed, accept_failed };
  Type type;
  std::uint16_t service;
  int server;  // -1: none
  int error;
};

// Called by any worker; must neither block nor throw.
class EventSink {
 public:
  // False: dropped.
  virtual bool emit(const Event& event) noexcept = 0;
  // Every worker has answered.
  virtual void answered(std::shared_ptr<SessionQuery> query) noexcept = 0;

 protected:
  ~EventSink() = default;
};

class Worker;

// What all workers of a data plane share.
struct Plane {
  Plane(Mode data_mode, std::uint32_t pipes_each, std::uint32_t wide_pipes_each, EventSink& events)
      : mode(data_mode), pipes(pipes_each), wide_pipes(wide_pipes_each), sink(events) {}
  void wake(std::uint64_t workers_to_wake) noexcept;

  const Mode mode;
  const std::uint32_t pipes;
  const std::uint32_t wide_pipes;
  EventSink& sink;
  Slots slots;
  std::vector<std::unique_ptr<Worker>> workers;
  std::atomic<std::int64_t> last_accept_event_ms{-1'000'000};
};

class Worker {
 public:
  Worker(Plane& plane, unsigned index);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  [[nodiscard]] Status start();
  void request_stop() noexcept;
  void stop() noexcept;  // and join; twice is once

  void post(ServiceMail&& mail);
  void post(const SessionKill& kill);
  void post(const std::shared_ptr<SessionQuery>& query);
  void post(std::vector<Adoption>&& adoptions);
  // A slot that it waited for may be free.
  void wake() noexcept;

  Counter turns;
  Counter spliced;
  Counter events_dropped;
  Counter records_dropped;
  RecordRing records;

 private:
  // worker.cc: the loop
  void run();
  void end_all();
  void dispatch(const epoll_event& event);
  void look_at_timers();
  void on_timer(Session& session);
  void run_runnable();
  void reap() noexcept;
  [[nodiscard]] int wait_ms() const noexcept;
  void emit(Event::Type type, std::uint16_t service, int server, int error) noexcept;
  [[nodiscard]] bool watch(Session& session, Side side) noexcept;

  // listening.cc: listeners, and when not to accept
  void add_listener(LocalService& service, Listener&& socket);
  void close_listeners(LocalService& service, const std::vector<std::uint64_t>& live, bool drain);
  void poll(LocalListener& listener) noexcept;
  void poll_all(LocalService& service) noexcept;
  void pause(LocalService& service, std::int64_t until_ms) noexcept;
  void out_of_descriptors(LocalService& service, int error) noexcept;
  [[nodiscard]] bool has_room(Slots& slots) noexcept;
  void resume(LocalService& service) noexcept;
  void resume_all() noexcept;

  // accept.cc: new connections
  void on_listener(LocalListener& listener);
  [[nodiscard]] bool accept_one(LocalListener& listener);
  [[nodiscard]] bool take_slots(LocalListener& listener, ListenerGroup* group) noexcept;
  [[nodiscard]] bool take_slot(Slots& slots) noexcept;
  void free_slots(LocalService& service, ListenerGroup* group) noexcept;
  void give_back_turn(LocalService& service, ListenerGroup* group) noexcept;
  [[nodiscard]] int ready_socket(const LocalService& service) noexcept;
  void begin(LocalListener& listener, Fd client, const Address& from, bool holds_group_slot);
  [[nodiscard]] bool admit(Session& session);

  // handshake.cc: what must be read of a client before it gets a server: a PROXY header, a TLS ClientHello.
  // The session is in State::handshake, its deadline is set and its socket is watched (edge-triggered: read until
  // EAGAIN, or leave leg[kClient].readable as it is). The end is choose() or fail_handshake().
  void begin_handshake(Session& session, bool expects_proxy);
  void on_handshake(Session& session);
  void on_handshake_timer(Session& session);
  void read_handshake(Session& session);
  [[nodiscard]] bool read_proxy_header(Session& session);
  void end_handshake(Session& session);
  // The connection to the server is there, and no byte of the client's went to it: sends the PROXY header.
  void send_proxy_header(Session& session);
  // … for handshake.cc:
  enum class HandshakeEnd : std::uint8_t { malformed, timed_out, client_left };
  void fail_handshake(Session& session, HandshakeEnd why);
  // A server for the session; it may have another backend and client address by now. Bytes that were read and belong to
  // the stream are in flow[kClient] by Pump::prepend().
  void choose(Session& session);
  // Of a route; nullptr: there is none, or it was withdrawn.
  [[nodiscard]] LocalService* find_service(std::uint16_t id) noexcept;

  // pick.cc: algorithms. The server they return has a slot taken; none: the session must wait in `queue`.
  struct Choice {
    LocalServer* server;
    Queue* queue;
  };
  [[nodiscard]] Choice take_server(const Session& session, const LocalServer* avoid) noexcept;
  [[nodiscard]] LocalServer* take_any(LocalService& backend, const LocalServer* avoid) noexcept;
  [[nodiscard]] LocalServer* take_in_turn(LocalService& backend, const LocalServer* avoid) noexcept;
  [[nodiscard]] LocalServer* take_least(LocalService& backend, const LocalServer* avoid) noexcept;
  [[nodiscard]] LocalServer* take_first(LocalService& backend, const LocalServer* avoid) noexcept;
  [[nodiscard]] LocalServer* take_by_lot(LocalService& backend, const LocalServer* avoid) noexcept;

  // waiting.cc: sessions that wait for a slot
  void enqueue(Session& session, Queue& queue);
  void leave_queue(Session& session) noexcept;
  void slot_freed(LocalService& backend, ServerState& server) noexcept;
  void tell_head(int worker) noexcept;
  void serve_queues();
  void serve(LocalService& backend, Queue& queue, LocalServer* only, int& left);
  void on_queue_timer(Session& session);

  // connect.cc: from the choice of a server to established
  void choose_server(Session& session, const LocalServer* avoid);
  void attempt(Session& session, LocalServer& first);
  [[nodiscard]] int try_connect(Session& session, LocalServer& server);
  void join_server(Session& session, LocalServer& server) noexcept;
  void leave_server(Session& session) noexcept;
  [[nodiscard]] LocalServer* after_failure(Session& session, int error);
  [[nodiscard]] LocalServer* elsewhere(Session& session);
  void give_up(Session& session, int error);
  [[nodiscard]] bool should_redispatch(const Session& session) const noexcept;
  [[nodiscard]] bool can_redispatch(const Session& session) const noexcept;
  [[nodiscard]] bool may_leave(const Session& session) const noexcept;
  void redispatch(Session& session);
  void drop_server_leg(Session& session) noexcept;
  void on_connecting(Session& session, Side side, std::uint32_t events);
  void on_connect_timer(Session& session);
  void established(Session& session);
  void watch_peer(Session& session) noexcept;
  void no_server(Session& session);

  // traffic.cc: established sessions
  enum class Close : std::uint8_t { plain, reset_client, timed_out };
  void on_traffic(Session& session, Side side, std::uint32_t events);
  void pump(Session& session);
  void leg_failed(Session& session, Side side, bool reading);
  void fail_server(Session& session, bool more_to_read) noexcept;
  [[nodiscard]] bool advance(Session& session);
  void close(Session& session, Close how);
  void stand_still(Session& session);
  void give_back(Session& session);

  // idle.cc: deadlines of established sessions, and of all after their timeouts changed
  [[nodiscard]] std::int64_t idle_limit(const Session& session, Side side) const noexcept;
  void look_at_idle(Session& session);
  void retime(LocalService& service);

  // publish.cc: what the mailbox brings
  void read_mail();
  void apply(ServiceMail& mail);
  void take_table(LocalService& service, std::shared_ptr<const Table> table);

  // ending.cc: sessions that an order ends or moves, a part each turn
  enum class Fate : std::uint8_t { moved, ended, reset };
  struct Order {
    std::uint64_t session;
    std::uint32_t index;
    int server;  // only while it is there; -1: wherever it is
    Fate fate;
    char why;
  };
  void settle(LocalService& service);
  void kill(LocalService& service, const ServerKill& which);
  void kill_all(LocalService& service);
  void kill_sessions(std::vector<SessionKill>& kills);
  // How many.
  std::uint32_t reset_at(const std::vector<std::array<std::uint8_t, 16>>& addresses);
  void order(const Session& session, Fate fate, char why, int server);
  void carry_out_some();
  void carry_out(const Order& order);
  void move(Session& session);
  [[nodiscard]] static bool has_server(const LocalService& backend, const Session& session) noexcept;

  // handover.cc: sessions that go on in another process, and those that come from one
  void hand_over(SessionQuery& query);
  void give_away(Session& session, Handed& part);
  void forget(Session& session);
  void thaw();
  void adopt(Adoption& one);
  void resume_session(Session& session, LocalServer& server, Adoption& one);
  void begin_again(Session& session, Adoption& one);

  // telling.cc: what is told of sessions
  [[nodiscard]] SessionFacts facts_of(const Session& session) const noexcept;
  void leave_record(const Session& session);
  void start_query(std::shared_ptr<SessionQuery> query);
  void answer_some();

  Plane& plane_;
  const unsigned index_;
  LoopThread loop_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> woken_{false};
  Mailbox mailbox_;

  // From here on: the thread alone.
  bool mail_ = false;
  bool frozen_ = false;  // it gave its sessions away, and accepts nothing
  bool queues_ = false;  // a session of this worker may get its slot
  std::int64_t now_ms_ = 0;
  std::int64_t resume_at_ms_ = INT64_MAX;  // when a service that is paused may accept again
  std::uint64_t last_session_ = 0;
  std::uint64_t random_;
  Slab slab_;
  Timers timers_;
  PipePool pipes_;
  Pump pump_;
  std::map<std::uint16_t, std::unique_ptr<LocalService>> services_;
  std::map<std::uint32_t, LocalListener*> listeners_;
  std::uint32_t last_listener_ = 0;
  std::vector<Session*> runnable_;
  std::vector<Session*> running_now_;
  std::size_t ran_ = 0;  // of running_now_
  std::vector<Session*> closed_;
  std::vector<Order> orders_;  // at most one mail's
  std::size_t carried_out_ = 0;
  // Queries that are being answered, a part each turn: which sessions are still to be told of, newest first.
  struct Answer {
    std::shared_ptr<SessionQuery> query;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> left;  // id and index
  };
  std::vector<Answer> answers_;
  // The socket for the next server leg: a client is accepted only when its server's descriptor is in hand.
  Fd spare_;
  int spare_family_ = 0;
};

}  // namespace vipd
