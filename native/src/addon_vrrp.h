// Node's thread. What the advert sender needs of a VrrpSocket.
#pragma once

#include "addon.h"
#include "vrrp_socket.h"

namespace vipd {

struct VrrpHandle {
  int fd;  // borrowed
  int family;
  unsigned interface_index;
};

// Throws unless the object is a VrrpSocket that is open.
[[nodiscard]] VrrpHandle vrrp_handle_of(const Napi::Object& object);
// `{ destination, source, ttl }`
[[nodiscard]] VrrpTarget vrrp_target_of(const VrrpHandle& handle, const Napi::Object& object);

}  // namespace vipd
