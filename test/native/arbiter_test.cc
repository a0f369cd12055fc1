#include "feed/arbiter.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>

#include "allocation_count.h"
#include "arbiter_rig.h"

namespace tickwire::feed::arbiter_test {

using Numbers = std::vector<int64_t>;

TEST_CASE("arbiter: of each number the first copy passes, by key") {
  Bench bench;
  CHECK(bench.offer(kTrades, 0, {1, 2, 3}, 0, 100) == Numbers{1, 2, 3});
  CHECK(bench.offer(kTrades, 0, {2, 3, 4}, 1, 350) == Numbers{4});
  CHECK(bench.last.copies == 2);
  CHECK(bench.last.lag_ns == 500);
  CHECK((bench.offer(kTrades, 1, {2, 3}, 1, 400) == Numbers{2, 3}));      // another key
  CHECK((bench.offer(kFree, 0, {2, 2, 2}, 1, 400) == Numbers{2, 2, 2}));  // no role
  CHECK(bench.count(ArbiterCounter::kPassed) == 6);
  CHECK(bench.count(ArbiterCounter::kCopies) == 2);
  CHECK(bench.count(ArbiterCounter::kKeys) == 2);
  CHECK(bench.count(0, PathCounter::kWins) == 3);
  CHECK(bench.count(1, PathCounter::kWins) == 3);
  CHECK(bench.count(1, PathCounter::kCopies) == 2);
  CHECK(bench.count(1, PathCounter::kLagNs) == 500);
}

TEST_CASE("arbiter: what one path passed over comes by the other") {
  Bench bench;
  CHECK(bench.offer(kTrades, 0, {10}, 0, 1) == Numbers{10});
  CHECK(bench.offer(kTrades, 0, {14}, 0, 2) == Numbers{14});
  CHECK(bench.count(ArbiterCounter::kOpenMissing) == 3);
  CHECK(bench.offer(kTrades, 0, {9, 10, 11, 12, 13, 14}, 1, 3) == Numbers{9, 11, 12, 13});
  CHECK(bench.count(ArbiterCounter::kOpenMissing) == 0);
  CHECK(bench.count(ArbiterCounter::kLate) == 4);
  CHECK(bench.count(0, PathCounter::kMissed) == 3);
  CHECK(bench.count(1, PathCounter::kMissed) == 0);
  CHECK(bench.gaps().empty());
}

TEST_CASE("arbiter: what never comes is told once the time is over, and does not come any more") {
  ArbiterOptions options;
  options.wait_ns = 30 * kMs;
  Bench bench(std::move(options));
  const int64_t now = bench.channel.loop->refresh_now();
  (void)bench.offer(kTrades, 0, {1, 5}, 0, now);
  (void)bench.offer(kTrades, 1, {7, 9}, 0, now);
  (void)bench.offer(kTrades, 0, {3}, 1, now);
  CHECK(bench.gaps().empty());
  bench.run_out();
  CHECK(bench.gaps() == std::vector<GapSeen>{{"A", kTrades, 2, 2}, {"A", kTrades, 4, 4}, {"B", kTrades, 8, 8}});
  CHECK(bench.offer(kTrades, 0, {2, 4}, 1, now).empty());
  CHECK(bench.count(ArbiterCounter::kGaps) == 3);
  CHECK(bench.count(ArbiterCounter::kMissing) == 3);
  CHECK(bench.count(ArbiterCounter::kOpenMissing) == 0);
}

TEST_CASE("arbiter: whoever is told of what never comes finds it counted") {
  ArbiterOptions options;
  options.wait_ns = 5 * kMs;
  Bench bench(std::move(options));
  std::vector<std::array<uint64_t, 2>> seen;
  bench.channel.waker.meanwhile = [&] {
    seen.push_back({bench.count(ArbiterCounter::kMissing), bench.count(ArbiterCounter::kOpenMissing)});
  };
  REQUIRE(bench.channel.reader.sleep());
  (void)bench.offer(kTrades, 0, {1, 5}, 0, bench.channel.loop->refresh_now());
  bench.run_out();
  CHECK(seen == std::vector<std::array<uint64_t, 2>>{{3, 0}});
}

// The timer's own time is real, that of the rows is the test's: what goes missing later is given up later.
TEST_CASE("arbiter: numbers that go missing one after the other are each waited for long enough") {
  ArbiterOptions options;
  options.wait_ns = 200 * kMs;
  Bench bench(std::move(options));
  Loop& loop = *bench.channel.loop;
  const int64_t begin = loop.refresh_now();
  (void)bench.offer(kTrades, 0, {1, 3}, 0, begin);
  bench.run_for(100);
  const int64_t later = loop.refresh_now();
  (void)bench.offer(kTrades, 0, {5}, 0, later);
  std::vector<std::pair<GapSeen, int64_t>> told;
  while (told.size() < 2) {
    loop.run_once(kMs);
    for (const GapSeen& gap : bench.gaps()) told.emplace_back(gap, loop.refresh_now());
  }
  CHECK(told[0].first == GapSeen{"A", kTrades, 2, 2});
  CHECK(told[0].second - begin >= 200 * kMs);
  CHECK(told[1].first == GapSeen{"A", kTrades, 4, 4});
  CHECK(told[1].second - later >= 200 * kMs);
}

TEST_CASE("arbiter: of states only newer ones pass") {
  Bench bench;
  CHECK(bench.offer(kTicker, 0, {5}, 0, 1) == Numbers{5});
  CHECK(bench.offer(kTicker, 0, {5, 4, 8, 7}, 1, 2) == Numbers{8});
  CHECK(bench.count(ArbiterCounter::kOld) == 2);
  CHECK(bench.offer(kTicker, 1, {-3, -5, -2}, 1, 2) == Numbers{-3, -2});
}

TEST_CASE("arbiter: numbers with holes between them, in any order") {
  Bench bench;
  CHECK(bench.offer(kFills, 0, {100, 140}, 0, 1) == Numbers{100, 140});
  CHECK(bench.offer(kFills, 0, {100, 120, 140, 150}, 1, 2) == Numbers{120, 150});
  CHECK(bench.offer(kFills, 0, {120, 130}, 0, 3) == Numbers{130});
  CHECK(bench.count(ArbiterCounter::kOpenMissing) == 0);
  bench.run_for(5);
  CHECK(bench.gaps().empty());
}

TEST_CASE("arbiter: texts pass once for each key") {
  Bench bench;
  const std::string uuid = "20f43950-d8dd-5b31-9112-a178eb6023af";
  CHECK(bench.offer_text(uuid, 0, 0));
  CHECK_FALSE(bench.offer_text(uuid, 0, 1));
  CHECK(bench.offer_text(uuid, 1, 1));
  CHECK(bench.offer_text("", 0, 0));
  CHECK_FALSE(bench.offer_text("", 0, 1));
  CHECK(bench.offer_text("20f43950-d8dd-5b31-9112-a178eb6023ae", 0, 0));
}

TEST_CASE("arbiter: without numbers one connection leads until it ends or falls silent") {
  ArbiterOptions options;
  options.lead_ns = 1'000;
  Bench bench(std::move(options));
  CHECK(bench.offer(kQuotes, 0, {1}, 0, 1'000, 7).size() == 1);
  CHECK(bench.offer(kQuotes, 0, {1}, 1, 1'500, 8).empty());
  CHECK(bench.offer(kQuotes, 0, {2}, 0, 1'900, 7).size() == 1);
  CHECK(bench.offer(kQuotes, 0, {2}, 1, 2'900, 8).empty());
  CHECK(bench.offer(kQuotes, 0, {3}, 1, 2'901, 8).size() == 1);  // silent for too long
  CHECK(bench.offer(kQuotes, 0, {3}, 0, 2'950, 7).empty());
  bench.arbiter->close_lane(8);
  CHECK(bench.offer(kQuotes, 0, {4}, 0, 2'960, 7).size() == 1);  // the leader has ended
  CHECK(bench.offer(kQuotes, 1, {4}, 1, 2'960, 9).size() == 1);
}

TEST_CASE("arbiter: a venue that begins anew is followed after a while") {
  ArbiterOptions options;
  options.restart_ns = 1'000;
  Bench bench(std::move(options));
  (void)bench.offer(kTrades, 0, {1'000'000, 1'000'002}, 0, 1);
  (void)bench.offer(kTicker, 0, {1'000'000}, 0, 1);
  CHECK(bench.offer(kTrades, 0, {1, 2}, 0, 900).empty());
  CHECK(bench.offer(kTrades, 0, {3, 4}, 0, 1'100) == Numbers{3, 4});
  CHECK(bench.offer(kTicker, 0, {3, 4}, 0, 1'100) == Numbers{3, 4});
  CHECK(bench.gaps() == std::vector<GapSeen>{{"A", kTrades, 1'000'001, 1'000'001}});
  CHECK(bench.count(ArbiterCounter::kRestarts) == 2);
  CHECK(bench.count(ArbiterCounter::kOpenMissing) == 0);
}

TEST_CASE("arbiter: rows of known keys allocate nothing") {
  Bench bench;
  for (uint32_t symbol = 0; symbol < 4; ++symbol) (void)bench.offer(kTrades, symbol, {0}, 0, 1);
  (void)bench.offer(kTrades, 3, {2}, 0, 1);  // something is missing: the timer gets its place
  bench.batch.clear_into_own();
  const size_t before = tickwire::testing::allocations();
  // Not beyond the window: a gap that is told is a record that is made.
  for (int64_t n = 1; n < 1'000; ++n) {
    for (uint32_t path = 0; path < 2; ++path) {
      bench.batch.clear();
      for (uint32_t symbol = 0; symbol < 4; ++symbol) {
        uint64_t* row = bench.batch.begin(5);
        row[3] = bench.symbols[symbol];
        row[4] = static_cast<uint64_t>(n % 50 == 0 ? n + 3 : n);
        bench.batch.commit(kTrades, bench.symbols[symbol]);
      }
      (void)bench.arbiter->filter(bench.batch, path, path + 1, n);
    }
  }
  if (tickwire::testing::kCountsAllocations) CHECK(tickwire::testing::allocations() == before);
}

// Paths that lose, delay and end: what passes and what is told, against the venue's own list.
TEST_CASE("arbiter: any interleaving of paths") {
  std::mt19937_64 random(5);
  for (int round = 0; round < 25; ++round) {
    ArbiterOptions options;
    options.window = 64;
    options.wait_ns = 1 + static_cast<int64_t>(random() % 3) * kMs;
    Bench bench(std::move(options));
    std::map<uint32_t, std::set<int64_t>> passed;
    std::map<std::string, std::set<int64_t>> told;
    const auto take_gaps = [&] {
      for (const GapSeen& gap : bench.gaps()) {
        for (int64_t n = gap.first; n <= gap.last; ++n) REQUIRE(told[gap.key].insert(n).second);
      }
    };
    int64_t at[3][3];
    for (auto& path : at) std::fill(std::begin(path), std::end(path), int64_t{0});
    const int64_t end = 400;
    for (uint32_t symbol = 0; symbol < 3; ++symbol) {
      for (const int64_t n : bench.offer(kTrades, symbol, {0}, 0, bench.channel.loop->refresh_now())) {
        passed[symbol].insert(n);
      }
    }
    for (bool more = true; more;) {
      more = false;
      for (int step = 0; step < 40; ++step) {
        const auto path = static_cast<uint32_t>(random() % 3);
        const auto symbol = static_cast<uint32_t>(random() % 3);
        Numbers batch;
        for (uint64_t n = random() % 6; n > 0 && at[path][symbol] < end; --n) {
          ++at[path][symbol];
          if (random() % 4 != 0 || at[path][symbol] == end) batch.push_back(at[path][symbol]);
        }
        if (batch.empty()) continue;
        for (const int64_t n : bench.offer(kTrades, symbol, batch, path, bench.channel.loop->refresh_now())) {
          REQUIRE(passed[symbol].insert(n).second);
        }
      }
      bench.channel.loop->run_once(0);
      take_gaps();
      for (auto& path : at) {
        for (const int64_t n : path) more = more || n < end;
      }
    }
    bench.run_out();
    take_gaps();
    for (uint32_t symbol = 0; symbol < 3; ++symbol) {
      const auto& gone = told[std::string(1, static_cast<char>('A' + symbol))];
      for (int64_t n = 0; n <= end; ++n) REQUIRE(passed[symbol].contains(n) != gone.contains(n));
    }
    CHECK(bench.count(ArbiterCounter::kOpenMissing) == 0);
  }
}

}  // namespace tickwire::feed::arbiter_test
