// Rows in the order of their numbers: what waits for what, for how long, how many of them, and a full ring.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "arbiter_rig.h"

namespace tickwire::feed::arbiter_test {

namespace {

ArbiterOptions ordered(int64_t hold_ms = 10'000, uint32_t rows = 512) {
  ArbiterOptions options;
  options.in_order = true;
  options.hold_ns = hold_ms * kMs;
  options.hold_rows = rows;
  return options;
}

// What is told, in its order: numbers, and gaps as "first-last".
struct OrderBench : Bench {
  explicit OrderBench(ArbiterOptions options = ordered(), size_t ring = EventRing::kMinCapacity)
      : Bench(std::move(options), ring) {}
  bool give(uint32_t symbol, const std::vector<int64_t>& numbers, uint32_t path, uint8_t shape = kTrades) {
    if (!arbiter->drain()) return false;
    batch.clear_into_own();
    for (const int64_t n : numbers) {
      uint64_t* row = batch.begin(5);
      row[3] = symbols[symbol];
      row[4] = static_cast<uint64_t>(n);
      batch.commit(shape, symbols[symbol]);
    }
    now = std::max(now + 1, channel.loop->refresh_now());
    last = arbiter->arrange(batch, path, path + 1, {0, now});
    CHECK(batch.rows().empty());
    (void)arbiter->drain();
    return true;
  }
  std::vector<std::string> told() {
    channel.channel.flush();
    std::vector<std::string> out;
    tickwire::test::Record r;
    while (channel.reader.next(r)) {
      if (r.kind == RecordKind::kState) {
        out.push_back("end");
      } else if (r.kind == RecordKind::kSequenceGap) {
        out.push_back(std::to_string(r.words.at(2)) + "-" + std::to_string(r.words.at(3)));
      } else if (r.kind == RecordKind::kRow) {
        CHECK(r.feed == kHandle);
        out.push_back(std::to_string(r.words.at(4)));
      }
    }
    if (channel.reader.free()) channel.channel.on_nudge();
    return out;
  }
  int64_t now = 0;
};

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("arbiter in order: what is ahead waits until another path brings what is missing") {
  OrderBench bench;
  CHECK(bench.give(0, {10, 11}, 0));
  CHECK(bench.give(0, {14, 13, 16}, 0));
  CHECK(bench.told() == Told{"10", "11"});
  CHECK(bench.count(ArbiterCounter::kHeld) == 3);
  CHECK(bench.count(ArbiterCounter::kOpenMissing) == 2);
  CHECK(bench.give(1, {5, 6}, 0));  // another key waits for nobody
  CHECK(bench.told() == Told{"5", "6"});
  CHECK(bench.give(0, {10, 11, 12, 13, 14}, 1));
  CHECK(bench.told() == Told{"12", "13", "14"});
  CHECK(bench.last.copies == 4);
  CHECK(bench.give(0, {15, 17}, 1));
  CHECK(bench.told() == Told{"15", "16", "17"});
  CHECK(bench.count(ArbiterCounter::kHeld) == 0);
  CHECK(bench.count(ArbiterCounter::kOpenMissing) == 0);
  CHECK(bench.count(ArbiterCounter::kPassed) == 10);
  CHECK(bench.count(0, PathCounter::kWins) == 7);
  // What precedes the first is old.
  CHECK(bench.give(0, {9}, 0));
  CHECK(bench.told().empty());
  CHECK(bench.count(ArbiterCounter::kOld) == 1);
  // Shapes of other kinds pass as they come.
  CHECK(bench.give(0, {3}, 0, kFree));
  CHECK(bench.give(0, {7, 5}, 0, kFills));
  CHECK(bench.told() == Told{"3", "7", "5"});
}

TEST_CASE("arbiter in order: when the time is over what is missing is told, and what was behind it comes") {
  OrderBench bench(ordered(40));
  CHECK(bench.give(0, {1, 3, 4, 7}, 0));
  bench.run_for(20);
  CHECK(bench.give(0, {9}, 0));
  CHECK(bench.told() == Told{"1"});
  const int64_t begin = bench.channel.loop->refresh_now();
  Told told;
  while (told.size() < 5) {
    bench.channel.loop->run_once(kMs);
    for (const std::string& each : bench.told()) told.push_back(each);
  }
  CHECK(told == Told{"2-2", "3", "4", "5-6", "7"});
  while (told.size() < 7) {
    bench.channel.loop->run_once(kMs);
    for (const std::string& each : bench.told()) told.push_back(each);
  }
  CHECK(told[5] == "8-8");
  CHECK(told[6] == "9");
  CHECK(bench.channel.loop->refresh_now() - begin < 2'000 * kMs);
  CHECK(bench.give(0, {2, 5, 6, 8, 10}, 1));  // too late
  CHECK(bench.told() == Told{"10"});
  CHECK(bench.count(ArbiterCounter::kGaps) == 3);
  CHECK(bench.count(ArbiterCounter::kMissing) == 4);
}

TEST_CASE("arbiter in order: so many rows of a key wait, and so many bytes of all") {
  OrderBench few(ordered(10'000, 3));
  CHECK(few.give(0, {1, 3, 5, 6}, 0));
  CHECK(few.told() == Told{"1"});
  CHECK(few.give(0, {8}, 0));
  CHECK(few.told() == Told{"2-2", "3"});
  CHECK(few.count(ArbiterCounter::kHeld) == 3);
  CHECK(few.give(0, {4}, 1));
  CHECK(few.told() == Told{"4", "5", "6"});

  ArbiterOptions options = ordered();
  options.hold_bytes = 4 * 5 * 8;
  OrderBench small(std::move(options));
  CHECK(small.give(0, {1, 3, 5}, 0));
  CHECK(small.give(1, {1, 3, 5}, 0));
  CHECK(small.told() == Told{"1", "1"});
  CHECK(small.give(1, {7}, 0));
  CHECK(small.told() == Told{"2-2", "3", "4-4", "5", "6-6", "7"});
  CHECK(small.count(ArbiterCounter::kHeld) == 2);
  CHECK(small.give(0, {2}, 1));
  CHECK(small.told() == Told{"2", "3"});
}

TEST_CASE("arbiter in order: numbers beyond the window, and numbers that begin anew") {
  ArbiterOptions options = ordered(10'000, 32);
  options.window = 64;
  options.restart_ns = 1;
  OrderBench bench(std::move(options));
  CHECK(bench.give(0, {1, 3, 1'000}, 0));
  CHECK(bench.told() == Told{"1", "2-2", "3", "4-936"});
  CHECK(bench.give(0, {937}, 1));
  CHECK(bench.told() == Told{"937"});
  CHECK(bench.give(0, {5}, 0));
  CHECK(bench.told() == Told{"938-999", "1000", "5"});
  CHECK(bench.count(ArbiterCounter::kRestarts) == 1);
  CHECK(bench.give(0, {6}, 0));
  CHECK(bench.told() == Told{"6"});
}

TEST_CASE("arbiter in order: with a full ring nothing is lost, and no more is taken") {
  OrderBench bench(ordered(10'000, 512), EventRing::kMinCapacity);
  int64_t n = 0;
  std::vector<int64_t> ahead;
  CHECK(bench.give(0, {++n}, 0));
  for (int64_t i = 0; i < 400; ++i) ahead.push_back(3 + i);
  CHECK(bench.give(0, ahead, 0));
  // Others fill the ring.
  int64_t other = 0;
  while (bench.give(1, {++other}, 0)) {
    REQUIRE(other < 100'000);
  }
  Told told;
  const auto take = [&] {
    for (const std::string& each : bench.told()) told.push_back(each);
  };
  take();
  bool given = false;
  for (int i = 0; i < 1'000 && !given; ++i) {
    given = bench.give(0, {2}, 1);
    take();
  }
  CHECK(given);
  for (int i = 0; i < 100; ++i) take();
  // Of the first key: all in their order.
  std::vector<std::string> want;
  for (int64_t i = 2; i <= 402; ++i) want.push_back(std::to_string(i));
  REQUIRE(told.size() > want.size());
  CHECK(std::equal(want.begin(), want.end(), told.end() - static_cast<ptrdiff_t>(want.size())));
}

TEST_CASE("arbiter in order: at its end what is missing is told, and what was held back comes") {
  OrderBench bench;
  CHECK(bench.give(0, {1, 3, 4, 7}, 0));
  CHECK(bench.give(1, {1, 4}, 0));
  CHECK(bench.told() == Told{"1", "1"});
  bench.arbiter->end();
  CHECK(bench.told() == Told{"2-2", "3", "4", "5-6", "7", "2-3", "4", "end"});
  CHECK(bench.count(ArbiterCounter::kHeld) == 0);
  CHECK(bench.count(ArbiterCounter::kOpenMissing) == 0);
  CHECK(bench.count(ArbiterCounter::kMissing) == 5);
  // The timer that was armed finds nothing.
  bench.run_for(20);
  CHECK(bench.told().empty());

  OrderBench nothing;
  nothing.arbiter->end();
  CHECK(nothing.told() == Told{"end"});
}

TEST_CASE("arbiter in order: at its end all that is due comes first, however long the ring is full") {
  for (const Overflow overflow : {Overflow::kBlock, Overflow::kDropOldest}) {
    ArbiterOptions options = ordered();
    options.overflow = overflow;
    options.pending_bytes = 256 << 10;
    OrderBench bench(std::move(options), EventRing::kMinCapacity);
    std::vector<int64_t> ahead;
    CHECK(bench.give(0, {1}, 0));
    for (int64_t i = 0; i < 400; ++i) ahead.push_back(3 + i);
    CHECK(bench.give(0, ahead, 0));
    for (int64_t other = 1; other < 800 && bench.give(1, {other}, 0); ++other) {
    }
    bench.arbiter->end();
    Told told;
    for (int i = 0; i < 1'000 && (told.empty() || told.back() != "end"); ++i) {
      for (const std::string& each : bench.told()) told.push_back(each);
    }
    Told want{"2-2"};
    for (int64_t i = 3; i <= 402; ++i) want.push_back(std::to_string(i));
    want.push_back("end");
    REQUIRE(told.size() > want.size());
    CHECK(std::equal(want.begin(), want.end(), told.end() - static_cast<ptrdiff_t>(want.size())));
    CHECK(std::count(told.begin(), told.end(), "end") == 1);
  }
}

TEST_CASE("arbiter in order: a reader that sleeps is woken while a read goes on, also after many rows") {
  ArbiterOptions options = ordered();
  options.flush_rows = 8;
  OrderBench bench(std::move(options), 256 << 10);
  tickwire::test::Record r;
  int64_t n = 0;
  for (int read = 0; read < 50; ++read) {
    CHECK(bench.channel.reader.sleep());
    const int before = bench.channel.waker.calls.load();
    std::vector<int64_t> rows;
    for (int i = 0; i < 16; ++i) rows.push_back(++n);
    CHECK(bench.give(0, rows, 0));
    CHECK(bench.channel.waker.calls.load() == before + 1);
    bench.arbiter->end_of_read();
    while (bench.channel.reader.next(r)) {
    }
    if (bench.channel.reader.free()) bench.channel.channel.on_nudge();
  }
}

TEST_CASE("arbiter in order: any delays and losses") {
  std::mt19937_64 random(20'261'129);
  for (int round = 0; round < 200; ++round) {
    OrderBench bench(ordered(), 256 << 10);
    constexpr int64_t kNumbers = 300;
    // Of each path: what it brings, not further from its place than the window.
    std::vector<std::vector<int64_t>> paths(3);
    std::set<int64_t> brought;
    for (auto& path : paths) {
      std::vector<std::pair<int64_t, int64_t>> order;
      for (int64_t n = 1; n <= kNumbers; ++n) {
        if (n != 1 && random() % 3 == 0) continue;
        order.emplace_back(n + static_cast<int64_t>(random() % 20), n);
        brought.insert(n);
      }
      if (order.front().second == 1) order.front().first = 0;  // all begin with the first
      std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      for (const auto& each : order) path.push_back(each.second);
    }
    std::vector<size_t> at(3, 0);
    for (bool more = true; more;) {
      more = false;
      for (uint32_t p = 0; p < 3; ++p) {
        const size_t count = std::min(paths[p].size() - at[p], size_t{1} + random() % 4);
        if (count == 0) continue;
        more = true;
        const auto from = paths[p].begin() + static_cast<ptrdiff_t>(at[p]);
        REQUIRE(bench.give(0, {from, from + static_cast<ptrdiff_t>(count)}, p));
        at[p] += count;
      }
    }
    int64_t before = 0;
    std::set<int64_t> seen;
    for (const std::string& each : bench.told()) {
      if (each.find('-') != std::string::npos) {
        // Only what no path has brought.
        const int64_t first = std::stoll(each.substr(0, each.find('-')));
        const int64_t last = std::stoll(each.substr(each.find('-') + 1));
        CHECK(first == before + 1);
        for (int64_t n = first; n <= last; ++n) REQUIRE_FALSE(brought.contains(n));
        before = last;
        continue;
      }
      const int64_t n = std::stoll(each);
      REQUIRE(n == before + 1);
      before = n;
      REQUIRE(seen.insert(n).second);
    }
    // What is still held waits for numbers that never come.
    CHECK(seen.size() + bench.count(ArbiterCounter::kHeld) == brought.size());
  }
}

}  // namespace tickwire::feed::arbiter_test
