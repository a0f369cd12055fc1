// How connections end in good order: what is still due is sent, then goodbye (a close frame, Bye), then the other side
// gets a while to answer.
#pragma once
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "hub/subscriber.h"

namespace tickwire::hub {

class BroadcastLoop;

inline constexpr uint16_t kNormalClosure = 1000;
inline constexpr uint16_t kGoingAway = 1001;
inline constexpr uint16_t kPolicyViolation = 1008;
inline constexpr uint16_t kTryAgainLater = 1013;

class Farewell {
 public:
  explicit Farewell(BroadcastLoop& loop) : loop_(loop) {}

  // Goodbye after everything that was published; cut at the deadline.
  void drain(Subscriber& s, int64_t deadline_ns);
  // Goodbye at once, after the frame that is being sent. `code` is a WebSocket close code whatever the lane.
  void leave(Subscriber& s, uint16_t code, std::string_view reason, const Error& why, int64_t timeout_ns);
  // The peer said goodbye.
  void answer(Subscriber& s, uint16_t code, const Error& why);
  // It drained: its goodbye is due.
  void say(Subscriber& s);
  // Its goodbye has left.
  void flushed(Subscriber& s);

 private:
  void begin(Subscriber& s, uint16_t code, std::string_view reason, int64_t timeout_ns);

  BroadcastLoop& loop_;
};

}  // namespace tickwire::hub
