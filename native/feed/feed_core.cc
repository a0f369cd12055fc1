#include "feed/feed_core.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/clock.h"
#include "base/entropy.h"

namespace tickwire::feed {

namespace {

// Spreads the retries of many processes. Without entropy the time does as well.
uint64_t random_seed() {
  auto seed = static_cast<uint64_t>(mono_ns());
  (void)fill_random({reinterpret_cast<uint8_t*>(&seed), sizeof seed}).ok();
  return seed;
}

constexpr uint32_t kSampleHeaderBytes = 64;  // at least what a malformed record holds beside its sample

CoreOptions fitted(CoreOptions options, uint32_t max_record) {
  options.sample_bytes = std::min(options.sample_bytes, max_record - kSampleHeaderBytes);
  return options;
}

}  // namespace

FeedCore::FeedCore(Channel& channel, CoreOptions options, uint16_t handle, Errc closed_by_user)
    : loop_(channel.loop()),
      options_(fitted(std::move(options), channel.ring().max_record())),
      handle_(handle),
      closed_by_user_(closed_by_user),
      stats_(options_.stats),
      schedule_(options_.reconnect, random_seed()),
      heartbeat_(loop_, options_.heartbeat, *this) {}

Result<void> FeedCore::prepare(Channel& channel, std::unique_ptr<SessionSource> source) {
  auto publisher = Publisher::create(channel, options_, handle_, stats_, *this);
  if (!publisher.ok()) return publisher.error();
  publisher_ = std::move(publisher.value());
  source_ = std::move(source);
  if (!options_.connect_limit.name.empty()) gate_ = ConnectGate::of(options_.connect_limit);
  return {};
}

FeedCore::~FeedCore() {
  heartbeat_.stop();
  source_.reset();
  // At once: what is released at the end of the turn would still be called by its timers, and call us.
  const std::lock_guard lock(session_mutex_);
  session_open_ = false;
  session_.reset();
}

// ---- control
// ------------------------------------------------------------------------------------------------------------------

void FeedCore::open() {
  if (stats_.state() != State::kDisconnected) return;
  schedule_ = ReconnectSchedule(options_.reconnect, random_seed());
  had_connection_ = false;
  start_attempt();
}

void FeedCore::close(uint16_t code, std::string_view reason) {
  const State state = stats_.state();
  if (state == State::kDisconnected || state == State::kClosing) return;
  heartbeat_.stop();
  loop_.timers().disarm(retry_timer_);
  move_to(State::kClosing, {closed_by_user_, 0, {}}, NAN, {});
  if (session_ != nullptr) {
    session_->close(code, reason, {closed_by_user_, code, {}});
    if (paused_) session_->resume();  // the peer's answer lies behind what was not read
    return;
  }
  source_->abandon();
  finish({closed_by_user_, 0, {}});
}

void FeedCore::abort() {
  const State state = stats_.state();
  if (state == State::kDisconnected) return;
  heartbeat_.stop();
  loop_.timers().disarm(retry_timer_);
  if (state != State::kClosing) move_to(State::kClosing, {Errc::kAborted, 0, {}}, NAN, {});
  source_->abandon();
  if (session_ != nullptr) {
    session_->abort({Errc::kAborted, 0, {}});
  } else {
    finish({Errc::kAborted, 0, {}});
  }
}

void FeedCore::reconnect() {
  if (stats_.state() == State::kConnected && session_ != nullptr)
    session_->abort({Errc::kAborted, 0, "reconnect requested"});
}

Result<void> FeedCore::ping() {
  return with_session([this](SessionControl& session) -> Result<void> {
    const int64_t now = mono_ns();
    uint8_t payload[sizeof now];
    std::memcpy(payload, &now, sizeof now);
    auto sent = session.ping(payload);
    if (!sent.ok()) return sent;
    // The oldest is given up for lost: a peer need not answer every ping (RFC 6455 section 5.5.3).
    if (user_pings_.size() == kMaxUserPings) user_pings_.erase(user_pings_.begin());
    user_pings_.push_back(now);
    return sent;
  });
}

size_t FeedCore::send_queue_bytes() {
  const std::lock_guard lock(session_mutex_);
  return session_ == nullptr ? 0 : session_->send_queue_bytes();
}

// ---- connection
// ---------------------------------------------------------------------------------------------------------------

void FeedCore::start_attempt() {
  schedule_.on_attempt(loop_.refresh_now());
  move_to(State::kConnecting, {}, NAN, {});
  pass_gate();
}

void FeedCore::pass_gate() {
  if (gate_ != nullptr) {
    const int64_t now = loop_.refresh_now();
    if (const int64_t at = gate_->take(now); at > now) {
      at_gate_ = true;
      loop_.timers().arm(retry_timer_, at);
      return;
    }
  }
  source_->attempt(*this);
}

void FeedCore::on_retry_timer(int64_t) {
  if (!std::exchange(at_gate_, false)) {
    start_attempt();
  } else if (gate_->is_held(loop_.refresh_now())) {
    pass_gate();  // the peer was asked in the meantime, and wants nobody
  } else {
    source_->attempt(*this);
  }
}

void FeedCore::on_no_session(const Error& error) { attempt_failed(error); }

void FeedCore::on_session(std::unique_ptr<SessionControl> session, const StreamInfo& info) {
  stream_info_ = info;
  {
    const std::lock_guard lock(session_mutex_);
    session_ = std::move(session);
  }
  session_->start();
}

void FeedCore::counted_as_connected() {
  stats_.add(Counter::kConnects);
  if (had_connection_) stats_.add(Counter::kReconnects);
  had_connection_ = true;
}

void FeedCore::opened(std::string_view info) {
  heartbeat_.start(*session_);
  {
    const std::lock_guard lock(session_mutex_);
    session_open_ = true;
  }
  // Last: whoever hears of it may send at once.
  move_to(State::kConnected, {}, NAN, info);
}

void FeedCore::closed(const Error& error, int64_t not_before_ns) {
  session_ended(error, std::min(not_before_ns, options_.reconnect.max_ns));
}

void FeedCore::refused(const Error& error, int64_t wait_ns) {
  for (const auto& [status, ban_ns] : options_.connect_limit.bans) {
    if (wait_ns == 0 && status == error.detail) wait_ns = ban_ns;
  }
  if (gate_ != nullptr && wait_ns > 0) gate_->hold(loop_.refresh_now() + wait_ns);
  session_ended(error, wait_ns);
}

void FeedCore::session_ended(const Error& error, int64_t not_before_ns) {
  const Error copy = error;
  heartbeat_.stop();
  drop_session();
  if (stats_.state() == State::kClosing) {
    finish(copy);
  } else {
    attempt_failed(copy, not_before_ns);
  }
}

void FeedCore::attempt_failed(const Error& error, int64_t not_before_ns) {
  if (stats_.state() == State::kConnecting) stats_.add(Counter::kFailures);
  auto delay = schedule_.next_delay(loop_.refresh_now());
  if (!delay) {
    finish(options_.reconnect.enabled
               ? Error{Errc::kRetriesExhausted, static_cast<int32_t>(error.code),
                       std::string(errc_name(error.code)) + (error.text.empty() ? "" : ": ") + error.text}
               : error);
    return;
  }
  delay = std::max(*delay, not_before_ns);
  move_to(State::kReconnecting, error, static_cast<double>(*delay) / 1e6, error.text);
  loop_.arm_in(retry_timer_, *delay);
}

void FeedCore::finish(const Error& error) {
  loop_.timers().disarm(retry_timer_);
  at_gate_ = false;
  if (keeps_rows() && error.code != Errc::kAborted) {
    ended_ = error;
    return;
  }
  ended_.reset();
  move_to(State::kDisconnected, error, NAN, error.text);
}

void FeedCore::move_to(State to, const Error& reason, double delay_ms, std::string_view text) {
  const State from = stats_.state();
  if (!stats_.transition(from, to))
    return;  // only this thread moves it: cannot fail, and must not move twice if it did
  auto record = state_record(handle_, loop_.refresh_now(),
                             {from, to, reason.code, reason.detail, schedule_.attempts(), delay_ms, text});
  publisher_->control(record);
}

void FeedCore::drop_session() {
  std::unique_ptr<SessionControl> gone;
  {
    const std::lock_guard lock(session_mutex_);
    session_open_ = false;
    user_pings_.clear();
    gone = std::move(session_);
  }
  paused_ = false;
  on_session_gone();
  if (publisher_ && !keeps_rows()) publisher_->forget_partial();
  if (gone) loop_.defer_delete(std::move(gone));
}

// ---- heartbeat
// ----------------------------------------------------------------------------------------------------------------

void FeedCore::on_dead(Errc why) {
  if (session_ != nullptr) session_->abort({why, 0, {}});
}

void FeedCore::on_round_trip(int64_t ns) {
  auto record = pong_record(handle_, loop_.now_ns(), ns);
  publisher_->control(record);
}

void FeedCore::on_pong(std::span<const uint8_t> payload) {
  stats_.add(Counter::kPongs);
  int64_t sent_ns = 0;
  if (payload.size() == sizeof sent_ns) {
    std::memcpy(&sent_ns, payload.data(), sizeof sent_ns);
    if (is_users_ping(sent_ns)) {
      on_round_trip(loop_.refresh_now() - sent_ns);
      return;
    }
  }
  heartbeat_.on_pong(payload);
}

bool FeedCore::is_users_ping(int64_t sent_ns) {
  const std::lock_guard lock(session_mutex_);
  const auto at = std::find(user_pings_.begin(), user_pings_.end(), sent_ns);
  if (at == user_pings_.end()) return false;
  user_pings_.erase(user_pings_.begin(), at + 1);  // pongs come in order: what was sent before is not answered any more
  return true;
}

// ---- data
// ---------------------------------------------------------------------------------------------------------------------

void FeedCore::pause() noexcept {
  if (!paused_) stats_.add(Counter::kPauses);
  paused_ = true;
  heartbeat_.set_paused(true);
}

void FeedCore::refuse(const decode::DecodeOutcome& outcome, std::span<const uint8_t> message,
                      const ReceiveTimes& times) {
  stats_.add(outcome.why);
  if (times.rx_ns < next_sample_ns_) {
    stats_.add(Counter::kSamplesSuppressed);
    ++samples_suppressed_;
    return;
  }
  next_sample_ns_ = times.rx_ns + options_.sample_interval_ns;
  auto record = malformed_record(handle_, times.rx_ns, outcome, message, options_.sample_bytes, samples_suppressed_);
  samples_suppressed_ = 0;
  publisher_->control(record);
}

void FeedCore::end_of_read() {
  if (read_messages_ == 0) return;
  const int64_t now = mono_ns();
  if (read_times_.kernel_ns > 0) {
    stats_.kernel_to_native.record(read_times_.rx_ns - read_times_.kernel_ns, read_messages_);
  }
  stats_.native_to_ring.record(now - read_times_.rx_ns, read_messages_);
  read_messages_ = 0;
  publisher_->end_of_read(now);
}

void FeedCore::on_space() {
  const bool clear = publisher_->on_space();
  if (!clear || (keeps_rows() && !offer_kept())) return;
  if (ended_) {
    const Error error = *ended_;
    finish(error);
    return;
  }
  if (!paused_ || session_ == nullptr) return;
  paused_ = false;
  heartbeat_.set_paused(false);
  session_->resume();
}

}  // namespace tickwire::feed
