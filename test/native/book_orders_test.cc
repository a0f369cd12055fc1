// Books of orders: places in the queue, sums by price, Kraken's documented checksum; and any changes against a slow
// reference of lists.
#include <doctest/doctest.h>

#include <list>

#include "allocation_count.h"
#include "book/checksum.h"
#include "book/l3_book.h"
#include "book_truth.h"

using namespace tickwire::book;
using namespace tickwire::book::testing;

namespace {

OrderId id(uint64_t number) { return {0, number}; }

OrderRow order(uint64_t number, const std::string& level, int64_t time = 0) { return {id(number), row(level), time}; }

// Ids of a price's orders, first first.
std::vector<uint64_t> queue(const OrderLadder& ladder, size_t i) {
  std::vector<uint64_t> ids;
  uint32_t before = OrderLadder::kNoOrder;
  for (uint32_t at = ladder.first(i); at != OrderLadder::kNoOrder; at = ladder.order(at).next) {
    if (ladder.order(at).before != before) return {};
    before = at;
    ids.push_back(ladder.order(at).id.low);
  }
  return ids.size() == ladder.count(i) ? ids : std::vector<uint64_t>{};
}

using Ids = std::vector<uint64_t>;

std::vector<OrderChange> adds(const std::string& levels, uint64_t from) {
  std::vector<OrderChange> made;
  for (const RowLevel& level : rows(levels)) made.push_back({OrderAct::kAdd, {id(from++), level}});
  return made;
}

}  // namespace

TEST_CASE("order ids: exact, and only those that fit") {
  OrderId a;
  OrderId b;
  CHECK(read_order_id("OTCFZG-YOE2Q-LQKNM3", a));
  CHECK(read_order_id("OTCFZG-YOE2Q-LQKNM4", b));
  CHECK_FALSE(a == b);
  CHECK(read_order_id("0", a));
  CHECK(read_order_id("00", b));
  CHECK_FALSE(a == b);
  CHECK(read_order_id("------------------------", a));
  CHECK((a.high >> 63) == 0);
  for (const char* bad : {"", "abc", "A B", "-------------------------"}) CHECK_FALSE(read_order_id(bad, a));
}

TEST_CASE("order ladder: who is filled first") {
  OrderLadder ladder(Side::kBid, {});
  for (uint64_t n = 1; n <= 4; ++n) CHECK(ladder.add(order(n, "10.0/2.5")) == Reason::kNone);
  CHECK(ladder.add(order(5, "10.00/0.25")) == Reason::kNone);
  CHECK(ladder.add(order(6, "11/1")) == Reason::kNone);
  CHECK(queue(ladder, 1) == Ids{1, 2, 3, 4, 5});
  CHECK(texts_of(ladder.levels()) == Texts{"11/1", "10.0/10.25"});
  CHECK(ladder.ahead_of(ladder.find(id(3))).orders == 2);
  CHECK(ladder.ahead_of(ladder.find(id(3))).size == 500);
  CHECK(ladder.change(order(2, "10/1.125")) == Reason::kNone);  // smaller: keeps its place
  CHECK(queue(ladder, 1) == Ids{1, 2, 3, 4, 5});
  CHECK(texts_of(ladder.levels()) == Texts{"11/1", "10.0/8.875"});
  CHECK(ladder.change(order(1, "10.0/3.0")) == Reason::kNone);  // larger: behind the others
  CHECK(queue(ladder, 1) == Ids{2, 3, 4, 5, 1});
  CHECK(ladder.change(order(3, "11/2")) == Reason::kNone);  // another price
  CHECK(queue(ladder, 0) == Ids{6, 3});
  CHECK(ladder.remove(id(4)) == Reason::kNone);
  CHECK(queue(ladder, 1) == Ids{2, 5, 1});
  CHECK(ladder.remove(id(4)) == Reason::kGap);
  CHECK(ladder.change(order(4, "1/1")) == Reason::kGap);
  CHECK(ladder.remove(id(6)) == Reason::kNone);
  CHECK(ladder.remove(id(3)) == Reason::kNone);
  CHECK(texts_of(ladder.levels()) == Texts{"10.0/4.375"});
  CHECK(ladder.orders() == 3);
  CHECK(ladder.add(order(2, "9/1")) == Reason::kNone);  // an id that is there
  CHECK(ladder.orders() == 3);
  CHECK(queue(ladder, 0) == Ids{5, 1});
}

