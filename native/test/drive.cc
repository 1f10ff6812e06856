// Drives the data plane and the prober without Node, under a sanitizer: traffic of all kinds on loopback, while tables
// are published, servers marked down, listeners moved and the service withdrawn. Exits 0 if every byte was right and
// nothing was left behind.
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../src/dataplane.h"
#include "../src/prober.h"

namespace {

using namespace vipd;
using Clock = std::chrono::steady_clock;

constexpr unsigned kWorkers = 3;

std::atomic<bool> g_over{false};
std::atomic<std::uint64_t> g_echoed{0};
std::atomic<int> g_wrong{0};

struct Events final : EventSink, ProbeSink {
  bool emit(const Event&) noexcept override { return ++events % 7 != 0; }
  void done(const ProbeReport&) noexcept override { ++reports; }
  void answered(std::shared_ptr<SessionQuery> query) noexcept override {
    if (query->hands_over) handed = query->number;
    ++answers;
  }
  std::atomic<std::uint32_t> handed{0};  // the last one
  std::atomic<int> events{0};
  std::atomic<int> reports{0};
  std::atomic<int> answers{0};
};

unsigned char pattern(std::size_t at) { return static_cast<unsigned char>(at * 131 >> 3); }

void reset(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
}

Fd listen_anywhere(std::uint16_t& port) {
  Fd fd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in self{};
  self.sin_family = AF_INET;
  self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof self;
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&self), size) != 0) std::abort();
  listen(fd.get(), 512);
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&self), &size);
  port = ntohs(self.sin_port);
  return fd;
}

