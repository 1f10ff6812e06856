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

// Called by any worker; must neither block nor throw. False: dropped.
class EventSink {
 public:
  virtual bool emit(const Event& event) noexcept = 0;

 protected:
  ~EventSink() = default;
};

class Worker;

// What all workers of a data plane share.
struct Plane {
  Plane(Mode data_mode, std::uint32_t pipes_each, EventSink& events) : mode(data_mode), pipes(pipes_each), sink(events) {}
  void wake(std::uint64_t workers_to_wake) noexcept;

  const Mode mode;
  const std::uint32_t pipes;
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
  // A slot that it waited for may be free.
  void wake() noexcept;

  Counter turns;
  Counter spliced;
  Counter events_dropped;

 private:
  // worker.cc: the loop
  void run();
  void dispatch(const epoll_event& event);
  void look_at_timers();
  void run_runnable();
  void reap() noexcept;
  [[nodiscard]] int wait_ms() const noexcept;
  void emit(Event::Type type, std::uint16_t service, int server, int error) noexcept;
  [[nodiscard]] bool watch(Session& session, Side side) noexcept;

  // accept.cc: listeners
  void add_listener(LocalService& service, Listener&& socket);
  void close_listeners(LocalService& service, const std::vector<std::uint64_t>& live, bool drain);
  void on_listener(LocalListener& listener);
  [[nodiscard]] bool accept_one(LocalListener& listener);
  [[nodiscard]] bool acquire_slots(LocalService& service) noexcept;
  void release_slots(LocalService& service) noexcept;
  [[nodiscard]] int ready_socket(const LocalService& service) noexcept;
  void pause(LocalService& service) noexcept;
  void out_of_descriptors(LocalService& service, int error) noexcept;
  void resume(LocalService& service) noexcept;
  void resume_all() noexcept;
  void poll_listeners(LocalService& service, std::uint32_t events) noexcept;
  void begin(LocalService& service, Fd client);

  // connect.cc: from accept to established
  void attempt(Session& session, LocalServer& first);
  [[nodiscard]] int try_connect(Session& session, LocalServer& server);
  [[nodiscard]] LocalServer* after_failure(Session& session, int error);
  [[nodiscard]] LocalServer& next_server(LocalService& service, const LocalServer* avoid) noexcept;
  [[nodiscard]] bool can_redispatch(const Session& session) const noexcept;
  [[nodiscard]] bool may_leave(const Session& session) const noexcept;
  void redispatch(Session& session);
  void drop_server_leg(Session& session) noexcept;
  void on_connecting(Session& session, Side side, std::uint32_t events);
  void on_connect_timer(Session& session);
  void established(Session& session);
  void no_server(Session& session);

  // traffic.cc: established sessions
  enum class Close : std::uint8_t { plain, reset_client, timed_out };
  void on_traffic(Session& session, Side side, std::uint32_t events);
  void pump(Session& session);
  void leg_failed(Session& session, Side side, bool reading);
  void fail_server(Session& session, bool more_to_read) noexcept;
  [[nodiscard]] bool advance(Session& session);
  void look_at_idle(Session& session);
  void close(Session& session, Close how);

  // publish.cc: what the mailbox brings
  void read_mail();
  void apply(ServiceMail& mail);
  void take_table(LocalService& service, std::shared_ptr<const Table> table);
  void settle_connecting(LocalService& service);
  void kill(LocalService& service, std::uint16_t server_id);
  void kill_all(LocalService& service);

  Plane& plane_;
  const unsigned index_;
  LoopThread loop_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> woken_{false};
  Mailbox mailbox_;

  // From here on: the thread alone.
  bool mail_ = false;
  std::int64_t now_ms_ = 0;
  std::int64_t descriptors_at_ms_ = 0;  // when to accept again after EMFILE; 0: not waiting
  Slab slab_;
  Timers timers_;
  PipePool pipes_;
  Pump pump_;
  std::map<std::uint16_t, std::unique_ptr<LocalService>> services_;
  std::map<std::uint32_t, LocalListener*> listeners_;
  std::uint32_t last_listener_ = 0;
  std::vector<Session*> runnable_;
  std::vector<Session*> running_now_;
  std::vector<Session*> closed_;
  // The socket for the next server leg: a client is accepted only when its server's descriptor is in hand.
  Fd spare_;
  int spare_family_ = 0;
};

}  // namespace vipd
