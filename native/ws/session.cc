// A session's two ends, opening and closing, and its sending side.
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "ws/deflate.h"
#include "ws/session_impl.h"
#include "ws/utf8.h"

namespace tickwire::ws {
namespace {

constexpr int64_t kFlushRetry = 1'000'000;  // ns; only without edges
constexpr size_t kMinRing = 4096;
constexpr size_t kMaxReason = 123;

// Makes the coming close() of the descriptor send RST and drop what is unsent.
void reset_on_close(int fd) noexcept {
  const linger now{1, 0};
  // When it fails the close is an orderly one, which is no worse for us.
  static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now));
}

// At most 123 bytes that end with a whole character.
std::span<const uint8_t> sendable_reason(std::string_view reason) noexcept {
  std::span<const uint8_t> bytes{reinterpret_cast<const uint8_t*>(reason.data()), reason.size()};
  if (!valid_utf8(bytes)) return {};
  if (bytes.size() <= kMaxReason) return bytes;
  size_t n = kMaxReason;
  while (n != 0 && (bytes[n] & 0xC0) == 0x80) --n;
  return bytes.first(n);
}

}  // namespace

// ---- opening

void SessionImpl::start() {
  if (state_ != State::kIdle) return;
  state_ = State::kHandshake;
  loop_.refresh_now();
  loop_.arm_in(phase_timer_, options_.handshake_timeout_ns);
  if (Result<void> watched = loop_.watch(fd_, *this, options_.trigger); !watched.ok()) {
    final_error_ = watched.error();
    loop_.resume_later(*this);
    return;
  }
  const std::string& request = handshake_.request();
  static_cast<void>(sender_.send_raw({reinterpret_cast<const uint8_t*>(request.data()), request.size()}));
  after_write();  // a failure arrives by the loop
  if (stream_->has_buffered_input()) loop_.resume_later(*this);
}

void SessionImpl::process_handshake() {
  const ClientHandshake::Outcome out = handshake_.feed(ring_.readable());
  switch (out.status) {
    case ClientHandshake::Outcome::Status::kNeedMore:
      return;
    case ClientHandshake::Outcome::Status::kFailed:
      finish(out.error, false, false);
      return;
    case ClientHandshake::Outcome::Status::kDone:
      ring_.consume(out.consumed);
      open();
      return;
  }
}

void SessionImpl::open() {
  const HandshakeResult& result = handshake_.result();
  std::unique_ptr<Deflater> deflater;
  if (result.deflate) {
    const DeflateParams& p = result.deflate_params;
    auto inflater = Inflater::create(p.server_max_window_bits, !p.server_no_context_takeover);
    if (!inflater.ok()) return finish(inflater.error(), false, false);
    auto made =
        Deflater::create(p.client_max_window_bits, !p.client_no_context_takeover, options_.handshake.deflate.level);
    if (!made.ok()) return finish(made.error(), false, false);
    parser_.set_inflater(std::move(inflater.value()));
    deflater = std::move(made.value());
  }
  loop_.timers().disarm(phase_timer_);
  state_ = State::kOpen;
  unparsed_ = true;  // frames may have come with the answer
  sender_.open(std::move(deflater), options_.handshake.deflate.threshold);
  listener_.on_open(result);
}

// ---- closing

void SessionImpl::close(uint16_t code, std::string_view reason, const Error& why) {
  const Error reported = why ? why : Error{Errc::kWsClosedByUser, code, {}};
  if (state_ == State::kIdle || state_ == State::kHandshake) return finish(reported, false, true);
  if (state_ != State::kOpen) return;
  state_ = State::kClosing;
  final_error_ = reported;
  loop_.refresh_now();
  loop_.arm_in(phase_timer_, options_.close_timeout_ns);
  sender_.close(valid_close_code(code) || code == 1005 ? code : 1000, sendable_reason(reason), false);
  after_write();
}

// Fails the connection (RFC 6455 section 7.1.7): says why, then waits a little for the peer to end it, because closing
// with unread input would send RST, which may take the close frame with it.
void SessionImpl::violate(const Error& error) {
  if (state_ == State::kClosing) {
    sender_.shut_when_flushed();
  } else {
    final_error_ = error;
    sender_.close(static_cast<uint16_t>(error.detail), {}, true);
  }
  after_write();
  enter_draining();
  ring_.clear();
}

