// Sets of books: what reaches the reader's views and when it is told, several connections, a full ring.
#include "feed/book_set.h"

#include <doctest/doctest.h>

#include <bit>
#include <string>
#include <vector>

#include "allocation_count.h"
#include "base/clock.h"
#include "book_rows.h"
#include "feed/book_stage.h"
#include "feed_fixture.h"

using namespace tickwire;
using namespace tickwire::feed;
using namespace tickwire::test;
using book::testing::rows;
using book::testing::Rows;

namespace {

constexpr uint32_t kDepth = 3;

struct View {
  explicit View(const uint8_t* at) : words(reinterpret_cast<const uint64_t*>(at)) {}
  [[nodiscard]] uint32_t low(size_t word) const { return static_cast<uint32_t>(words[word]); }
  [[nodiscard]] uint32_t high(size_t word) const { return static_cast<uint32_t>(words[word] >> 32); }
  [[nodiscard]] double number(size_t word) const { return std::bit_cast<double>(words[word]); }
  [[nodiscard]] book::State state() const { return static_cast<book::State>(low(0)); }
  [[nodiscard]] int64_t last_id() const { return static_cast<int64_t>(number(3)); }
  [[nodiscard]] double bid(size_t i) const { return number(kBookViewWords + i * kBookLevelWords); }
  const uint64_t* words;
};

struct Rig {
  explicit Rig(book::Venue venue = book::Venue::kOkx, size_t ring_bytes = EventRing::kMinCapacity)
      : channel(ring_bytes), set(std::make_shared<BookSet>(channel.channel, options(venue), uint16_t{7})) {
    for (uint32_t id = 0; id < 2; ++id) {
      const std::string name(1, static_cast<char>('A' + id));
      set->add(id, std::span(&name, 1), slot(id));
    }
    set->attach(left);
    set->attach(right);
    set->connected(left);
    set->connected(right);
  }
  ~Rig() {
    set->detach(left);
    set->detach(right);
  }
  static BookSetOptions options(book::Venue venue) {
    BookSetOptions o;
    o.policy = book::rules_of(venue);
    o.policy.checksum = book::ChecksumRule::kNone;
    o.depth = kDepth;
    return o;
  }
  [[nodiscard]] std::span<uint8_t> slot(uint32_t id) {
    const size_t bytes = TripleSlot::stride(book_view_bytes(kDepth));
    const auto base = (reinterpret_cast<uintptr_t>(memory.data()) + 63) & ~uintptr_t{63};
    return {reinterpret_cast<uint8_t*>(base) + bytes * id, bytes};
  }
  void event(BookSource& source, uint32_t id, book::Kind kind, int64_t prev, int64_t last, const Rows& bids,
             const Rows& asks = {}) {
    book::Event event;
    event.kind = kind;
    event.prev_id = prev;
    event.last_id = last;
    event.bids = bids;
    event.asks = asks;
    const std::string name(1, static_cast<char>('A' + id));
    set->apply(source, channel.channel.symbols().intern(name), event, ++now);
    set->end_of_message();
  }
  void read_end() {
    set->publish();
    channel.channel.flush();
  }
  // Books that the reader is told of.
  std::vector<uint32_t> told() {
    std::vector<uint32_t> out;
    for (Record record; channel.reader.next(record);) {
      CHECK(record.kind == RecordKind::kBook);
      CHECK(record.feed == 7);
      out.push_back(static_cast<uint32_t>(record.words.at(1)));
    }
    if (channel.reader.free()) channel.channel.on_nudge();
    return out;
  }

  ChannelRig channel;
  std::vector<uint64_t> memory = std::vector<uint64_t>(4096);
  std::shared_ptr<BookSet> set;
  BookSource left{1};
  BookSource right{2};
  TripleSlotReader a{slot(0).data(), book_view_bytes(kDepth)};
  TripleSlotReader b{slot(1).data(), book_view_bytes(kDepth)};
  int64_t now = 1000;
};

}  // namespace

