#include "wire/range_set.h"

#include <doctest/doctest.h>

#include <random>
#include <set>
#include <vector>

using namespace tickwire::wire;

namespace {

using Ranges = std::vector<SequenceRange>;

std::set<uint64_t> numbers_of(const Ranges& ranges) {
  std::set<uint64_t> all;
  for (const SequenceRange& r : ranges) {
    for (uint64_t n = r.from; n <= r.to; ++n) all.insert(n);
  }
  return all;
}

}  // namespace

TEST_CASE("wire ranges: neighbours become one") {
  RangeSet set;
  set.add({10, 12});
  set.add({20, 20});
  CHECK(set.ranges() == Ranges{{10, 12}, {20, 20}});
  set.add({13, 13});
  CHECK(set.ranges() == Ranges{{10, 13}, {20, 20}});
  set.add({14, 19});
  CHECK(set.ranges() == Ranges{{10, 20}});
  set.add({1, 9});
  CHECK(set.ranges() == Ranges{{1, 20}});
  set.add({5, 7});
  CHECK(set.ranges() == Ranges{{1, 20}});
  CHECK(set.first() == 1);
}

TEST_CASE("wire ranges: the ends of the numbers") {
  RangeSet set;
  set.add({UINT64_MAX, UINT64_MAX});
  set.add({0, 0});
  CHECK(set.size() == 2);
  CHECK(set.contains(0));
  CHECK(set.contains(UINT64_MAX));
  CHECK_FALSE(set.contains(1));
  set.add({1, UINT64_MAX - 1});
  CHECK(set.ranges() == Ranges{{0, UINT64_MAX}});
  CHECK(set.take({5, 5}) == Ranges{{5, 5}});
  CHECK(set.ranges() == Ranges{{0, 4}, {6, UINT64_MAX}});
  CHECK(set.take({0, UINT64_MAX}) == Ranges{{0, 4}, {6, UINT64_MAX}});
  CHECK(set.empty());
}

TEST_CASE("wire ranges: the same as a set of numbers, whatever is added and taken") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    RangeSet set;
    std::set<uint64_t> model;
    for (int step = 0; step < 60; ++step) {
      const uint64_t from = random() % 100;
      const SequenceRange range{from, from + random() % 12};
      const auto numbers = numbers_of({range});
      bool meets = false;
      for (const uint64_t n : numbers) meets = meets || model.contains(n);
      REQUIRE(set.meets(range) == meets);
      if (random() % 2 == 0) {
        set.add(range);
        model.insert(numbers.begin(), numbers.end());
      } else {
        std::set<uint64_t> expected;
        for (const uint64_t n : numbers) {
          if (model.erase(n) == 1) expected.insert(n);
        }
        REQUIRE(numbers_of(set.take(range)) == expected);
      }
      REQUIRE(numbers_of(set.ranges()) == model);
      for (size_t i = 1; i < set.ranges().size(); ++i) {
        REQUIRE(set.ranges()[i - 1].to + 1 < set.ranges()[i].from);  // ascending, no neighbours
      }
      for (uint64_t n = 0; n < 115; ++n) REQUIRE(set.contains(n) == model.contains(n));
    }
  }
}
