#include "feed/feed.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/clock.h"
#include "base/entropy.h"
#include "feed/connection_info.h"

namespace tickwire::feed {

namespace {

// Spreads the retries of many processes. Without entropy the time does as well.
uint64_t random_seed() {
  auto seed = static_cast<uint64_t>(mono_ns());
  (void)fill_random({reinterpret_cast<uint8_t*>(&seed), sizeof seed}).ok();
  return seed;
}

constexpr uint32_t kSampleHeaderBytes = 64;  // at least what a malformed record holds beside its sample

}  // namespace

Feed::Feed(Channel& channel, FeedOptions options, uint16_t handle)
    : loop_(channel.loop()),
      options_(std::move(options)),
      handle_(handle),
      stats_(options_.stats),
      schedule_(options_.reconnect, random_seed()),
      heartbeat_(loop_, options_.heartbeat, *this) {}

Result<std::unique_ptr<Feed>> Feed::create(Channel& channel, FeedOptions options, uint16_t handle) {
  options.sample_bytes = std::min(options.sample_bytes, channel.ring().max_record() - kSampleHeaderBytes);
  std::unique_ptr<Feed> feed(new Feed(channel, std::move(options), handle));
  if (feed->options_.schema) feed->decoder_ = decode::make_json_decoder(*feed->options_.schema, channel.symbols());
  auto publisher = Publisher::create(channel, feed->options_, handle, feed->stats_, *feed);
  if (!publisher.ok()) return publisher.error();
  feed->publisher_ = std::move(publisher.value());
  return feed;
}

Feed::~Feed() {
  heartbeat_.stop();
  drop_connector();
  // At once: what is released at the end of the turn would still be called by its timers, and call us.
  const std::lock_guard lock(session_mutex_);
  session_open_ = false;
  session_.reset();
}

// ---- control
// ------------------------------------------------------------------------------------------------------------------

void Feed::open() {
  if (stats_.state() != State::kDisconnected) return;
  schedule_ = ReconnectSchedule(options_.reconnect, random_seed());
  had_connection_ = false;
  start_attempt();
}

void Feed::close(uint16_t code, std::string_view reason) {
  const State state = stats_.state();
  if (state == State::kDisconnected || state == State::kClosing) return;
  heartbeat_.stop();
  loop_.timers().disarm(retry_timer_);
  move_to(State::kClosing, {Errc::kWsClosedByUser, 0, {}}, NAN, {});
  if (session_ != nullptr) {
    session_->close(code, reason, {Errc::kWsClosedByUser, code, {}});
    if (paused_) session_->resume();  // the peer's answer lies behind what was not read
    return;
  }
  drop_connector();
  finish({Errc::kWsClosedByUser, 0, {}});
}

void Feed::abort() {
  const State state = stats_.state();
  if (state == State::kDisconnected) return;
  heartbeat_.stop();
  loop_.timers().disarm(retry_timer_);
  if (state != State::kClosing) move_to(State::kClosing, {Errc::kAborted, 0, {}}, NAN, {});
  drop_connector();
  if (session_ != nullptr) {
    session_->abort({Errc::kAborted, 0, {}});
  } else {
    finish({Errc::kAborted, 0, {}});
  }
}

void Feed::reconnect() {
  if (stats_.state() == State::kConnected && session_ != nullptr)
    session_->abort({Errc::kAborted, 0, "reconnect requested"});
}

Result<void> Feed::send(ws::Opcode opcode, std::span<const uint8_t> payload) {
  const std::lock_guard lock(session_mutex_);
  if (!session_open_) return Error{Errc::kNotOpen, 0, {}};
  auto sent = session_->send(opcode, payload);
  if (sent.ok()) {
    stats_.add_shared(Counter::kSent);
    stats_.add_shared(Counter::kSentBytes, payload.size());
  }
  return sent;
}

Result<void> Feed::send_batch(std::span<const ws::Message> messages) {
  const std::lock_guard lock(session_mutex_);
  if (!session_open_) return Error{Errc::kNotOpen, 0, {}};
  auto sent = session_->send_batch(messages);
  if (sent.ok()) {
    uint64_t bytes = 0;
    for (const auto& m : messages) bytes += m.data.size();
    stats_.add_shared(Counter::kSent, messages.size());
    stats_.add_shared(Counter::kSentBytes, bytes);
  }
  return sent;
}

Result<void> Feed::ping() {
  const std::lock_guard lock(session_mutex_);
  if (!session_open_) return Error{Errc::kNotOpen, 0, {}};
  const int64_t now = mono_ns();
  uint8_t payload[sizeof now];
  std::memcpy(payload, &now, sizeof now);
  auto sent = session_->ping(payload);
  if (!sent.ok()) return sent;
  // The oldest is given up for lost: a peer need not answer every ping (RFC 6455 section 5.5.3).
  if (user_pings_.size() == kMaxUserPings) user_pings_.erase(user_pings_.begin());
  user_pings_.push_back(now);
  return sent;
}

size_t Feed::send_queue_bytes() {
  const std::lock_guard lock(session_mutex_);
  return session_ == nullptr ? 0 : session_->send_queue_bytes();
}

// ---- connection
// ---------------------------------------------------------------------------------------------------------------

void Feed::start_attempt() {
  schedule_.on_attempt(loop_.refresh_now());
  move_to(State::kConnecting, {}, NAN, {});
  connector_ = Connector::start(loop_, options_.target, *this);
}

void Feed::on_retry_timer(int64_t) { start_attempt(); }

void Feed::on_connect_failed(const Error& error) {
  const Error copy = error;
  drop_connector();
  attempt_failed(copy);
}

void Feed::on_connected(std::unique_ptr<Stream> stream, const StreamInfo& info) {
  stream_info_ = info;
  drop_connector();
  auto session = ws::Session::create(loop_, std::move(stream), options_.session, *this);
  if (!session.ok()) {
    attempt_failed(session.error());
    return;
  }
  {
    const std::lock_guard lock(session_mutex_);
    session_ = std::move(session.value());
  }
  session_->start();
}

void Feed::on_open(const ws::HandshakeResult& result) {
  stats_.add(Counter::kConnects);
  if (had_connection_) stats_.add(Counter::kReconnects);
  had_connection_ = true;
  // Before anybody else may send: the greeting is what the peer hears first.
  for (const auto& greeting : options_.greeting) {
    const auto sent = session_->send(
        greeting.opcode, {reinterpret_cast<const uint8_t*>(greeting.payload.data()), greeting.payload.size()});
    if (!sent.ok()) break;  // the session is on its way down and says so itself
    stats_.add_shared(Counter::kSent);
    stats_.add_shared(Counter::kSentBytes, greeting.payload.size());
  }
  heartbeat_.start(*session_);
  {
    const std::lock_guard lock(session_mutex_);
    session_open_ = true;
  }
  // Last: whoever hears of it may send at once.
  move_to(State::kConnected, {}, NAN, connection_info(stream_info_, result));
}

void Feed::on_closed(const Error& error, bool) {
  const Error copy = error;
  heartbeat_.stop();
  drop_session();
  if (stats_.state() == State::kClosing) {
    finish(copy);
  } else {
    attempt_failed(copy);
  }
}

void Feed::attempt_failed(const Error& error) {
  if (stats_.state() == State::kConnecting) stats_.add(Counter::kFailures);
  const auto delay = schedule_.next_delay(loop_.refresh_now());
  if (!delay) {
    finish(options_.reconnect.enabled
               ? Error{Errc::kRetriesExhausted, static_cast<int32_t>(error.code),
                       std::string(errc_name(error.code)) + (error.text.empty() ? "" : ": ") + error.text}
               : error);
    return;
  }
  move_to(State::kReconnecting, error, static_cast<double>(*delay) / 1e6, error.text);
  loop_.arm_in(retry_timer_, *delay);
}

void Feed::finish(const Error& error) {
  loop_.timers().disarm(retry_timer_);
  move_to(State::kDisconnected, error, NAN, error.text);
}

void Feed::move_to(State to, const Error& reason, double delay_ms, std::string_view text) {
  const State from = stats_.state();
  if (!stats_.transition(from, to))
    return;  // only this thread moves it: cannot fail, and must not move twice if it did
  auto record = state_record(handle_, loop_.refresh_now(),
                             {from, to, reason.code, reason.detail, schedule_.attempts(), delay_ms, text});
  publisher_->control(record);
}

void Feed::drop_session() {
  std::unique_ptr<ws::Session> gone;
  {
    const std::lock_guard lock(session_mutex_);
    session_open_ = false;
    user_pings_.clear();
    gone = std::move(session_);
  }
  paused_ = false;
  if (publisher_) publisher_->forget_partial();
  if (gone) loop_.defer_delete(std::move(gone));
}

// At once, which it allows below its own frames: in the rest of the turn its timer must not report to us any more.
void Feed::drop_connector() { connector_.reset(); }

// ---- heartbeat
// ----------------------------------------------------------------------------------------------------------------

void Feed::on_dead(Errc why) {
  if (session_ != nullptr) session_->abort({why, 0, {}});
}

void Feed::on_round_trip(int64_t ns) {
  auto record = pong_record(handle_, loop_.now_ns(), ns);
  publisher_->control(record);
}

void Feed::on_pong(std::span<const uint8_t> payload) {
  stats_.add(Counter::kPongs);
  int64_t sent_ns = 0;
  if (payload.size() == sizeof sent_ns) {
    std::memcpy(&sent_ns, payload.data(), sizeof sent_ns);
    bool ours = false;
    {
      const std::lock_guard lock(session_mutex_);
      const auto at = std::find(user_pings_.begin(), user_pings_.end(), sent_ns);
      ours = at != user_pings_.end();
      // Pongs come in order: what was sent before is not answered any more.
      if (ours) user_pings_.erase(user_pings_.begin(), at + 1);
    }
    if (ours) {
      on_round_trip(loop_.refresh_now() - sent_ns);
      return;
    }
  }
  heartbeat_.on_pong(payload);
}

void Feed::on_ping(std::span<const uint8_t>) { stats_.add(Counter::kPings); }

// ---- data
// ---------------------------------------------------------------------------------------------------------------------

void Feed::on_bytes(size_t n) {
  stats_.add(Counter::kReads);
  stats_.add(Counter::kBytes, n);
}

ws::Flow Feed::on_message(const ws::Message& message, const ws::ReceiveTimes& times) {
  if (!deliver(message, times)) {
    if (!paused_) stats_.add(Counter::kPauses);
    paused_ = true;
    heartbeat_.set_paused(true);
    return ws::Flow::kPause;
  }
  stats_.add(Counter::kMessages);
  stats_.add(Counter::kPayloadBytes, message.data.size());
  if (schedule_.attempts() != 0) schedule_.on_data();
  heartbeat_.on_data(times.rx_ns);
  batch_times_ = times;
  ++batch_messages_;
  return ws::Flow::kContinue;
}

bool Feed::deliver(const ws::Message& message, const ws::ReceiveTimes& times) {
  const bool binary = message.opcode == ws::Opcode::kBinary;
  if (decoder_ == nullptr) {
    return publisher_->raw(binary ? RecordKind::kBinary : RecordKind::kText, message.data, times);
  }
  batch_.clear();
  const auto outcome = decoder_->decode(message.data, binary, batch_);
  if (!outcome.ok) {
    refuse(outcome, message, times);
    return true;
  }
  if (outcome.ignored) {
    stats_.add(Counter::kIgnored);
    return true;
  }
  if (!publisher_->rows(batch_, times)) return false;
  if (outcome.cut_levels > 0) stats_.add(Counter::kLevelsCut, outcome.cut_levels);
  return true;
}

void Feed::refuse(const decode::DecodeOutcome& outcome, const ws::Message& message, const ws::ReceiveTimes& times) {
  stats_.add(outcome.why);
  if (times.rx_ns < next_sample_ns_) {
    stats_.add(Counter::kSamplesSuppressed);
    ++samples_suppressed_;
    return;
  }
  next_sample_ns_ = times.rx_ns + options_.sample_interval_ns;
  auto record =
      malformed_record(handle_, times.rx_ns, outcome, message.data, options_.sample_bytes, samples_suppressed_);
  samples_suppressed_ = 0;
  publisher_->control(record);
}

void Feed::on_batch_end() {
  if (batch_messages_ > 0) {
    const int64_t now = mono_ns();
    if (batch_times_.kernel_ns > 0) {
      stats_.kernel_to_native.record(batch_times_.rx_ns - batch_times_.kernel_ns, batch_messages_);
    }
    stats_.native_to_ring.record(now - batch_times_.rx_ns, batch_messages_);
    batch_messages_ = 0;
    publisher_->end_of_read(now);
  }
}

void Feed::on_space() {
  const bool clear = publisher_->on_space();
  if (!clear || !paused_ || session_ == nullptr) return;
  paused_ = false;
  heartbeat_.set_paused(false);
  session_->resume();
}

}  // namespace tickwire::feed
