// One side and both sides of a book: order, scales, limits, faults; and any changes against a slow reference.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

#include "book/order_book.h"
#include "book_truth.h"

using namespace tickwire::book;
using namespace tickwire::book::testing;

namespace {

Event event(Kind kind, const Rows& bids, const Rows& asks) {
  Event made;
  made.kind = kind;
  made.bids = bids;
  made.asks = asks;
  return made;
}

Reason set(Ladder& ladder, const std::string& level) { return ladder.set(row(level)); }

constexpr int64_t kMost = INT64_MAX;

}  // namespace

TEST_CASE("book ladder: best first, absolute sizes, 0 removes") {
  for (const Side side : {Side::kBid, Side::kAsk}) {
    Ladder ladder(side, 100, false, 0);
    for (const char* level : {"10/1", "12/2", "11/3", "9/4", "12/5", "10/0", "8.5/0"})
      CHECK(set(ladder, level) == Reason::kNone);
    Texts wanted = {"12/5", "11/3", "9/4"};
    if (side == Side::kAsk) std::reverse(wanted.begin(), wanted.end());
    CHECK(texts_of(ladder) == wanted);
    CHECK(is_sound(ladder));
    CHECK_FALSE(ladder.cut());
    ladder.clear();
    CHECK(ladder.empty());
  }
}

TEST_CASE("book ladder: how near to the best a change was") {
  Ladder ladder(Side::kAsk, 100, false, 0);
  for (int i = 0; i < 30; ++i) REQUIRE(set(ladder, std::to_string(10 + i) + "/1") == Reason::kNone);
  static_cast<void>(ladder.take_touched());
  CHECK(ladder.take_touched() == kUntouched);
  CHECK(set(ladder, "25/7") == Reason::kNone);
  CHECK(ladder.touched() == 15);
  CHECK(set(ladder, "12/0") == Reason::kNone);
  CHECK(set(ladder, "20/0") == Reason::kNone);
  CHECK(ladder.take_touched() == 2);
  CHECK(set(ladder, "12/0") == Reason::kNone);  // is not there
  CHECK(ladder.take_touched() == kUntouched);
  CHECK(set(ladder, "9/1") == Reason::kNone);
  CHECK(ladder.take_touched() == 0);
}

TEST_CASE("book ladder: one price written in different ways is one level") {
  Ladder ladder(Side::kBid, 100, false, 0);
  CHECK(set(ladder, "100/1") == Reason::kNone);
  CHECK(set(ladder, "100.000/2.50") == Reason::kNone);
  CHECK(texts_of(ladder) == Texts{"100.000/2.50"});
  CHECK(ladder.price_scale() == 0);  // zeros need no digits
  CHECK(set(ladder, "100.5/1") == Reason::kNone);
  CHECK(ladder.price_scale() == 1);
  CHECK(set(ladder, "100.250/1") == Reason::kNone);
  CHECK(ladder.price_scale() == 2);
  CHECK(texts_of(ladder) == Texts{"100.5/1", "100.250/1", "100.000/2.50"});
  CHECK(set(ladder, "100/0") == Reason::kNone);
  CHECK(set(ladder, "100.25/0.000") == Reason::kNone);
  CHECK(texts_of(ladder) == Texts{"100.5/1"});
  CHECK(set(ladder, "-3.5/1") == Reason::kNone);  // spreads have such prices
  CHECK(texts_of(ladder) == Texts{"100.5/1", "-3.5/1"});
}

TEST_CASE("book ladder: prices that do not fit are refused, and nothing has changed") {
  for (const Side side : {Side::kBid, Side::kAsk}) {
    Ladder ladder(side, 100, false, 0);
    REQUIRE(ladder.set({kMost, 0, 1, 0}) == Reason::kNone);
    CHECK(set(ladder, "0.5/1") == Reason::kPriceRange);  // the other would not fit with one digit more
    CHECK(set(ladder, "1.000000000000000000/1") == Reason::kNone);
    CHECK(ladder.set({INT64_MIN, 0, 1, 0}) == Reason::kPriceRange);
    CHECK(ladder.size() == 2);
    CHECK(ladder.price_scale() == 0);
    CHECK(ladder.set({kMost, 0, 0, 0}) == Reason::kNone);
    CHECK(set(ladder, "0.000000000000000001/1") == Reason::kNone);
    CHECK(ladder.price_scale() == 18);
    CHECK(set(ladder, "9.3/1") == Reason::kPriceRange);
    CHECK(set(ladder, "9.2/1") == Reason::kNone);
    CHECK(is_sound(ladder));
    // A snapshot begins with the first scale again.
    CHECK(ladder.load(rows("1000000/1"), 0) == Reason::kNone);
    CHECK(ladder.price_scale() == 0);
    CHECK(texts_of(ladder) == Texts{"1000000/1"});
  }
}

