// Drives the advert sender without Node, under a sanitizer: two threads plan, clear, prove and ask while it sends over
// UDP on loopback. Good if every advert that it says it sent arrived, and none left after a clear().
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "../src/advert_sender.h"
#include "../src/clock.h"

namespace {

using namespace vipd;

constexpr std::uint16_t kIds = 100;  // for each thread

std::atomic<bool> g_over{false};
std::atomic<std::uint64_t> g_received{0};
std::atomic<int> g_late{0};  // adverts that left after clear() had returned

void receive(int fd) {
  char buffer[64];
  while (!g_over) {
    if (recv(fd, buffer, sizeof buffer, 0) > 0) ++g_received;
  }
}

AdvertPlan make_plan(const VrrpTarget& target, int fd, std::minstd_rand& random) {
  AdvertPlan plan{};
  plan.socket.reset(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  plan.adverts.resize(1 + random() % 5);
  for (auto& advert : plan.adverts) advert.push_back({target, std::vector<std::uint8_t>(20, 1)});
  const double now = monotonic_ms_exact();
  plan.repeat = random() % 4 != 0;
  plan.first_at_ms = now + static_cast<double>(random() % 20) - 10;
  plan.interval_ms = 10 + static_cast<double>(random() % 10);
  plan.silence_ms = random() % 4 == 0 ? 15 : 1e9;
  plan.since_ms = now;
  return plan;
}

void use(AdvertSender& sender, const VrrpTarget& target, int fd, std::uint16_t first, unsigned seed) {
  std::minstd_rand random(seed);
  while (!g_over) {
    const auto id = static_cast<std::uint16_t>(first + random() % kIds);
    const auto kind = random() % 8;
    if (kind < 3 && sender.plan(id, make_plan(target, fd, random))) std::abort();
    if (kind == 3) {
      sender.clear(id);
      const auto before = sender.state(id);
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 15));
      const auto after = sender.state(id);
      if (before && before->sent != after->sent) ++g_late;
    }
    if (kind == 4) sender.prove(monotonic_ms_exact() + static_cast<double>(random() % 30) - 5);
    if (kind > 4 && sender.state(id) && sender.state(id)->errors > 0) std::abort();
    if (random() % 8 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// A wall clock that is stepped, either way, does no harm.
bool check_arrival() {
  return arrival_ms(1000, 200, 500) == 800 && arrival_ms(1000, 0, 500) == 1000 && arrival_ms(1000, 3.6e6, 500) == 500 &&
         arrival_ms(1000, -3.6e6, 500) == 1000 && arrival_ms(1000, 200, 1000) == 1000 &&
         arrival_ms(1000, 200, 1001) == 1000;
}

}  // namespace

bool drive_sender(double seconds) {
  Fd in{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  Fd out{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_in self{};
  self.sin_family = AF_INET;
  self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof self;
  const timeval limit{0, 50'000};
  setsockopt(in.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  set_receive_buffer(in.get(), 1 << 20);
  if (bind(in.get(), reinterpret_cast<sockaddr*>(&self), size) != 0) std::abort();
  getsockname(in.get(), reinterpret_cast<sockaddr*>(&self), &size);
  Result<VrrpTarget> made = vrrp_target(AF_INET, 1, "127.0.0.1", "127.0.0.1", 255);
  VrrpTarget target = *std::get_if<VrrpTarget>(&made);
  target.v4.sin_port = self.sin_port;

  AdvertSender sender;
  if (sender.start(0)) std::abort();
  std::thread receiver(receive, in.get());
  std::thread one(use, std::ref(sender), target, out.get(), std::uint16_t{0}, 1u);
  std::thread two(use, std::ref(sender), target, out.get(), kIds, 2u);
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  g_over = true;
  one.join();
  two.join();
  std::uint64_t sent = 0;
  std::uint64_t held = 0;
  for (std::uint16_t id = 0; id < 2 * kIds; ++id) {
    sender.clear(id);
    const auto state = sender.state(id);
    sent += state ? state->sent : 0;
    held += state ? state->held_back : 0;
  }
  receiver.join();
  char buffer[64];
  while (recv(in.get(), buffer, sizeof buffer, 0) > 0) ++g_received;
  sender.stop();
  std::printf("sender: sent %lu, received %lu, held back %lu, after clear %d\n", sent, g_received.load(), held,
              g_late.load());
  return check_arrival() && sent > 50 && sent == g_received && held > 0 && g_late == 0;
}
