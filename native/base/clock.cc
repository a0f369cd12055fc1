#include "base/clock.h"

namespace tickwire {
namespace {

constexpr int64_t kMeasureEveryNs = 1'000'000'000;
constexpr int kSamples = 3;

// Wall minus monotonic. The wall clock is read between two monotonic reads; the sample with the least time between
// them was the least disturbed (by preemption, say), so that one counts.
int64_t measure_offset() noexcept {
  int64_t best_gap = INT64_MAX;
  int64_t offset = 0;
  for (int i = 0; i < kSamples; ++i) {
    const int64_t before = mono_ns();
    const int64_t wall = realtime_ns();
    const int64_t gap = mono_ns() - before;
    if (gap < best_gap) {
      best_gap = gap;
      offset = wall - (before + gap / 2);
    }
  }
  return offset;
}

}  // namespace

int64_t WallToMono::to_mono(int64_t wall_ns, int64_t mono_now_ns) noexcept {
  if (measured_at_ == INT64_MIN || mono_now_ns - measured_at_ > kMeasureEveryNs) {
    offset_ = measure_offset();
    measured_at_ = mono_now_ns;
  }
  return wall_ns - offset_;
}

}  // namespace tickwire
