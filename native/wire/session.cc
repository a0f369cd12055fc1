// A session's two ends, opening and closing, and what it sends.
#include "wire/session.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/clock.h"
#include "wire/frame_writer.h"
#include "wire/session_impl.h"

namespace tickwire::wire {
namespace {

constexpr size_t kFieldHead = 6;  // tag and length of a field, at most
constexpr size_t kMinRing = 64u << 10;
constexpr size_t kMaxReasonSent = 123;
// A hub counts its clients' messages: what is asked for again within this goes together.
constexpr int64_t kAskingInterval = 20'000'000;

// Makes the coming close() of the descriptor send RST and drop what is unsent.
void reset_on_close(int fd) noexcept {
  const linger now{1, 0};
  // When it fails the close is an orderly one, which is no worse for us.
  static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now));
}

}  // namespace

// ---- opening

void SessionImpl::start() {
  if (state_ != State::kIdle) return;
  state_ = State::kGreeting;
  loop_.refresh_now();
  loop_.arm_in(phase_timer_, options_.handshake_timeout_ns);
  if (Result<void> watched = loop_.watch(fd_, *this); !watched.ok()) {
    ending_ = watched.error();
    loop_.resume_later(*this);
    return;
  }
  Hello hello;
  hello.token = options_.token;
  hello.name = options_.name;
  hello.resume_epoch = receiver_.epoch();
  bool sent = send(Type::kHello, kMaxToken + kMaxName + 64, [&hello](TlvWriter& out) { put(out, hello); });
  for (const Subscriptions::Part& part : subscriptions_.parts()) sent = sent && send_part(part);
  if (!sent) ending_ = {Errc::kSendQueueFull, 0, "the subscriptions do not fit into the send queue"};
  flush();
  if (ending_ || stream_->has_buffered_input()) loop_.resume_later(*this);
}

Flow SessionImpl::on_greeting(const Frame& frame) {
  if (frame.header.is(Type::kError) || frame.header.is(Type::kBye)) {
    static_cast<void>(on_own(frame));
    if (!ending_) end_later({Errc::kWireHandshake, 0, "Hello was answered by an error"});
    return Flow::kStop;
  }
  Welcome welcome;
  if (!frame.header.is(Type::kWelcome) || !get(frame.payload, welcome) || welcome.epoch == 0) {
    end_later({Errc::kWireHandshake, frame.header.type, "Hello was not answered by Welcome"});
    return Flow::kStop;
  }
  if (welcome.version != kVersion) {
    end_later({Errc::kWireVersion, welcome.version, "the sender speaks another version of the format"});
    return Flow::kStop;
  }
  loop_.timers().disarm(phase_timer_);
  state_ = State::kOpen;
  const bool resumed = receiver_.begin(welcome.epoch);
  silence_ns_ = options_.silence_ns != 0 ? options_.silence_ns : int64_t{welcome.heartbeat_ms} * 3'000'000;
  if (silence_ns_ != 0) loop_.arm_in(life_timer_, silence_ns_);
  listener_.on_open({welcome.name, welcome.epoch, resumed, welcome.heartbeat_ms, welcome.max_payload});
  return state_ == State::kClosed || ending_ ? Flow::kStop : Flow::kContinue;
}

// ---- sending

// Room for a payload behind that for its header; null when the queue is full or there is no connection.
uint8_t* SessionImpl::begin_frame(size_t room) {
  if (state_ == State::kIdle || state_ == State::kClosed) return nullptr;
  if (out_.size() - out_head_ + frame_room(room) > options_.max_send_queue) {
    flush();
    if (out_.size() - out_head_ + frame_room(room) > options_.max_send_queue) return nullptr;
  }
  const size_t used = out_.size();
  out_.resize(used + frame_room(room));
  return out_.data() + used + kHeaderBytes;
}

