// Node's thread. What one process gives to another: messages with descriptors, and sessions as JavaScript has them.
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "addon_dataplane.h"
#include "passing.h"
#include "successor.h"

namespace vipd {
namespace {

std::vector<int> descriptors_of(const Napi::Array& array) {
  std::vector<int> fds;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    fds.push_back(static_cast<int>(Napi::Value(array.Get(i)).As<Napi::Number>().Int32Value()));
  }
  return fds;
}

Napi::Array released(Napi::Env env, std::vector<Fd>& fds) {
  Napi::Array out = Napi::Array::New(env, fds.size());
  for (std::uint32_t i = 0; i < fds.size(); ++i) out.Set(i, number(env, fds[i].release()));
  return out;
}

Napi::Value js_open_pair(const Napi::CallbackInfo& info) {
  Result<std::pair<Fd, Fd>> made = open_pair();
  if (const Errno* failed = std::get_if<Errno>(&made)) throw errno_error(info.Env(), *failed);
  auto& [ours, theirs] = *std::get_if<std::pair<Fd, Fd>>(&made);
  Napi::Array out = Napi::Array::New(info.Env(), 2);
  out.Set(0u, number(info.Env(), ours.release()));
  out.Set(1u, number(info.Env(), theirs.release()));
  return out;
}

Napi::Value js_send_message(const Napi::CallbackInfo& info) {
  const auto fd = static_cast<int>(number_at(info, 0, 0, INT32_MAX));
  const auto bytes = buffer_at(info, 1);
  const std::vector<int> fds = descriptors_of(object_at(info, 2).As<Napi::Array>());
  const Status failed = send_passed(fd, bytes.Data(), bytes.Length(), fds);
  // ETOOMANYREFS: as many as may be on their way are.
  if (failed && (failed->value == EAGAIN || failed->value == ENOBUFS || failed->value == ETOOMANYREFS)) {
    return Napi::Boolean::New(info.Env(), false);
  }
  throw_if(info.Env(), failed);
  return Napi::Boolean::New(info.Env(), true);
}

Napi::Value js_receive_message(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Result<Passed> got = receive_passed(static_cast<int>(number_at(info, 0, 0, INT32_MAX)));
  if (const Errno* failed = std::get_if<Errno>(&got)) {
    if (failed->value == EAGAIN || failed->value == EINTR) return env.Undefined();
    throw errno_error(env, *failed);
  }
  Passed& passed = *std::get_if<Passed>(&got);
  Napi::Object out = Napi::Object::New(env);
  out.Set("bytes", Napi::Buffer<std::uint8_t>::Copy(env, passed.bytes.data(), passed.bytes.size()));
  out.Set("descriptors", released(env, passed.descriptors));
  return out;
}

void js_close_descriptors(const Napi::CallbackInfo& info) {
  for (const int fd : descriptors_of(object_at(info, 0).As<Napi::Array>())) ::close(fd);
}

Napi::Value js_send_descriptors(const Napi::CallbackInfo& info) {
  const std::string path = string_at(info, 0);
  const auto bytes = buffer_at(info, 1);
  const Status failed = send_passed_to(path, bytes.Data(), bytes.Length(), descriptors_of(object_at(info, 2).As<Napi::Array>()));
  const bool is_busy = failed && (failed->value == EAGAIN || failed->value == ENOBUFS || failed->value == ETOOMANYREFS);
  if (!is_busy) throw_if(info.Env(), failed, path);
  return Napi::Boolean::New(info.Env(), !is_busy);
}

Napi::Value js_identity_of(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), identity_of(static_cast<int>(number_at(info, 0, 0, INT32_MAX))));
}

Napi::Value js_memory_file(const Napi::CallbackInfo& info) {
  const auto bytes = buffer_at(info, 0);
  Result<Fd> made = memory_file(bytes.Data(), bytes.Length());
  if (const Errno* failed = std::get_if<Errno>(&made)) throw errno_error(info.Env(), *failed);
  return number(info.Env(), std::get_if<Fd>(&made)->release());
}

Napi::Value js_start_successor(const Napi::CallbackInfo& info) {
  const Napi::Object given = object_at(info, 0);
  const std::string program = string_of(given, "program");
  const Result<pid_t> started = start_successor(program, strings_of(given, "arguments"), strings_of(given, "environment"),
                                                integer_of<int>(given, "descriptor", 0, INT32_MAX));
  if (const Errno* failed = std::get_if<Errno>(&started)) throw errno_error(info.Env(), *failed, program);
  return number(info.Env(), *std::get_if<pid_t>(&started));
}

}  // namespace

Napi::Object handed_of(Napi::Env env, SessionQuery& query) {
  std::vector<std::uint8_t> sessions;
  std::vector<Fd> descriptors;
  Napi::Array listeners = Napi::Array::New(env);
  for (Handed& part : query.handed) {
    sessions.insert(sessions.end(), part.sessions.begin(), part.sessions.end());
    for (Fd& fd : part.descriptors) descriptors.push_back(std::move(fd));
    for (Handed::Listening& one : part.listeners) {
      Napi::Object listener = Napi::Object::New(env);
      listener.Set("place", Napi::String::New(env, one.place));
      listener.Set("descriptor", number(env, one.fd.release()));
      listeners.Set(listeners.Length(), listener);
    }
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("sessions", Napi::Buffer<std::uint8_t>::Copy(env, sessions.data(), sessions.size()));
  out.Set("descriptors", released(env, descriptors));
  out.Set("listeners", listeners);
  return out;
}

std::vector<Adoption> adoptions_of(const Napi::CallbackInfo& info) {
  const auto sessions = buffer_at(info, 0);
  std::vector<Fd> fds;
  for (const int fd : descriptors_of(object_at(info, 1).As<Napi::Array>())) fds.emplace_back(fd);
  std::optional<std::vector<Adoption>> all = read_handed(sessions.Data(), sessions.Length(), std::move(fds));
  if (!all) throw Napi::RangeError::New(info.Env(), "a session's record is cut");
  return std::move(*all);
}

void register_handover(Napi::Env env, Napi::Object exports) {
  exports.Set("openPair", Napi::Function::New(env, js_open_pair, "openPair"));
  exports.Set("sendMessage", Napi::Function::New(env, js_send_message, "sendMessage"));
  exports.Set("receiveMessage", Napi::Function::New(env, js_receive_message, "receiveMessage"));
  exports.Set("closeDescriptors", Napi::Function::New(env, js_close_descriptors, "closeDescriptors"));
  exports.Set("startSuccessor", Napi::Function::New(env, js_start_successor, "startSuccessor"));
  exports.Set("sendDescriptors", Napi::Function::New(env, js_send_descriptors, "sendDescriptors"));
  exports.Set("identityOf", Napi::Function::New(env, js_identity_of, "identityOf"));
  exports.Set("memoryFile", Napi::Function::New(env, js_memory_file, "memoryFile"));
  exports.Set("handoverFormat", number(env, kHandoverFormat));
}

}  // namespace vipd
