#include "hub/liveness.h"

#include <algorithm>
#include <vector>

#include "hub/broadcast_loop.h"
#include "hub/notices.h"
#include "wire/control.h"
#include "ws/frame_writer.h"

namespace tickwire::hub {
namespace {

constexpr int64_t kShortestTickNs = 10'000'000;
constexpr int64_t kLongestTickNs = 1'000'000'000;
constexpr int64_t kDeadlineTickNs = 20'000'000;  // while somebody has a deadline

int64_t interval_of(const LivenessOptions& options) noexcept {
  int64_t interval = kLongestTickNs;
  const auto need = [&interval](int64_t period, int64_t parts) {
    if (period > 0) interval = std::min(interval, period / parts);
  };
  need(options.ping_ns, 4);
  need(options.idle_timeout_ns, 8);
  need(options.heartbeat_ns, 2);
  return std::max(interval, kShortestTickNs);
}

}  // namespace

Liveness::Liveness(BroadcastLoop& loop) : loop_(loop), interval_ns_(interval_of(loop.options().liveness)) {}

void Liveness::wake() {
  if (!timer_.armed()) loop_.loop().arm_in(timer_, interval_ns_);
}

void Liveness::hurry() {
  deadlines_ = true;
  const int64_t due = deadline_after(loop_.loop().now_ns(), std::min(interval_ns_, kDeadlineTickNs));
  if (!timer_.armed() || timer_.deadline_ns() > due) loop_.loop().timers().arm(timer_, due);
}

void Liveness::stop() noexcept { loop_.loop().timers().disarm(timer_); }

void Liveness::on_tick(int64_t now_ns) {
  deadlines_ = false;
  const std::vector<Subscriber*>& connections = loop_.connections();
  for (size_t i = connections.size(); i-- > 0;) {  // whoever goes away changes places with one that was seen
    if (i >= connections.size()) continue;
    look_after(*connections[i], now_ns);
  }
  if (connections.empty()) return;
  loop_.loop().timers().arm(
      timer_, deadline_after(now_ns, deadlines_ ? std::min(interval_ns_, kDeadlineTickNs) : interval_ns_));
}

void Liveness::look_after(Subscriber& s, int64_t now_ns) {
  Connection& c = *s.more;
  const LivenessOptions& options = loop_.options().liveness;
  if (now_ns >= c.deadline_ns) return loop_.finish(s, c.why, false);
  if (c.deadline_ns != INT64_MAX) deadlines_ = true;
  if (c.heard) {
    c.heard = c.pinged = false;
    c.heard_ns = now_ns;
  }
  const int64_t silent = now_ns - c.heard_ns;
  if (options.idle_timeout_ns > 0 && silent >= options.idle_timeout_ns) {
    loop_.tally().idle_disconnects.add();
    return loop_.finish(s, Error{Errc::kIdle, 0, "the client has not been heard of"}, false);
  }
  if (s.phase != Phase::kOpen || s.blocked) return;
  if (options.ping_ns > 0 && silent >= options.ping_ns && !c.pinged) {
    c.pinged = true;
    return ping(s);
  }
  if (options.heartbeat_ns > 0 && speaks_wire(s.lane) && s.bytes == c.written_at_tick) heartbeat(s);
  if (s.open()) c.written_at_tick = s.bytes;
}

void Liveness::ping(Subscriber& s) {
  if (s.lane != Lane::kWire) {
    uint8_t frame[ws::kMaxFrameHeader];
    const size_t size = ws::write_frame_header(frame, ws::Opcode::kPing, true, false, 0, nullptr);
    return loop_.delivery().tell(s, {frame, size});
  }
  static_cast<void>(
      append_control(s, wire::Type::kPing, 16, [](wire::TlvWriter& out) { wire::put(out, wire::Ping{}); }));
  loop_.delivery().serve(s);
}

void Liveness::heartbeat(Subscriber& s) {
  static_cast<void>(append_control(s, wire::Type::kHeartbeat, 0, [](wire::TlvWriter&) {}));
  loop_.delivery().serve(s);
}

}  // namespace tickwire::hub
