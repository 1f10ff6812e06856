// Drives the data plane's edge without Node, under a sanitizer: clients by TCP, by a unix socket and by an inherited
// one, with and without PROXY headers and ClientHellos, right, broken, slow and cut off, while tables are published and
// services withdrawn. Exits well if every byte that should have arrived did, and nothing was left behind.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../src/dataplane.h"
#include "../src/proxy_header.h"

namespace {

using namespace vipd;
using Clock = std::chrono::steady_clock;

constexpr unsigned kWorkers = 3;
std::atomic<bool> g_over{false};
std::atomic<int> g_right{0};
std::atomic<int> g_wrong{0};
std::atomic<int> g_unanswered{0};

struct Events final : EventSink {
  bool emit(const Event&) noexcept override { return true; }
  void answered(std::shared_ptr<SessionQuery>) noexcept override {}
};

std::uint64_t sum_of(std::string_view bytes) {
  std::uint64_t sum = 14695981039346656037ULL;
  for (const char byte : bytes) sum = (sum ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
  return sum;
}

Fd listen_on(std::uint16_t& port) {
  Fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const Address any = *Address::parse("127.0.0.1", 0);
  if (::bind(fd.get(), any.get(), any.size()) != 0 || ::listen(fd.get(), 512) != 0) std::abort();
  port = Address::local_of(fd.get()).port();
  return fd;
}

void limit_waits(int fd) {
  const timeval limit{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

// Answers the sum of all that came after the PROXY header, if there was one.
void answer(int fd) {
  std::string all;
  char part[8192];
  ssize_t got = 0;
  while ((got = ::recv(fd, part, sizeof part, 0)) > 0) all.append(part, static_cast<std::size_t>(got));
  if (got == 0) {
    const ProxyHeader header = parse_proxy_header(all);
    const std::uint64_t sum = sum_of(std::string_view(all).substr(header.size));
    if (header.verdict == ProxyHeader::Verdict::done) ::send(fd, &sum, sizeof sum, MSG_NOSIGNAL);
  }
  ::close(fd);
}

void serve(int listener) {
  std::vector<std::thread> answering;
  while (!g_over) {
    pollfd one{listener, POLLIN, 0};
    if (::poll(&one, 1, 20) <= 0) continue;
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    limit_waits(fd);
    answering.emplace_back(answer, fd);
  }
  for (std::thread& thread : answering) thread.join();
}

std::string hello(const std::string& name) {
  const auto number = [](std::size_t value, int bytes) {
    std::string out;
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 255);
    return out;
  };
  const std::string entry = '\0' + number(name.size(), 2) + name;
  const std::string list = number(entry.size(), 2) + entry;
  const std::string extension = number(0, 2) + number(list.size(), 2) + list;
  const std::string body = "\x03\x03" + std::string(32, 'r') + number(0, 1) + number(2, 2) + "\x13\x01" + number(1, 1) + '\0' +
                           number(extension.size(), 2) + extension;
  const std::string message = '\x01' + number(body.size(), 3) + body;
  return "\x16\x03\x01" + number(message.size(), 2) + message;
}

std::string header(std::minstd_rand& random) {
  char out[kMostBuiltHeader];
  const Address source = *Address::parse(random() % 2 == 0 ? "192.0.2.7" : "2001:db8::7", 1234);
  const Address* named = random() % 4 == 0 ? nullptr : &source;
  return {out, build_proxy_header(1 + random() % 2, named, &source, out)};
}

struct Places {
  std::uint16_t port;
  std::uint16_t inherited;
  std::string path;
};

Fd connect_to(const Places& places, unsigned kind) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, places.path.c_str(), places.path.size());
  const Address address = *Address::parse("127.0.0.1", kind == 1 ? places.inherited : places.port);
  Fd fd{::socket(kind == 2 ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  limit_waits(fd.get());
  const sockaddr* where = kind == 2 ? reinterpret_cast<const sockaddr*>(&name) : address.get();
  if (::connect(fd.get(), where, kind == 2 ? sizeof name : address.size()) != 0) return Fd{};
  return fd;
}

// Every listener wants a header, but for mistakes on purpose.
void visit(const Places& places, std::minstd_rand& random) {
  const Fd fd = connect_to(places, random() % 3);
  if (!fd.open()) return;
  std::string stream = random() % 3 == 0 ? hello(random() % 2 == 0 ? "api.example.com" : "x.example.org") : std::string();
  stream += std::string(random() % (random() % 8 == 0 ? 200'000 : 500), static_cast<char>(random()));
  std::string bytes = header(random) + stream;
  const bool broken = random() % 4 == 0;
  if (broken) bytes[random() % std::min<std::size_t>(bytes.size(), 80)] ^= static_cast<char>(1 << random() % 8);
  const bool leaves = random() % 8 == 0;
  if (leaves) bytes.resize(random() % std::min<std::size_t>(bytes.size(), 100));
  const bool drips = random() % 8 == 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t step = drips && at < 150 ? 1 : 1 + random() % 70'000;
    const ssize_t sent = ::send(fd.get(), bytes.data() + at, std::min(step, bytes.size() - at), MSG_NOSIGNAL);
    if (sent <= 0) return;
    at += static_cast<std::size_t>(sent);
  }
  if (leaves && random() % 2 == 0) {
    const linger now{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    return;
  }
  if (random() % 16 != 0) ::shutdown(fd.get(), SHUT_WR);
  std::uint64_t sum = 0;
  if (::recv(fd.get(), &sum, sizeof sum, MSG_WAITALL) != ssize_t{sizeof sum}) ++g_unanswered;
  else if (broken || leaves) return;
  else if (sum == sum_of(stream)) ++g_right;
  else ++g_wrong;
}

std::unique_ptr<Table> make_table(std::uint16_t id, const Places& places, int inherited, std::uint16_t server,
                                  std::minstd_rand& random) {
  auto table = std::make_unique<Table>();
  table->id = id;
  table->backlog = 256;
  table->maxconn = 50;
  table->retries = 1;
  table->timeouts.handshake = 20 + random() % 200;
  table->timeouts.side[0] = table->timeouts.side[1] = 500;
  table->session_log = SessionLog::all;
  if (id == 1) {
    std::vector<ListenerSpec> specs(3);
    specs[0].address = *Address::parse("127.0.0.1", places.port);
    specs[1].kind = ListenerSpec::Kind::inherited;
    specs[1].fd = inherited;
    specs[2].kind = ListenerSpec::Kind::unix_socket;
    specs[2].path = places.path;
    specs[2].mode = 0600;
    for (ListenerSpec& spec : specs) spec.accept_proxy = true;
    specs[random() % 3].maxconn = random() % 2 * 5;
    if (random() % 8 == 0) specs.erase(specs.begin() + static_cast<long>(random() % 3));
    table->listeners = specs;
    if (random() % 2 == 0) table->routes = {{"*.example.org", 3}, {"api.example.com", 2}};
    Result<Networks> deny = Networks::parse({"203.0.113.0/24"});
    table->deny = std::move(*std::get_if<Networks>(&deny));
  }
  Server entry;
  entry.id = 1;
  entry.address = *Address::parse("127.0.0.1", server);
  entry.send_proxy = static_cast<int>(1 + random() % 2);
  if (random() % 2 == 0) entry.source = *Address::parse("127.0.0.9", 0);
  table->servers.push_back(entry);
  table->rotation.push_back(0);
  return table;
}

bool drive(Mode mode, double seconds, unsigned seed) {
  g_over = false;
  Events events;
  Places places{20'000, 0, "/tmp/vipd-drive-" + std::to_string(::getpid())};
  std::uint16_t server = 0;
  const Fd serving = listen_on(server);
  const Fd inherited = listen_on(places.inherited);
  ListenerSpec free;
  do free.address = *Address::parse("127.0.0.1", ++places.port);
  while (probe_listener(free));
  Result<std::unique_ptr<DataPlane>> made = DataPlane::create({kWorkers, mode, 60, 64}, events);
  DataPlane& plane = **std::get_if<std::unique_ptr<DataPlane>>(&made);
  std::minstd_rand random(seed);
  std::vector<std::thread> threads;
  threads.emplace_back(serve, serving.get());
  int refused = 0;
  const auto publish = [&](std::uint16_t id) {
    const auto failed = plane.publish(make_table(id, places, inherited.get(), server, random));
    if (!failed) return;
    ++refused;
    std::printf("%s: %s %d\n", failed->where.c_str(), failed->error.call, failed->error.value);
  };
  for (const std::uint16_t id : {2, 1}) publish(id);
  for (unsigned i = 0; i < 12; ++i) {
    threads.emplace_back([&places, own = seed + i] {
      std::minstd_rand lots(own);
      while (!g_over) visit(places, lots);
    });
  }
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) {
    publish(static_cast<std::uint16_t>(1 + random() % 2));
    if (random() % 20 == 0) plane.withdraw(static_cast<std::uint16_t>(1 + random() % 2), random() % 2 == 0);
    for (const auto& worker : plane.workers()) {
      while (worker->records.peek() != nullptr) worker->records.pop();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
  }
  g_over = true;
  for (std::thread& thread : threads) thread.join();
  const ServiceState& state = *plane.services().at(1).state;
  for (int i = 0; i < 300 && state.current > 0; ++i) ::usleep(10'000);
  std::uint64_t malformed = 0;
  for (unsigned i = 0; i < kWorkers; ++i) malformed += state.by_worker[i].malformed.get();
  const long left = state.current;
  plane.stop();
  const bool gone = ::access(places.path.c_str(), F_OK) != 0;
  std::printf("handshakes %d: right %d, wrong %d, unanswered %d, malformed %lu, refused publications %d, left %ld, file %s\n",
              static_cast<int>(mode), g_right.load(), g_wrong.load(), g_unanswered.load(), malformed, refused, left,
              gone ? "gone" : "still there");
  return g_right > 50 && g_wrong == 0 && malformed > 0 && refused == 0 && left == 0 && gone;
}

}  // namespace

bool drive_handshake(double seconds);  // for drive.cc

bool drive_handshake(double seconds) {
  bool good = true;
  for (const Mode mode : {Mode::copy, Mode::splice}) good = drive(mode, seconds, 77) && good;
  return good;
}