// A payload that did not fit into its room is taken back.
bool SessionImpl::end_frame(Type type, size_t room, size_t payload_bytes) {
  const size_t start = out_.size() - frame_room(room);
  Header fields;
  fields.type = static_cast<uint8_t>(type);
  fields.time_ns = static_cast<uint64_t>(realtime_ns());
  const size_t bytes = payload_bytes > room ? 0 : seal_frame(out_.data() + start, fields, payload_bytes);
  out_.resize(start + bytes);
  queued_.store(out_.size() - out_head_, std::memory_order_relaxed);
  return bytes != 0;
}

uint32_t SessionImpl::take_request() noexcept {
  const uint32_t request = next_request_;
  next_request_ = next_request_ == UINT32_MAX ? 1 : next_request_ + 1;
  return request;
}

bool SessionImpl::send_part(const Subscriptions::Part& part) {
  Subscribe head;
  head.request = take_request();
  head.options = part.filter->snapshot ? 0 : Subscribe::kNoSnapshot;
  const std::vector<std::string_view> keys(part.filter->keys.begin(), part.filter->keys.end());
  if (!send(Type::kSubscribe, Subscriptions::kMaxPayload, [&](TlvWriter& out) { put(out, head, part.topics, keys); })) {
    return false;
  }
  if (asked_.size() == kMaxAsked) asked_.pop_front();
  asked_.push_back({head.request, {part.topics.begin(), part.topics.end()}});
  return true;
}

Result<void> SessionImpl::subscribe(std::span<const std::string> topics) {
  if (state_ != State::kOpen) return Error{Errc::kNotOpen, 0, {}};
  for (const Subscriptions::Part& part : subscriptions_.parts(topics)) {
    if (!send_part(part)) return Error{Errc::kSendQueueFull, 0, {}};
  }
  flush();
  return {};
}

Result<void> SessionImpl::unsubscribe(std::span<const std::string> topics) {
  if (state_ != State::kOpen) return Error{Errc::kNotOpen, 0, {}};
  constexpr size_t kRoom = Subscriptions::kMaxPayload;
  std::vector<std::string_view> names;
  size_t bytes = 0;
  const auto say = [&] {
    Unsubscribe head;
    head.request = take_request();
    const bool sent = send(Type::kUnsubscribe, kRoom, [&](TlvWriter& out) { put(out, head, names); });
    names.clear();
    bytes = 0;
    return sent;
  };
  bool sent = true;
  for (const std::string& topic : topics) {
    const size_t more = kFieldHead + topic.size();
    if (bytes + more + 2 * kFieldHead > kRoom) sent = sent && say();
    names.push_back(topic);
    bytes += more;
  }
  if (!names.empty()) sent = sent && say();
  flush();
  if (!sent) return Error{Errc::kSendQueueFull, 0, {}};
  return {};
}

void SessionImpl::send_asked() {
  if (!receiver_.wants_to_ask() || state_ != State::kOpen) return;
  const int64_t now = loop_.now_ns();
  if (now < last_asked_ns_ + kAskingInterval) return;  // the timer will
  last_asked_ns_ = now;
  const std::vector<Range> ranges = receiver_.take_asked();
  Resend head;
  head.request = take_request();
  const size_t room = 2 * kFieldHead + ranges.size() * (kFieldHead + 18);
  // What cannot even be asked for is found missing when its time is over.
  if (send(Type::kResend, room, [&](TlvWriter& out) { put(out, head, ranges); })) flush();
}

Result<void> SessionImpl::ping(std::span<const uint8_t> payload) {
  Ping ping;
  if (payload.size() != sizeof ping.token) return Error{Errc::kWireMalformed, 0, "a ping carries 8 bytes"};
  ping.token = load<uint64_t>(payload.data());
  const auto say = [ping](SessionImpl& session) -> Result<void> {
    if (session.state_ != State::kOpen) return Error{Errc::kNotOpen, 0, {}};
    if (!session.send(Type::kPing, kPingRoom, [&ping](TlvWriter& out) { put(out, ping); }))
      return Error{Errc::kSendQueueFull, 0, {}};
    session.flush();
    return {};
  };
  if (loop_.on_loop_thread()) return say(*this);
  const bool posted = loop_.post([life = life_, say] {
    if (life->session != nullptr) static_cast<void>(say(*life->session).ok());
  });
  if (!posted) return Error{Errc::kNotOpen, 0, {}};
  return {};
}

