// What waits for subscribers, for whoever asks.
#include <algorithm>
#include <array>

#include "hub/broadcast_loop.h"
#include "hub/socket_queue.h"

namespace tickwire::hub {
namespace {

constexpr size_t kPerReport = 256;

}  // namespace

SubscriberLag BroadcastLoop::lag_of(Subscriber& s) {
  const Connection& c = *s.more;
  return {c.id,    s.behind ? slow_watch_.lag_of(s) : 0, s.out.size(), platform::unsent_bytes(s.fd), s.messages,
          s.bytes, c.missed_total + c.slow.missed};
}

void BroadcastLoop::measure(uint64_t request, SubscriberId only) {
  if (only != 0) {
    const auto it = by_id_.find(only);
    if (it == by_id_.end()) return listener_.on_measured(request, {}, true);
    const SubscriberLag lag = lag_of(*it->second);
    return listener_.on_measured(request, {&lag, 1}, true);
  }
  std::array<SubscriberLag, kPerReport> report;
  size_t n = 0;
  for (Subscriber* const s : connections_) {
    if (n == report.size()) {
      listener_.on_measured(request, report, false);
      n = 0;
    }
    report[n++] = lag_of(*s);
  }
  listener_.on_measured(request, std::span<const SubscriberLag>(report).first(n), true);
}

}  // namespace tickwire::hub
