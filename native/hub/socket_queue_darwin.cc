#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <climits>

#include "hub/socket_queue.h"

namespace tickwire::hub::platform {

size_t unsent_bytes(int fd) noexcept {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  if (getsockopt(fd, SOL_SOCKET, SO_NWRITE, &bytes, &size) != 0 || bytes < 0) return 0;
  return static_cast<size_t>(bytes);
}

void limit_unsent(int fd, size_t bytes) noexcept {
  const int limit = static_cast<int>(std::min<size_t>(bytes, INT_MAX));
  static_cast<void>(setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &limit, sizeof limit));
}

}  // namespace tickwire::hub::platform
