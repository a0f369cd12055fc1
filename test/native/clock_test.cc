#include "base/clock.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

using namespace tickwire;

namespace {
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1000 * kMs;
}  // namespace

TEST_CASE("the monotonic clock never goes back and counts nanoseconds") {
  int64_t last = mono_ns();
  CHECK(last > 0);
  for (int i = 0; i < 100'000; ++i) {
    const int64_t now = mono_ns();
    if (now < last) FAIL("went back");
    last = now;
  }
  const int64_t before = mono_ns();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const int64_t slept = mono_ns() - before;
  CHECK(slept >= 5 * kMs);
  CHECK(slept < 5 * kSecond);
}

TEST_CASE("the wall clock is the system's") {
  const auto system =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  const int64_t difference = realtime_ns() - system;
  CHECK(difference > -kSecond);
  CHECK(difference < kSecond);
}

TEST_CASE("a wall-clock stamp of now is now on the monotonic clock") {
  WallToMono convert;
  const int64_t before = mono_ns();
  const int64_t wall = realtime_ns();
  const int64_t after = mono_ns();
  const int64_t mono = convert.to_mono(wall, after);
  CHECK(mono >= before - kMs);
  CHECK(mono <= after + kMs);
}

TEST_CASE("within a second the conversion is one offset") {
  WallToMono convert;
  const int64_t now = mono_ns();
  const int64_t wall = realtime_ns();
  const int64_t first = convert.to_mono(wall, now);
  for (const int64_t step : {int64_t{0}, int64_t{1}, kMs, 999 * kMs, kSecond}) {
    CHECK(convert.to_mono(wall + step, now + step) == first + step);
  }
  CHECK(convert.to_mono(wall - 5, now - 5) == first - 5);  // a stamp from before the measurement
}

TEST_CASE("after a second the offset is measured anew") {
  WallToMono convert;
  const int64_t start = mono_ns();
  const int64_t wall = realtime_ns();
  const int64_t first = convert.to_mono(wall, start);
  // Later by the argument alone: a fresh measurement gives nearly the same offset, not one shifted by the argument.
  const int64_t second = convert.to_mono(wall, start + 10 * kSecond);
  CHECK(second - first < 10 * kMs);
  CHECK(second - first > -10 * kMs);
}

TEST_CASE("extreme monotonic times do not overflow") {
  for (const int64_t now : {int64_t{0}, int64_t{1}, INT64_MAX}) {
    WallToMono convert;
    const int64_t mono = convert.to_mono(realtime_ns(), now);
    CHECK(mono > 0);
  }
}
