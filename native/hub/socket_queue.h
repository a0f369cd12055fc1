// What the kernel holds of a socket's output. One file per system.
#pragma once
#include <cstddef>

namespace tickwire::hub::platform {

// Bytes that were written and that the peer has not acknowledged; 0 when the system does not tell.
[[nodiscard]] size_t unsent_bytes(int fd) noexcept;
// Lets the kernel take at most about `bytes` beyond what it has put on the wire, so that a slow client's data wait
// where they can be skipped or conflated. Sockets that know no such limit are left as they are.
void limit_unsent(int fd, size_t bytes) noexcept;

}  // namespace tickwire::hub::platform
