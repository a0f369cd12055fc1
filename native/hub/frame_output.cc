#include "hub/frame_output.h"

#include <sys/socket.h>

#include <cerrno>

#include "net/socket_platform.h"

namespace tickwire::hub {
Sent FrameOutput::outcome(Subscriber& s, ssize_t n, size_t bytes, size_t& wrote) {
  if (n < 0) {
    wrote = 0;
    const int err = errno;
    if (err == EAGAIN || err == EWOULDBLOCK) return Sent::kBlocked;
    error_ = error_from_errno(err, "send");
    return Sent::kFailed;
  }
  wrote = static_cast<size_t>(n);
  s.bytes += wrote;
  counters_.bytes.add(wrote);
  counters_.writes.add();
  return wrote == bytes ? Sent::kAll : Sent::kBlocked;
}

Sent FrameOutput::write_one(Subscriber& s, const uint8_t* data, size_t bytes, size_t& wrote) {
  if (s.tls) [[unlikely]] {
    const iovec piece{const_cast<uint8_t*>(data), bytes};  // only read
    return write_pieces(s, {&piece, 1}, bytes, wrote);
  }
  ssize_t n;
  do {
    n = ::send(s.fd, data, bytes, tickwire::platform::send_flags());
  } while (n < 0 && errno == EINTR);
  return outcome(s, n, bytes, wrote);
}

Sent FrameOutput::write_pieces(Subscriber& s, std::span<const iovec> pieces, size_t bytes, size_t& wrote) {
  if (!s.tls) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());  // only read
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(pieces.size());
    ssize_t n;
    do {
      n = ::sendmsg(s.fd, &message, tickwire::platform::send_flags());
    } while (n < 0 && errno == EINTR);
    return outcome(s, n, bytes, wrote);
  }
  IoResult io = s.more->stream->write(pieces);
  wrote = 0;
  switch (io.status) {
    case IoStatus::kOk: {
      const Sent sent = outcome(s, static_cast<ssize_t>(io.bytes), bytes, wrote);
      return s.more->stream->has_unsent_output() ? Sent::kBlocked : sent;
    }
    case IoStatus::kAgain:
      return Sent::kBlocked;
    case IoStatus::kEof:
    case IoStatus::kError:
      break;
  }
  error_ = io.error ? std::move(io.error) : Error{Errc::kBrokenPipe, 0, "the client no longer reads"};
  return Sent::kFailed;
}

Sent FrameOutput::no_memory() {
  error_ = Error{Errc::kNoMemory, 0, "no memory for the rest of a frame"};
  return Sent::kFailed;
}

Sent FrameOutput::pieces(Subscriber& s, std::span<const iovec> pieces, std::span<const uint32_t> ends, size_t& done) {
  if (pieces.size() == 1) {
    return frames(
        s, static_cast<const uint8_t*>(pieces[0].iov_base), ends.size(), [ends](size_t i) { return size_t{ends[i]}; },
        done);
  }
  const size_t bytes = ends.back();
  size_t wrote = 0;
  const Sent sent = write_pieces(s, pieces, bytes, wrote);
  done = wrote == bytes ? ends.size() : 0;
  if (sent != Sent::kBlocked || wrote == 0 || wrote == bytes) return sent;
  while (ends[done] < wrote) ++done;
  const size_t end = ends[done++];
  size_t at = 0;
  for (const iovec& piece : pieces) {
    const size_t from = wrote > at ? wrote - at : 0;
    const size_t to = end > at ? std::min(piece.iov_len, end - at) : 0;
    if (from < to && !s.out.append({static_cast<const uint8_t*>(piece.iov_base) + from, to - from})) return no_memory();
    at += piece.iov_len;
  }
  return sent;
}

Sent FrameOutput::flush_stream(Subscriber& s) {
  size_t wrote = 0;
  return write_pieces(s, {}, 0, wrote);
}

Sent FrameOutput::flush_private(Subscriber& s) {
  while (!s.out.empty()) {
    const std::span<const uint8_t> bytes = s.out.bytes();
    size_t wrote = 0;
    const Sent sent = write_one(s, bytes.data(), bytes.size(), wrote);
    if (wrote != 0) s.out.consume(wrote);
    if (sent != Sent::kAll) return sent;
  }
  return Sent::kAll;
}

}  // namespace tickwire::hub