TEST_CASE("book set: a book that changes often is told of once, and shows the newest") {
  Rig rig;
  rig.event(rig.left, 0, book::Kind::kSnapshot, -1, 10, rows("1.50/2 1.4/3.250 1.3/1 1.2/1"), rows("1.6/4"));
  rig.read_end();
  CHECK(rig.told() == std::vector<uint32_t>{0});
  for (int64_t id = 11; id < 100; ++id) {
    rig.event(rig.left, 0, book::Kind::kDelta, id - 1, id, rows("1.5/" + std::to_string(id)));
    rig.read_end();
  }
  CHECK(rig.told().empty());  // the first was not taken yet
  REQUIRE(rig.a.take());
  const View view(rig.a.value());
  CHECK(view.state() == book::State::kSynced);
  CHECK(view.last_id() == 99);
  CHECK(view.low(5) == 3);  // shown
  CHECK(view.high(5) == 1);
  CHECK(view.low(6) == 4);  // there
  CHECK(view.bid(0) == 1.5);
  CHECK(view.number(kBookViewWords + 1) == 99);
  CHECK(view.words[kBookViewWords + kBookLevelWords + 2] == 14);    // 1.4 as written
  CHECK(view.words[kBookViewWords + kBookLevelWords + 3] == 3250);  // 3.250
  CHECK(view.low(kBookViewWords + kBookLevelWords + 4) == 3);
  CHECK(view.high(kBookViewWords + kBookLevelWords + 4) == 1);
  CHECK_FALSE(rig.a.take());
  rig.event(rig.left, 0, book::Kind::kDelta, 99, 100, rows("1.5/1"));
  rig.read_end();
  CHECK(rig.told() == std::vector<uint32_t>{0});
  CHECK_FALSE(rig.b.take());
}

TEST_CASE("book set: a book that is not in sync any more is told of at once, and shows no levels") {
  Rig rig;
  rig.event(rig.left, 0, book::Kind::kSnapshot, -1, 10, rows("1/1"));
  rig.event(rig.left, 1, book::Kind::kSnapshot, -1, 20, rows("1/1"));
  rig.read_end();
  CHECK(rig.told() == std::vector<uint32_t>{0, 1});
  REQUIRE(rig.a.take());
  REQUIRE(rig.b.take());
  rig.event(rig.left, 0, book::Kind::kDelta, 12, 13, rows("1/2"));
  CHECK(rig.told() == std::vector<uint32_t>{0});  // before the end of the read
  REQUIRE(rig.a.take());
  const View view(rig.a.value());
  CHECK(view.state() == book::State::kStale);
  CHECK(view.high(0) == static_cast<uint32_t>(book::Reason::kGap));
  CHECK(view.high(1) == static_cast<uint32_t>(book::Want::kResubscribe));
  CHECK(view.low(5) == 0);
  CHECK(view.number(9) == 1);  // gaps
  rig.event(rig.left, 0, book::Kind::kSnapshot, -1, 15, rows("1/3"));
  rig.read_end();
  REQUIRE(rig.a.take());
  const View again(rig.a.value());
  CHECK(again.state() == book::State::kSynced);
  CHECK(again.number(10) == 1);  // resyncs
  CHECK(again.low(1) == 3);      // synced, stale, synced
  CHECK(again.high(11) == static_cast<uint32_t>(book::Reason::kGap));
  CHECK_FALSE(rig.b.take());
}

TEST_CASE("book set: stale only when the last connection that fed it is gone") {
  Rig rig;
  rig.event(rig.left, 0, book::Kind::kSnapshot, -1, 10, rows("1/1"));
  rig.event(rig.left, 1, book::Kind::kSnapshot, -1, 10, rows("1/1"));
  rig.event(rig.right, 0, book::Kind::kDelta, 10, 11, rows("1/2"));
  rig.set->disconnected(rig.left);
  REQUIRE(rig.a.take());
  CHECK(View(rig.a.value()).state() == book::State::kSynced);
  REQUIRE(rig.b.take());
  CHECK(View(rig.b.value()).state() == book::State::kStale);
  CHECK(View(rig.b.value()).high(0) == static_cast<uint32_t>(book::Reason::kDisconnected));
  rig.set->disconnected(rig.right);
  REQUIRE(rig.a.take());
  CHECK(View(rig.a.value()).state() == book::State::kStale);
}

