#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "net/socket_platform.h"

namespace tickwire::platform {

int stream_socket(int family) noexcept {
  return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

int accept_stream(int listener, sockaddr* peer, socklen_t* length) noexcept {
  int fd;
  do {
    fd = ::accept4(listener, peer, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

int send_flags() noexcept { return MSG_NOSIGNAL; }

Result<void> set_keep_alive(int fd, int idle_s, int interval_s, int probes) {
  const int on = 1;
  if (::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0) return error_from_errno(errno, "SO_KEEPALIVE");
  if (::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s) != 0) {
    return error_from_errno(errno, "TCP_KEEPIDLE");
  }
  if (::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s) != 0) {
    return error_from_errno(errno, "TCP_KEEPINTVL");
  }
  if (::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes) != 0) {
    return error_from_errno(errno, "TCP_KEEPCNT");
  }
  return {};
}

Result<void> set_busy_poll(int fd, int microseconds) {
  if (::setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &microseconds, sizeof microseconds) == 0) return {};
  if (errno == ENOPROTOOPT) return {};  // a kernel built without it
  return error_from_errno(errno, "SO_BUSY_POLL");
}

void share_local_ports(int fd, int family) noexcept {
  // The option lives at the IP level for both families. Without it bind() merely picks the port early.
  const int on = 1;
  const int level = family == AF_INET6 ? SOL_IP : IPPROTO_IP;
  static_cast<void>(::setsockopt(fd, level, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on));
}

void acknowledge_at_once(int fd) noexcept {
  const int on = 1;
  static_cast<void>(::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on));
}

void enable_receive_stamps(int fd) noexcept {
  const int on = 1;
  static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on));
}

ssize_t receive_stamped(int fd, std::span<uint8_t> into, int64_t& wall_ns) noexcept {
  iovec piece{into.data(), into.size()};
  // Room for the stamp alone: nothing else was asked for.
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  ssize_t n;
  do {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    n = ::recvmsg(fd, &message, 0);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return n;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS && c->cmsg_len >= CMSG_LEN(sizeof(timespec))) {
      timespec at;
      std::memcpy(&at, CMSG_DATA(c), sizeof at);
      wall_ns = static_cast<int64_t>(at.tv_sec) * 1'000'000'000 + at.tv_nsec;
    }
  }
  return n;
}

}  // namespace tickwire::platform
