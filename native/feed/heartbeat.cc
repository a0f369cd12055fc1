#include "feed/heartbeat.h"

#include <cstring>

namespace tickwire::feed {

HeartbeatMonitor::HeartbeatMonitor(Loop& loop, const Heartbeat& options, HeartbeatListener& listener)
    : loop_(loop), options_(options), listener_(listener) {}

void HeartbeatMonitor::start(SessionControl& session) {
  session_ = &session;
  last_data_ns_ = loop_.refresh_now();
  awaited_ = 0;
  paused_ = false;
  if (options_.ping_ns > 0) loop_.arm_in(ping_timer_, options_.ping_ns);
  if (options_.idle_ns > 0) loop_.arm_in(idle_timer_, options_.idle_ns);
  if (!options_.app_ping.empty() && options_.app_ping_ns > 0) loop_.arm_in(app_timer_, options_.app_ping_ns);
}

void HeartbeatMonitor::stop() noexcept {
  session_ = nullptr;
  for (Timer* timer : {static_cast<Timer*>(&ping_timer_), static_cast<Timer*>(&pong_timer_),
                       static_cast<Timer*>(&idle_timer_), static_cast<Timer*>(&app_timer_)}) {
    loop_.timers().disarm(*timer);
  }
}

void HeartbeatMonitor::set_paused(bool paused) noexcept {
  if (paused_ == paused) return;
  paused_ = paused;
  if (paused) return;
  last_data_ns_ = loop_.refresh_now();
  // The pong may lie in what was not read.
  if (pong_timer_.armed()) loop_.arm_in(pong_timer_, options_.pong_timeout_ns);
}

void HeartbeatMonitor::on_pong(std::span<const uint8_t> payload) {
  int64_t sent = 0;
  if (payload.size() != sizeof sent) return;  // unsolicited, or answers a ping of the user's own
  std::memcpy(&sent, payload.data(), sizeof sent);
  if (awaited_ == 0 || sent != awaited_) return;
  awaited_ = 0;
  loop_.timers().disarm(pong_timer_);
  listener_.on_round_trip(loop_.refresh_now() - sent);
}

void HeartbeatMonitor::on_ping_timer(int64_t) {
  const int64_t now = loop_.refresh_now();
  // One ping at a time: while a pong is due, its deadline decides. Without a deadline nothing would, should a pong stay
  // out.
  if ((awaited_ == 0 || options_.pong_timeout_ns == 0) && !paused_) {
    uint8_t payload[sizeof now];
    std::memcpy(payload, &now, sizeof now);
    if (session_->ping(payload).ok()) {
      awaited_ = now;
      if (options_.pong_timeout_ns > 0) loop_.arm_in(pong_timer_, options_.pong_timeout_ns);
    }
  }
  loop_.arm_in(ping_timer_, options_.ping_ns);
}

void HeartbeatMonitor::on_pong_timer(int64_t) {
  if (paused_) {
    loop_.arm_in(pong_timer_, options_.pong_timeout_ns);
    return;
  }
  stop();
  listener_.on_dead(Errc::kPongTimeout);
}

void HeartbeatMonitor::on_idle_timer(int64_t) {
  const int64_t now = loop_.refresh_now();
  const int64_t deadline = last_data_ns_ + options_.idle_ns;
  if (paused_ || now < deadline) {
    loop_.timers().arm(idle_timer_, paused_ ? now + options_.idle_ns : deadline);
    return;
  }
  stop();
  listener_.on_dead(Errc::kIdle);
}

void HeartbeatMonitor::on_app_timer(int64_t) {
  listener_.send_app_ping(options_.app_ping);
  loop_.arm_in(app_timer_, options_.app_ping_ns);
}

}  // namespace tickwire::feed
