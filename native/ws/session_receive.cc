// A session's receiving side: from the socket's edges through the ring and the parser to the listener.
#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "ws/session_impl.h"

namespace tickwire::ws {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr size_t kMinChunk = 1024;

}  // namespace

void SessionImpl::on_ready(uint32_t ready) {
  if (state_ == State::kClosed) return;
  if ((ready & (kHangup | kError)) != 0) ended_ = true;
  if ((ready & (kWritable | kHangup | kError)) != 0) {
    sender_.flush_pending();
    after_write();
  }
  // TLS may have waited for either edge to read.
  if (!full_duplex_ || (ready & (kReadable | kHangup | kError)) != 0) drain();
}

IoResult SessionImpl::read(std::span<uint8_t> into, int64_t& kernel_ns) {
  if (full_duplex_) return stream_->read(into, kernel_ns);
  const auto lock = sender_.lock_stream();
  return stream_->read(into, kernel_ns);
}

void SessionImpl::drain() {
  if (state_ == State::kHandshake && final_error_)
    return finish(final_error_, false, false);  // start() could not watch
  size_t budget = std::max(options_.read_budget, kMinChunk);
  while (state_ != State::kClosed && !paused_) {
    if (std::exchange(unparsed_, false)) {
      process();
      continue;
    }
    std::span<uint8_t> into = ring_.writable();
    into = into.first(std::min(into.size(), std::max(options_.read_chunk, kMinChunk)));
    int64_t kernel_ns = 0;
    const IoResult io = read(into, kernel_ns);
    switch (io.status) {
      case IoStatus::kAgain:
        // What the peer sent before the connection broke was delivered; now the break may be reported.
        if (sender_.failed()) finish(ending({}), clean(), false);
        return;
      case IoStatus::kEof:
        return finish(ending({Errc::kEof, 0, "the peer ended the connection without a close frame"}), clean(), false);
      case IoStatus::kError:
        return finish(ending(io.error), clean(), false);
      case IoStatus::kOk:
        break;
    }
    times_ = {kernel_ns, mono_ns()};
    ring_.produced(io.bytes);
    listener_.on_bytes(io.bytes);
    if (state_ == State::kClosed) return;
    process();
    if (state_ == State::kClosed || paused_ || unparsed_) continue;
    if (io.bytes >= budget) {
      loop_.resume_later(*this);
      return;
    }
    budget -= io.bytes;
    // A plain socket that gave less than was asked for is empty, and whatever comes now raises a new edge.
    if (full_duplex_ && io.bytes < into.size() && !ended_ && !sender_.failed()) return;
  }
}

void SessionImpl::process() {
  switch (state_) {
    case State::kHandshake:
      process_handshake();
      break;
    case State::kOpen:
    case State::kClosing:
      process_frames();
      break;
    case State::kDraining:
      ring_.clear();
      break;
    case State::kIdle:
    case State::kClosed:
      break;
  }
}

void SessionImpl::process_frames() {
  const ParseOutcome out = parser_.feed(ring_.readable(), ring_.capacity(), *this);
  ring_.consume(out.consumed);
  if (state_ == State::kClosed) return;
  listener_.on_batch_end();
  if (state_ == State::kClosed) return;
  if (out.error) {
    violate(out.error);
  } else if (violation_) {
    violate(violation_);
  } else if (state_ == State::kDraining) {
    ring_.clear();
  } else if (out.flow == Flow::kPause) {
    pause();
  } else if (out.flow == Flow::kStop) {
    unparsed_ = true;
  }
}

Flow SessionImpl::on_message(const Message& message) {
  const Flow flow = listener_.on_message(message, times_);
  return state_ == State::kClosed ? Flow::kStop : flow;
}

Flow SessionImpl::on_control(Opcode opcode, std::span<const uint8_t> payload) {
  if (opcode == Opcode::kPong) {
    if (!one_ping_less() && floods()) return Flow::kStop;
    listener_.on_pong(payload);
  } else {
    if (floods()) return Flow::kStop;
    sender_.pong(payload);
    after_write();
    listener_.on_ping(payload);
  }
  return state_ == State::kClosed ? Flow::kStop : Flow::kContinue;
}

// False when no ping of ours is unanswered.
bool SessionImpl::one_ping_less() noexcept {
  uint32_t out = pings_out_.load(std::memory_order_relaxed);
  while (out != 0 && !pings_out_.compare_exchange_weak(out, out - 1, std::memory_order_relaxed)) {
  }
  return out != 0;
}

bool SessionImpl::floods() {
  if (times_.rx_ns - control_window_ >= kSecond) {
    control_window_ = times_.rx_ns;
    control_frames_ = 0;
  }
  if (++control_frames_ <= options_.max_pings_per_second) return false;
  violation_ = Error{Errc::kWsControlFlood, 1008, "too many pings"};
  return true;
}

Flow SessionImpl::on_close(uint16_t code, std::span<const uint8_t> reason) {
  peer_closed_ = true;
  if (state_ == State::kClosing) {
    sender_.shut_when_flushed();
  } else {
    final_error_ = Error{Errc::kWsClosed, code, std::string(reason.begin(), reason.end())};
    sender_.close(code, {}, true);  // the same code back (RFC 6455 section 5.5.1)
  }
  after_write();
  enter_draining();
  return Flow::kStop;
}

void SessionImpl::pause() {
  paused_ = true;
  // Level triggering would report the unread bytes in every turn.
  if (options_.trigger == Trigger::kLevel) loop_.unwatch(fd_, *this);
}

void SessionImpl::resume() {
  if (!paused_ || state_ == State::kClosed) return;
  paused_ = false;
  unparsed_ = true;
  if (options_.trigger == Trigger::kLevel) {
    if (Result<void> watched = loop_.watch(fd_, *this, options_.trigger); !watched.ok()) {
      if (!final_error_) final_error_ = watched.error();
      loop_.refresh_now();
      loop_.arm_in(phase_timer_, 0);
      return;
    }
  }
  loop_.resume_later(*this);
}

}  // namespace tickwire::ws
