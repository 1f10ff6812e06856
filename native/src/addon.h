// Node's thread. Shared by the addon_*.cc files: the only ones that know Node-API, and the only ones with exceptions.
#pragma once

// The headers of Node and node-addon-api do not aim at our warnings.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <napi.h>
#include <uv.h>
#pragma GCC diagnostic pop

#include <initializer_list>
#include <string>
#include <vector>

#include "fd.h"

namespace vipd {

// 'EADDRINUSE'
[[nodiscard]] std::string errno_name(int error);
// An Error with `code`, `errno` and `syscall`, in the style of Node's own; `about` ends up in the message.
[[nodiscard]] Napi::Error errno_error(Napi::Env env, const Errno& failed, const std::string& about = {});
void throw_if(Napi::Env env, const Status& failed, const std::string& about = {});

// For callbacks that begin on the event loop: what the function throws reaches uncaughtException.
void call_from_loop(napi_env env, const Napi::FunctionReference& function, napi_async_context context,
                    std::initializer_list<napi_value> arguments) noexcept;
// The same inside the callback of a thread-safe function.
void call_in_scope(napi_env env, napi_value function, std::initializer_list<napi_value> arguments) noexcept;

// Checked reads. They throw a TypeError or RangeError that names the field.
[[nodiscard]] double number_of(const Napi::Object& object, const char* name, double low, double high);
template <class T>
[[nodiscard]] T integer_of(const Napi::Object& object, const char* name, double low, double high) {
  return static_cast<T>(number_of(object, name, low, high));
}
[[nodiscard]] std::string string_of(const Napi::Object& object, const char* name);
[[nodiscard]] bool bool_of(const Napi::Object& object, const char* name);
[[nodiscard]] Napi::Object object_of(const Napi::Object& object, const char* name);
[[nodiscard]] Napi::Array array_of(const Napi::Object& object, const char* name);
[[nodiscard]] std::vector<std::string> strings_of(const Napi::Object& object, const char* name);
[[nodiscard]] Napi::Function function_at(const Napi::CallbackInfo& info, std::size_t index);
[[nodiscard]] Napi::Object object_at(const Napi::CallbackInfo& info, std::size_t index);
[[nodiscard]] Napi::Buffer<std::uint8_t> buffer_at(const Napi::CallbackInfo& info, std::size_t index);
[[nodiscard]] std::string string_at(const Napi::CallbackInfo& info, std::size_t index);
[[nodiscard]] double number_at(const Napi::CallbackInfo& info, std::size_t index, double low, double high);

void register_sockets(Napi::Env env, Napi::Object exports);
void register_vrrp(Napi::Env env, Napi::Object exports);
void register_sender(Napi::Env env, Napi::Object exports);
void register_prober(Napi::Env env, Napi::Object exports);
void register_data_plane(Napi::Env env, Napi::Object exports);
void register_handover(Napi::Env env, Napi::Object exports);

}  // namespace vipd
