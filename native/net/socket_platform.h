// What differs between kernels below the socket interface. One implementation per system; the build picks the file.
#pragma once
#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <span>

#include "base/error.h"

namespace tickwire::platform {

// A TCP socket that is non-blocking, closed on exec and, where that is a property of the socket, silent about SIGPIPE.
// -1 and errno on failure.
[[nodiscard]] int stream_socket(int family) noexcept;
// Takes a connection from a listening socket; its end has the properties of stream_socket(). -1 and errno on failure.
[[nodiscard]] int accept_stream(int listener, sockaddr* peer, socklen_t* length) noexcept;
// Flags for every sendmsg: MSG_NOSIGNAL where SIGPIPE is suppressed per call.
[[nodiscard]] int send_flags() noexcept;
[[nodiscard]] Result<void> set_keep_alive(int fd, int idle_s, int interval_s, int probes);
// Microseconds of busy polling per receive. Systems without it ignore it; a refused permission is an error.
[[nodiscard]] Result<void> set_busy_poll(int fd, int microseconds);
// Lets a bound local address keep its ephemeral ports shareable between different destinations.
void share_local_ports(int fd, int family) noexcept;
// Asks for immediate acknowledgements while the connection is young, when delayed ones stall a handshake.
void acknowledge_at_once(int fd) noexcept;
// Asks the kernel to stamp arriving segments. Without support, receives simply carry no stamp.
void enable_receive_stamps(int fd) noexcept;
// recvmsg that also fetches the arrival stamp (wall clock, nanoseconds) of the last segment; `wall_ns` is left alone
// without one. Returns what recvmsg returns, restarted after EINTR.
[[nodiscard]] ssize_t receive_stamped(int fd, std::span<uint8_t> into, int64_t& wall_ns) noexcept;

}  // namespace tickwire::platform
