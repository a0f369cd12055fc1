#include "net/tcp_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "net/socket_platform.h"

namespace tickwire {

namespace {

// IOV_MAX of both systems; what lies beyond is taken by the next write.
constexpr size_t kMaxPieces = 1024;

bool would_block(int err) noexcept { return err == EAGAIN || err == EWOULDBLOCK; }

}  // namespace

IoResult TcpStream::read(std::span<uint8_t> into, int64_t& kernel_ns) {
  if (into.empty()) return {};
  constexpr int64_t kNoStamp = std::numeric_limits<int64_t>::min();
  int64_t wall = kNoStamp;
  const ssize_t n = platform::receive_stamped(fd_.get(), into, wall);
  if (n > 0) {
    if (wall != kNoStamp) kernel_ns = to_mono_.to_mono(wall, mono_ns());
    return {IoStatus::kOk, static_cast<size_t>(n), {}};
  }
  if (n == 0) return {IoStatus::kEof, 0, {}};
  const int err = errno;
  if (would_block(err)) return {IoStatus::kAgain, 0, {}};
  return {IoStatus::kError, 0, error_from_errno(err, "recv")};
}

IoResult TcpStream::write(std::span<const iovec> pieces) {
  size_t wanted = 0;
  const size_t count = std::min(pieces.size(), kMaxPieces);
  for (size_t i = 0; i < count; ++i) wanted += pieces[i].iov_len;
  if (wanted == 0) return {};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg only reads it
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  ssize_t n;
  do {
    n = ::sendmsg(fd_.get(), &message, platform::send_flags());
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return {IoStatus::kOk, static_cast<size_t>(n), {}};
  const int err = errno;
  if (would_block(err)) return {IoStatus::kAgain, 0, {}};
  return {IoStatus::kError, 0, error_from_errno(err, "send")};
}

void TcpStream::shutdown_write() noexcept { static_cast<void>(::shutdown(fd_.get(), SHUT_WR)); }

}  // namespace tickwire