TEST_CASE("book set: with two connections what is ahead waits, but not for ever") {
  Rig rig;
  rig.event(rig.left, 0, book::Kind::kSnapshot, -1, 10, rows("1/1"));
  rig.event(rig.right, 0, book::Kind::kDelta, 10, 11, rows("1/2"));
  rig.event(rig.right, 0, book::Kind::kDelta, 12, 13, rows("1/4"));  // one is missing
  rig.read_end();
  REQUIRE(rig.a.take());
  CHECK(View(rig.a.value()).state() == book::State::kSynced);
  SUBCASE("the other brings it") {
    rig.event(rig.left, 0, book::Kind::kDelta, 11, 12, rows("1/3"));
    rig.read_end();
    REQUIRE(rig.a.take());
    CHECK(View(rig.a.value()).last_id() == 13);
    CHECK(View(rig.a.value()).number(kBookViewWords + 1) == 4);
  }
  SUBCASE("nobody brings it") {
    const int64_t end = mono_ns() + 5'000'000'000;
    do {
      (void)rig.channel.loop->run_once(50'000'000);
    } while (!rig.a.take() && mono_ns() < end);
    CHECK(View(rig.a.value()).state() == book::State::kStale);
    CHECK(View(rig.a.value()).high(0) == static_cast<uint32_t>(book::Reason::kGap));
  }
  SUBCASE("the other is gone") {
    rig.set->disconnected(rig.left);
    REQUIRE(rig.a.take());
    CHECK(View(rig.a.value()).state() == book::State::kStale);
  }
}

TEST_CASE("book set: a full ring keeps at most one record per book, which comes when there is room") {
  Rig rig;
  rig.event(rig.left, 0, book::Kind::kSnapshot, -1, 10, rows("1/1"));
  rig.event(rig.left, 1, book::Kind::kSnapshot, -1, 10, rows("1/1"));
  while (rig.channel.channel.ring().reserve(8 * 1024) != nullptr) rig.channel.put(8 * 1024);
  while (rig.channel.channel.ring().reserve(8) != nullptr) rig.channel.put(8);
  rig.read_end();
  REQUIRE(rig.a.take());
  rig.event(rig.left, 0, book::Kind::kDelta, 10, 11, rows("1/2"));  // would be told of again
  rig.read_end();
  Record record;
  while (rig.channel.reader.next(record)) CHECK(record.kind == RecordKind::kRow);
  REQUIRE(rig.channel.reader.free());
  rig.channel.channel.on_nudge();
  CHECK(rig.told() == std::vector<uint32_t>{0, 1});
  REQUIRE(rig.a.take());
  CHECK(View(rig.a.value()).last_id() == 11);
}

TEST_CASE("book set: a removed book is touched no more; its connections forget it") {
  Rig rig;
  rig.event(rig.left, 0, book::Kind::kSnapshot, -1, 10, rows("1/1"));
  rig.set->remove(0);
  rig.read_end();
  CHECK(rig.told().empty());
  CHECK_FALSE(rig.a.take());
  rig.event(rig.left, 0, book::Kind::kDelta, 10, 11, rows("1/2"));
  CHECK(rig.set->counters().unknown.load() == 1);
  rig.set->disconnected(rig.left);
}

TEST_CASE("book set: nothing is allocated per change") {
  if (!tickwire::testing::kCountsAllocations) return;
  Rig rig;
  rig.event(rig.left, 0, book::Kind::kSnapshot, -1, 10, rows("1/1 0.9/1 0.8/1 0.7/1"));
  rig.read_end();
  const Rows one = rows("1/2");
  const Rows two = rows("0.95/2");
  const uint32_t symbol = rig.channel.channel.symbols().intern("A");
  size_t before = 0;
  for (int64_t id = 11; id < 2'000; ++id) {
    if (id == 100) before = tickwire::testing::allocations();
    book::Event event;
    event.prev_id = id - 1;
    event.last_id = id;
    event.bids = id % 2 == 0 ? one : two;
    rig.set->apply(rig.left, symbol, event, id);
    rig.set->end_of_message();
    rig.read_end();
    if (id % 3 == 0) (void)rig.a.take();
    Record record;
    if (id < 100) {
      while (rig.channel.reader.next(record)) {
      }
      (void)rig.channel.reader.free();
    }
  }
  CHECK(tickwire::testing::allocations() == before);
}
