// Random schedules on the session engine: clients and servers of our own, and what an operator does, in the order that the input
// says. Every byte that arrives is the one that was sent; in the end no session, no slot and no descriptor is left.
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <string>

#include "../src/dataplane.h"
#include "check.h"

using namespace vipd;

namespace {

constexpr std::size_t kClients = 4;
constexpr std::size_t kServers = 3;
// More than a socket buffer, so that the engine must hold back.
constexpr std::size_t kMostSent = 8 << 20;

struct Events final : EventSink {
  bool emit(const Event&) noexcept override { return true; }
  void answered(std::shared_ptr<SessionQuery> query) noexcept override { last = query->number; }
  std::atomic<std::uint32_t> last{0};
};

std::uint8_t pattern(std::uint32_t stream, std::size_t at) {
  return static_cast<std::uint8_t>((at * 131 >> 3) ^ stream * 29);
}

void reset(Fd& fd) {
  const linger now{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd.reset();
}

// One end of a connection through the engine. What it sends begins with the number of its stream, in four bytes.
struct End {
  Fd fd;
  std::uint32_t sends = 0;
  std::uint32_t hears = 0;  // 0: not known yet
  std::size_t sent = 0;
  std::size_t got = 0;
  std::uint8_t head[4] = {};

  static std::uint8_t byte_of(std::uint32_t stream, std::size_t at) {
    return at < 4 ? static_cast<std::uint8_t>(stream >> (8 * at)) : pattern(stream, at);
  }
  void send_some(std::size_t most) {
    if (!fd.open() || sends == 0) return;
    std::vector<std::uint8_t> out(std::min(most, kMostSent - std::min(sent, kMostSent)));
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = byte_of(sends, sent + i);
    const ssize_t put = ::send(fd.get(), out.data(), out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put > 0) sent += static_cast<std::size_t>(put);
  }
  void receive_some(std::size_t most) {
    if (!fd.open()) return;
    std::vector<std::uint8_t> in(most);
    const ssize_t n = ::recv(fd.get(), in.data(), in.size(), MSG_DONTWAIT);
    for (ssize_t i = 0; i < n; ++i) {
      const std::uint8_t byte = in[static_cast<std::size_t>(i)];
      if (got < 4) {
        head[got] = byte;
        hears |= std::uint32_t{byte} << (8 * got);
      } else {
        CHECK(byte == byte_of(hears, got));
      }
      ++got;
    }
  }
};

struct Stage {
  Events events;
  std::unique_ptr<DataPlane> plane;
  std::array<Fd, kServers> listeners;
  std::array<std::uint16_t, kServers> ports{};
  std::array<End, kClients> clients;
  std::vector<End> accepted;
  std::uint16_t port = 0;
  std::uint32_t streams = 0;
  std::uint32_t asked = 0;
  std::uint64_t last_session = 0;
};

std::uint16_t listen_on(Fd& fd) {
  fd = Fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const Address any = *Address::parse("127.0.0.1", 0);
  CHECK(::bind(fd.get(), any.get(), any.size()) == 0 && ::listen(fd.get(), 64) == 0);
  return Address::local_of(fd.get()).port();
}

// A port for two listeners that nobody has: below the ephemeral ones, another one for each process that fuzzes.
std::uint16_t free_port() {
  static std::uint16_t next = static_cast<std::uint16_t>(10'000 + ::getpid() % 2000 * 4);
  for (;;) {
    ListenerSpec first;
    first.address = *Address::parse("127.0.0.1", next);
    ListenerSpec second;
    second.address = *Address::parse("127.0.0.1", static_cast<std::uint16_t>(next + 1));
    if (!probe_listener(first) && !probe_listener(second)) return next;
    next = next > 30'000 ? 10'000 : static_cast<std::uint16_t>(next + 2);
  }
}

std::unique_ptr<Table> table_of(const Stage& stage, std::uint8_t how, std::uint8_t more) {
  auto table = std::make_unique<Table>();
  table->id = 1;
  ListenerSpec spec;
  spec.address = *Address::parse("127.0.0.1", stage.port);
  table->listeners.push_back(spec);
  spec.address = *Address::parse("127.0.0.1", static_cast<std::uint16_t>(stage.port + 1));
  spec.accept_proxy = true;
  if ((how & 1) != 0) table->listeners.push_back(spec);
  if ((how & 2) != 0) table->listeners.front().maxconn = 2;
  table->backlog = 16;
  table->algorithm = static_cast<Algorithm>(more % 6);
  table->retries = 1 + (how >> 2 & 1);
  table->redispatch = (how & 8) != 0;
  table->maxconn = (how & 16) != 0 ? 3 : 0;
  table->aborts_on_close = (how & 32) != 0;
  table->timeouts.connect = 20;
  table->timeouts.queue = 4;
  table->timeouts.handshake = 10;
  if ((how & 64) != 0) {
    table->timeouts.side[kClient] = table->timeouts.side[kServer] = 5;
    table->timeouts.fin[kClient] = table->timeouts.fin[kServer] = 2;
  }
  if ((how & 128) != 0) table->source_maxconn = 2;
  if ((more & 64) != 0) table->routes.push_back({"a.example.com", 1});
  table->session_log = SessionLog::all;
  for (std::size_t i = 0; i < kServers; ++i) {
    Server server;
    server.id = static_cast<std::uint16_t>(i);
    // The last one refuses.
    server.address = *Address::parse("127.0.0.1", i + 1 == kServers ? 1 : stage.ports[i]);
    if ((more & 128) != 0) server.maxconn = 1;
    const bool is_in = (more >> 3 & 1u << i) == 0;
    if (!is_in) server.close_sessions = static_cast<CloseSessions>(how % 4);
    if (is_in) {
      const auto index = static_cast<std::uint16_t>(table->servers.size());
      table->rotation.push_back(index);
      table->ring.push_back({static_cast<std::uint32_t>(i * 0x55555555u), index});
    }
    table->servers.push_back(server);
  }
  return table;
}

// Every worker has done what was asked of it until now.
std::shared_ptr<SessionQuery> settle(Stage& stage, bool hands_over) {
  auto query = std::make_shared<SessionQuery>(++stage.asked, stage.plane->workers().size());
  query->most = 16;
  query->hands_over = hands_over;
  stage.plane->ask(query);
  while (stage.events.last != query->number) ::usleep(20);
  for (const auto& list : query->found) {
    for (const LiveSession& one : list) {
      CHECK(one.age_ms >= 0 && one.idle_ms >= 0);
      stage.last_session = one.facts.id;
    }
  }
  return query;
}

// As when the virtual address goes to another node.
void reset_clients(Stage& stage) {
  auto query = std::make_shared<SessionQuery>(++stage.asked, stage.plane->workers().size());
  query->resets_at.push_back(Address::parse("127.0.0.1", 0)->bytes());
  stage.plane->ask(query);
  while (stage.events.last != query->number) ::usleep(20);
}

void hand_over(Stage& stage) {
  const auto query = settle(stage, true);
  std::vector<std::uint8_t> bytes;
  std::vector<Fd> fds;
  for (Handed& part : query->handed) {
    bytes.insert(bytes.end(), part.sessions.begin(), part.sessions.end());
    for (Fd& fd : part.descriptors) fds.push_back(std::move(fd));
  }
  auto sessions = read_handed(bytes.data(), bytes.size(), std::move(fds));
  CHECK(sessions.has_value());
  stage.plane->adopt(std::move(*sessions));
}

void take_records(Stage& stage) {
  for (const auto& worker : stage.plane->workers()) {
    while (const SessionRecord* record = worker->records.peek()) {
      CHECK(record->total_ms >= 0 && !record->facts.client.text().empty());
      worker->records.pop();
    }
  }
}

void accept_all(Stage& stage) {
  for (std::size_t i = 0; i + 1 < kServers; ++i) {
    for (;;) {
      End end;
      end.fd = Fd{::accept4(stage.listeners[i].get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
      if (!end.fd.open()) break;
      end.sends = ++stage.streams;
      if (stage.accepted.size() < 32) stage.accepted.push_back(std::move(end));
    }
  }
}

void open_client(Stage& stage, End& client, bool is_proxied) {
  client = End{};
  client.fd = Fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const Address to = *Address::parse("127.0.0.1", static_cast<std::uint16_t>(stage.port + (is_proxied ? 1 : 0)));
  (void)::connect(client.fd.get(), to.get(), to.size());
  // Of one that sends a header, or what is none, nothing is checked but that nothing breaks.
  client.sends = is_proxied ? 0 : ++stage.streams;
}

void act(Stage& stage, std::uint8_t op, std::uint8_t a, std::uint8_t b, std::string_view rest) {
  End& client = stage.clients[a % kClients];
  End* const server = stage.accepted.empty() ? nullptr : &stage.accepted[a % stage.accepted.size()];
  const std::size_t amount = std::size_t{1} << b % 21;
  switch (op % 20) {
    case 0: case 1: open_client(stage, client, false); break;
    case 2: client.send_some(amount); break;
    case 3: client.receive_some(amount); break;
    case 4: if (client.fd.open()) ::shutdown(client.fd.get(), SHUT_WR); break;
    case 5: client.fd.reset(); break;
    case 6: if (client.fd.open()) reset(client.fd); break;
    case 7: accept_all(stage); break;
    case 8: if (server != nullptr) server->send_some(amount); break;
    case 9: if (server != nullptr) server->receive_some(amount); break;
    case 10: if (server != nullptr && server->fd.open()) ::shutdown(server->fd.get(), SHUT_WR); break;
    case 11: if (server != nullptr) server->fd.reset(); break;
    case 12: if (server != nullptr && server->fd.open()) reset(server->fd); break;
    case 13: (void)stage.plane->publish(table_of(stage, a, b)); break;
    case 14: stage.plane->withdraw(1, (a & 1) != 0); break;
    case 15:
      if ((a & 1) != 0) reset_clients(stage);
      else stage.plane->kill(stage.last_session, 0);
      break;
    case 16: hand_over(stage); break;
    case 17: ::usleep(a * 30u); break;
    case 18: (void)settle(stage, false); break;
    default:
      open_client(stage, client, true);
      if (client.fd.open()) (void)::send(client.fd.get(), rest.data(), std::min<std::size_t>(rest.size(), b), MSG_NOSIGNAL | MSG_DONTWAIT);
      break;
  }
}

std::size_t open_descriptors() {
  DIR* const folder = ::opendir("/proc/self/fd");
  std::size_t count = 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

bool is_empty(const DataPlane::Service& service) {
  const auto is_free = [](const auto& server) { return server.second->served == 0 && server.second->queue.size() == 0; };
  const ServiceState& state = *service.state;
  return state.current == 0 && state.queued == 0 && state.queue.size() == 0 &&
         std::all_of(service.servers.begin(), service.servers.end(), is_free);
}

void play(std::string_view script) {
  Stage stage;
  for (std::size_t i = 0; i < kServers; ++i) stage.ports[i] = listen_on(stage.listeners[i]);
  stage.port = free_port();
  auto made = DataPlane::create({1u + (script[0] >> 2 & 1), static_cast<Mode>((script[0] & 3) % 3), 8, 16}, stage.events);
  stage.plane = std::move(*std::get_if<std::unique_ptr<DataPlane>>(&made));
  (void)stage.plane->publish(table_of(stage, static_cast<std::uint8_t>(script[1]), static_cast<std::uint8_t>(script[2])));
  std::size_t steps = 0;
  for (std::size_t at = 3; at + 3 <= script.size() && steps < 200; at += 3, ++steps) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(script[at + i]); };
    act(stage, byte(0), byte(1), byte(2), script.substr(at + 3));
  }
  for (End& end : stage.clients) end.receive_some(1 << 20);
  for (End& end : stage.accepted) end.receive_some(1 << 20);
  for (End& end : stage.clients) end.fd.reset();
  for (End& end : stage.accepted) end.fd.reset();
  // Who waits in an accept queue yet gets its end by its server's.
  for (Fd& one : stage.listeners) one.reset();
  stage.plane->withdraw(1, false);
  take_records(stage);
  // Who waits in an accept queue yet may come in before the workers hear of the end.
  (void)settle(stage, false);
  // On a busy machine a fuzzer is the last that runs.
  for (int i = 0; i < 60'000 && !is_empty(stage.plane->services().at(1)); ++i) ::usleep(1000);
  CHECK(is_empty(stage.plane->services().at(1)));
  take_records(stage);
  stage.plane->stop();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  ::signal(SIGPIPE, SIG_IGN);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 6) return 0;
  const std::size_t before = open_descriptors();
  play(text_of(data, size));
  CHECK(open_descriptors() == before);
  return 0;
}
