// What one loop has counted. Written by the loop alone (load and store, no read-modify-write), read by anybody.
#pragma once
#include <atomic>
#include <cstdint>

#include "hub/counters.h"

namespace tickwire::hub {

class Tally {
 public:
  void add(uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub(uint64_t n = 1) noexcept { add(0 - n); }
  [[nodiscard]] uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct alignas(64) LoopCounters {
  Tally deliveries, bytes, writes, passes, blocked;
  Tally subscribers, connected, disconnected;
  Tally subscribers_of[kLanes];
  Tally slow, skipped, conflated, slow_disconnects;
  Tally received, received_bytes, requests, refused_requests, violations, idle_disconnects;

  void add_to(Counters& sum) const noexcept {
    sum.deliveries += deliveries.get();
    sum.bytes += bytes.get();
    sum.writes += writes.get();
    sum.passes += passes.get();
    sum.blocked += blocked.get();
    sum.subscribers += subscribers.get();
    for (uint32_t i = 0; i < kLanes; ++i) sum.subscribers_of[i] += subscribers_of[i].get();
    sum.connected += connected.get();
    sum.disconnected += disconnected.get();
    sum.slow += slow.get();
    sum.skipped += skipped.get();
    sum.conflated += conflated.get();
    sum.slow_disconnects += slow_disconnects.get();
    sum.received += received.get();
    sum.received_bytes += received_bytes.get();
    sum.requests += requests.get();
    sum.refused_requests += refused_requests.get();
    sum.violations += violations.get();
    sum.idle_disconnects += idle_disconnects.get();
  }
};

}  // namespace tickwire::hub
