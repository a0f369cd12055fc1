#include <time.h>

#include <cstdlib>

#include "base/clock.h"

namespace tickwire {
namespace {

int64_t read_clock(clockid_t id) noexcept {
  const uint64_t ns = clock_gettime_nsec_np(id);
  if (ns == 0) [[unlikely]]
    std::abort();  // zero reports failure; no deadline would be right any more
  return static_cast<int64_t>(ns);
}

}  // namespace

// Here CLOCK_MONOTONIC follows adjustments of the wall clock and has microseconds only; the raw one is
// mach_continuous_time, which Node's process.hrtime is made of.
int64_t mono_ns() noexcept { return read_clock(CLOCK_MONOTONIC_RAW); }
int64_t realtime_ns() noexcept { return read_clock(CLOCK_REALTIME); }

}  // namespace tickwire
