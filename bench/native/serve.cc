// The server of the benchmarks: as little work as can be, so that the proxy in front of it is what is measured.
//   serve --listen A:P [--listen …] --threads T [--cert F --key F] [--backlog N]
// GET /bytes/N answers N bytes; GET /stream sends until the client leaves; POST /sink reads until the client ends and
// then answers how much; POST /both does both; GET /id says the address it listens on; GET /count how many
// requests there were so far. Prints `listening`; ends with SIGTERM.
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>

#include "tls.h"

namespace load {
namespace {

constexpr std::size_t kBody = 1 << 20;
constexpr std::size_t kMostHead = 4096;
char body[kBody];
std::atomic<std::uint64_t> requests{0};
thread_local char scratch[1 << 18];

struct Listener {
  int fd;
  std::string name;
};

struct Conn {
  Wire wire;
  const Listener* listener = nullptr;
  std::string head;      // what of a request has come
  std::string out_head;  // what of an answer's head is still to be sent
  std::uint64_t out_body = 0;
  std::uint64_t taken = 0;
  bool streams = false, sinks = false, closes = false, gone = false;
};

std::string answer_head(std::uint64_t size, bool closes) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + (closes ? "\r\nConnection: close" : "") + "\r\n\r\n";
}

// False: would block, or the connection is gone. A stream is written once for each event: see stream().
bool flush(Conn& c) {
  while (!c.out_head.empty() || c.out_body > 0) {
    ssize_t put = 0;
    if (!c.out_head.empty()) {
      // Head and body in one segment where they fit: one system call an answer.
      if (c.out_body > 0 && c.out_body <= sizeof scratch - c.out_head.size()) {
        std::memcpy(scratch, c.out_head.data(), c.out_head.size());
        std::memcpy(scratch + c.out_head.size(), body, c.out_body);
        put = c.wire.write(scratch, c.out_head.size() + c.out_body);
        if (put > 0) {
          const auto done = static_cast<std::size_t>(put);
          const std::size_t of_head = std::min(done, c.out_head.size());
          c.out_head.erase(0, of_head);
          c.out_body -= done - of_head;
        }
      } else {
        put = c.wire.write(c.out_head.data(), c.out_head.size());
        if (put > 0) c.out_head.erase(0, static_cast<std::size_t>(put));
      }
    } else {
      put = c.wire.write(body, static_cast<std::size_t>(std::min<std::uint64_t>(c.out_body, kBody)));
      if (put > 0) c.out_body -= static_cast<std::uint64_t>(put);
    }
    if (put > 0) continue;
    if (put < 0 && errno == EAGAIN) return false;
    c.gone = true;
    return false;
  }
  if (c.closes) c.gone = true;
  return !c.gone;
}

void take_request(Conn& c, const std::string& head) {
  requests.fetch_add(1, std::memory_order_relaxed);
  c.closes = head.find("Connection: close") != std::string::npos;
  if (head.rfind("GET /bytes/", 0) == 0) {
    c.out_body = std::strtoull(head.c_str() + 11, nullptr, 10);
    c.out_head = answer_head(c.out_body, c.closes);
  } else if (head.rfind("GET /stream", 0) == 0) {
    c.out_head = "HTTP/1.1 200 OK\r\n\r\n";
    c.streams = true;
  } else if (head.rfind("POST /sink", 0) == 0) {
    c.sinks = true;
  } else if (head.rfind("POST /both", 0) == 0) {
    c.out_head = "HTTP/1.1 200 OK\r\n\r\n";
    c.sinks = c.streams = true;
  } else if (head.rfind("GET /count", 0) == 0) {
    const std::string count = std::to_string(requests.load());
    c.out_head = answer_head(count.size(), true) + count;
    c.closes = true;
  } else if (head.rfind("GET /id", 0) == 0) {
    c.out_head = answer_head(c.listener->name.size(), c.closes) + c.listener->name;
  } else {
    c.out_head = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    c.closes = true;
  }
}

// The client has ended its half: what came is told.
void end_sink(Conn& c) {
  c.gone = true;
  if (c.streams) return;
  const std::string told = std::to_string(c.taken);
  const std::string answer = answer_head(told.size(), true) + told;
  c.wire.write(answer.data(), answer.size());
}

// Level-triggered: one write and one read for each event, so that no stream keeps the others waiting.
void stream(Conn& c) {
  if (!c.out_head.empty() && !flush(c)) return;
  if (c.streams) {
    const ssize_t put = c.wire.write(body, kBody);
    c.gone = put == 0 || (put < 0 && errno != EAGAIN);
  }
  if (c.gone || !c.sinks) return;
  const ssize_t got = c.wire.read(scratch, sizeof scratch);
  if (got > 0) c.taken += static_cast<std::uint64_t>(got);
  else if (got == 0) end_sink(c);
  else c.gone = errno != EAGAIN;
}

void serve(Conn& c) {
  for (;;) {
    if (!flush(c)) return;
    const ssize_t got = c.wire.read(scratch, sizeof scratch);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      c.gone = true;
      return;
    }
    c.head.append(scratch, static_cast<std::size_t>(got));
    const auto end = c.head.find("\r\n\r\n");
    if (end == std::string::npos) {
      c.gone = c.head.size() > kMostHead;
      if (c.gone || (static_cast<std::size_t>(got) < sizeof scratch && c.wire.ssl == nullptr)) return;
      continue;
    }
    const std::string head = c.head.substr(0, end);
    c.head.erase(0, end + 4);
    take_request(c, head);
    if (c.sinks || c.streams) {
      c.taken += c.head.size();
      c.head.clear();
      return;
    }
    if (!flush(c)) return;
    // Drained: whatever comes later makes a new edge. TLS may hold records back.
    if (c.wire.ssl == nullptr && static_cast<std::size_t>(got) < sizeof scratch) return;
  }
}

