// Node's thread. What Node and raw-socket cannot do: raw frames, netlink events, limits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datagram.h"
#include "fd.h"

namespace vipd {

[[nodiscard]] Status send_frame(int interface_index, const void* frame, std::size_t size) noexcept;
// A whole IP packet of either family, header and all; to where its header says. Never blocks.
[[nodiscard]] Status send_ip(const std::uint8_t* packet, std::size_t size) noexcept;
// Every descriptor above 2.
[[nodiscard]] Status close_on_exec() noexcept;
// Returns the soft limit in force afterwards; never lowers it.
[[nodiscard]] std::uint64_t raise_descriptor_limit(std::uint64_t wanted) noexcept;
// Of CAP_NET_ADMIN and CAP_NET_RAW, those that are not in the effective set.
[[nodiscard]] std::vector<const char*> missing_capabilities();

// Subscribed to links and addresses of both families.
[[nodiscard]] Result<Fd> open_netlink_events() noexcept;
// One datagram from the kernel into `buffer`.
[[nodiscard]] Received receive_netlink(int fd, std::uint8_t* buffer, std::size_t size, std::size_t& got) noexcept;

}  // namespace vipd
