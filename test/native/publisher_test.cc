#include "feed/publisher.h"

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <random>
#include <thread>

#include "feed/records.h"
#include "feed_fixture.h"

using namespace tickwire;
using namespace tickwire::feed;
using tickwire::test::ChannelRig;
using tickwire::test::Record;
using tickwire::test::StatsMemory;

namespace {

constexpr uint16_t kHandle = 0xABC;
constexpr ws::ReceiveTimes kTimes{111, 222};

// A publisher and the feed's part in the deal: to offer again, after on_space(), what was refused.
struct Bench final : SpaceListener {
  explicit Bench(FeedOptions options, size_t ring_bytes = EventRing::kMinCapacity)
      : rig(ring_bytes), stats(stats_memory.span()) {
    auto made = Publisher::create(rig.channel, options, kHandle, stats, *this);
    REQUIRE_MESSAGE(made.ok(), made.error().text);
    publisher = std::move(made.value());
  }
  ~Bench() { publisher.reset(); }
  void on_space() override {
    ++space_calls;
    clear = publisher->on_space();
  }

  // Rows of `words` words whose word 3 is a running number; `key` by number when conflating.
  static void fill(decode::RowBatch& batch, uint64_t first, uint32_t count, uint32_t words, uint32_t keys = 0) {
    for (uint64_t n = first; n < first + count; ++n) {
      uint64_t* row = batch.begin(words);
      for (uint32_t i = 3; i < words; ++i) row[i] = n;
      batch.commit(0, keys == 0 ? decode::RowBatch::kNoKey : static_cast<uint32_t>(n % keys));
    }
  }
  bool offer(uint64_t first, uint32_t count, uint32_t words = 4, uint32_t keys = 0) {
    publisher->prepare(batch);
    fill(batch, first, count, words, keys);
    in_place += batch.in_place() ? 1 : 0;
    return publisher->rows(batch, kTimes);
  }
  void control(int64_t number) {
    auto record = pong_record(kHandle, 1, number);
    publisher->control(record);
  }
  bool raw(const std::string& text) {
    return publisher->raw(RecordKind::kText, {reinterpret_cast<const uint8_t*>(text.data()), text.size()}, kTimes);
  }
  // The reader takes up to `limit` records and gives their space back; a nudge is passed on, as JS does.
  std::vector<Record> read(size_t limit = SIZE_MAX) {
    std::vector<Record> all;
    Record r;
    while (all.size() < limit && rig.reader.next(r)) all.push_back(r);
    if (rig.reader.free()) rig.channel.on_nudge();
    return all;
  }
  // Until nothing comes any more.
  std::vector<Record> read_all() {
    publisher->flush();
    std::vector<Record> all;
    for (;;) {
      auto some = read();
      if (some.empty()) return all;
      all.insert(all.end(), some.begin(), some.end());
    }
  }
  [[nodiscard]] uint64_t count(Counter c) { return stats_memory.get(c); }

  ChannelRig rig;
  StatsMemory stats_memory;
  Stats stats;
  decode::RowBatch batch;
  std::unique_ptr<Publisher> publisher;
  size_t in_place = 0;  // messages whose rows were made in the ring
  int space_calls = 0;
  bool clear = false;
};

FeedOptions options_for(Overflow overflow, uint32_t window = 16'384, size_t pending = 4096) {
  FeedOptions o;
  o.overflow = overflow;
  o.ring_window = window;
  o.pending_bytes = pending;
  o.flush_rows = 8;
  return o;
}

bool is_row(const Record& r, uint64_t number) {
  if (r.kind != RecordKind::kRow || r.feed != kHandle || r.shape != 0 || r.number(1) != 222 || r.number(2) != 111)
    return false;
  for (size_t i = 3; i < r.words.size(); ++i) {
    if (r.words[i] != number) return false;
  }
  return true;
}

// Rows, gaps and pongs of a dropOldest feed as they must follow each other.
class Ledger {
 public:
  void sent_control(int64_t number, uint64_t rows_before) { before_[number] = rows_before; }
  void take(const Record& r) {
    switch (r.kind) {
      case RecordKind::kRow: {
        const uint64_t n = r.words.at(3);
        REQUIRE(is_row(r, n));
        REQUIRE(n == next_row_ + gap_);  // exactly as many are missing as were reported
        next_row_ = n + 1;
        gap_ = 0;
        ++rows_;
        break;
      }
      case RecordKind::kGap:
        REQUIRE(r.words.at(2) > 0);
        gap_ += r.words[2];
        lost_ += r.words[2];
        break;
      case RecordKind::kPong: {
        const auto number = static_cast<int64_t>(r.number(2));
        REQUIRE(number == next_control_);
        ++next_control_;
        // Behind no row that came after it, before none that came earlier.
        REQUIRE(next_row_ <= before_.at(number));
        floor_ = before_.at(number);
        break;
      }
      default:
        FAIL("unexpected record");
    }
    if (r.kind == RecordKind::kRow) REQUIRE(next_row_ > floor_);
  }
  [[nodiscard]] uint64_t accounted() const { return next_row_ + gap_; }
  [[nodiscard]] uint64_t lost() const { return lost_; }
  [[nodiscard]] uint64_t rows() const { return rows_; }
  [[nodiscard]] int64_t controls() const { return next_control_; }

