#include "feed/sequence_window.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

using tickwire::feed::SequenceWindow;
using Verdict = SequenceWindow::Verdict;

namespace {

struct Told {
  std::vector<std::pair<int64_t, int64_t>> gaps;
  auto sink() {
    return [this](int64_t first, int64_t last) { gaps.emplace_back(first, last); };
  }
};

}  // namespace

TEST_CASE("sequence window: one copy of each number passes") {
  uint64_t bits[1];
  SequenceWindow window(bits, 64);
  Told told;
  auto tell = told.sink();
  CHECK(window.offer(100, true, tell) == Verdict::kNew);
  CHECK(window.offer(101, true, tell) == Verdict::kNew);
  CHECK(window.offer(101, true, tell) == Verdict::kCopy);
  CHECK(window.offer(104, true, tell) == Verdict::kNew);
  CHECK(window.missing() == 2);
  CHECK(window.offer(103, true, tell) == Verdict::kLate);
  CHECK(window.offer(103, true, tell) == Verdict::kCopy);
  CHECK(window.missing() == 1);
  CHECK(told.gaps.empty());
  window.give_up(104, tell);
  CHECK(told.gaps == std::vector<std::pair<int64_t, int64_t>>{{102, 102}});
  CHECK(window.missing() == 0);
  CHECK_MESSAGE(window.offer(102, true, tell) == Verdict::kCopy, "given up: must not come as well");
  CHECK_MESSAGE(window.offer(99, true, tell) == Verdict::kLate, "of before the first: passes once");
  CHECK(window.offer(99, true, tell) == Verdict::kCopy);
  CHECK(window.offer(40, true, tell) == Verdict::kOld);
}

TEST_CASE("sequence window: numbers that leave it are told, with exact ranges") {
  uint64_t bits[1];
  SequenceWindow window(bits, 64);
  Told told;
  auto tell = told.sink();
  (void)window.offer(0, true, tell);
  (void)window.offer(10, true, tell);  // 1..9 are missing
  (void)window.offer(70, true, tell);  // 1..6 leave
  CHECK(told.gaps == std::vector<std::pair<int64_t, int64_t>>{{1, 6}});
  CHECK(window.missing() == 3 + 59);
  told.gaps.clear();
  (void)window.offer(1'000, true, tell);
  CHECK(told.gaps == std::vector<std::pair<int64_t, int64_t>>{{7, 9}, {11, 69}, {71, 936}});
  CHECK(window.missing() == 63);
}

TEST_CASE("sequence window: numbers at the ends of their range") {
  uint64_t bits[1];
  SequenceWindow window(bits, 64);
  Told told;
  auto tell = told.sink();
  (void)window.offer(INT64_MIN, true, tell);
  CHECK(window.offer(INT64_MIN + 1, true, tell) == Verdict::kNew);
  CHECK(window.offer(INT64_MAX, true, tell) == Verdict::kNew);
  CHECK(told.gaps == std::vector<std::pair<int64_t, int64_t>>{{INT64_MIN + 2, INT64_MAX - 64}});
  window.give_up(INT64_MAX - 1, tell);
  CHECK(told.gaps.back() == std::pair<int64_t, int64_t>{INT64_MAX - 63, INT64_MAX - 1});
  CHECK(window.missing() == 0);
}

// What passes and what is told, against a set of all numbers.
TEST_CASE("sequence window: any order") {
  std::mt19937_64 random(20'261'129);
  for (int round = 0; round < 40; ++round) {
    uint64_t bits[2];
    const uint32_t size = round % 2 == 0 ? 64 : 128;
    SequenceWindow window(bits, size);
    std::set<int64_t> passed;
    std::set<int64_t> gone;
    auto tell = [&](int64_t first, int64_t last) {
      REQUIRE(first <= last);
      for (int64_t n = first; n <= last; ++n) {
        REQUIRE_FALSE(passed.contains(n));
        REQUIRE(gone.insert(n).second);
      }
    };
    int64_t front = static_cast<int64_t>(random() % 1'000) - 500;
    const int64_t first = front;
    int64_t newest = front;
    REQUIRE(window.offer(front, true, tell) == Verdict::kNew);
    passed.insert(front);
    const uint64_t spread = 1 + random() % (size * 2);
    for (int i = 0; i < 250; ++i) {
      front += static_cast<int64_t>(random() % 3);
      if (random() % 100 == 0) front += static_cast<int64_t>(random() % (size * 3));
      const int64_t number = front - static_cast<int64_t>(random() % spread);
      const auto verdict = window.offer(number, true, tell);
      const bool pass = verdict == Verdict::kNew || verdict == Verdict::kLate;
      const bool in_window = number > newest - static_cast<int64_t>(size);
      REQUIRE(pass == (in_window && !passed.contains(number) && !gone.contains(number)));
      if (pass) passed.insert(number);
      newest = std::max(newest, number);
      if (random() % 50 == 0) window.give_up(newest - static_cast<int64_t>(random() % size), tell);
      uint64_t missing = 0;
      for (int64_t n = first; n <= newest; ++n) missing += passed.contains(n) || gone.contains(n) ? 0 : 1;
      REQUIRE(window.missing() == missing);
    }
    window.give_up(newest, tell);
    for (int64_t n = first; n <= newest; ++n) REQUIRE(passed.contains(n) != gone.contains(n));
  }
}