void SessionImpl::flush() {
  while (!write_error_ && out_head_ < out_.size()) {
    const iovec piece{out_.data() + out_head_, out_.size() - out_head_};
    const IoResult io = stream_->write({&piece, 1});
    if (io.status == IoStatus::kAgain) break;
    if (io.status != IoStatus::kOk) {
      // What the sender said before is delivered first: the next read that finds nothing ends the session.
      write_error_ = io.status == IoStatus::kEof ? Error{Errc::kEof, 0, "the sender ended the connection"} : io.error;
      loop_.resume_later(*this);
      break;
    }
    out_head_ += io.bytes;
  }
  if (out_head_ == out_.size() || write_error_) {
    out_.clear();
    out_head_ = 0;
    if (state_ == State::kLeaving && !write_error_) stream_->shutdown_write();
  } else if (out_head_ > out_.size() / 2) {
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(out_head_));
    out_head_ = 0;
  }
  queued_.store(out_.size() - out_head_, std::memory_order_relaxed);
}

// ---- closing

void SessionImpl::close(uint16_t code, std::string_view reason, const Error& why) {
  if (state_ == State::kLeaving || state_ == State::kClosed) return;
  if (state_ != State::kOpen) return finish(why, true);
  final_error_ = why;
  Bye bye;
  bye.why = static_cast<ErrorCode>(code);
  bye.text = reason.substr(0, kMaxReasonSent);
  static_cast<void>(send(Type::kBye, 2 * kMaxReasonSent, [&bye](TlvWriter& out) { put(out, bye); }));
  state_ = State::kLeaving;
  loop_.timers().disarm(life_timer_);
  loop_.refresh_now();
  loop_.arm_in(phase_timer_, options_.close_timeout_ns);
  flush();
}

void SessionImpl::on_phase_timeout(int64_t) {
  if (state_ == State::kGreeting) {
    return finish({Errc::kHandshakeTimeout, 0, "Hello was not answered in time"}, true);
  }
  finish(final_error_, true);
}

void SessionImpl::on_life_timer(int64_t) {
  const int64_t now = loop_.refresh_now();
  const int64_t deadline = last_bytes_ns_ + silence_ns_;
  if (paused_ || now < deadline) {
    // While the socket is left unread, silence proves nothing.
    loop_.timers().arm(life_timer_, paused_ ? now + silence_ns_ : deadline);
    return;
  }
  finish({Errc::kWireSilent, 0, "nothing came, not even heartbeats"}, true);
}

void SessionImpl::release(bool reset) noexcept {
  loop_.unwatch(fd_, *this);
  loop_.cancel_resume(*this);
  for (Timer* timer : {static_cast<Timer*>(&phase_timer_), static_cast<Timer*>(&life_timer_),
                       static_cast<Timer*>(&stall_timer_), static_cast<Timer*>(&recovery_timer_)}) {
    loop_.timers().disarm(*timer);
  }
  if (reset) reset_on_close(fd_);
  stream_.reset();
}

void SessionImpl::finish(const Error& error, bool reset) {
  if (state_ == State::kClosed) return;
  const Error copy = error;
  report_damage();
  state_ = State::kClosed;
  release(reset);
  receiver_.end();
  listener_.on_closed(copy, retry_after_ns_);
}

Result<std::unique_ptr<Session>> Session::create(Loop& loop, std::unique_ptr<Stream> stream, SessionOptions options,
                                                 Receiver& receiver, const Subscriptions& subscriptions,
                                                 SessionListener& listener) {
  Result<RecvBuffer> ring = RecvBuffer::create(std::max(options.recv_buffer, kMinRing));
  if (!ring.ok()) return ring.error();
  return std::unique_ptr<Session>(std::make_unique<SessionImpl>(loop, std::move(stream), std::move(options), receiver,
                                                                subscriptions, listener, std::move(ring.value())));
}

}  // namespace tickwire::wire
