// Keeps a connection honest: protocol pings with a pong deadline, application pings, and the longest silence of data.
// Control frames do not count as data: a feed that answers pings and carries nothing is dead.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "feed/options.h"
#include "loop/loop.h"
#include "net/session_control.h"

namespace tickwire::feed {

class HeartbeatListener {
 public:
  virtual void on_dead(Errc why) = 0;  // kPongTimeout or kIdle; stop() was called
  virtual void on_round_trip(int64_t ns) = 0;
  virtual void send_app_ping(std::string_view text) = 0;

 protected:
  ~HeartbeatListener() = default;
};

class HeartbeatMonitor {
 public:
  HeartbeatMonitor(Loop& loop, const Heartbeat& options, HeartbeatListener& listener);
  void start(SessionControl& session);
  void stop() noexcept;
  // While the socket is left unread because the reader is slow, silence proves nothing: deadlines are put off.
  void set_paused(bool paused) noexcept;
  // Data that was read before a pause is delivered after it: its time must not take back what set_paused() put off.
  void on_data(int64_t now_ns) noexcept {
    if (now_ns > last_data_ns_) last_data_ns_ = now_ns;
  }
  void on_pong(std::span<const uint8_t> payload);

 private:
  void on_ping_timer(int64_t now_ns);
  void on_pong_timer(int64_t now_ns);
  void on_idle_timer(int64_t now_ns);
  void on_app_timer(int64_t now_ns);

  Loop& loop_;
  const Heartbeat& options_;
  HeartbeatListener& listener_;
  SessionControl* session_ = nullptr;
  int64_t last_data_ns_ = 0;
  int64_t awaited_ = 0;  // the time that the last ping carries; 0 = no pong is due
  bool paused_ = false;
  MemberTimer<HeartbeatMonitor, &HeartbeatMonitor::on_ping_timer> ping_timer_{*this};
  MemberTimer<HeartbeatMonitor, &HeartbeatMonitor::on_pong_timer> pong_timer_{*this};
  MemberTimer<HeartbeatMonitor, &HeartbeatMonitor::on_idle_timer> idle_timer_{*this};
  MemberTimer<HeartbeatMonitor, &HeartbeatMonitor::on_app_timer> app_timer_{*this};
};

}  // namespace tickwire::feed
