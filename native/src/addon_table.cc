// Node's thread. A service's table, read and checked.
#include <cerrno>
#include <string>
#include <utility>

#include "addon_dataplane.h"

namespace vipd {
namespace {

constexpr double kMostMs = 1e12;
constexpr double kMostSessions = 1e9;
constexpr double kMostInRotation = 65'535;

// A word out of a list, as its position.
template <class T, std::size_t N>
T word_of(const Napi::Object& object, const char* name, const std::pair<const char*, T> (&words)[N]) {
  const std::string text = string_of(object, name);
  for (const auto& [word, value] : words) {
    if (text == word) return value;
  }
  throw Napi::TypeError::New(object.Env(), std::string(name) + ": no such word: " + text);
}

constexpr std::pair<const char*, Algorithm> kAlgorithms[] = {
    {"rotation", Algorithm::rotation}, {"leastconn", Algorithm::leastconn},   {"first", Algorithm::first},
    {"source", Algorithm::source},     {"consistent", Algorithm::consistent}, {"random", Algorithm::random}};
constexpr std::pair<const char*, SessionLog> kSessionLogs[] = {{"off", SessionLog::off},
                                                               {"errors", SessionLog::errors},
                                                               {"sampled", SessionLog::sampled},
                                                               {"all", SessionLog::all}};
constexpr std::pair<const char*, CloseSessions> kCloseSessions[] = {{"", CloseSessions::no},
                                                                    {"down", CloseSessions::down},
                                                                    {"up", CloseSessions::up},
                                                                    {"killed", CloseSessions::killed}};
constexpr std::pair<const char*, ListenerSpec::Kind> kKinds[] = {{"tcp", ListenerSpec::Kind::tcp},
                                                                 {"unix", ListenerSpec::Kind::unix_socket},
                                                                 {"fd", ListenerSpec::Kind::inherited}};

Address address_of(const Napi::Object& object, const char* name, std::uint16_t port) {
  const std::string text = string_of(object, name);
  const std::optional<Address> address = Address::parse(text, port);
  if (!address) throw errno_error(object.Env(), {EINVAL, "inet_pton"}, text);
  return *address;
}

Address endpoint_of(const Napi::Object& object) {
  return address_of(object, "address", integer_of<std::uint16_t>(object, "port", 1, 65535));
}

std::int64_t ms_of(const Napi::Object& object, const char* name) {
  return integer_of<std::int64_t>(object, name, 0, kMostMs);
}

std::int64_t sessions_of(const Napi::Object& object, const char* name) {
  return integer_of<std::int64_t>(object, name, 0, kMostSessions);
}

Napi::Object entry_of(const Napi::Array& list, std::uint32_t at, const char* name) {
  const Napi::Value entry = list.Get(at);
  if (!entry.IsObject()) throw Napi::TypeError::New(list.Env(), std::string(name) + ": not an object");
  return entry.As<Napi::Object>();
}

// A number out of a list.
template <class T>
T number_in(const Napi::Array& list, std::uint32_t at, const char* name, double below) {
  const Napi::Value value = list.Get(at);
  if (!value.IsNumber()) throw Napi::TypeError::New(list.Env(), std::string(name) + ": not a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= 0 && number < below)) {
    throw Napi::RangeError::New(list.Env(), std::string(name) + ": out of range: " + value.ToString().Utf8Value());
  }
  return static_cast<T>(number);
}

ListenerSpec listener_of(const Napi::Object& from) {
  ListenerSpec spec;
  spec.kind = word_of(from, "kind", kKinds);
  spec.accept_proxy = bool_of(from, "acceptProxy");
  spec.maxconn = sessions_of(from, "maxconn");
  switch (spec.kind) {
    case ListenerSpec::Kind::tcp:
      spec.address = endpoint_of(from);
      spec.v4v6 = bool_of(from, "v4v6");
      spec.interface = string_of(from, "interface");
      break;
    case ListenerSpec::Kind::unix_socket:
      spec.path = string_of(from, "path");
      spec.mode = integer_of<int>(from, "mode", -1, 07777);
      break;
    case ListenerSpec::Kind::inherited: spec.fd = integer_of<int>(from, "fd", 0, INT32_MAX); break;
  }
  return spec;
}

Server server_of(const Napi::Object& from) {
  Server server;
  server.id = integer_of<std::uint16_t>(from, "id", 0, 65535);
  server.address = endpoint_of(from);
  server.weight = integer_of<std::uint16_t>(from, "weight", 0, 65535);
  server.maxconn = sessions_of(from, "maxconn");
  server.send_proxy = integer_of<int>(from, "sendProxy", 0, 2);
  if (!string_of(from, "source").empty()) server.source = address_of(from, "source", 0);
  server.close_sessions = word_of(from, "closeSessions", kCloseSessions);
  return server;
}

void read_servers(const Napi::Object& from, Table& table) {
  const Napi::Array servers = array_of(from, "servers");
  for (std::uint32_t i = 0; i < servers.Length(); ++i) table.servers.push_back(server_of(entry_of(servers, i, "servers")));
  const auto count = static_cast<double>(table.servers.size());
  const Napi::Array rotation = array_of(from, "rotation");
  if (rotation.Length() > kMostInRotation) throw Napi::RangeError::New(from.Env(), "rotation: more than 65535");
  for (std::uint32_t i = 0; i < rotation.Length(); ++i) {
    table.rotation.push_back(number_in<std::uint16_t>(rotation, i, "rotation", count));
  }
  const Napi::Array ring = array_of(from, "ring");
  for (std::uint32_t i = 0; i + 1 < ring.Length(); i += 2) {
    const auto hash = number_in<std::uint32_t>(ring, i, "ring", 4294967296.0);
    if (!table.ring.empty() && table.ring.back().hash > hash) {
      throw Napi::RangeError::New(from.Env(), "ring: not by ascending hash");
    }
    table.ring.push_back({hash, number_in<std::uint16_t>(ring, i + 1, "ring", count)});
  }
}

Networks networks_of(const Napi::Object& from, const char* name) {
  Result<Networks> networks = Networks::parse(strings_of(from, name));
  if (const Errno* failed = std::get_if<Errno>(&networks)) throw errno_error(from.Env(), *failed, name);
  return std::move(*std::get_if<Networks>(&networks));
}

void read_clients(const Napi::Object& from, Table& table) {
  table.maxconn = sessions_of(from, "maxconn");
  table.rate_limit = sessions_of(from, "rateLimit");
  table.source_maxconn = sessions_of(from, "sourceMaxconn");
  table.deny = networks_of(from, "deny");
  table.allow = networks_of(from, "allow");
  const Napi::Array routes = array_of(from, "routes");
  for (std::uint32_t i = 0; i < routes.Length(); ++i) {
    const Napi::Object route = entry_of(routes, i, "routes");
    table.routes.push_back({string_of(route, "servername"), integer_of<std::uint16_t>(route, "service", 0, 65535)});
  }
  table.session_log = word_of(from, "sessionLog", kSessionLogs);
  table.log_sample = integer_of<std::uint32_t>(from, "logSample", 1, 4294967295.0);
}

void read_timeouts(const Napi::Object& from, Timeouts& timeouts) {
  timeouts.connect = ms_of(from, "connectTimeoutMs");
  timeouts.side[kClient] = ms_of(from, "clientTimeoutMs");
  timeouts.side[kServer] = ms_of(from, "serverTimeoutMs");
  timeouts.tunnel = ms_of(from, "tunnelTimeoutMs");
  timeouts.fin[kClient] = ms_of(from, "clientFinTimeoutMs");
  timeouts.fin[kServer] = ms_of(from, "serverFinTimeoutMs");
  timeouts.queue = ms_of(from, "queueTimeoutMs");
  timeouts.handshake = ms_of(from, "handshakeTimeoutMs");
}

}  // namespace

std::unique_ptr<Table> read_table(const Napi::Object& from) {
  auto table = std::make_unique<Table>();
  table->id = integer_of<std::uint16_t>(from, "id", 0, 65535);
  const Napi::Array listeners = array_of(from, "listeners");
  for (std::uint32_t i = 0; i < listeners.Length(); ++i) {
    table->listeners.push_back(listener_of(entry_of(listeners, i, "listeners")));
  }
  table->backlog = integer_of<int>(from, "backlog", 0, INT32_MAX);
  read_servers(from, *table);
  table->algorithm = word_of(from, "algorithm", kAlgorithms);
  table->draws = integer_of<unsigned>(from, "draws", 1, 99);
  table->balance_factor = integer_of<std::int64_t>(from, "balanceFactor", 0, 65535);
  table->retries = integer_of<unsigned>(from, "retries", 0, 1000);
  table->redispatch = bool_of(from, "redispatch");
  table->aborts_on_close = bool_of(from, "abortsOnClose");
  read_clients(from, *table);
  table->is_transparent = bool_of(from, "isTransparent");
  read_timeouts(from, table->timeouts);
  table->sockets.user_timeout_ms = integer_of<unsigned>(from, "userTimeoutMs", 0, INT32_MAX);
  const Napi::Object keepalive = object_of(from, "keepalive");
  table->sockets.keepalive = {integer_of<int>(keepalive, "idleS", 0, 32767),
                              integer_of<int>(keepalive, "intervalS", 0, 32767),
                              integer_of<int>(keepalive, "count", 0, 127)};
  return table;
}

}  // namespace vipd
