// When to try again: exponential back-off with jitter, reset once a connection carried data, and a floor that keeps a
// flapping endpoint from being stormed. Pure: told the time, asked for a delay.
#pragma once
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace tickwire::feed {

struct ReconnectPolicy {
  bool enabled = true;
  int64_t first_ns = 100'000'000;
  int64_t max_ns = 30'000'000'000;
  double factor = 2.0;
  double jitter = 0.2;    // the delay is drawn from delay × [1 − jitter, 1 + jitter], then capped at max_ns
  int32_t retries = -1;   // further attempts after the first without data; −1 = any number
  bool immediate = true;  // the first attempt after a connection that carried data has no delay
  int64_t storm_floor_ns = 1'000'000'000;
  uint32_t storm_attempts = 3;                // once so many attempts …
  int64_t storm_window_ns = 120'000'000'000;  // … fell within this, the floor holds
};

class ReconnectSchedule {
 public:
  ReconnectSchedule(const ReconnectPolicy& policy, uint64_t seed);
  void on_attempt(int64_t now_ns);  // a connection attempt begins
  void on_data();                   // the connection carried a data message: the back-off starts over
  // Delay before the next attempt; nothing when the policy is exhausted or off.
  [[nodiscard]] std::optional<int64_t> next_delay(int64_t now_ns);
  // Attempts since data last flowed.
  [[nodiscard]] uint32_t attempts() const noexcept { return attempts_; }

 private:
  ReconnectPolicy policy_;
  std::mt19937_64 random_;
  uint32_t attempts_ = 0;
  bool had_data_ = false;
  uint32_t delays_ = 0;          // delays given since data last flowed
  std::vector<int64_t> recent_;  // ring of the last storm_attempts attempt times
  size_t recent_next_ = 0;
  uint64_t recent_count_ = 0;
};

}  // namespace tickwire::feed
