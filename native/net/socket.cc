#include "net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "net/socket_address.h"
#include "net/socket_platform.h"

namespace tickwire {

namespace {

constexpr int kKeepAliveIdleS = 30;
constexpr int kKeepAliveIntervalS = 10;
constexpr int kKeepAliveProbes = 3;

Result<void> set_int(int fd, int level, int option, int value, const char* name) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) return error_from_errno(errno, name);
  return {};
}

Result<void> bind_local(int fd, int family, const std::string& address) {
  const auto local = SocketAddress::parse(address, 0);
  if (!local) {
    return Error{Errc::kAddrNotAvailable, EADDRNOTAVAIL, "local address is not a numeric address: " + address};
  }
  if (local->family() != family) {
    return Error{Errc::kAddrNotAvailable, EAFNOSUPPORT, "local address is of the other IP version: " + address};
  }
  platform::share_local_ports(fd, family);
  if (::bind(fd, local->raw(), local->length) != 0) return error_from_errno(errno, "bind");
  return {};
}

Result<void> apply(int fd, int family, const SocketOptions& options) {
  if (options.no_delay) {
    if (auto r = set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"); !r.ok()) return r;
  }
  // Before connecting, so that the window that is advertised in the SYN fits.
  if (options.recv_buffer > 0) {
    if (auto r = set_int(fd, SOL_SOCKET, SO_RCVBUF, options.recv_buffer, "SO_RCVBUF"); !r.ok()) return r;
  }
  if (options.send_buffer > 0) {
    if (auto r = set_int(fd, SOL_SOCKET, SO_SNDBUF, options.send_buffer, "SO_SNDBUF"); !r.ok()) return r;
  }
  if (options.busy_poll_us > 0) {
    if (auto r = platform::set_busy_poll(fd, options.busy_poll_us); !r.ok()) return r;
  }
  if (options.keep_alive) {
    auto r = platform::set_keep_alive(fd, kKeepAliveIdleS, kKeepAliveIntervalS, kKeepAliveProbes);
    if (!r.ok()) return r;
  }
  if (options.kernel_timestamps) platform::enable_receive_stamps(fd);
  if (!options.local_address.empty()) return bind_local(fd, family, options.local_address);
  return {};
}

}  // namespace

Fd& Fd::operator=(Fd&& o) noexcept {
  if (this != &o) {
    reset();
    fd_ = o.release();
  }
  return *this;
}

void Fd::reset() noexcept {
  if (fd_ < 0) return;
  const int keep = errno;
  // Never repeated after EINTR: the descriptor is gone by then and its number may be somebody else's.
  ::close(fd_);
  errno = keep;
  fd_ = -1;
}

Result<Fd> open_tcp_socket(int family, const SocketOptions& options) {
  Fd fd(platform::stream_socket(family));
  if (!fd.valid()) return error_from_errno(errno, "socket");
  if (auto r = apply(fd.get(), family, options); !r.ok()) return r.error();
  return fd;
}

}  // namespace tickwire
