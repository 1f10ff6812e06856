// Node's thread. A process that takes our place.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "fd.h"

namespace vipd {

// Runs a program with our stdout and stderr, nothing to read, and `fd` as its descriptor 3; all others close with exec. Its
// parent is our own parent, as a service manager wants of a main process: one that is our child, and an orphan later, it
// would not wait for when it stops it. Where we have no such parent (process 1) it is our child.
[[nodiscard]] Result<pid_t> start_successor(const std::string& program, const std::vector<std::string>& arguments,
                                            const std::vector<std::string>& environment, int fd);

}  // namespace vipd
