// Time in nanoseconds. Everything inside the core is on the monotonic clock (the one process.hrtime and
// performance.now use in Node); kernel receive stamps come on the wall clock and are converted.
#pragma once
#include <cstdint>

namespace tickwire {

[[nodiscard]] int64_t mono_ns() noexcept;      // CLOCK_MONOTONIC; on macOS CLOCK_MONOTONIC_RAW
[[nodiscard]] int64_t realtime_ns() noexcept;  // CLOCK_REALTIME

// Converts wall-clock stamps to the monotonic clock. The offset is measured again once it is older than a second,
// so that a stepped wall clock disturbs at most that second.
class WallToMono {
 public:
  [[nodiscard]] int64_t to_mono(int64_t wall_ns, int64_t mono_now_ns) noexcept;

 private:
  int64_t offset_ = 0;
  int64_t measured_at_ = INT64_MIN;
};

}  // namespace tickwire
