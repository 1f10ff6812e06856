// Worker thread. Where connections to servers come from.
#include "source.h"

#include <cerrno>

namespace vipd {

Status prepare_server_socket(int, const Session&, const Server&) noexcept { return Errno{EOPNOTSUPP, "bind"}; }

}  // namespace vipd
