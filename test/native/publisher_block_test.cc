#include "feed/publisher.h"

#include <doctest/doctest.h>

#include <random>
#include <thread>

#include "publisher_rig.h"

using namespace tickwire;
using namespace tickwire::feed;
using namespace tickwire::feed::publisher_test;

TEST_CASE("publisher, block: refuses at the window, goes on after a nudge, loses and repeats nothing") {
  for (const uint64_t seed : {1, 2, 3}) {
    std::mt19937_64 random(seed);
    Bench b(options_for(Overflow::kBlock, seed == 1 ? 4096 : seed == 2 ? 16'384 : 65'536));
    uint64_t sent = 0;
    uint64_t read = 0;
    uint64_t refusals = 0;
    for (int i = 0; i < 3000; ++i) {
      const auto rows = static_cast<uint32_t>(random() % 60);
      const auto words = static_cast<uint32_t>(4 + random() % 16);
      while (!b.offer(sent, rows, words)) {
        ++refusals;
        const int calls = b.space_calls;
        int reads = 0;
        while (b.space_calls == calls) {  // no room, no call; some room, a call
          REQUIRE(++reads < 10'000);
          for (const auto& r : b.read(1 + random() % 20)) REQUIRE(is_row(r, read++));
        }
        REQUIRE(b.clear);
      }
      sent += rows;
      if (random() % 3 == 0) {
        for (const auto& r : b.read(random() % 30)) REQUIRE(is_row(r, read++));
      }
    }
    for (const auto& r : b.read_all()) REQUIRE(is_row(r, read++));
    CHECK(read == sent);
    CHECK(refusals > 100);
    CHECK(b.count(Counter::kRows) == sent);
    CHECK(b.count(Counter::kDropped) == 0);
    CHECK_FALSE(b.rig.reader.corrupt());
    CHECK(b.rig.memory.margin_untouched());
  }
}

TEST_CASE("publisher, block: the window bounds what is unread") {
  Bench b(options_for(Overflow::kBlock, 1000));
  uint64_t n = 0;
  while (b.offer(n, 1)) ++n;
  CHECK(n == 1000 / 32);
  CHECK(b.rig.reader.unread() == n * 32);
}

TEST_CASE("publisher, block: a partly published message that is gone leaves the next one whole") {
  Bench b(options_for(Overflow::kBlock, 1024));
  CHECK_FALSE(b.offer(0, 50));    // 32 rows found room
  b.publisher->forget_partial();  // the connection broke
  CHECK(b.read_all().size() == 32);
  REQUIRE(b.offer(1000, 10));
  uint64_t n = 1000;
  for (const auto& r : b.read_all()) CHECK(is_row(r, n++));
  CHECK(n == 1010);
}

TEST_CASE("publisher, block: rows that never fit are dropped, counted and reported, their neighbours are not") {
  Bench b(options_for(Overflow::kBlock, 4096));
  auto& batch = b.batch;
  batch.clear();
  for (uint64_t n = 0; n < 5; ++n) {
    const uint32_t words = n == 2 ? 513 : 4;  // 4104 bytes
    uint64_t* row = batch.begin(words);
    for (uint32_t i = 3; i < words; ++i) row[i] = n;
    batch.commit(0, decode::RowBatch::kNoKey);
  }
  REQUIRE(b.publisher->rows(batch, kTimes));
  CHECK(b.count(Counter::kDropped) == 1);
  CHECK(b.count(Counter::kRows) == 4);
  const auto all = b.read_all();
  REQUIRE(all.size() == 5);
  CHECK(is_row(all[1], 1));
  CHECK(all[2].kind == RecordKind::kGap);
  CHECK(all[2].words.at(2) == 1);
  CHECK(is_row(all[3], 3));
  // Larger than half the ring, which its window would allow.
  Bench wide(options_for(Overflow::kBlock, EventRing::kMinCapacity));
  REQUIRE(wide.offer(0, 1, EventRing::kMinCapacity / 16 + 1));
  CHECK(wide.count(Counter::kDropped) == 1);
  REQUIRE(wide.offer(1, 1, EventRing::kMinCapacity / 16));
  const auto rest = wide.read_all();
  REQUIRE(rest.size() == 2);
  CHECK(rest[0].kind == RecordKind::kGap);
  CHECK(is_row(rest[1], 1));
}

TEST_CASE("publisher, block: raw messages of every length") {
  Bench b(options_for(Overflow::kBlock, EventRing::kMinCapacity));
  std::mt19937_64 random(4);
  uint64_t sent = 0;
  uint64_t read = 0;
  std::vector<std::string> texts;
  const auto check = [&](const std::vector<Record>& all) {
    for (const auto& r : all) {
      REQUIRE(r.kind == RecordKind::kText);
      REQUIRE(r.number(1) == 222);
      REQUIRE(r.number(2) == 111);
      REQUIRE(r.high(3) == 0);
      REQUIRE(r.text(32, r.low(3)) == texts.at(read));
      REQUIRE(r.bytes == 32 + (texts[read].size() + 7) / 8 * 8);
      ++read;
    }
  };
  for (const size_t length : {0, 1, 7, 8, 9, 15, 16, 17, 1000, 32'736})
    texts.emplace_back(length, static_cast<char>('a' + length % 26));
  for (int i = 0; i < 500; ++i) texts.emplace_back(random() % 9000, static_cast<char>('a' + i % 26));
  for (const auto& text : texts) {
    while (!b.raw(text)) check(b.read(3));
    ++sent;
  }
  check(b.read_all());
  CHECK(read == sent);
  CHECK(b.count(Counter::kRows) == sent);
  CHECK(b.raw(std::string(32'737, 'x')));  // one byte beyond half a ring
  CHECK(b.count(Counter::kDropped) == 1);
  const auto gap = b.read_all();
  REQUIRE(gap.size() == 1);
  CHECK(gap[0].kind == RecordKind::kGap);
  CHECK(gap[0].words.at(2) == 1);
}

TEST_CASE("publisher, block: a loss that finds no room in the ring waits, and is counted once") {
  Bench b(options_for(Overflow::kBlock, 1024));
  uint64_t n = 0;
  while (b.offer(n, 1)) ++n;
  for (int i = 0; i < 3; ++i) CHECK_FALSE(b.raw(std::string(2000, 'x')));
  CHECK(b.count(Counter::kDropped) == 1);
  auto all = b.read();
  CHECK(b.raw(std::string(2000, 'x')));
  CHECK(b.count(Counter::kDropped) == 1);
  all = b.read_all();
  REQUIRE(all.size() == 1);
  CHECK(all[0].kind == RecordKind::kGap);
  CHECK(all[0].words.at(2) == 1);
  CHECK(b.offer(n, 1));
  CHECK(is_row(b.read_all().at(0), n));
}

TEST_CASE("publisher, block: rows are made in the ring, wherever it stands, with what is too much for it elsewhere") {
  Bench b(options_for(Overflow::kBlock, EventRing::kMinCapacity / 2), EventRing::kMinCapacity);
  std::mt19937_64 random(11);
  uint64_t sent = 0;
  uint64_t read = 0;
  const auto check = [&](const std::vector<Record>& all) {
    for (const auto& r : all) REQUIRE(is_row(r, read++));
  };
  for (int message = 0; message < 20'000; ++message) {
    const auto count = static_cast<uint32_t>(1 + random() % (message % 7 == 0 ? 60 : 3));
    const auto words = static_cast<uint32_t>(4 + random() % (message % 11 == 0 ? 400 : 12));
    while (!b.offer(sent, count, words)) check(b.read(1 + random() % 50));
    sent += count;
    if (random() % 4 == 0) check(b.read(random() % 100));
  }
  check(b.read_all());
  CHECK(read == sent);
  CHECK(b.in_place > 5'000);
  CHECK(b.in_place < 20'000);
}

TEST_CASE("publisher, block: the reader in another thread, every refusal is followed by a call") {
  Bench b(options_for(Overflow::kBlock, 2048));
  constexpr uint64_t kRows = 200'000;
  uint64_t wrong = 0;
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    uint64_t read = 0;
    Record r;
    std::mt19937_64 random(2);
    while (read < kRows && !stop) {
      for (uint64_t n = 1 + random() % 40; n > 0 && b.rig.reader.next(r); --n) {
        if (!is_row(r, read)) ++wrong;
        ++read;
      }
      if (b.rig.reader.free()) {
        b.rig.loop->post([&] { b.rig.channel.on_nudge(); });
      } else if (b.rig.reader.unread() == 0) {
        std::this_thread::yield();
      }
    }
  });
  std::mt19937_64 random(3);
  uint64_t sent = 0;
  bool stuck = false;
  while (sent < kRows && !stuck) {
    const auto rows = static_cast<uint32_t>(std::min<uint64_t>(1 + random() % 50, kRows - sent));
    while (!b.offer(sent, rows)) {
      const int calls = b.space_calls;
      const int64_t until = b.rig.loop->refresh_now() + 20'000'000'000;
      while (b.space_calls == calls && !stuck) {
        b.rig.loop->run_once(1'000'000'000);
        stuck = b.rig.loop->refresh_now() > until;
      }
      if (stuck) break;
    }
    sent += rows;
    b.publisher->end_of_read(0);
  }
  b.publisher->flush();
  if (stuck) stop = true;
  reader.join();
  CHECK_FALSE(stuck);
  CHECK(wrong == 0);
  CHECK(b.count(Counter::kRows) == kRows);
}
