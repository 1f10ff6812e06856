// Node's thread. Registration, plain functions, and the helpers of all addon_*.cc files.
#include "addon.h"

#include <cmath>

#include "passing.h"
#include "sockets.h"

namespace vipd {

std::string errno_name(int error) {
  char name[32];
  return uv_err_name_r(-error, name, sizeof name);
}

Napi::Error errno_error(Napi::Env env, const Errno& failed, const std::string& about) {
  const std::string code = errno_name(failed.value);
  char text[128];
  uv_strerror_r(-failed.value, text, sizeof text);
  const std::string what = about.empty() ? "" : " " + about;
  Napi::Error error = Napi::Error::New(env, std::string(failed.call) + " " + code + what + ": " + text);
  error.Set("code", Napi::String::New(env, code));
  error.Set("errno", Napi::Number::New(env, -failed.value));
  error.Set("syscall", Napi::String::New(env, failed.call));
  return error;
}

void throw_if(Napi::Env env, const Status& failed, const std::string& about) {
  if (failed) throw errno_error(env, *failed, about);
}

namespace {

void to_uncaught(napi_env env, napi_status status) noexcept {
  if (status != napi_pending_exception) return;
  napi_value thrown = nullptr;
  if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
}

Napi::Value field(const Napi::Object& object, const char* name) { return object.Get(name); }

[[noreturn]] void wrong_type(Napi::Env env, const std::string& name, const char* wanted) {
  throw Napi::TypeError::New(env, name + " must be " + wanted);
}

double checked(Napi::Env env, const Napi::Value& value, const std::string& name, double low, double high) {
  if (!value.IsNumber()) wrong_type(env, name, "a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= low && number <= high)) throw Napi::RangeError::New(env, name + " is out of range");
  return number;
}

std::string position(std::size_t index) { return "argument " + std::to_string(index + 1); }

}  // namespace

void call_from_loop(napi_env env, const Napi::FunctionReference& function, napi_async_context context,
                    std::initializer_list<napi_value> arguments) noexcept {
  napi_value receiver = nullptr;
  napi_value callee = nullptr;
  if (napi_get_global(env, &receiver) != napi_ok || napi_get_reference_value(env, function, &callee) != napi_ok) return;
  to_uncaught(env, napi_make_callback(env, context, receiver, callee, arguments.size(), arguments.begin(), nullptr));
}

void call_in_scope(napi_env env, napi_value function, std::initializer_list<napi_value> arguments) noexcept {
  napi_value receiver = nullptr;
  if (napi_get_undefined(env, &receiver) != napi_ok) return;
  to_uncaught(env, napi_call_function(env, receiver, function, arguments.size(), arguments.begin(), nullptr));
}

double number_of(const Napi::Object& object, const char* name, double low, double high) {
  return checked(object.Env(), field(object, name), name, low, high);
}

std::string string_of(const Napi::Object& object, const char* name) {
  const Napi::Value value = field(object, name);
  if (!value.IsString()) wrong_type(object.Env(), name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

bool bool_of(const Napi::Object& object, const char* name) {
  const Napi::Value value = field(object, name);
  if (!value.IsBoolean()) wrong_type(object.Env(), name, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

Napi::Object object_of(const Napi::Object& object, const char* name) {
  const Napi::Value value = field(object, name);
  if (!value.IsObject()) wrong_type(object.Env(), name, "an object");
  return value.As<Napi::Object>();
}

Napi::Array array_of(const Napi::Object& object, const char* name) {
  const Napi::Value value = field(object, name);
  if (!value.IsArray()) wrong_type(object.Env(), name, "an array");
  return value.As<Napi::Array>();
}

std::vector<std::string> strings_of(const Napi::Object& object, const char* name) {
  const Napi::Array array = array_of(object, name);
  std::vector<std::string> strings;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value value = array.Get(i);
    if (!value.IsString()) wrong_type(object.Env(), name, "an array of strings");
    strings.push_back(value.As<Napi::String>().Utf8Value());
  }
  return strings;
}

Napi::Function function_at(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsFunction()) wrong_type(info.Env(), position(index), "a function");
  return info[index].As<Napi::Function>();
}

Napi::Object object_at(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsObject()) wrong_type(info.Env(), position(index), "an object");
  return info[index].As<Napi::Object>();
}

Napi::Buffer<std::uint8_t> buffer_at(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsBuffer()) wrong_type(info.Env(), position(index), "a Buffer");
  return info[index].As<Napi::Buffer<std::uint8_t>>();
}

std::string string_at(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsString()) wrong_type(info.Env(), position(index), "a string");
  return info[index].As<Napi::String>().Utf8Value();
}

double number_at(const Napi::CallbackInfo& info, std::size_t index, double low, double high) {
  return checked(info.Env(), info[index], position(index), low, high);
}

namespace {

void js_send_frame(const Napi::CallbackInfo& info) {
  const auto interface = static_cast<int>(number_at(info, 0, 1, INT32_MAX));
  const auto frame = buffer_at(info, 1);
  throw_if(info.Env(), send_frame(interface, frame.Data(), frame.Length()));
}

void js_send_ip(const Napi::CallbackInfo& info) {
  const auto packet = buffer_at(info, 0);
  throw_if(info.Env(), send_ip(packet.Data(), packet.Length()));
}

void js_unix_dgram_send(const Napi::CallbackInfo& info) {
  const std::string path = string_at(info, 0);
  const auto payload = buffer_at(info, 1);
  throw_if(info.Env(), send_passed_to(path, payload.Data(), payload.Length(), {}), path);
}

void js_close_on_exec(const Napi::CallbackInfo& info) { throw_if(info.Env(), close_on_exec()); }

Napi::Value js_raise_descriptor_limit(const Napi::CallbackInfo& info) {
  const double wanted = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : 0;
  const std::uint64_t now = raise_descriptor_limit(wanted > 0 && wanted < 1e15 ? static_cast<std::uint64_t>(wanted) : 0);
  return Napi::Number::New(info.Env(), static_cast<double>(now));
}

Napi::Value js_missing_capabilities(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
  for (const char* name : missing_capabilities()) names.Set(names.Length(), Napi::String::New(info.Env(), name));
  return names;
}

Napi::Object register_all(Napi::Env env, Napi::Object exports) {
  exports.Set("sendFrame", Napi::Function::New(env, js_send_frame, "sendFrame"));
  exports.Set("sendIp", Napi::Function::New(env, js_send_ip, "sendIp"));
  exports.Set("unixDgramSend", Napi::Function::New(env, js_unix_dgram_send, "unixDgramSend"));
  exports.Set("closeOnExec", Napi::Function::New(env, js_close_on_exec, "closeOnExec"));
  exports.Set("raiseDescriptorLimit", Napi::Function::New(env, js_raise_descriptor_limit, "raiseDescriptorLimit"));
  exports.Set("missingCapabilities", Napi::Function::New(env, js_missing_capabilities, "missingCapabilities"));
  register_sockets(env, exports);
  register_vrrp(env, exports);
  register_sender(env, exports);
  register_prober(env, exports);
  register_data_plane(env, exports);
  register_handover(env, exports);
  return exports;
}

NODE_API_MODULE(vipd_native, register_all)

}  // namespace
}  // namespace vipd
