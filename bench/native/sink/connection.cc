#include "sink/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/clock.h"
#include "sink/message.h"

namespace sink {

namespace {

// RFC 6455's own example of a key, and the answer to it.
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
constexpr uint64_t kChecksumEvery = 64;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

std::string_view text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const uint8_t> octets(std::string_view bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string client_frame(uint8_t opcode, std::span<const uint8_t> payload) {
  std::string frame;
  frame += static_cast<char>(0x80 | opcode);
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else {
    frame += static_cast<char>(0x80 | 126);
    frame += static_cast<char>(payload.size() >> 8);
    frame += static_cast<char>(payload.size());
  }
  frame.append(4, '\0');
  return frame.append(text(payload));
}

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
}

void Connection::on_writable() {
  if (phase_ != Phase::kConnecting) return;
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) fail("getsockopt");
  if (error != 0) {
    errno = error;
    fail("connect");
  }
  phase_ = Phase::kUpgrading;
  send_all(octets(conversation_->request));
}

// Nothing of ours ever waits in the socket's buffer: what is sent are a request and a few small frames.
void Connection::send_all(std::span<const uint8_t> bytes) {
  const ssize_t n = send(fd_, bytes.data(), bytes.size(), 0);
  if (n != static_cast<ssize_t>(bytes.size())) close(1006);
}

void Connection::close(uint16_t code) {
  if (phase_ == Phase::kClosed) return;
  if (phase_ != Phase::kStreaming) {
    std::fprintf(stderr, "the server ended connection %u before it streamed (%u)\n", index_, code);
    std::exit(1);
  }
  phase_ = Phase::kClosed;
  ++tally_->closed[code];
  if (::close(fd_) != 0) fail("close");
  fd_ = -1;
}

size_t Connection::read(ReadBuffer& buffer, size_t budget) {
  size_t taken = 0;
  has_unread = true;
  while (phase_ != Phase::kClosed && taken < budget) {
    const size_t room = std::min(kReadBytes, budget - taken);
    const ssize_t n = recv(fd_, buffer.fresh(), room, 0);
    if (n < 0 && errno == EAGAIN) {
      has_unread = false;
      break;
    }
    if (n <= 0) {
      close(1006);
      break;
    }
    ++tally_->reads;
    taken += static_cast<size_t>(n);
    const int64_t now = tickwire::mono_ns();
    uint8_t* const begin = buffer.fresh() - rest_;
    if (rest_ > 0) std::memcpy(begin, kept_.data(), rest_);
    const std::span<const uint8_t> bytes(begin, rest_ + static_cast<size_t>(n));
    const size_t done = take(bytes, now);
    const std::span<const uint8_t> rest = bytes.subspan(done);
    if (rest.size() > kRestBytes) {
      errno = EMSGSIZE;
      fail("a frame or answer is too long");
    }
    rest_ = static_cast<uint32_t>(rest.size());
    if (kept_.size() < rest_) kept_.resize(rest_);
    if (rest_ > 0) std::memcpy(kept_.data(), rest.data(), rest_);
    // Sockets report an edge anew when more comes, so a short read ends the drain.
    if (static_cast<size_t>(n) < room) {
      has_unread = false;
      break;
    }
  }
  return taken;
}

size_t Connection::take(std::span<const uint8_t> bytes, int64_t now) {
  size_t at = 0;
  if (phase_ == Phase::kUpgrading) {
    at = take_answer(bytes);
    if (phase_ == Phase::kUpgrading) return at;
  }
  const uint64_t before = messages_;
  const size_t first = at;
  while (phase_ != Phase::kClosed && bytes.size() - at >= 2) {
    const uint8_t* const p = bytes.data() + at;
    const uint8_t opcode = p[0] & 15;
    size_t length = p[1];
    size_t head = 2;
    if (length >= 126) {
      head = length == 126 ? 4 : 10;
      if (bytes.size() - at < head) break;
      const size_t digits = head - 2;
      length = 0;
      for (size_t i = 0; i < digits; ++i) length = (length << 8) | p[2 + i];
    }
    if ((p[0] & 0x70) != 0 || (p[0] & 0x80) == 0 || (p[1] & 0x80) != 0) {
      std::fprintf(stderr, "connection %u: unexpected frame %02x %02x\n", index_, p[0], p[1]);
      std::exit(1);
    }
    if (bytes.size() - at < head + length) break;
    at += head + length;
    const std::span<const uint8_t> payload(p + head, length);
    if (opcode == 1 || opcode == 2) {
      on_message(payload, now);
    } else {
      on_control(opcode, payload);
    }
  }
  tally_->messages += messages_ - before;
  tally_->bytes += at - first;
  return at;
}

size_t Connection::take_answer(std::span<const uint8_t> bytes) {
  const std::string_view answer = text(bytes);
  const size_t end = answer.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view head = answer.substr(0, end);
  if (!head.starts_with("HTTP/1.1 101") || head.find(kAccept) == std::string_view::npos) {
    std::fprintf(stderr, "refused: %.*s\n", static_cast<int>(head.size()), head.data());
    std::exit(1);
  }
  phase_ = conversation_->expect.empty() ? Phase::kStreaming : Phase::kSubscribing;
  if (!conversation_->subscribe.empty()) send_all(octets(conversation_->subscribe));
  return end + 4;
}

void Connection::on_message(std::span<const uint8_t> payload, int64_t now) {
  if (!has_head(payload)) {
    ++tally_->other;
    if (phase_ == Phase::kSubscribing && text(payload).find(conversation_->expect) != std::string_view::npos) {
      phase_ = Phase::kStreaming;
    }
    return;
  }
  ++messages_;
  const uint64_t sequence = sequence_of(payload);
  if (last_ != 0 && sequence != last_ + 1) {
    if (sequence <= last_) {
      ++tally_->backward;
      return;
    }
    ++tally_->gaps;
    tally_->lost += sequence - last_ - 1;
  }
  last_ = sequence;
  if ((sequence & (conversation_->sample - 1)) == 0) tally_->latency.record(now - stamp_of(payload));
  if ((sequence + index_) % kChecksumEvery == 0) {
    ++tally_->checked;
    if (!checksum_fits(payload)) ++tally_->corrupt;
  }
}

void Connection::on_control(uint8_t opcode, std::span<const uint8_t> payload) {
  if (opcode == 9) {
    send_all(octets(client_frame(10, payload)));
  } else if (opcode == 8) {
    close(payload.size() >= 2 ? static_cast<uint16_t>(payload[0] << 8 | payload[1]) : 1005);
  } else if (opcode != 10) {
    std::fprintf(stderr, "connection %u: opcode %u\n", index_, opcode);
    std::exit(1);
  }
}

}  // namespace sink
