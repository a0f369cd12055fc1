#include "feed/reconnect_schedule.h"

#include <doctest/doctest.h>

#include <set>

using namespace tickwire::feed;

namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMs;

// No jitter, no floor: what is left is arithmetic.
ReconnectPolicy plain() {
  ReconnectPolicy p;
  p.first_ns = 100 * kMs;
  p.max_ns = 1'000 * kMs;
  p.factor = 2;
  p.jitter = 0;
  p.storm_floor_ns = 0;
  return p;
}

// An attempt that fails at once; -1 when the schedule gives up.
int64_t fail(ReconnectSchedule& s, int64_t& now) {
  s.on_attempt(now);
  const auto delay = s.next_delay(now);
  if (!delay) return -1;
  now += *delay;
  return *delay;
}

}  // namespace

TEST_CASE("reconnect schedule: grows by the factor up to the cap") {
  ReconnectSchedule s(plain(), 1);
  int64_t now = 0;
  for (const int64_t ms : {100, 200, 400, 800, 1'000, 1'000, 1'000}) CHECK(fail(s, now) == ms * kMs);
  for (int i = 0; i < 5'000; ++i) REQUIRE(fail(s, now) == 1'000 * kMs);  // neither overflow nor wrap, however long
  CHECK(s.attempts() == 5'007);
}

TEST_CASE("reconnect schedule: odd factors") {
  auto policy = plain();
  policy.factor = 1;
  ReconnectSchedule constant(policy, 1);
  int64_t now = 0;
  for (int i = 0; i < 10; ++i) CHECK(fail(constant, now) == 100 * kMs);
  policy.factor = 1e300;
  ReconnectSchedule steep(policy, 1);
  CHECK(fail(steep, now) == 100 * kMs);
  for (int i = 0; i < 10; ++i) CHECK(fail(steep, now) == 1'000 * kMs);
  policy.first_ns = 5'000 * kMs;  // above the cap
  ReconnectSchedule capped(policy, 1);
  CHECK(fail(capped, now) == 1'000 * kMs);
  policy.first_ns = 0;
  ReconnectSchedule eager(policy, 1);
  for (int i = 0; i < 10; ++i) CHECK(fail(eager, now) == 0);
}

TEST_CASE("reconnect schedule: immediate after data, and only then") {
  ReconnectSchedule s(plain(), 1);
  int64_t now = 0;
  CHECK(fail(s, now) == 100 * kMs);  // never had data: the first retry waits
  CHECK(fail(s, now) == 200 * kMs);
  for (int round = 0; round < 3; ++round) {
    s.on_attempt(now);
    s.on_data();
    CHECK(s.attempts() == 0);
    CHECK(s.next_delay(now) == 0);
    CHECK(fail(s, now) == 100 * kMs);  // the immediate one failed: from the start of the back-off
    CHECK(fail(s, now) == 200 * kMs);
    CHECK(fail(s, now) == 400 * kMs);
  }
}

TEST_CASE("reconnect schedule: a connection without data does not reset the back-off") {
  ReconnectSchedule s(plain(), 1);
  int64_t now = 0;
  for (const int64_t ms : {100, 200, 400, 800}) {
    s.on_attempt(now);
    now += 10 * kSecond;  // was open for a while and carried nothing
    CHECK(s.next_delay(now) == ms * kMs);
  }
}

TEST_CASE("reconnect schedule: without `immediate` even the first waits") {
  auto policy = plain();
  policy.immediate = false;
  ReconnectSchedule s(policy, 1);
  int64_t now = 0;
  s.on_attempt(now);
  s.on_data();
  CHECK(s.next_delay(now) == 100 * kMs);
  CHECK(fail(s, now) == 200 * kMs);
}

TEST_CASE("reconnect schedule: retries") {
  for (const int32_t retries : {0, 1, 2, 7}) {
    auto policy = plain();
    policy.retries = retries;
    ReconnectSchedule s(policy, 1);
    int64_t now = 0;
    for (int32_t i = 0; i < retries; ++i) CHECK(fail(s, now) >= 0);
    CHECK(fail(s, now) == -1);
    CHECK(fail(s, now) == -1);
    CHECK(s.attempts() == static_cast<uint32_t>(retries) + 2);
    // Data gives the whole number back.
    s.on_attempt(now);
    s.on_data();
    for (int32_t i = 0; i < retries; ++i) CHECK(fail(s, now) >= 0);
    CHECK(fail(s, now) == -1);
  }
}

TEST_CASE("reconnect schedule: off") {
  auto policy = plain();
  policy.enabled = false;
  ReconnectSchedule s(policy, 1);
  int64_t now = 0;
  CHECK(fail(s, now) == -1);
  s.on_data();
  CHECK(fail(s, now) == -1);
}

TEST_CASE("reconnect schedule: jitter stays inside its bounds, spreads, and never passes the cap") {
  for (const double jitter : {0.1, 0.2, 0.5, 1.0}) {
    auto policy = plain();
    policy.jitter = jitter;
    std::set<int64_t> firsts;
    double lowest = 1e18;
    double highest = 0;
    for (uint64_t seed = 0; seed < 500; ++seed) {
      ReconnectSchedule s(policy, seed);
      int64_t now = 0;
      double middle = 100 * kMs;
      for (int i = 0; i < 8; ++i) {
        const auto delay = static_cast<double>(fail(s, now));
        REQUIRE(delay >= middle * (1 - jitter) - 1);
        REQUIRE(delay <= std::min(middle * (1 + jitter), 1'000.0 * kMs) + 1);
        if (i == 0) {
          firsts.insert(static_cast<int64_t>(delay));
          lowest = std::min(lowest, delay);
          highest = std::max(highest, delay);
        }
        middle = std::min(middle * 2, 1'000.0 * kMs);
      }
    }
    CHECK(firsts.size() > 490);
    CHECK(lowest < 100 * kMs * (1 - jitter * 0.9));
    CHECK(highest > 100 * kMs * (1 + jitter * 0.9));
  }
}

TEST_CASE("reconnect schedule: the same seed gives the same delays") {
  auto policy = plain();
  policy.jitter = 0.5;
  ReconnectSchedule a(policy, 99);
  ReconnectSchedule b(policy, 99);
  int64_t now_a = 0;
  int64_t now_b = 0;
  for (int i = 0; i < 20; ++i) CHECK(fail(a, now_a) == fail(b, now_b));
}

TEST_CASE("reconnect schedule: the floor holds once three attempts fell within the window") {
  auto policy = plain();
  policy.storm_floor_ns = kSecond;
  policy.storm_attempts = 3;
  policy.storm_window_ns = 120 * kSecond;
  ReconnectSchedule s(policy, 1);
  int64_t now = 5 * kSecond;
  // An endpoint that accepts, sends one message and drops: every connection carries data.
  for (int i = 0; i < 2; ++i) {
    s.on_attempt(now);
    s.on_data();
    CHECK(s.next_delay(now) == 0);
  }
  for (int i = 0; i < 5; ++i) {
    s.on_attempt(now);
    s.on_data();
    const auto delay = s.next_delay(now);
    REQUIRE(delay == kSecond);
    now += *delay;
  }
  // The oldest of the last three leaves the window: the floor is lifted, at exactly its end.
  s.on_attempt(now);
  s.on_attempt(now);
  s.on_attempt(now);
  s.on_data();
  CHECK(s.next_delay(now + 120 * kSecond - 1) == kSecond);
  s.on_data();
  CHECK(s.next_delay(now + 120 * kSecond) == 0);
}

TEST_CASE("reconnect schedule: attempts far apart are no storm") {
  auto policy = plain();
  policy.storm_floor_ns = kSecond;
  ReconnectSchedule s(policy, 1);
  int64_t now = 0;
  for (int i = 0; i < 50; ++i) {
    s.on_attempt(now);
    s.on_data();
    REQUIRE(s.next_delay(now) == 0);
    now += 61 * kSecond;  // of three, the oldest is 122 s old
  }
}

TEST_CASE("reconnect schedule: the floor raises, it never shortens") {
  auto policy = plain();
  policy.first_ns = 3 * kSecond;
  policy.max_ns = 10 * kSecond;
  policy.storm_floor_ns = kSecond;
  ReconnectSchedule s(policy, 1);
  int64_t now = 0;
  for (const int64_t seconds : {3, 6, 10, 10}) CHECK(fail(s, now) == seconds * kSecond);
  policy.storm_floor_ns = 20 * kSecond;  // also above the cap
  ReconnectSchedule high(policy, 1);
  now = 0;
  for (const int64_t seconds : {3, 6, 20, 20}) CHECK(fail(high, now) == seconds * kSecond);
}

TEST_CASE("reconnect schedule: storm limits of 0 and 1") {
  auto policy = plain();
  policy.storm_floor_ns = kSecond;
  for (const uint32_t attempts : {0u, 1u}) {
    policy.storm_attempts = attempts;
    ReconnectSchedule s(policy, 1);
    int64_t now = 0;
    CHECK(fail(s, now) == kSecond);
  }
}
