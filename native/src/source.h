// Worker thread. Where connections to servers come from.
#pragma once

#include "session.h"

namespace vipd {

// Binds a new socket to the server's source address, or to the client's own where the backend is transparent. Called
// before connect(), and only where there is one of both.
[[nodiscard]] Status prepare_server_socket(int fd, const Session& session, const Server& server) noexcept;

}  // namespace vipd
