// Node's thread. Shared by the addon_*.cc files of the data plane: its tables, counters and sessions as JavaScript has
// them.
#pragma once

#include <memory>

#include "addon.h"
#include "dataplane.h"

namespace vipd {

// addon_table.cc. Throws a TypeError or RangeError that names the field; EINVAL with an address that is none.
[[nodiscard]] std::unique_ptr<Table> read_table(const Napi::Object& from);
// addon_counters.cc
[[nodiscard]] Napi::Object counters_of(Napi::Env env, const DataPlane& plane);
// addon_sessions.cc: living sessions, oldest first.
[[nodiscard]] Napi::Array sessions_of(Napi::Env env, SessionQuery& query);
// … and who is connected with whom: 36 bytes each.
[[nodiscard]] Napi::Buffer<std::uint8_t> endpoints_of(Napi::Env env, const SessionQuery& query);
// addon_handover.cc: what was given away: records, descriptors that are the caller's now, listeners.
[[nodiscard]] Napi::Object handed_of(Napi::Env env, SessionQuery& query);
// … and the other way round: arguments (records, descriptors), which are ours now. Throws a RangeError.
[[nodiscard]] std::vector<Adoption> adoptions_of(const Napi::CallbackInfo& info);
// … and records of those that ended, taken from the workers.
[[nodiscard]] Napi::Array take_records(Napi::Env env, const DataPlane& plane, std::size_t most);

[[nodiscard]] inline Napi::Number number(Napi::Env env, double value) { return Napi::Number::New(env, value); }
template <class T>
[[nodiscard]] Napi::Number number(Napi::Env env, T value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

}  // namespace vipd