TEST_CASE("order ladder: by time where there is one; limits and faults") {
  OrderLimits limits;
  limits.max_orders = 4;
  limits.depth = 2;
  OrderLadder ladder(Side::kAsk, limits);
  CHECK(ladder.add(order(1, "10/1", 100)) == Reason::kNone);
  CHECK(ladder.add(order(2, "10/1", 50)) == Reason::kNone);
  CHECK(ladder.add(order(3, "10/1", 100)) == Reason::kNone);
  CHECK(queue(ladder, 0) == Ids{2, 1, 3});
  CHECK(ladder.add(order(4, "11/1")) == Reason::kNone);
  CHECK(ladder.add(order(5, "12/1")) == Reason::kEventSize);
  CHECK(ladder.remove(id(3)) == Reason::kNone);
  CHECK(ladder.add(order(5, "12/1")) == Reason::kNone);
  ladder.trim();
  CHECK(ladder.orders() == 3);
  CHECK(ladder.find(id(5)) == OrderLadder::kNoOrder);
  CHECK(ladder.add({id(6), {1, 0, 0, 0}}) == Reason::kMalformed);
  CHECK(ladder.add({id(6), {1, 0, -1, 0}}) == Reason::kMalformed);
  CHECK(ladder.add({id(6), {1, 0, 1, 19}}) == Reason::kMalformed);
  CHECK(ladder.add({id(6), {10, 0, INT64_MAX, 0}}) == Reason::kPriceRange);  // the sum
  CHECK(queue(ladder, 0) == Ids{2, 1});
  CHECK(texts_of(ladder.levels()) == Texts{"10/2", "11/1"});
  CHECK(ladder.find(id(6)) == OrderLadder::kNoOrder);
}

TEST_CASE("L3 book: Kraken's documented checksum, order by order") {
  // https://docs.kraken.com/exchange/guides/websockets/l3-checksum-v2
  const auto asks = adds(
      "44939.5/4.52308393 44939.5/0.00111261 44939.5/0.00100000 44939.5/0.01000000 44950.0/0.10334926 "
      "44953.0/0.00064537 44955.0/0.00250000 44959.6/0.35630000 44959.6/0.35630000 44960.1/0.00338072 "
      "44960.2/0.88967575 44967.0/3.14392283 44978.5/0.06778960 44979.2/0.35630000",
      1);
  auto bids = adds(
      "44939.4/0.88968699 44939.4/0.45210000 44939.4/0.10000000 44939.4/0.14296323 44939.4/0.25000000 "
      "44939.4/0.10292988 44939.4/0.33880000 44939.4/1.28140860 44937.1/0.03346877 44934.7/0.35630000 "
      "44930.2/0.22734299 44930.2/0.01000000 44930.2/0.05550000 44930.2/0.70000000 44930.2/0.15000000 "
      "44928.0/0.00105240 44919.6/0.33870000 44919.5/0.07610000 44912.0/0.35630000 44909.7/0.06690000 "
      "44901.9/0.00088982",
      100);
  L3Policy policy;
  policy.limits.depth = 10;
  L3Book book(policy);
  OrderEvent event;
  CHECK(book.on_event(event).action == Action::kIgnored);
  event.kind = Kind::kSnapshot;
  event.checksum = 1063832831;
  event.bids = bids;
  event.asks = asks;
  CHECK(book.on_event(event).synced_now);
  CHECK(book.bids().levels().size() == 10);
  CHECK(book.bids().orders() == 21);
  // Two orders of one price the other way round are another book, although its levels are the same.
  std::swap(bids[0].row.level, bids[1].row.level);
  const Outcome outcome = book.on_event(event);
  CHECK(outcome.action == Action::kStale);
  CHECK(outcome.reason == Reason::kChecksum);
  CHECK(outcome.want == Want::kResubscribe);
  CHECK(book.on_event(event).want == Want::kResubscribe);  // that was the answer, and it was wrong again
  CHECK(book.wants());
  std::swap(bids[0].row.level, bids[1].row.level);
  CHECK(book.on_event(event).synced_now);
  // A change of an order that nobody has told of.
  const std::vector<OrderChange> unknown = {{OrderAct::kRemove, order(999, "1/1")}};
  OrderEvent change;
  change.bids = unknown;
  CHECK(book.on_event(change).reason == Reason::kGap);
  CHECK(book.state() == State::kStale);
  CHECK(book.on_event(event).synced_now);
  CHECK(book.disconnected().action == Action::kStale);
  CHECK_FALSE(book.wants());
}

