#include "feed/recent_set.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <random>

using tickwire::feed::RecentSet;

TEST_CASE("recent set: the last values are known, older ones are not") {
  RecentSet set(16);
  for (uint64_t n = 1; n <= 16; ++n) CHECK(set.add(n));
  for (uint64_t n = 1; n <= 16; ++n) CHECK_FALSE(set.add(n));
  CHECK(set.add(17));
  CHECK_MESSAGE(set.add(1), "17 took its place");
  CHECK_FALSE(set.add(3));
}

TEST_CASE("recent set: as a queue of values would have it, however they collide") {
  std::mt19937_64 random(7);
  for (const uint64_t different : {20u, 40u, 200u, 1'000'000u}) {
    RecentSet set(64);
    std::deque<uint64_t> model;
    for (int i = 0; i < 20'000; ++i) {
      // Multiples of 2^20 and more share their homes.
      const uint64_t value = 1 + (random() % different) * (i % 2 == 0 ? 1 : uint64_t{1} << 44);
      const bool known = std::find(model.begin(), model.end(), value) != model.end();
      REQUIRE(set.add(value) == !known);
      if (known) continue;
      model.push_back(value);
      if (model.size() > 64) model.pop_front();
    }
  }
}
