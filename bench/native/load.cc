// The client of the benchmarks. Prints one line of JSON.
//   load requests    --connections N --bytes B            closed loop on kept connections
//   load connections --concurrency N --bytes B [--close client|server]   connect, ask, read, close, again
//   load rate        --connections N --bytes B --per-second R   open loop: latency from when a request was due
//   load bulk        --direction down|up|both --streams N
//   load idle        --connections N                      says how many are open, and holds them until it is ended
//   load burst       --connections N                      all connect at once; latency from the beginning of the burst
// each with --to A:P [--to …] --threads T --seconds S [--warm S] [--tls] [--from A …]
#include <signal.h>

#include <thread>

#include "client.h"

namespace load {
namespace {

Plan plan_of(const std::string& mode, const Args& args) {
  Plan plan;
  for (const std::string& at : args.all("to")) plan.to.push_back(address_of(at));
  if (plan.to.empty()) fail("--to A:P is needed");
  for (const std::string& at : args.all("from")) plan.from.push_back(address_of(at));
  plan.threads = args.count("threads", 1, 1, 64);
  plan.bytes = args.count("bytes", 100, 1, 1u << 30);
  if (args.has("tls")) plan.context = client_context();
  plan.connections = args.count("connections", 1, 1, 20'000);
  const std::string get = "GET /bytes/" + std::to_string(plan.bytes) + " HTTP/1.1\r\nHost: bench\r\n";
  plan.request = get + "\r\n";
  if (mode == "requests") {
    plan.mode = Mode::requests;
  } else if (mode == "connections") {
    plan.mode = Mode::connections;
    plan.connections = args.count("concurrency", 1, 1, 20'000);
    const std::string closes = args.text("close", "server");
    if (closes != "client" && closes != "server") fail("--close is client or server");
    plan.client_closes = closes == "client";
    if (!plan.client_closes) plan.request = get + "Connection: close\r\n\r\n";
  } else if (mode == "rate") {
    plan.mode = Mode::rate;
    plan.per_second = args.number("per-second", 0, 1, 1e7);
    if (plan.per_second == 0) fail("--per-second R is needed");
  } else if (mode == "bulk") {
    plan.mode = Mode::bulk;
    const std::string direction = args.text("direction", "down");
    plan.connections = args.count("streams", 1, 1, 20'000);
    plan.up = direction != "down";
    plan.down = direction != "up";
    if (direction != "up" && direction != "down" && direction != "both") fail("--direction is down, up or both");
    if (plan.context != nullptr) fail("bulk has no TLS");
    plan.request = direction == "down" ? "GET /stream HTTP/1.1\r\n\r\n" : direction == "up" ? "POST /sink HTTP/1.1\r\n\r\n" : "POST /both HTTP/1.1\r\n\r\n";
  } else if (mode == "idle") {
    plan.mode = Mode::idle;
  } else if (mode == "burst") {
    plan.mode = Mode::burst;
  } else {
    fail("no such mode: " + mode);
  }
  if (plan.threads > plan.connections) plan.threads = plan.connections;
  return plan;
}

void print(const Totals& all, double seconds, double cpu) {
  const Errors& e = all.errors;
  const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "{\"ok\":true,\"done\":%llu,\"seconds\":%.6f,\"rate\":%.3f,\"bytes_in\":%llu,\"bytes_out\":%llu,\"open\":%llu,"
      "\"latency_us\":{\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f},\"samples\":%llu,"
      "\"errors\":{\"refused\":%llu,\"reset\":%llu,\"timeout\":%llu,\"bad_answer\":%llu,\"eof\":%llu,\"other\":%llu},"
      "\"all_done\":%llu,\"all_bytes\":%llu,\"unsent\":%llu,\"late_us\":%.1f,\"cpu_s\":%.6f}\n",
      n(all.done), seconds, static_cast<double>(all.done) / seconds, n(all.bytes_in), n(all.bytes_out), n(all.open),
      all.latency.quantile_us(0.5), all.latency.quantile_us(0.99), all.latency.quantile_us(0.999), all.latency.max_us(),
      n(all.latency.count()), n(e.refused), n(e.reset), n(e.timeout), n(e.bad_answer), n(e.eof), n(e.other),
      n(all.all_done), n(all.all_bytes), n(all.unsent),
      static_cast<double>(all.late_ns) / 1e3, cpu);
  std::fflush(stdout);
}

}  // namespace
}  // namespace load

int main(int argc, char** argv) {
  using namespace load;
  if (argc < 2) fail("which mode? requests, connections, rate, bulk, idle or burst");
  const std::string mode = argv[1];
  const Args args(argc, argv, 2);
  ::signal(SIGPIPE, SIG_IGN);
  allow_descriptors();
  Plan plan = plan_of(mode, args);
  const auto ns = [](double seconds) { return static_cast<std::int64_t>(seconds * 1e9); };
  plan.start_ns = now_ns();
  plan.warm_ns = plan.start_ns + ns(args.number("warm", 0, 0, 3600));
  plan.end_ns = plan.warm_ns + ns(args.number("seconds", 1, 0.01, 36'000));
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < plan.threads; ++i) clients.push_back(std::make_unique<Client>(plan, i));
  for (auto& client : clients) threads.emplace_back([&client] { client->run(); });
  double cpu_before = 0;
  if (plan.warm_ns > plan.start_ns) {
    const timespec until{plan.warm_ns / 1'000'000'000, plan.warm_ns % 1'000'000'000};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    cpu_before = cpu_seconds();
  }
  for (auto& one : threads) one.join();
  const double seconds = static_cast<double>(std::min(now_ns(), plan.end_ns) - plan.warm_ns) / 1e9;
  Totals all;
  for (auto& client : clients) {
    const Totals& one = client->totals;
    all.done += one.done, all.bytes_in += one.bytes_in, all.bytes_out += one.bytes_out, all.open += one.open;
    all.all_done += one.all_done, all.all_bytes += one.all_bytes;
    all.unsent += one.unsent;
    all.late_ns = std::max(all.late_ns, one.late_ns);
    all.latency.merge(one.latency);
    all.errors.merge(one.errors);
  }
  print(all, seconds, cpu_seconds() - cpu_before);
  while (plan.mode == Mode::idle) ::pause();
  std::_Exit(0);
}