TEST_CASE("order ladder: any changes against the reference, and nothing is allocated once warm") {
  struct Known {
    uint64_t id;
    std::string size;
  };
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    std::mt19937_64 random(seed);
    const auto below = [&random](uint64_t n) { return static_cast<int64_t>(random() % n); };
    OrderLimits limits;
    limits.depth = 12;
    OrderLadder ladder(seed % 2 == 0 ? Side::kBid : Side::kAsk, limits);
    std::map<Wide, std::list<Known>> truth;  // by the key that is best when smallest
    const auto key_of = [&](const std::string& price) { return seed % 2 == 0 ? -wide(price) : wide(price); };
    const auto take = [&](uint64_t number) {
      for (auto at = truth.begin(); at != truth.end(); ++at) {
        if (at->second.remove_if([&](const Known& known) { return known.id == number; }) == 0) continue;
        if (at->second.empty()) truth.erase(at);
        return true;
      }
      return false;
    };
    for (int step = 0; step < 3'000; ++step) {
      const auto number = static_cast<uint64_t>(below(150));
      const std::string price = text_of(1'000 + below(20) * 10, 2);
      const std::string size = text_of(1 + below(1'000), static_cast<int>(below(3)) + 1);
      const OrderRow made = order(number, price + "/" + size);
      std::list<Known>::iterator here;
      std::list<Known>* line = nullptr;
      Wide key = 0;
      for (auto& [k, list] : truth) {
        for (auto at = list.begin(); at != list.end(); ++at) {
          if (at->id == number) line = &list, here = at, key = k;
        }
      }
      switch (below(3)) {
        case 0:
          take(number);
          truth[key_of(price)].push_back({number, size});
          REQUIRE(ladder.add(made) == Reason::kNone);
          break;
        case 1: {
          const Reason reason = ladder.change(made);
          REQUIRE((reason == Reason::kNone) == (line != nullptr));
          REQUIRE((reason == Reason::kGap) == (line == nullptr));
          if (line == nullptr) break;
          if (key == key_of(price) && wide(size) <= wide(here->size)) {
            here->size = size;
          } else {
            take(number);
            truth[key_of(price)].push_back({number, size});
          }
          break;
        }
        default:
          REQUIRE((ladder.remove(id(number)) == Reason::kNone) == (line != nullptr));
          take(number);
      }
      ladder.trim();
      while (truth.size() > limits.depth) truth.erase(std::prev(truth.end()));
      REQUIRE(ladder.levels().size() == truth.size());
      REQUIRE(is_sound(ladder.levels()));
      size_t i = 0;
      size_t orders = 0;
      for (const auto& [k, list] : truth) {
        Wide sum = 0;
        Ids ids;
        for (const Known& known : list) {
          sum += wide(known.size);
          ids.push_back(known.id);
        }
        orders += ids.size();
        const Level& level = ladder.levels().at(i);
        REQUIRE(wide(text_of(level.size, level.size_scale)) == sum);
        REQUIRE(queue(ladder, i) == ids);
        ++i;
      }
      REQUIRE(ladder.orders() == orders);
    }
    std::vector<OrderRow> more;
    for (uint64_t n = 0; n < 100; ++n) more.push_back(order(n, text_of(1'000 + below(10) * 10, 2) + "/1.5"));
    const auto round = [&] {
      size_t bad = 0;
      for (const OrderRow& r : more) bad += ladder.add(r) != Reason::kNone;
      for (const OrderRow& r : more) bad += ladder.change(r) != Reason::kNone;
      for (const OrderRow& r : more) bad += ladder.remove(r.id) != Reason::kNone;
      return bad;
    };
    REQUIRE(round() == 0);
    const size_t before = tickwire::testing::allocations();
    CHECK(round() == 0);
    CHECK(tickwire::testing::allocations() == before);
  }
}
