#include "wire/market.h"

#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <string>

#include "wire_stream.h"

using namespace tickwire::wire;
using tickwire::wire::testing::Bytes;

namespace {

template <class M>
Bytes payload_of(const M& m) {
  Bytes room(4096);
  TlvWriter out(room);
  put(out, m);
  REQUIRE(out.ok());
  room.resize(out.size());
  return room;
}

template <class M>
bool reads(const Bytes& payload) {
  M m;
  return get(payload, m);
}

// Nothing that is made of a good payload by cutting or changing it may do harm, and what is appended under a tag that
// nobody knows is passed over.
template <class M>
void survive(Bytes payload) {
  for (size_t n = 0; n < payload.size(); ++n) {
    static_cast<void>(reads<M>(Bytes(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(n))));
  }
  for (uint8_t& byte : payload) {
    const uint8_t was = byte;
    for (const int value : {0, 1, 19, 127, 254, 255}) {
      byte = static_cast<uint8_t>(value);
      static_cast<void>(reads<M>(payload));
    }
    byte = was;
  }
  Bytes twice = payload;
  payload.insert(payload.end(), {250, 2, 0, 0});
  CHECK(reads<M>(payload));
  twice.insert(twice.end(), payload.begin(), payload.end() - 4);
  CHECK_FALSE(reads<M>(twice));
}

bool same(const Quote& a, const Quote& b) {
  return a.symbol == b.symbol && a.price_scale == b.price_scale && a.size_scale == b.size_scale && a.bid == b.bid &&
         a.ask == b.ask && a.bid_size == b.bid_size && a.ask_size == b.ask_size &&
         a.exchange.time_ns == b.exchange.time_ns && a.exchange.sequence == b.exchange.sequence;
}

bool comes_back(const Quote& q, uint8_t tag) {
  const Bytes payload = payload_of(q);
  Quote back;
  return payload[0] == tag && get(payload, back) && same(q, back);
}

}  // namespace

TEST_CASE("wire quotes: compact when the numbers fit, else wide; exact either way") {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const Quote plain{7, 2, 8, 10'000, 10'001, 5, 6, {}};
  CHECK(comes_back(plain, 1));
  CHECK(payload_of(plain).size() == 32);
  Quote q = plain;
  q.ask = q.bid + INT32_MAX;
  CHECK(comes_back(q, 1));
  q.ask = q.bid + INT32_MIN;  // crossed
  CHECK(comes_back(q, 1));
  q.ask = q.bid + INT32_MAX + 1;
  CHECK(comes_back(q, 2));
  q.ask = q.bid + INT32_MIN - int64_t{1};
  CHECK(comes_back(q, 2));
  q = plain;
  q.bid_size = (int64_t{1} << 48) - 1;
  q.ask_size = 0;
  CHECK(comes_back(q, 1));
  q.bid_size = int64_t{1} << 48;
  CHECK(comes_back(q, 2));
  q = plain;
  q.ask_size = -1;
  CHECK(comes_back(q, 2));
  q = plain;
  q.bid = kMax;
  q.ask = kMax;
  CHECK(comes_back(q, 1));
  q.bid = -kMax;
  CHECK(comes_back(q, 2));
  q = plain;
  q.ask = kNoPrice;
  q.ask_size = 0;
  CHECK(comes_back(q, 2));
  q.ask_size = 1;
  CHECK_FALSE(reads<Quote>(payload_of(q)));  // a size of nothing
  q = plain;
  q.exchange = {123, 456};
  CHECK(comes_back(q, 1));
  survive<Quote>(payload_of(q));
  q.price_scale = 18;
  CHECK(comes_back(q, 1));
  q.price_scale = 19;
  CHECK_FALSE(reads<Quote>(payload_of(q)));
}

TEST_CASE("wire quotes: random numbers") {
  std::mt19937_64 random(4);
  for (int i = 0; i < 20'000; ++i) {
    const auto any = [&] { return static_cast<int64_t>(random()) >> (random() % 64); };
    Quote q{static_cast<uint32_t>(random()),
            static_cast<uint8_t>(random() % 19),
            static_cast<uint8_t>(random() % 19),
            any(),
            any(),
            any(),
            any(),
            {}};
    if (random() % 2 == 0) q.ask = static_cast<int64_t>(static_cast<uint64_t>(q.bid) + random() % 1000);
    if (random() % 4 == 0) q.exchange.time_ns = any();
    Quote back;
    if (q.bid == kNoPrice || q.ask == kNoPrice) continue;
    // What it reads points into the payload.
    const auto kept_1 = payload_of(q);
    REQUIRE(get(kept_1, back));
    CHECK(same(q, back));
  }
}

TEST_CASE("wire quotes: the field that says it all comes first, and once") {
  const Quote q{7, 2, 8, 10'000, 10'001, 5, 6, {1, {}}};
  const Bytes payload = payload_of(q);
  Bytes turned(payload.begin() + 32, payload.end());
  turned.insert(turned.end(), payload.begin(), payload.begin() + 32);
  CHECK_FALSE(reads<Quote>(turned));
  Quote wide = q;
  wide.bid_size = -1;
  Bytes both(payload.begin(), payload.begin() + 32);
  const Bytes second = payload_of(wide);
  both.insert(both.end(), second.begin(), second.begin() + 40);
  CHECK_FALSE(reads<Quote>(both));
  CHECK_FALSE(reads<Quote>({}));
}