TEST_CASE("book ladder: levels that make no sense") {
  Ladder ladder(Side::kBid, 100, false, 2);
  REQUIRE(set(ladder, "1/1") == Reason::kNone);
  for (const RowLevel& level :
       {RowLevel{1, -1, 1, 0}, RowLevel{1, 19, 1, 0}, RowLevel{1, 0, 1, -1}, RowLevel{1, 0, 1, 19},
        RowLevel{1, 0, -1, 0}, RowLevel{1, INT64_MIN, 1, 0}, RowLevel{1, 0, 1, INT64_MAX}}) {
    CHECK(ladder.set(level) == Reason::kMalformed);
    CHECK(ladder.load(Rows{{2, 0, 1, 0}, level}, 0) == Reason::kMalformed);
    CHECK(texts_of(ladder) == Texts{"1/1"});
  }
  CHECK(ladder.load(Rows{{kMost, 0, 1, 0}, {5, 1, 1, 0}}, 0) == Reason::kPriceRange);
  CHECK(texts_of(ladder) == Texts{"1/1"});
}

TEST_CASE("book ladder: snapshots in any order; of one price the last counts") {
  for (const char* levels : {"5/1 4/1 3/1 2.50/1", "2.50/1 3/1 4/1 5/1", "3/1 5/1 2.50/1 4/1",
                             "5/1 4/0 4/1 3/9 3.0/0 3/1 7/0 2.50/1", "5/9 4/1 3/1 2.50/1 5/1"}) {
    for (const Side side : {Side::kBid, Side::kAsk}) {
      Ladder ladder(side, 100, false, 0);
      REQUIRE(set(ladder, "77.123/1") == Reason::kNone);
      REQUIRE(ladder.load(rows(levels), 0) == Reason::kNone);
      Texts wanted = {"5/1", "4/1", "3/1", "2.50/1"};
      if (side == Side::kAsk) std::reverse(wanted.begin(), wanted.end());
      CHECK(texts_of(ladder) == wanted);
      CHECK(ladder.price_scale() == 1);
    }
  }
}

TEST_CASE("book ladder: beyond a limit nothing is known, and nothing is shown") {
  Ladder ladder(Side::kBid, 3, false, 0);
  for (const char* level : {"10/1", "9/1", "8/1", "7/1", "6/1"}) REQUIRE(set(ladder, level) == Reason::kNone);
  ladder.trim();
  CHECK(texts_of(ladder) == Texts{"10/1", "9/1", "8/1"});
  CHECK(ladder.cut());
  CHECK(ladder.known_to() == 8);
  // What was cut off does not come back with a hole in front of it, although there is room again.
  CHECK(set(ladder, "9/0") == Reason::kNone);
  CHECK(set(ladder, "6/5") == Reason::kNone);
  CHECK(set(ladder, "7/5") == Reason::kNone);
  CHECK(ladder.beyond() == 2);
  CHECK(set(ladder, "8.5/2") == Reason::kNone);
  CHECK(texts_of(ladder) == Texts{"10/1", "8.5/2", "8/1"});
  REQUIRE(ladder.load(rows("5/1 4/1"), 0) == Reason::kNone);
  CHECK_FALSE(ladder.cut());
  // A snapshot that its request limited.
  REQUIRE(ladder.load(rows("5/1 4/1"), 2) == Reason::kNone);
  CHECK(ladder.cut());
  CHECK(ladder.known_to() == 4);
  CHECK(set(ladder, "3/1") == Reason::kNone);
  CHECK(texts_of(ladder) == Texts{"5/1", "4/1"});
  // A venue that cuts off itself sends such levels again.
  Ladder cut(Side::kAsk, 2, true, 0);
  for (const char* level : {"1/1", "2/1", "3/1"}) REQUIRE(set(cut, level) == Reason::kNone);
  cut.trim();
  CHECK(set(cut, "1/0") == Reason::kNone);
  CHECK(texts_of(cut) == Texts{"2/1"});
  CHECK(set(cut, "3/7") == Reason::kNone);
  CHECK(texts_of(cut) == Texts{"2/1", "3/7"});
}