int open_listener(const std::string& at, int backlog) {
  const sockaddr_in address = address_of(at);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("cannot bind " + at + ": " + std::strerror(errno));
  if (::listen(fd, backlog) != 0) fail("cannot listen on " + at);
  return fd;
}

void run(std::vector<Listener> listeners, SSL_CTX* context) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  for (Listener& one : listeners) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = reinterpret_cast<std::uint64_t>(&one) | 1;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, one.fd, &event);
  }
  epoll_event events[256];
  for (;;) {
    const int count = ::epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < count; ++i) {
      if ((events[i].data.u64 & 1) != 0) {
        const auto* listener = reinterpret_cast<const Listener*>(events[i].data.u64 & ~std::uint64_t{1});
        for (int n = 0; n < 64; ++n) {
          const int fd = ::accept4(listener->fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
          if (fd < 0) break;
          auto* conn = new Conn;
          conn->wire.fd = fd;
          conn->listener = listener;
          if (context != nullptr) {
            conn->wire.ssl = SSL_new(context);
            SSL_set_fd(conn->wire.ssl, fd);
            SSL_set_accept_state(conn->wire.ssl);
          }
          epoll_event event{};
          event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
          event.data.u64 = reinterpret_cast<std::uint64_t>(conn);
          ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        }
        continue;
      }
      auto* conn = reinterpret_cast<Conn*>(events[i].data.u64);
      const bool streamed = conn->sinks || conn->streams;
      if (streamed) stream(*conn);
      else serve(*conn);
      if (!conn->gone) {
        if (streamed || (!conn->sinks && !conn->streams)) continue;
        epoll_event event{};
        event.events = (conn->sinks ? EPOLLIN : 0u) | (conn->streams ? EPOLLOUT : 0u) | EPOLLRDHUP;
        event.data.u64 = reinterpret_cast<std::uint64_t>(conn);
        ::epoll_ctl(epoll, EPOLL_CTL_MOD, conn->wire.fd, &event);
        continue;
      }
      conn->wire.close();
      delete conn;
    }
  }
}

}  // namespace
}  // namespace load

int main(int argc, char** argv) {
  using namespace load;
  const Args args(argc, argv, 1);
  ::signal(SIGPIPE, SIG_IGN);
  allow_descriptors();
  const auto addresses = args.all("listen");
  if (addresses.empty()) fail("--listen A:P is needed");
  const unsigned threads = args.count("threads", 1, 1, 64);
  SSL_CTX* context = args.has("cert") ? server_context(args.text("cert", ""), args.text("key", "")) : nullptr;
  std::vector<std::thread> running;
  for (unsigned i = 0; i < threads; ++i) {
    std::vector<Listener> listeners;
    for (const std::string& at : addresses)
      listeners.push_back({open_listener(at, static_cast<int>(args.count("backlog", 4096, 1, 65535))), at});
    running.emplace_back(run, std::move(listeners), context);
  }
  std::printf("listening\n");
  std::fflush(stdout);
  for (std::thread& one : running) one.join();
}