 private:
  std::map<int64_t, uint64_t> before_;
  uint64_t next_row_ = 0;
  uint64_t gap_ = 0;
  uint64_t lost_ = 0;
  uint64_t rows_ = 0;
  uint64_t floor_ = 0;
  int64_t next_control_ = 0;
};

}  // namespace

// ---- announcing
// ---------------------------------------------------------------------------------------------------------------

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

// ---- block
// --------------------------------------------------------------------------------------------------------------------

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

// ---- control records
// ----------------------------------------------------------------------------------------------------------

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

// ---- dropOldest
// ---------------------------------------------------------------------------------------------------------------

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

// ---- conflate
// -----------------------------------------------------------------------------------------------------------------

namespace {

struct Conflating {
  explicit Conflating(uint32_t keys, uint32_t slots)
      : key_count(keys), words(TripleSlot::stride(kRowBytes) / 8 * slots) {
    options = options_for(Overflow::kConflate, 0);
    options.schema.emplace();
    options.schema->shapes.emplace_back();
    options.conflate_regions = {{0, kRowBytes, slots}};
    options.conflate_memory = {reinterpret_cast<uint8_t*>(words.data()), words.size() * 8};
    for (uint32_t i = 0; i < slots; ++i) {
      readers.emplace_back(options.conflate_memory.data() + TripleSlot::stride(kRowBytes) * i, kRowBytes);
    }
  }
  // The row that a record announces.
  uint64_t take(const Record& r) {
    REQUIRE(r.kind == RecordKind::kConflated);
    REQUIRE(r.bytes == 16);
    REQUIRE(r.feed == kHandle);
    REQUIRE(r.high(1) == 0);
    auto& reader = readers.at(r.low(1));
    REQUIRE(reader.take());  // one record, one value
    uint64_t row[4];
    std::memcpy(row, reader.value(), sizeof row);
    CHECK(row[0] == record_header(kRowBytes, RecordKind::kRow, 0, kHandle));
    CHECK(std::bit_cast<double>(row[1]) == 222);
    return row[3];
  }
  static constexpr uint32_t kRowBytes = 32;
  uint32_t key_count;
  std::vector<uint64_t> words;
  FeedOptions options;
  std::vector<TripleSlotReader> readers;
};

}  // namespace

TEST_CASE("publisher, conflate: the newest of every key, in bounded room, however slow the reader") {
  for (const uint32_t keys : {1u, 7u, 200u}) {
    Conflating c(keys, keys);
    Bench b(c.options);
    std::mt19937_64 random(keys);
    std::vector<uint64_t> seen(keys, 0);
    uint64_t sent = 1;
    uint64_t taken = 0;
    const auto check = [&](const std::vector<Record>& all) {
      for (const auto& r : all) {
        const uint64_t n = c.take(r);
        REQUIRE(n > seen[n % keys]);
        seen[n % keys] = n;
        ++taken;
      }
    };
    for (int i = 0; i < 5000; ++i) {
      const auto rows = static_cast<uint32_t>(random() % 50);
      REQUIRE(b.offer(sent, rows, 4, keys));
      sent += rows;
      b.publisher->end_of_read(0);
      REQUIRE(b.rig.reader.unread() <= keys * 16);
      if (random() % 3 == 0) check(b.read(random() % 20));
    }
    check(b.read_all());
    for (uint32_t k = 0; k < keys; ++k) {
      const uint64_t last = (sent - 1) - ((sent - 1) % keys + keys - k) % keys;
      CHECK(seen[k] == last);
    }
    CHECK(b.count(Counter::kRows) == sent - 1);
    CHECK(b.count(Counter::kConflated) == sent - 1 - taken);
    CHECK(b.count(Counter::kConflateKeysFull) == 0);
  }
}

TEST_CASE("publisher, conflate: announcements that find no room wait, one per key, and follow") {
  constexpr uint32_t kKeys = 150;
  Conflating c(kKeys, kKeys);
  Bench b(c.options);
  // Somebody else has filled the ring.
  while (b.rig.channel.ring().reserve(1024) != nullptr) b.rig.put(1024);
  (void)b.rig.channel.flush();
  for (uint64_t n = 0; n < 10; ++n) REQUIRE(b.offer(n * kKeys, kKeys, 4, kKeys));
  b.control(0);
  CHECK(b.count(Counter::kConflated) == 9 * kKeys);
  std::vector<Record> own;
  for (auto& r : b.read_all()) {
    if (r.kind != RecordKind::kRow) own.push_back(r);
  }
  REQUIRE(own.size() == kKeys + 1);
  CHECK(own[0].kind == RecordKind::kPong);
  for (uint32_t i = 0; i < kKeys; ++i) CHECK(c.take(own[i + 1]) == 9 * kKeys + i);
  CHECK(b.clear);
  REQUIRE(b.offer(10 * kKeys, 1, 4, kKeys));
  CHECK(c.take(b.read_all().at(0)) == 10 * kKeys);
}

TEST_CASE("publisher, conflate: keys without a slot are counted") {
  Conflating c(10, 3);
  Bench b(c.options);
  REQUIRE(b.offer(0, 10, 4, 10));
  CHECK(b.count(Counter::kConflateKeysFull) == 7);
  CHECK(b.count(Counter::kRows) == 3);
  CHECK(b.read_all().size() == 3);
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