TEST_CASE("book ladder: of thousands of levels the right one, wherever it lies") {
  std::mt19937_64 random(5);
  for (const Side side : {Side::kBid, Side::kAsk}) {
    Ladder ladder(side, 10'000, false, 0);
    std::map<int64_t, int64_t> truth;
    const auto set = [&](int64_t price, int64_t size) {
      REQUIRE(ladder.set({price, 0, size, 0}) == Reason::kNone);
      if (size == 0) {
        truth.erase(price);
      } else {
        truth[price] = size;
      }
    };
    for (int i = 0; i < 6'000; ++i) {
      // Grows to about 3,000 levels, and changes at both ends and in the middle.
      const auto price = static_cast<int64_t>(random() % (i % 3 == 0 ? 6'000 : 600));
      set(price, random() % 4 == 0 ? 0 : static_cast<int64_t>(1 + random() % 1'000));
      if (i % 50 != 0) continue;
      REQUIRE(ladder.size() == truth.size());
      size_t at = 0;
      const auto check = [&](const std::pair<const int64_t, int64_t>& level) {
        REQUIRE(ladder.at(at).price == level.first);
        REQUIRE(ladder.at(at).size == level.second);
        ++at;
      };
      if (side == Side::kAsk) {
        std::for_each(truth.begin(), truth.end(), check);
      } else {
        std::for_each(truth.rbegin(), truth.rend(), check);
      }
    }
    REQUIRE(ladder.size() > 1'500);
    for (const auto& [price, size] : truth) {
      const Level* const level = ladder.level_of({price, 0, 1, 0});
      REQUIRE(level != nullptr);
      REQUIRE(level->size == size);
    }
  }
}

TEST_CASE("order book: both sides in one scale, crossed, too short") {
  Policy policy;
  policy.snapshot_levels = 3;
  policy.min_levels = 2;
  OrderBook book(policy);
  const Rows bids = rows("10/1 9.125/1 9/1");
  const Rows asks = rows("11/1 12/1");
  REQUIRE(book.load(event(Kind::kSnapshot, bids, asks)) == Reason::kNone);
  CHECK(book.bids().price_scale() == 3);
  CHECK(book.asks().price_scale() == 3);
  CHECK(book.bids().cut());
  CHECK_FALSE(book.asks().cut());
  CHECK_FALSE(book.crossed());
  CHECK(book.apply(event(Kind::kDelta, rows("11/1"), {})) == Reason::kNone);
  CHECK(book.crossed());
  CHECK(book.apply(event(Kind::kDelta, rows("11/0"), rows("11/0 12/0"))) == Reason::kNone);
  CHECK_FALSE(book.too_short());  // nobody quotes
  CHECK(book.apply(event(Kind::kDelta, rows("9/0"), {})) == Reason::kNone);
  CHECK_FALSE(book.too_short());
  CHECK(book.apply(event(Kind::kDelta, rows("10/0"), {})) == Reason::kNone);
  CHECK(book.too_short());
  // One side's fault leaves both in one scale.
  REQUIRE(book.load(event(Kind::kSnapshot, Rows{{kMost, 0, 1, 0}}, {})) == Reason::kNone);
  CHECK(book.apply(event(Kind::kDelta, {}, rows("0.1/1"))) == Reason::kPriceRange);
  CHECK(book.bids().price_scale() == book.asks().price_scale());
  REQUIRE(book.load(event(Kind::kSnapshot, bids, asks)) == Reason::kNone);
  CHECK(book.load(event(Kind::kSnapshot, Rows{{kMost, 0, 1, 0}}, rows("0.1/1"))) == Reason::kPriceRange);
}

TEST_CASE("order book: any changes against the reference, limits and snapshots among them") {
  std::mt19937_64 random(7);
  const auto below = [&random](uint64_t n) { return static_cast<int64_t>(random() % n); };
  for (int round = 0; round < 60; ++round) {
    Policy policy;
    policy.max_levels = static_cast<uint32_t>(round % 3 == 0 ? 10'000 : 1 + below(40));
    policy.snapshot_levels = static_cast<uint32_t>(below(3) == 0 ? 1 + below(30) : 0);
    OrderBook book(policy);
    Truth truth;
    const auto change = [&](bool bid) {
      // Around one price, so that levels are met again; now and then far away.
      const int64_t price = below(20) == 0 ? below(200'000) - 1'000 : 50'000 + below(120) - 60;
      int scale = static_cast<int>(below(3));
      std::string text = text_of(price, scale) + std::string(scale != 0 && below(4) == 0 ? below(4) : 0, '0');
      if (below(60) == 0) text = text_of(price * 1000 + below(1000), 3 + static_cast<int>(below(3)));
      return Change{bid, text,
                    below(3) == 0 ? text_of(0, static_cast<int>(below(4)))
                                  : text_of(1 + below(100'000), static_cast<int>(below(9)))};
    };
    for (int step = 0; step < 400; ++step) {
      std::vector<Change> changes;
      Rows bids;
      Rows asks;
      const bool snapshot = step == 0 || below(100) == 0;
      if (snapshot) truth.clear();
      for (int64_t n = snapshot ? below(80) : 1 + below(6); n > 0; --n) {
        const Change made = change(below(2) == 0);
        truth.set(made);
        (made.bid ? bids : asks).push_back(row(made.price + "/" + made.size));
      }
      REQUIRE((snapshot ? book.load(event(Kind::kSnapshot, bids, asks))
                        : book.apply(event(Kind::kDelta, bids, asks))) == Reason::kNone);
      REQUIRE(is_true(book.bids(), truth.side(true)));
      REQUIRE(is_true(book.asks(), truth.side(false)));
      REQUIRE(book.bids().size() <= policy.max_levels);
      REQUIRE(book.bids().price_scale() == book.asks().price_scale());
    }
  }
}
