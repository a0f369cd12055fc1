// A session's receiving side: from the socket's edges through the ring and the parser to receiver and listener.
#include <algorithm>
#include <array>
#include <utility>

#include "base/clock.h"
#include "wire/quote_frame.h"
#include "wire/session_impl.h"

namespace tickwire::wire {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr size_t kMinChunk = 1024;
// Whoever sends this much without one frame does not speak the format.
constexpr uint64_t kMaxStrangeBytes = 16u << 10;
constexpr int64_t kMaxRetryAfter = 3'600 * kSecond;

// By ErrorCode.
constexpr std::array kReasons = {Errc::kWireClosed,     Errc::kWireVersion,      Errc::kWireUnauthorized,
                                 Errc::kWireForbidden,  Errc::kWireUnknownTopic, Errc::kWireTooMany,
                                 Errc::kWireRateLimit,  Errc::kWireTooLarge,     Errc::kWireMalformed,
                                 Errc::kWireUnexpected, Errc::kWireOverloaded,   Errc::kWireInternal,
                                 Errc::kWireTooSlow,    Errc::kWireShuttingDown, Errc::kWireTimedOut};

Error reason_of(ErrorCode code, std::string_view text) {
  const auto number = static_cast<size_t>(code);
  return {number < kReasons.size() ? kReasons[number] : Errc::kWireClosed, static_cast<int32_t>(number),
          std::string(text)};
}

}  // namespace

void SessionImpl::on_ready(uint32_t ready) {
  if (state_ == State::kClosed) return;
  if ((ready & (kHangup | kError)) != 0) hung_up_ = true;
  if ((ready & (kWritable | kHangup | kError)) != 0) flush();
  // TLS may have waited for either edge to read.
  if (!full_duplex_ || (ready & (kReadable | kHangup | kError)) != 0) drain();
}

void SessionImpl::on_resume() {
  if (ending_) return finish(ending_, false);
  drain();
}

void SessionImpl::drain() {
  size_t budget = std::max(options_.read_budget, kMinChunk);
  while (state_ != State::kClosed && !paused_) {
    if (std::exchange(unparsed_, false)) {
      process();
      continue;
    }
    std::span<uint8_t> into = ring_.writable();
    into = into.first(std::min(into.size(), std::max(options_.read_chunk, kMinChunk)));
    int64_t kernel_ns = 0;
    const IoResult io = stream_->read(into, kernel_ns);
    switch (io.status) {
      case IoStatus::kAgain:
        if (!write_error_) return;
        come_to_the_end(write_error_);
        continue;
      case IoStatus::kEof:
        come_to_the_end({Errc::kEof, 0, "the sender ended the connection"});
        continue;
      case IoStatus::kError:
        come_to_the_end(io.error);
        continue;
      case IoStatus::kOk:
        break;
    }
    times_ = {kernel_ns, mono_ns()};
    last_bytes_ns_ = times_.rx_ns;
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
    if (full_duplex_ && io.bytes < into.size() && !hung_up_ && !write_error_) return;
  }
}

// Nothing more will be read: what is in the ring is all there is.
void SessionImpl::come_to_the_end(const Error& error) {
  at_end_ = true;
  unparsed_ = true;
  if (!final_error_) final_error_ = error;
}

void SessionImpl::process() {
  if (receiver_.blocked() && receiver_.resume() == Flow::kPause) {
    listener_.on_batch_end();
    if (state_ != State::kClosed) pause();
    return;
  }
  if (state_ == State::kClosed) return;
  const std::span<uint8_t> in = ring_.readable();
  const ParseOutcome out = at_end_ ? parser_.finish(in, *this) : parser_.feed(in, ring_.capacity(), *this);
  if (state_ == State::kClosed) return;
  ring_.consume(out.consumed);
  report_damage();
  listener_.on_batch_end();
  if (state_ != State::kClosed) after_frames(out.flow);
}

void SessionImpl::after_frames(Flow flow) {
  if (ending_) return finish(ending_, false);
  if (flow == Flow::kPause || receiver_.blocked()) {
    pause();
  } else if (flow == Flow::kStop) {
    unparsed_ = true;
  } else if (at_end_) {
    return finish(final_error_, false);
  } else if (state_ == State::kGreeting && parser_.counters().skipped_bytes > kMaxStrangeBytes) {
    return finish({Errc::kWireHandshake, 0, "the peer does not speak the wire format"}, true);
  }
  arm_deadlines();
}

void SessionImpl::arm_deadlines() {
  send_asked();
  const int64_t next = receiver_.wants_to_ask() ? loop_.now_ns() : receiver_.next_deadline_ns();
  if (next == INT64_MAX) {
    loop_.timers().disarm(recovery_timer_);
  } else {
    constexpr int64_t kLeast = 5'000'000;
    loop_.timers().arm(recovery_timer_, std::max(next, loop_.now_ns() + kLeast));
  }
  if (parser_.partial() && !paused_) {
    loop_.arm_in(stall_timer_, options_.stall_ns);
  } else if (stall_timer_.armed()) {
    loop_.timers().disarm(stall_timer_);
  }
}