TEST_CASE("wire trades") {
  Trade t{9, 2, 8, Side::kSell, -5, INT64_MAX, UINT64_MAX, {}};
  const Bytes payload = payload_of(t);
  CHECK(payload.size() == 32);
  Trade back;
  REQUIRE(get(payload, back));
  CHECK(back.symbol == 9);
  CHECK(back.price_scale == 2);
  CHECK(back.size_scale == 8);
  CHECK(back.side == Side::kSell);
  CHECK(back.price == -5);
  CHECK(back.size == INT64_MAX);
  CHECK(back.id == UINT64_MAX);
  CHECK_FALSE(back.exchange.time_ns);
  survive<Trade>(payload);
  Bytes side = payload;
  side[7] |= 0xC0;
  CHECK_FALSE(reads<Trade>(side));
}

TEST_CASE("wire books") {
  Bytes levels(48);
  for (size_t i = 0; i < 6; ++i) store(levels.data() + i * 8, static_cast<int64_t>(i) - 3);
  Book b{3, 1, 2, 10, 12, Levels(std::span(levels).first(32)), Levels(std::span(levels).last(16)), {-1, 5}};
  const Bytes payload = payload_of(b);
  Book back;
  REQUIRE(get(payload, back));
  CHECK(back.symbol == 3);
  CHECK(back.first_update == 10);
  CHECK(back.last_update == 12);
  REQUIRE(back.bids.size() == 2);
  REQUIRE(back.asks.size() == 1);
  CHECK(back.bids.price(0) == -3);
  CHECK(back.bids.amount(1) == 0);
  CHECK(back.asks.price(0) == 1);
  CHECK(back.asks.amount(0) == 2);
  CHECK(back.exchange.time_ns == -1);
  CHECK(back.exchange.sequence == 5);
  survive<Book>(payload);
  b.bids = Levels(std::span(levels).first(33));
  CHECK_FALSE(reads<Book>(payload_of(b)));
  b.bids = {};
  b.asks = {};
  CHECK(payload_of(b).size() == 24 + 20);
  CHECK(reads<Book>(payload_of(b)));
  b.first_update = 13;
  CHECK_FALSE(reads<Book>(payload_of(b)));
}

TEST_CASE("wire signals") {
  Signal s;
  s.symbol = 4;
  s.name = 5;
  s.value = -0.25;
  Signal back;
  // What it reads points into the payload.
  const auto kept_2 = payload_of(s);
  REQUIRE(get(kept_2, back));
  CHECK(back.symbol == 4);
  CHECK(back.name == 5);
  CHECK(back.value == -0.25);
  CHECK_FALSE(back.confidence);
  s.confidence = 0.5;
  s.valid_until_ns = 99;
  s.note = "because";
  const Bytes payload = payload_of(s);
  REQUIRE(get(payload, back));
  CHECK(back.confidence == 0.5);
  CHECK(back.valid_until_ns == 99);
  CHECK(back.note == "because");
  survive<Signal>(payload);
}

TEST_CASE("wire executions") {
  Execution e;
  e.symbol = 1;
  e.price_scale = 2;
  e.size_scale = 3;
  e.side = Side::kBuy;
  e.status = OrderStatus::kFilled;
  e.last_price = 100;
  e.last_size = 2;
  e.filled_size = 5;
  e.open_size = 0;
  e.order_id = "o-1";
  Execution back;
  // What it reads points into the payload.
  const auto kept_3 = payload_of(e);
  REQUIRE(get(kept_3, back));
  CHECK(back.side == Side::kBuy);
  CHECK(back.status == OrderStatus::kFilled);
  CHECK(back.filled_size == 5);
  CHECK(back.order_id == "o-1");
  CHECK_FALSE(back.fee);
  e.client_order_id = "c";
  e.execution_id = "x";
  e.average_price = ScaledNumber{4, 1'000'005};
  e.fee = ScaledNumber{8, -7};
  e.fee_currency = 6;
  e.reason = "";
  e.exchange = {1, 2};
  const Bytes payload = payload_of(e);
  REQUIRE(get(payload, back));
  CHECK(back.client_order_id == "c");
  CHECK(back.execution_id == "x");
  CHECK(back.average_price->mantissa == 1'000'005);
  CHECK(back.fee->scale == 8);
  CHECK(back.fee->mantissa == -7);
  CHECK(back.fee_currency == 6u);
  CHECK(back.reason == "");
  survive<Execution>(payload);
  e.order_id = "";
  CHECK_FALSE(reads<Execution>(payload_of(e)));
  const std::string longest(256, 'o');
  e.order_id = longest;
  CHECK_FALSE(reads<Execution>(payload_of(e)));
  e.order_id = std::string_view(longest).substr(1);
  CHECK(reads<Execution>(payload_of(e)));
  e.status = static_cast<OrderStatus>(200);  // of a later revision
  CHECK(reads<Execution>(payload_of(e)));
  e.status = static_cast<OrderStatus>(0);
  CHECK_FALSE(reads<Execution>(payload_of(e)));
}
