#include "feed/publisher.h"

#include <doctest/doctest.h>

#include <random>

#include "publisher_rig.h"

using namespace tickwire;
using namespace tickwire::feed;
using namespace tickwire::feed::publisher_test;

TEST_CASE("publisher, dropOldest: a control record larger than the whole pending store") {
  Bench b(options_for(Overflow::kDropOldest, 1024, 4096));
  uint64_t n = 0;
  while (b.count(Counter::kDropped) == 0) REQUIRE(b.offer(n++, 1));
  const std::string sample(20'000, 's');
  auto record =
      malformed_record(kHandle, 1, {}, {reinterpret_cast<const uint8_t*>(sample.data()), sample.size()}, 20'000, 0);
  b.publisher->control(record);
  bool found = false;
  for (const auto& r : b.read_all())
    found = found || (r.kind == RecordKind::kMalformed && r.text(32, 20'000) == sample);
  CHECK(found);
}

// The reader frees everything at the moment when a control record finds no room: nobody would come back to it later.

TEST_CASE("publisher, dropOldest: order kept, gaps exact, control records in their places") {
  for (const uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    std::mt19937_64 random(seed);
    const uint32_t window = seed % 2 == 0 ? 2048 : EventRing::kMinCapacity;
    Bench b(options_for(Overflow::kDropOldest, window, seed < 4 ? 4096 : 65'536));
    Ledger ledger;
    uint64_t sent = 0;
    int64_t controls = 0;
    for (int i = 0; i < 20'000; ++i) {
      const auto rows = static_cast<uint32_t>(random() % 12);
      REQUIRE(b.offer(sent, rows, static_cast<uint32_t>(4 + random() % 40)));
      sent += rows;
      if (random() % 50 == 0) {
        ledger.sent_control(controls, sent);
        b.control(controls++);
      }
      if (random() % 2 == 0) b.publisher->end_of_read(0);
      // Now faster than the sender, now slower, now asleep.
      const uint64_t mood = static_cast<uint64_t>(i) / 500 % 4;
      if (mood == 3) continue;
      const size_t most = mood == 0 ? 50 : mood == 1 ? 4 : 1;
      for (const auto& r : b.read(random() % (most + 1))) ledger.take(r);
    }
    for (const auto& r : b.read_all()) ledger.take(r);
    CHECK(ledger.accounted() == sent);
    CHECK(ledger.controls() == controls);
    CHECK(ledger.lost() > 100);
    CHECK(b.count(Counter::kDropped) == ledger.lost());
    CHECK(b.count(Counter::kRows) == sent);
    CHECK(ledger.rows() + ledger.lost() == sent);
    CHECK(b.count(Counter::kControlLost) == 0);
    CHECK(b.clear);
    CHECK_FALSE(b.rig.reader.corrupt());
    CHECK(b.rig.memory.margin_untouched());
  }
}

TEST_CASE("publisher, dropOldest: what is kept back arrives although nothing follows it") {
  Bench b(options_for(Overflow::kDropOldest, 1024, 8192));
  REQUIRE(b.offer(0, 1000));
  Ledger ledger;
  for (const auto& r : b.read_all()) ledger.take(r);
  CHECK(ledger.accounted() == 1000);
  CHECK(ledger.rows() == 1024 / 32 + 8192 / 32);
}

TEST_CASE("publisher, dropOldest: rows and messages that never fit are part of the gap") {
  Bench b(options_for(Overflow::kDropOldest, 4096, 8192));
  REQUIRE(b.offer(0, 3));
  REQUIRE(b.offer(3, 2, 513));
  REQUIRE(b.offer(5, 1));
  Ledger ledger;
  for (const auto& r : b.read_all()) ledger.take(r);
  CHECK(ledger.accounted() == 6);
  CHECK(ledger.lost() == 2);
  CHECK(b.count(Counter::kDropped) == 2);
  CHECK(b.count(Counter::kRows) == 4);
  REQUIRE(b.raw(std::string(5000, 'x')));
  REQUIRE(b.raw("small"));
  const auto all = b.read_all();
  REQUIRE(all.size() == 2);
  CHECK(all[0].kind == RecordKind::kGap);
  CHECK(all[0].words.at(2) == 1);
  CHECK(all[1].text(32, all[1].low(3)) == "small");
}

TEST_CASE("publisher, dropOldest: raw messages") {
  Bench b(options_for(Overflow::kDropOldest, 2048, 4096));
  std::mt19937_64 random(9);
  uint64_t sent = 0;
  uint64_t next = 0;
  uint64_t gap = 0;
  const auto check = [&](const std::vector<Record>& all) {
    for (const auto& r : all) {
      if (r.kind == RecordKind::kGap) {
        gap += r.words.at(2);
        continue;
      }
      REQUIRE(r.kind == RecordKind::kText);
      const std::string text = r.text(32, r.low(3));
      const uint64_t n = std::stoull(text);
      REQUIRE(n == next + gap);
      gap = 0;
      next = n + 1;
    }
  };
  for (int i = 0; i < 20'000; ++i) {
    REQUIRE(b.raw(std::to_string(sent++) + std::string(random() % 200, ' ')));
    if (random() % 8 == 0) check(b.read(random() % 8));
  }
  check(b.read_all());
  CHECK(next + gap == sent);
  CHECK(b.count(Counter::kDropped) > 0);
}
