// Looks after all connections of a loop every now and then: pings those that have not said a word, cuts those that do
// not answer, keeps wire clients from thinking that the hub is gone, and sees to it that goodbyes end.
#pragma once
#include <cstdint>

#include "hub/subscriber.h"
#include "loop/timer.h"

namespace tickwire::hub {

class BroadcastLoop;

class Liveness {
 public:
  explicit Liveness(BroadcastLoop& loop);
  // There are connections.
  void wake();
  // One has got a deadline.
  void hurry();
  void stop() noexcept;

 private:
  void on_tick(int64_t now_ns);
  void look_after(Subscriber& s, int64_t now_ns);
  void ping(Subscriber& s);
  void heartbeat(Subscriber& s);

  BroadcastLoop& loop_;
  int64_t interval_ns_;
  bool deadlines_ = false;
  MemberTimer<Liveness, &Liveness::on_tick> timer_{*this};
};

}  // namespace tickwire::hub