void SessionImpl::enter_draining() {
  state_ = State::kDraining;
  if (phase_timer_.armed()) return;
  loop_.refresh_now();
  loop_.arm_in(phase_timer_, options_.close_timeout_ns);
}

void SessionImpl::on_phase_timeout(int64_t) {
  if (state_ == State::kHandshake && !sender_.failed()) {
    return finish({Errc::kHandshakeTimeout, 0, "no answer to the opening handshake in time"}, false, true);
  }
  finish(ending({}), clean(), true);
}

// What a connection that ends now has ended by: what was settled before, else the write that failed first, else
// `transport`.
Error SessionImpl::ending(const Error& transport) const {
  if (final_error_) return final_error_;
  if (sender_.failed()) return sender_.failure();
  return transport;
}

void SessionImpl::release(bool reset) noexcept {
  loop_.unwatch(fd_, *this);
  loop_.cancel_resume(*this);
  loop_.timers().disarm(phase_timer_);
  loop_.timers().disarm(flush_timer_);
  if (reset) reset_on_close(fd_);
  sender_.detach();
  stream_.reset();
}

void SessionImpl::finish(const Error& error, bool clean, bool reset) {
  if (state_ == State::kClosed) return;
  const Error reported = error;  // `error` may lie in something that goes now
  state_ = State::kClosed;
  release(reset);
  listener_.on_closed(reported, clean);
}

// ---- sending

Result<void> SessionImpl::send(Opcode opcode, std::span<const uint8_t> payload) {
  Result<void> sent = sender_.send(opcode, payload);
  after_write();
  return sent;
}

Result<void> SessionImpl::send_batch(std::span<const Message> messages) {
  Result<void> sent = sender_.send_batch(messages);
  after_write();
  return sent;
}

Result<void> SessionImpl::ping(std::span<const uint8_t> payload) {
  // Counted first: the pong may arrive before this thread goes on.
  pings_out_.fetch_add(1, std::memory_order_relaxed);
  Result<void> sent = sender_.ping(payload);
  if (!sent.ok()) one_ping_less();
  after_write();
  return sent;
}

// Any thread, after anything that may have written.
void SessionImpl::after_write() {
  if (sender_.claim_failure()) {
    tell_loop<&SessionImpl::on_write_failed>();
  } else if (options_.trigger == Trigger::kLevel && sender_.has_unsent()) {
    tell_loop<&SessionImpl::retry_flush>();
  }
}

void SessionImpl::on_write_failed() {
  // A listener that paused decides when it takes the rest; then the failure is reported.
  if (state_ == State::kClosed || paused_) return;
  if (!phase_timer_.armed()) {
    loop_.refresh_now();
    loop_.arm_in(phase_timer_, options_.close_timeout_ns);
  }
  loop_.resume_later(*this);
}

void SessionImpl::retry_flush() {
  if (state_ != State::kClosed && !flush_timer_.armed()) loop_.arm_in(flush_timer_, kFlushRetry);
}

void SessionImpl::on_flush_timer(int64_t) {
  sender_.flush_pending();
  after_write();
}

Result<std::unique_ptr<Session>> Session::create(Loop& loop, std::unique_ptr<Stream> stream, SessionOptions options,
                                                 SessionListener& listener) {
  Result<ClientHandshake> handshake = ClientHandshake::create(options.handshake);
  if (!handshake.ok()) return handshake.error();
  Result<RecvBuffer> ring =
      RecvBuffer::create(std::max({options.recv_buffer, options.handshake.max_response + 1, kMinRing}));
  if (!ring.ok()) return ring.error();
  auto session = std::make_unique<SessionImpl>(loop, std::move(stream), std::move(options), listener,
                                               std::move(handshake.value()), std::move(ring.value()));
  if (Result<void> ready = session->prepare(); !ready.ok()) return ready.error();
  return std::unique_ptr<Session>(std::move(session));
}

}  // namespace tickwire::ws
