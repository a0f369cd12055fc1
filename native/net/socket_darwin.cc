#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "net/socket_platform.h"

namespace tickwire::platform {

namespace {

// The descriptor with the properties of a stream, or -1 and errno.
int as_stream(int fd) noexcept {
  const int on = 1;
  const int flags = ::fcntl(fd, F_GETFL, 0);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
      ::setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) != 0) {
    const int why = errno;
    ::close(fd);
    errno = why;
    return -1;
  }
  return fd;
}

}  // namespace

int stream_socket(int family) noexcept {
  const int fd = ::socket(family, SOCK_STREAM, IPPROTO_TCP);
  return fd < 0 ? -1 : as_stream(fd);
}

int accept_stream(int listener, sockaddr* peer, socklen_t* length) noexcept {
  for (;;) {
    const int fd = ::accept(listener, peer, length);
    if (fd >= 0) {
      // A connection that was reset meanwhile refuses its options: accept() itself would have said so with
      // ECONNABORTED.
      const int stream = as_stream(fd);
      if (stream < 0 && errno == EINVAL) errno = ECONNABORTED;
      return stream;
    }
    if (errno != EINTR) return -1;
  }
}

int send_flags() noexcept { return 0; }

Result<void> set_keep_alive(int fd, int idle_s, int interval_s, int probes) {
  const int on = 1;
  if (::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0) return error_from_errno(errno, "SO_KEEPALIVE");
  if (::setsockopt(fd, IPPROTO_TCP, TCP_KEEPALIVE, &idle_s, sizeof idle_s) != 0) {
    return error_from_errno(errno, "TCP_KEEPALIVE");
  }
  if (::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s) != 0) {
    return error_from_errno(errno, "TCP_KEEPINTVL");
  }
  if (::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes) != 0) {
    return error_from_errno(errno, "TCP_KEEPCNT");
  }
  return {};
}

Result<void> set_busy_poll(int, int) { return {}; }

void share_local_ports(int, int) noexcept {}

void acknowledge_at_once(int) noexcept {}

// XNU stamps datagrams only: a TCP receive carries no control message whatever is asked for.
void enable_receive_stamps(int) noexcept {}

ssize_t receive_stamped(int fd, std::span<uint8_t> into, int64_t&) noexcept {
  ssize_t n;
  do {
    n = ::recv(fd, into.data(), into.size(), 0);
  } while (n < 0 && errno == EINTR);
  return n;
}

}  // namespace tickwire::platform
