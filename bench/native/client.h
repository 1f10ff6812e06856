// One thread of the load client: its connections, and what they have to do. See load.cc for the modes.
#pragma once
#include <sys/epoll.h>
#include <unistd.h>

#include <atomic>
#include <memory>

#include "tls.h"

namespace load {

enum class Mode { requests, connections, rate, bulk, idle, burst };

struct Errors {
  std::uint64_t refused = 0, reset = 0, timeout = 0, bad_answer = 0, eof = 0, other = 0;
  void add(int error) noexcept;
  void merge(const Errors& o) noexcept;
};

struct Plan {
  Mode mode = Mode::requests;
  std::vector<sockaddr_in> to;
  std::vector<sockaddr_in> from;
  SSL_CTX* context = nullptr;
  unsigned connections = 1;  // of all threads together
  unsigned threads = 1;
  std::uint64_t bytes = 100;
  bool client_closes = false;
  bool up = false, down = false;
  double per_second = 0;
  std::int64_t start_ns = 0, warm_ns = 0, end_ns = 0;
  std::string request;
};

struct Totals {
  std::uint64_t done = 0, bytes_in = 0, bytes_out = 0, open = 0;
  std::uint64_t all_done = 0, all_bytes = 0;  // before and after what counts too: what CPU is divided by
  std::uint64_t unsent = 0;         // rate: due and never sent, since no connection was free
  std::int64_t late_ns = 0;         // rate: the latest that a request left though a connection was free
  Histogram latency;
  Errors errors;
};

struct Conn {
  enum class State { none, connecting, ready, sending, answering, ending };
  Wire wire;
  State state = State::none;
  unsigned place = 0;
  std::int64_t since_ns = 0;  // of the request, or of the whole connection
  std::size_t sent = 0;
  std::uint64_t left = 0;  // of the answer's body
  std::string head;
  bool in_body = false;
};

class Client {
 public:
  Client(const Plan& plan, unsigned index) : plan_(plan), index_(index) {}
  void run();
  Totals totals;
  std::atomic<bool> stop{false};

 private:
  void open(Conn& c);
  void start_request(Conn& c, std::int64_t since_ns);
  void on_event(Conn& c, std::uint32_t events);
  void drive(Conn& c);
  bool send_some(Conn& c);
  bool read_some(Conn& c);
  bool take(Conn& c, const char* bytes, std::size_t size);
  void completed(Conn& c);
  void again(Conn& c);
  void failed(Conn& c, int error);
  void stream(Conn& c);
  void send_due();
  void burst_open();
  [[nodiscard]] bool counts() const noexcept { return now_ >= plan_.warm_ns && now_ < plan_.end_ns; }
  [[nodiscard]] std::int64_t due_ns(std::uint64_t number) const noexcept;

  const Plan& plan_;
  unsigned index_;
  int epoll_ = -1;
  std::int64_t now_ = 0;
  std::vector<std::unique_ptr<Conn>> conns_;
  std::vector<Conn*> free_;                                 // rate: connections that wait for something to be due
  std::vector<std::pair<std::int64_t, Conn*>> retries_;     // after a failure, not at once
  std::uint64_t next_ = 0;                                  // rate: the first that was not sent
  std::size_t opening_ = 0, unopened_ = 0;                  // idle: not all at once
  unsigned turn_ = 0;
  std::unique_ptr<char[]> buffer_{new char[kBuffer]};
  static constexpr std::size_t kBuffer = 1 << 18;
};

}  // namespace load
