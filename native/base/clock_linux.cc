#include <cstdlib>
#include <ctime>

#include "base/clock.h"

namespace tickwire {
namespace {

int64_t read_clock(clockid_t id) noexcept {
  timespec ts;
  // Both clocks are mandatory on Linux. Going on with a made-up time would corrupt every deadline, so stop instead.
  if (clock_gettime(id, &ts) != 0) [[unlikely]]
    std::abort();
  return static_cast<int64_t>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

}  // namespace

int64_t mono_ns() noexcept { return read_clock(CLOCK_MONOTONIC); }
int64_t realtime_ns() noexcept { return read_clock(CLOCK_REALTIME); }

}  // namespace tickwire
