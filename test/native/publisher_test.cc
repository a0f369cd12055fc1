#include "feed/publisher.h"

#include <doctest/doctest.h>

#include <random>
#include <thread>

#include "publisher_rig.h"

using namespace tickwire;
using namespace tickwire::feed;
using namespace tickwire::feed::publisher_test;

TEST_CASE("publisher: rows become visible every flush_rows, at the latest with the end of the read") {
  Bench b(options_for(Overflow::kBlock));
  REQUIRE(b.offer(0, 7));
  CHECK(b.rig.reader.unread() == 0);
  REQUIRE(b.offer(7, 1));
  CHECK(b.rig.reader.unread() == 8 * 32);
  REQUIRE(b.offer(8, 5));
  CHECK(b.rig.reader.unread() == 8 * 32);
  b.publisher->end_of_read(1000);
  CHECK(b.rig.reader.unread() == 13 * 32);
  uint64_t n = 0;
  for (const auto& r : b.read()) CHECK(is_row(r, n++));
  CHECK(n == 13);
  CHECK(b.count(Counter::kRows) == 13);
}

TEST_CASE("publisher: a sleeping reader is woken, whatever was made visible before the end of the read") {
  for (const uint32_t rows : {1u, 7u, 8u, 9u, 15u, 16u, 17u, 24u, 64u, 100u}) {
    Bench b(options_for(Overflow::kBlock));
    for (uint64_t round = 0; round < 3; ++round) {
      REQUIRE(b.rig.reader.sleep());
      const int before = b.rig.waker.calls;
      for (uint32_t i = 0; i < rows; ++i) REQUIRE(b.offer(round * rows + i, 1));
      b.publisher->end_of_read(1000);
      CHECK(b.rig.waker.calls == before + 1);
      CHECK(b.read().size() == rows);
    }
    CHECK(b.count(Counter::kWakes) == 3);
  }
}

// As above, with a reader that goes back to sleep after whatever it found.
TEST_CASE("publisher: no row is left lying with a sleeping reader") {
  std::mt19937_64 random(11);
  Bench b(options_for(Overflow::kBlock));
  uint64_t sent = 0;
  uint64_t read = 0;
  REQUIRE(b.rig.reader.sleep());
  int woken = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto rows = static_cast<uint32_t>(1 + random() % 40);
    for (uint32_t k = 0; k < rows; ++k) {
      REQUIRE(b.offer(sent++, 1));
      if (b.rig.waker.calls > woken && random() % 4 == 0) {  // it reads in the middle of the read
        woken = b.rig.waker.calls;
        for (const auto& r : b.read()) REQUIRE(is_row(r, read++));
        (void)b.rig.reader.sleep();
      }
    }
    b.publisher->end_of_read(1000);
    if (b.rig.waker.calls > woken) {
      woken = b.rig.waker.calls;
      for (const auto& r : b.read()) REQUIRE(is_row(r, read++));
      REQUIRE(b.rig.reader.sleep());
    }
    REQUIRE(read == sent);
  }
}

TEST_CASE("publisher: with a flush interval rows wait for the timer") {
  auto options = options_for(Overflow::kBlock);
  options.flush_interval_ns = 3'000'000;
  options.flush_rows = 1000;
  Bench b(options);
  REQUIRE(b.offer(0, 1));
  b.publisher->end_of_read(b.rig.loop->refresh_now());
  CHECK(b.rig.reader.unread() == 0);
  const int64_t from = b.rig.loop->refresh_now();
  REQUIRE(b.offer(1, 1));
  b.publisher->end_of_read(from);  // the first read's timer counts
  while (b.rig.reader.unread() == 0 && b.rig.loop->now_ns() < from + 2'000'000'000) b.rig.loop->run_once(10'000'000);
  CHECK(b.rig.loop->now_ns() >= from + 2'000'000);
  CHECK(b.read().size() == 2);
  b.control(0);  // control records do not wait
  CHECK(b.read().size() == 1);
}

TEST_CASE("publisher: control records go before rows that are refused, and use the ring to its end") {
  Bench b(options_for(Overflow::kBlock, 1024));
  uint64_t n = 0;
  while (b.offer(n, 1)) ++n;
  b.control(0);
  b.control(1);
  auto all = b.read();
  REQUIRE(all.size() == n + 2);
  CHECK(all[n].kind == RecordKind::kPong);
  CHECK(all[n + 1].number(2) == 1);
}

TEST_CASE("publisher: control records wait when the ring is full, ahead of further rows") {
  Bench b(options_for(Overflow::kBlock, EventRing::kMinCapacity));
  uint64_t n = 0;
  while (b.offer(n, 1)) ++n;
  for (int i = 0; i < 100; ++i) b.control(i);
  CHECK_FALSE(b.offer(n, 1));
  CHECK(b.read(1).size() == 1);  // 32 bytes: one pong of 24
  CHECK_FALSE(b.clear);
  CHECK_FALSE(b.offer(n, 1));
  auto all = b.read();
  CHECK(b.clear);
  REQUIRE(b.offer(n, 1));
  for (auto& r : b.read_all()) all.push_back(r);
  REQUIRE(all.size() == n - 1 + 100 + 1);
  for (size_t i = 0; i < n - 1; ++i) CHECK(is_row(all[i], i + 1));
  for (size_t i = 0; i < 100; ++i) CHECK(all[n - 1 + i].number(2) == static_cast<double>(i));
  CHECK(is_row(all.back(), n));
  CHECK(b.count(Counter::kControlLost) == 0);
}

TEST_CASE("publisher: the backlog is bounded; the oldest go, counted; the newest arrive") {
  Bench b(options_for(Overflow::kBlock, EventRing::kMinCapacity));
  while (b.offer(0, 1)) {
  }
  for (int i = 0; i < 1000; ++i) b.control(i);
  CHECK(b.count(Counter::kControlLost) == 1000 - 256);
  std::vector<double> got;
  for (const auto& r : b.read_all()) {
    if (r.kind == RecordKind::kPong) got.push_back(r.number(2));
  }
  REQUIRE(got.size() == 256);
  for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == static_cast<double>(1000 - 256 + i));
}

