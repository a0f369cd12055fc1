#include "hub/farewell.h"

#include <algorithm>
#include <cstring>

#include "hub/broadcast_loop.h"
#include "hub/notices.h"
#include "wire/control.h"
#include "ws/frame_writer.h"
#include "ws/utf8.h"

namespace tickwire::hub {
namespace {

constexpr size_t kMaxReason = 123;
constexpr uint16_t kNoCode = 1005;

wire::ErrorCode wire_code(uint16_t code) noexcept {
  switch (code) {
    case kGoingAway:
      return wire::ErrorCode::kShuttingDown;
    case kTryAgainLater:
      return wire::ErrorCode::kTooSlow;
    case kPolicyViolation:
      return wire::ErrorCode::kRateLimit;
    case 1009:
      return wire::ErrorCode::kTooLarge;
    case 1002:
    case 1007:
      return wire::ErrorCode::kMalformed;
    default:
      return wire::ErrorCode::kInternal;
  }
}

// What fits, without cutting a character in two.
std::string_view fitting(std::string_view reason) noexcept {
  size_t n = std::min(reason.size(), kMaxReason);
  while (n > 0 && n < reason.size() && (static_cast<uint8_t>(reason[n]) & 0xC0) == 0x80) --n;
  reason = reason.substr(0, n);
  const auto* const bytes = reinterpret_cast<const uint8_t*>(reason.data());
  return ws::valid_utf8({bytes, reason.size()}) ? reason : std::string_view();
}

bool append_close(Subscriber& s, uint16_t code, std::string_view reason) {
  uint8_t payload[2 + kMaxReason];
  size_t size = 0;
  if (code != kNoCode) {
    payload[0] = static_cast<uint8_t>(code >> 8);
    payload[1] = static_cast<uint8_t>(code);
    if (!reason.empty()) std::memcpy(payload + 2, reason.data(), reason.size());
    size = 2 + reason.size();
  }
  uint8_t* const room = s.out.grow(ws::kMaxFrameHeader + size);
  if (room == nullptr) return false;
  const size_t header = ws::write_frame_header(room, ws::Opcode::kClose, true, false, size, nullptr);
  std::memcpy(room + header, payload, size);
  s.out.grown(header + size);
  return true;
}

}  // namespace

void Farewell::drain(Subscriber& s, int64_t deadline_ns) {
  if (s.phase == Phase::kOpen) {
    s.phase = Phase::kDraining;
    s.more->why = Error{Errc::kHubClosing, kGoingAway, "the hub closes"};
  }
  s.more->deadline_ns = std::min(s.more->deadline_ns, deadline_ns);
  loop_.liveness().hurry();
  loop_.set_behind(s);
  if (!s.blocked) loop_.delivery().serve(s);
}

void Farewell::say(Subscriber& s) {
  begin(s, kGoingAway, {}, INT64_MAX);  // drain() has set the deadline
}

void Farewell::leave(Subscriber& s, uint16_t code, std::string_view reason, const Error& why, int64_t timeout_ns) {
  if (s.phase == Phase::kGoodbye || !s.open()) return;
  s.more->why = why;
  begin(s, code, fitting(reason), timeout_ns);
  if (s.open() && !s.blocked) loop_.delivery().serve(s);
}

void Farewell::answer(Subscriber& s, uint16_t code, const Error& why) {
  Connection& c = *s.more;
  if (c.peer_said_goodbye) return;
  c.peer_said_goodbye = true;
  if (s.phase == Phase::kGoodbye) {
    if (s.out.empty()) flushed(s);
    return;
  }
  c.why = why;
  begin(s, code, {}, loop_.options().liveness.close_timeout_ns);
  if (s.open() && !s.blocked) loop_.delivery().serve(s);
}

void Farewell::begin(Subscriber& s, uint16_t code, std::string_view reason, int64_t timeout_ns) {
  Connection& c = *s.more;
  const bool mid_image = !c.bursts.empty() && c.bursts.front().owes();
  loop_.set_behind(s);
  loop_.joining().unsubscribe_all(s);
  c.bursts.clear();
  c.slow = SlowState();
  c.definitions_from = c.definitions_to = 0;
  s.phase = Phase::kGoodbye;
  c.deadline_ns = std::min(c.deadline_ns, deadline_after(loop_.loop().now_ns(), timeout_ns));
  loop_.liveness().hurry();
  // Inside a message no goodbye can be said.
  if (mid_image) return loop_.finish(s, c.why, false);
  const bool said = s.lane != Lane::kWire
                        ? append_close(s, code, reason)
                        : append_control(s, wire::Type::kBye, 64 + wire::kMaxReason, [&](wire::TlvWriter& out) {
                            wire::Bye bye;
                            bye.why = wire_code(code);
                            bye.text = reason;
                            wire::put(out, bye);
                          });
  if (!said) loop_.finish(s, c.why, false);
}

void Farewell::flushed(Subscriber& s) {
  Connection& c = *s.more;
  if (!c.shut && (c.peer_said_goodbye || s.lane == Lane::kWire)) {
    c.shut = true;
    c.stream->shutdown_write();
  }
  if (c.peer_said_goodbye) loop_.finish(s, c.why, true);
}

}  // namespace tickwire::hub