// An echo server in one thread; now and then it resets, closes at once or falls silent.
void serve(int listener, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<pollfd> fds{{listener, POLLIN, 0}};
  std::vector<char> buffer(128 * 1024);
  while (!g_over) {
    poll(fds.data(), fds.size(), 50);
    const std::size_t count = fds.size();
    for (std::size_t i = 1; i < count; ++i) {
      if (fds[i].revents == 0) continue;
      const ssize_t got = recv(fds[i].fd, buffer.data(), buffer.size(), 0);
      const bool abrupt = random() % 4096 == 0;
      if (got <= 0 || abrupt) {
        if (abrupt) reset(fds[i].fd);
        else close(fds[i].fd);
        fds[i].fd = -1;
        continue;
      }
      if (send(fds[i].fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) < 0) {
        close(fds[i].fd);
        fds[i].fd = -1;
      }
    }
    if ((fds[0].revents & POLLIN) != 0) {
      const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      const timeval limit{0, 300'000};
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
      if (random() % 32 == 0) close(fd);
      else if (random() % 32 == 0) reset(fd);
      else fds.push_back({fd, POLLIN, 0});
    }
    std::erase_if(fds, [](const pollfd& one) { return one.fd < 0; });
  }
  for (std::size_t i = 1; i < fds.size(); ++i) close(fds[i].fd);
}

// Sends `size` bytes, reads what comes back, checks it. Stops at the first trouble: trouble is part of the plan.
void exchange(int fd, std::size_t size, bool half_close) {
  std::vector<unsigned char> out(64 * 1024);
  std::vector<unsigned char> in(64 * 1024);
  std::size_t sent = 0;
  std::size_t got = 0;
  const auto deadline = Clock::now() + std::chrono::seconds(2);
  while (got < size && Clock::now() < deadline && !g_over) {
    pollfd one{fd, static_cast<short>(sent < size ? POLLIN | POLLOUT : POLLIN), 0};
    if (poll(&one, 1, 100) <= 0) continue;
    if ((one.revents & POLLOUT) != 0) {
      const std::size_t part = std::min(out.size(), size - sent);
      for (std::size_t i = 0; i < part; ++i) out[i] = pattern(sent + i);
      const ssize_t put = send(fd, out.data(), part, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (put < 0 && errno != EAGAIN) return;
      if (put > 0) sent += static_cast<std::size_t>(put);
      if (sent == size && half_close) shutdown(fd, SHUT_WR);
    }
    if ((one.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      const ssize_t n = recv(fd, in.data(), in.size(), MSG_DONTWAIT);
      if (n == 0 || (n < 0 && errno != EAGAIN)) return;
      for (ssize_t i = 0; i < n; ++i) {
        if (in[static_cast<std::size_t>(i)] != pattern(got + static_cast<std::size_t>(i))) {
          ++g_wrong;
          return;
        }
      }
      if (n > 0) got += static_cast<std::size_t>(n);
    }
  }
  g_echoed += got;
}

void client(std::uint16_t port, unsigned seed) {
  std::minstd_rand random(seed);
  while (!g_over) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const Address address = *Address::parse("127.0.0.1", static_cast<std::uint16_t>(port + random() % 2));
    if (connect(fd, address.get(), address.size()) != 0) {
      close(fd);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    const unsigned kind = static_cast<unsigned>(random() % 16);
    if (kind == 0) std::this_thread::sleep_for(std::chrono::milliseconds(random() % 150));
    else if (kind < 12) exchange(fd, 1 + random() % 4000, kind % 2 == 0);
    else if (kind < 15) exchange(fd, 1 + random() % 4'000'000, kind % 2 == 0);
    if (random() % 4 == 0) reset(fd);
    else close(fd);
  }
}

ListenerSpec listener_on(std::uint16_t port) {
  ListenerSpec spec;
  spec.address = *Address::parse("127.0.0.1", port);
  return spec;
}

// Every algorithm, with and without limits of every kind, so that sessions queue, are turned away and time out.
std::unique_ptr<Table> make_table(std::uint16_t port, const std::vector<std::uint16_t>& servers, std::minstd_rand& random) {
  auto table = std::make_unique<Table>();
  const auto one_in = [&random](unsigned count) { return random() % count == 0; };
  table->id = 1;
  table->listeners.push_back(listener_on(port));
  if (one_in(2)) table->listeners.push_back(listener_on(static_cast<std::uint16_t>(port + 1)));
  if (one_in(3)) table->listeners.front().maxconn = 1 + random() % 12;
  table->backlog = 256;
  table->algorithm = static_cast<Algorithm>(random() % 6);
  table->balance_factor = one_in(2) ? 125 : 0;
  table->retries = 2;
  table->redispatch = !one_in(4);
  table->maxconn = 4 + random() % 40;
  if (one_in(4)) table->rate_limit = 100 + random() % 2000;
  if (one_in(4)) table->source_maxconn = 1 + random() % 30;
  table->timeouts.connect = 50;
  table->timeouts.queue = one_in(2) ? 0 : 5 + random() % 100;
  table->timeouts.tunnel = one_in(3) ? 60 + random() % 200 : 0;
  for (const Side side : {kClient, kServer}) {
    table->timeouts.side[side] = 60 + random() % 200;
    table->timeouts.fin[side] = one_in(2) ? 0 : 5 + random() % 50;
  }
  table->sockets = {{static_cast<int>(random() % 2) * 10, 3, 3}, static_cast<unsigned>(random() % 2) * 9000};
  table->session_log = static_cast<SessionLog>(random() % 4);
  table->log_sample = 3;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const bool in = !one_in(5);
    Server server;
    server.id = static_cast<std::uint16_t>(i);
    server.address = *Address::parse("127.0.0.1", servers[i]);
    server.weight = static_cast<std::uint16_t>(1 + random() % 3);
    if (!one_in(3)) server.maxconn = 1 + random() % 4;
    if (!in && one_in(2)) server.close_sessions = static_cast<CloseSessions>(1 + random() % 3);
    if (in) {
      table->rotation.push_back(static_cast<std::uint16_t>(table->servers.size()));
      for (std::uint32_t k = 0; k < 4; ++k) {
        table->ring.push_back({(k * 1'000'000'007u) ^ static_cast<std::uint32_t>(i * 0x9e3779b1u),
                               static_cast<std::uint16_t>(table->servers.size())});
      }
    }
    // A server that is not in the table although it has sessions.
    if (in || !one_in(3)) table->servers.push_back(server);
  }
  std::sort(table->ring.begin(), table->ring.end(), [](const auto& x, const auto& y) { return x.hash < y.hash; });
  return table;
}

// Node's part: takes records, asks for sessions, ends some of those it was told of.
struct Operator {
  explicit Operator(DataPlane& data_plane) : plane(data_plane) {}

  void take_records() {
    for (const auto& worker : plane.workers()) {
      while (const SessionRecord* record = worker->records.peek()) {
        ++records;
        last = record->facts.id;
        if (record->total_ms < 0 || record->facts.client.text().empty()) ++g_wrong;
        worker->records.pop();
      }
    }
  }
  void ask(std::minstd_rand& random) {
    auto query = std::make_shared<SessionQuery>(++asked, plane.workers().size());
    query->server = random() % 3 == 0 ? static_cast<int>(random() % 4) : -1;
    query->quiet_ms = random() % 2 * 10;
    query->most = random() % 64;
    plane.ask(query);
  }

  // All sessions leave the data plane as records, and come back.
  void hand_over(Events& events) {
    auto query = std::make_shared<SessionQuery>(++asked, plane.workers().size());
    query->hands_over = true;
    plane.ask(query);
    while (events.handed != query->number) usleep(100);
    std::vector<std::uint8_t> bytes;
    std::vector<Fd> fds;
    for (Handed& part : query->handed) {
      bytes.insert(bytes.end(), part.sessions.begin(), part.sessions.end());
      for (Fd& fd : part.descriptors) fds.push_back(std::move(fd));
    }
    moved += fds.size();
    auto sessions = read_handed(bytes.data(), bytes.size(), std::move(fds));
    if (!sessions) std::abort();
    plane.adopt(std::move(*sessions));
  }

  DataPlane& plane;
  std::uint64_t moved = 0;
  std::uint32_t asked = 0;
  std::uint64_t records = 0;
  std::uint64_t last = 0;
};

std::uint64_t sum(const ServiceState& state, Counter ServiceCounters::*counter) {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < kWorkers; ++i) all += (state.by_worker[i].*counter).get();
  return all;
}

std::uint64_t killed(const DataPlane::Service& service) {
  std::uint64_t all = 0;
  for (const auto& [id, server] : service.servers) {
    for (std::size_t i = 0; i < kWorkers; ++i) all += server->by_worker[i].killed.get();
  }
  return all;
}

bool nothing_is_left(const DataPlane::Service& service) {
  std::int64_t served = 0;
  std::size_t waiting = service.state->queue.size();
  for (const auto& [id, server] : service.servers) {
    served += server->served;
    waiting += server->queue.size();
  }
  if (served != 0 || waiting != 0 || service.state->queued != 0) {
    std::printf("left: %ld slots, %zu in queues, %ld queued\n", served, waiting, service.state->queued.load());
  }
  return served == 0 && waiting == 0 && service.state->queued == 0;
}

bool run(Mode mode, double seconds, unsigned seed) {
  g_over = false;
  Events events;
  std::vector<std::uint16_t> ports(4);
  std::vector<Fd> listeners;
  for (int i = 0; i < 3; ++i) listeners.push_back(listen_anywhere(ports[static_cast<std::size_t>(i)]));
  ports[3] = 1;  // refuses
  // Two neighbours below the ephemeral range, so that no outgoing connection has one of them.
  std::uint16_t port = 20'000;
  while (probe_listener(listener_on(port)) || probe_listener(listener_on(static_cast<std::uint16_t>(port + 1)))) {
    ++port;
  }

  Result<std::unique_ptr<DataPlane>> made = DataPlane::create({kWorkers, mode, 30, 64}, events);
  DataPlane& plane = **std::get_if<std::unique_ptr<DataPlane>>(&made);
  Prober prober(events);
  if (prober.start()) std::abort();
  std::minstd_rand random(seed);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 3; ++i) threads.emplace_back(serve, listeners[i].get(), seed + i);
  for (unsigned i = 0; i < 24; ++i) threads.emplace_back(client, port, seed + 100 + i);
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  std::uint32_t probes = 0;
  int refused = 0;
  Operator node(plane);
  while (Clock::now() < end) {
    if (const auto failed = plane.publish(make_table(port, ports, random))) {
      std::printf("%s: %s %d\n", failed->where.c_str(), failed->error.call, failed->error.value);
      ++refused;
    }
    if (random() % 20 == 0) plane.withdraw(1, random() % 2 == 0);
    node.ask(random);
    if (random() % 8 == 0) node.hand_over(events);
    node.take_records();
    // The next one of the same worker, which may well live.
    for (std::uint64_t i = 1; i < 4; ++i) plane.kill(node.last + i * kMostWorkers, random() % 2 * 5);
    for (int i = 0; i < 5; ++i) prober.probe(++probes, *Address::parse("127.0.0.1", ports[random() % 4]), 200);
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 10));
  }
  g_over = true;
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 300 && events.reports < static_cast<int>(probes); ++i) usleep(10'000);
  const ServiceState& state = *plane.services().at(1).state;
  for (int i = 0; i < 300 && state.current > 0; ++i) usleep(10'000);
  const std::uint64_t total = sum(state, &ServiceCounters::total);
  for (int i = 0; i < 300 && events.answers < static_cast<int>(node.asked); ++i) usleep(10'000);
  node.take_records();
  std::printf("   descriptors handed over %lu, queue timeouts %lu, limited %lu, killed %lu, records %lu, answers %d/%u\n", node.moved, sum(state, &ServiceCounters::queue_timeouts),
              sum(state, &ServiceCounters::source_limited), killed(plane.services().at(1)), node.records,
              events.answers.load(), node.asked);
  const bool clean = nothing_is_left(plane.services().at(1)) && events.answers == static_cast<int>(node.asked);
  const bool settled = state.current == 0 && state.max <= 60 && events.reports == static_cast<int>(probes);
  std::printf("%d: sessions %lu, max %ld, echoed %lu MB, events %d, probes %u/%d, refused publications %d, left %ld\n",
              static_cast<int>(mode), total, state.max.load(), g_echoed.load() >> 20, events.events.load(), probes,
              events.reports.load(), refused, state.current.load());
  prober.stop();
  plane.stop();
  return settled && clean && node.moved > 20 && node.records > 0 && g_wrong == 0 && total > 100 && g_echoed > 0 && refused == 0;
}

}  // namespace

bool drive_edge(double seconds);       // drive_edge.cc
bool drive_handshake(double seconds);  // drive_handshake.cc
bool drive_sender(double seconds);     // drive_sender.cc

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const double seconds = argc > 1 ? std::atof(argv[1]) : 3;
  bool good = true;
  unsigned seed = 1;
  for (const Mode mode : {Mode::copy, Mode::splice, Mode::hybrid}) good = run(mode, seconds, seed += 1000) && good;
  good = drive_edge(seconds) && good;
  good = drive_handshake(seconds) && good;
  good = drive_sender(seconds) && good;
  std::puts(good ? "ok" : "FAILED");
  return good ? 0 : 1;
}