TEST_CASE("publisher: a control record that can never fit is counted and blocks nothing") {
  for (const auto overflow : {Overflow::kBlock, Overflow::kDropOldest}) {
    Bench b(options_for(overflow, EventRing::kMinCapacity));
    std::vector<uint8_t> huge(EventRing::kMinCapacity / 2 + 8);
    b.publisher->control(huge);
    CHECK(b.count(Counter::kControlLost) == 1);
    b.control(0);
    REQUIRE(b.offer(0, 1));
    CHECK(b.read_all().size() == 2);
  }
}

TEST_CASE("publisher: the last control record arrives although nothing follows it") {
  Bench b(options_for(Overflow::kBlock, EventRing::kMinCapacity));
  constexpr int kRounds = 5000;
  std::atomic<int> filled{0};
  std::atomic<int> drained{0};
  std::atomic<int> go{0};
  std::atomic<int> got{0};
  std::atomic<bool> stop{false};
  const auto wait_for = [&stop](const std::atomic<int>& what, int round) {
    for (int i = 0; what.load() < round && !stop; ++i) {
      if (i % 1024 == 1023) std::this_thread::yield();
    }
  };
  const auto dawdle = [&go](uint64_t spins) {
    for (; spins > 0; --spins) (void)go.load();
  };
  std::thread reader([&] {
    std::mt19937_64 random(1);
    Record r;
    for (int round = 1; round <= kRounds && !stop; ++round) {
      wait_for(filled, round);
      while (b.rig.reader.next(r)) {
      }
      drained = round;
      wait_for(go, round);
      dawdle(random() % 400);
      do {
        if (b.rig.reader.free()) b.rig.loop->post([&] { b.rig.channel.on_nudge(); });
        while (b.rig.reader.next(r)) {
          if (r.kind == RecordKind::kPong) got.fetch_add(1);
        }
      } while (got.load() < round && !stop);
      if (b.rig.reader.free()) b.rig.loop->post([&] { b.rig.channel.on_nudge(); });
    }
  });
  std::mt19937_64 random(2);
  bool stuck = false;
  for (int round = 1; round <= kRounds && !stuck; ++round) {
    while (b.offer(0, 8, 64)) {
    }
    b.publisher->forget_partial();
    while (b.rig.channel.ring().reserve(8) != nullptr) b.rig.put(8);  // to the brim
    b.publisher->flush();
    b.rig.channel.stop_waiting(b);  // nobody but the control record waits
    b.rig.channel.ring().clear_starved();
    filled = round;
    wait_for(drained, round);
    go = round;
    dawdle(random() % 4000);
    b.control(round);
    const int64_t until = b.rig.loop->refresh_now() + 10'000'000'000;
    while (got.load() < round && !stuck) {
      b.rig.loop->run_once(20'000);
      stuck = b.rig.loop->refresh_now() > until;
    }
  }
  if (stuck) stop = true;
  reader.join();
  CHECK_FALSE(stuck);
  CHECK(got == kRounds);
}

TEST_CASE("publisher: what create() refuses") {
  ChannelRig rig;
  StatsMemory memory;
  Stats stats(memory.span());
  struct Nobody final : SpaceListener {
    void on_space() override {}
  } nobody;
  auto options = options_for(Overflow::kConflate);
  CHECK(Publisher::create(rig.channel, options, 1, stats, nobody).error().code == Errc::kSchema);
  options.schema.emplace();
  options.schema->shapes.resize(2);
  options.conflate_regions.resize(1);
  CHECK(Publisher::create(rig.channel, options, 1, stats, nobody).error().code == Errc::kSchema);
  options = options_for(Overflow::kDropOldest, 1024, size_t{1} << 40);
  CHECK_FALSE(Publisher::create(rig.channel, options, 1, stats, nobody).ok());
}

TEST_CASE("publisher: one that is destroyed while it waits is forgotten") {
  Bench b(options_for(Overflow::kBlock, 64));
  while (b.offer(0, 1)) {
  }
  b.publisher.reset();
  CHECK(b.rig.reader.drain().size() == 2);
  b.rig.channel.on_nudge();
  CHECK(b.space_calls == 0);
}
