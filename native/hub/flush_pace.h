// When the next pass may start. At once when the loop was idle; otherwise a pass is followed by a pause as long as it
// took itself, in which messages gather that will share system calls. So a loop is busy at most half of the time until
// passes take so long that max_delay ends the pause; from then on they follow each other directly.
#pragma once
#include <algorithm>
#include <cstdint>

namespace tickwire::hub {

class FlushPace {
 public:
  explicit FlushPace(int64_t max_delay_ns) noexcept : max_delay_(max_delay_ns) {}
  void started(int64_t now_ns) noexcept { started_ = now_ns; }
  void ended(int64_t now_ns) noexcept { ended_ = now_ns; }
  // Not before this; in the past when the loop was idle.
  [[nodiscard]] int64_t next_start() const noexcept {
    return std::max(ended_, std::min(ended_ + (ended_ - started_), started_ + max_delay_));
  }

 private:
  int64_t max_delay_;
  // Far enough in the past for the first pass, near enough that nothing overflows.
  int64_t started_ = INT64_MIN / 4;
  int64_t ended_ = INT64_MIN / 4;
};

}  // namespace tickwire::hub