void SessionImpl::on_stall_timer(int64_t) {
  if (paused_) return;
  parser_.give_up();
  unparsed_ = true;
  drain();
}

void SessionImpl::on_recovery_timer(int64_t) {
  if (!paused_ && receiver_.on_time(loop_.refresh_now()) == Flow::kPause) pause();
  listener_.on_batch_end();
  if (state_ == State::kClosed) return;
  if (ending_) return finish(ending_, false);
  arm_deadlines();
}

void SessionImpl::report_damage() {
  const ParserCounters& now = parser_.counters();
  ParserCounters since;
  since.skipped_bytes = now.skipped_bytes - reported_.skipped_bytes;
  since.unsupported = now.unsupported - reported_.unsupported;
  if (since.skipped_bytes == 0 && since.unsupported == 0) return;
  for (size_t i = 0; i < since.damaged.size(); ++i) since.damaged[i] = now.damaged[i] - reported_.damaged[i];
  reported_ = now;
  listener_.on_damage(since);
}

void SessionImpl::pause() { paused_ = true; }

void SessionImpl::resume() {
  if (!paused_ || state_ == State::kClosed) return;
  paused_ = false;
  unparsed_ = true;
  loop_.resume_later(*this);
}

// ---- frames

Flow SessionImpl::on_frame(const Frame& frame) {
  if (state_ == State::kGreeting) return on_greeting(frame);
  if (on_own(frame)) return ending_ || state_ == State::kClosed ? Flow::kStop : Flow::kContinue;
  const Flow flow = receiver_.on_frame(frame, times_);
  return state_ == State::kClosed || (ending_ && flow != Flow::kPause) ? Flow::kStop : flow;
}

Flow SessionImpl::on_quotes(const uint8_t* frames, size_t count, size_t& taken) {
  if (state_ == State::kGreeting) {
    taken = 1;
    return on_greeting({read_header(frames), {frames + kHeaderBytes, kQuotePayloadBytes}});
  }
  const Flow flow = receiver_.on_quotes(frames, count, taken, times_);
  if (state_ != State::kClosed && !ending_) return flow;
  if (flow == Flow::kContinue) taken = count;
  return flow == Flow::kPause ? flow : Flow::kStop;
}

// Frames that concern the connection itself. False: the receiver's, which also counts what is malformed.
bool SessionImpl::on_own(const Frame& frame) {
  switch (static_cast<Type>(frame.header.type)) {
    case Type::kPing: {
      Ping ping;
      if (!get(frame.payload, ping)) return false;
      if (floods()) {
        end_later({Errc::kWireFlood, 0, "too many pings"});
        return true;
      }
      const Pong pong{ping.token};
      // A full queue drops the answer: a sender that does not read cannot complain.
      if (send(Type::kPong, kPingRoom, [&pong](TlvWriter& out) { put(out, pong); })) flush();
      listener_.on_ping();
      return true;
    }
    case Type::kPong: {
      Pong pong;
      if (!get(frame.payload, pong)) return false;
      uint8_t payload[sizeof pong.token];
      store(payload, pong.token);
      listener_.on_pong(payload);
      return true;
    }
    case Type::kError: {
      ErrorMessage error;
      if (!get(frame.payload, error)) return false;
      on_error(error);
      return true;
    }
    case Type::kBye: {
      Bye bye;
      if (!get(frame.payload, bye)) return false;
      on_bye(bye);
      return true;
    }
    case Type::kHeartbeat:
      listener_.on_heartbeat();
      return false;
    default:
      return false;
  }
}

void SessionImpl::on_error(const ErrorMessage& error) {
  if (error.fatal) return end_later(reason_of(error.code, error.text));
  const auto at = std::find_if(asked_.begin(), asked_.end(),
                               [&error](const Asked& asked) { return asked.request == error.request; });
  const std::vector<std::string> topics = at == asked_.end() ? std::vector<std::string>{} : at->topics;
  listener_.on_refused(error, topics);
}

void SessionImpl::on_bye(const Bye& bye) {
  retry_after_ns_ = std::min(int64_t{bye.retry_after_ms} * 1'000'000, kMaxRetryAfter);
  end_later(reason_of(bye.why, bye.text));
}

// The session ends behind the frame that is being looked at.
void SessionImpl::end_later(Error error) {
  if (ending_) return;
  ending_ = final_error_ ? final_error_ : std::move(error);
}

void SessionImpl::definition_missing() {
  if (parser_.counters().skipped_bytes == 0) return;
  end_later({Errc::kWireDefinitions, 0, "a definition was damaged on the way"});
}

bool SessionImpl::floods() {
  if (times_.rx_ns - ping_window_ns_ >= kSecond) {
    ping_window_ns_ = times_.rx_ns;
    pings_ = 0;
  }
  return ++pings_ > options_.max_pings_per_second;
}

}  // namespace tickwire::wire
