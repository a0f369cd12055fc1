#include "feed/reconnect_schedule.h"

#include <algorithm>
#include <cmath>

namespace tickwire::feed {

ReconnectSchedule::ReconnectSchedule(const ReconnectPolicy& policy, uint64_t seed)
    : policy_(policy), random_(seed), recent_(std::max<uint32_t>(policy.storm_attempts, 1), 0) {}

void ReconnectSchedule::on_attempt(int64_t now_ns) {
  ++attempts_;
  recent_[recent_next_] = now_ns;
  recent_next_ = (recent_next_ + 1) % recent_.size();
  ++recent_count_;
}

void ReconnectSchedule::on_data() {
  attempts_ = 0;
  delays_ = 0;
  had_data_ = true;
}

std::optional<int64_t> ReconnectSchedule::next_delay(int64_t now_ns) {
  if (!policy_.enabled) return std::nullopt;
  if (policy_.retries >= 0 && delays_ >= static_cast<uint32_t>(policy_.retries)) return std::nullopt;
  double delay = 0;
  const bool immediate = policy_.immediate && had_data_ && delays_ == 0;
  if (!immediate && policy_.first_ns > 0) {
    const uint32_t step = policy_.immediate && had_data_ ? delays_ - 1 : delays_;
    // May become infinite, which max_ns caps as well; 0 times that would not be a number, hence the condition above.
    delay = static_cast<double>(policy_.first_ns) * std::pow(policy_.factor, step);
    delay = std::min(delay, static_cast<double>(policy_.max_ns));
    const double spread = std::uniform_real_distribution<double>(1 - policy_.jitter, 1 + policy_.jitter)(random_);
    delay = std::min(delay * spread, static_cast<double>(policy_.max_ns));
  }
  ++delays_;
  auto delay_ns = static_cast<int64_t>(delay);
  // recent_[recent_next_] is the oldest of the last storm_attempts attempts once the ring is full.
  if (policy_.storm_floor_ns > 0 && recent_count_ >= recent_.size() &&
      now_ns - recent_[recent_next_] < policy_.storm_window_ns) {
    delay_ns = std::max(delay_ns, policy_.storm_floor_ns);
  }
  return delay_ns;
}

}  // namespace tickwire::feed
