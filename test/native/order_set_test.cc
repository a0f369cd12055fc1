// Sets of books of orders: what reaches the reader's views, several connections, events that are lost.
#include <doctest/doctest.h>

#include <bit>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "allocation_count.h"
#include "book_rows.h"
#include "feed/book_set.h"
#include "feed_fixture.h"

using namespace tickwire;
using namespace tickwire::feed;
using namespace tickwire::test;
using book::OrderAct;
using book::OrderChange;

namespace {

constexpr uint32_t kDepth = 2;
constexpr uint32_t kShown = 3;

OrderChange change(OrderAct act, uint64_t number, const std::string& level, int64_t time = 0) {
  return {act, {{number, number + 1}, book::testing::row(level), time}};
}

using Changes = std::vector<OrderChange>;

struct View {
  explicit View(const uint8_t* at) : words(reinterpret_cast<const uint64_t*>(at)) {}
  [[nodiscard]] uint32_t low(size_t word) const { return static_cast<uint32_t>(words[word]); }
  [[nodiscard]] uint32_t high(size_t word) const { return static_cast<uint32_t>(words[word] >> 32); }
  [[nodiscard]] double number(size_t word) const { return std::bit_cast<double>(words[word]); }
  [[nodiscard]] book::State state() const { return static_cast<book::State>(low(0)); }
  static constexpr size_t kQueues = kBookViewWords + size_t{2} * kDepth * kBookLevelWords;
  // Numbers of the orders that are shown of a level; side 0 are bids.
  [[nodiscard]] std::vector<uint64_t> queue(size_t side, size_t level) const {
    std::vector<uint64_t> out;
    const size_t index = side * kDepth + level;
    const size_t first = kQueues + size_t{2} * kDepth + index * kShown * kOrderWords;
    for (uint32_t i = 0; i < high(kQueues + index); ++i) {
      const uint64_t* const order = words + first + i * kOrderWords;
      out.push_back(order[0] == order[1] + 1 ? order[1] : 0);
    }
    return out;
  }
  [[nodiscard]] uint32_t orders(size_t side, size_t level) const { return low(kQueues + side * kDepth + level); }
  [[nodiscard]] const uint64_t* order(size_t side, size_t level, size_t i) const {
    return words + kQueues + size_t{2} * kDepth + ((side * kDepth + level) * kShown + i) * kOrderWords;
  }
  const uint64_t* words;
};

struct Rig {
  Rig() : set(std::make_shared<BookSet>(channel.channel, options(), uint16_t{7})) {
    const std::string name = "A";
    const auto base = (reinterpret_cast<uintptr_t>(memory.data()) + 63) & ~uintptr_t{63};
    const std::span<uint8_t> slot(reinterpret_cast<uint8_t*>(base), TripleSlot::stride(options().view_bytes()));
    set->add(0, std::span(&name, 1), slot);
    a.emplace(slot.data(), options().view_bytes());
    for (BookSource* source : {&left, &right}) {
      set->attach(*source);
      set->connected(*source);
    }
  }
  ~Rig() {
    set->detach(left);
    set->detach(right);
  }
  static BookSetOptions options() {
    BookSetOptions o;
    o.depth = kDepth;
    o.orders.emplace();
    o.orders->shown = kShown;
    o.orders->policy.limits.depth = 3;
    o.orders->policy.limits.max_orders = 20;
    return o;
  }
  void event(BookSource& source, book::Kind kind, const Changes& bids, const Changes& asks = {}) {
    set->apply(source, channel.channel.symbols().intern("A"), book::OrderEvent{kind, book::kAbsent, bids, asks}, ++now);
    set->end_of_message();
    set->publish();
    channel.channel.flush();
  }
  View view() {
    (void)a->take();
    return View(a->value());
  }

  ChannelRig channel;
  std::vector<uint64_t> memory = std::vector<uint64_t>(8192);
  std::shared_ptr<BookSet> set;
  BookSource left{1};
  BookSource right{2};
  std::optional<TripleSlotReader> a;
  int64_t now = 1000;
};

const Changes kBids = {change(OrderAct::kAdd, 1, "1.50/2", 5), change(OrderAct::kAdd, 2, "1.5/0.25", 4),
                       change(OrderAct::kAdd, 3, "1.5/1", 6), change(OrderAct::kAdd, 4, "1.5/1", 7),
                       change(OrderAct::kAdd, 5, "1.4/1")};
const Changes kAsks = {change(OrderAct::kAdd, 6, "1.6/4")};

}  // namespace

TEST_CASE("order set: levels, and the orders of each in the order in which they are filled") {
  Rig rig;
  rig.event(rig.left, book::Kind::kDelta, kBids);
  CHECK(rig.view().state() == book::State::kWaiting);
  rig.event(rig.left, book::Kind::kSnapshot, kBids, kAsks);
  const View view = rig.view();
  REQUIRE(view.state() == book::State::kSynced);
  CHECK(view.low(5) == 2);
  CHECK(view.high(5) == 1);
  CHECK(view.low(15) == 5);
  CHECK(view.high(15) == 1);
  CHECK(view.number(kBookViewWords) == 1.5);
  CHECK(view.number(kBookViewWords + 1) == 4.25);
  CHECK(view.queue(0, 0) == std::vector<uint64_t>{2, 1, 3});
  CHECK(view.orders(0, 0) == 4);
  CHECK(view.queue(0, 1) == std::vector<uint64_t>{5});
  CHECK(view.queue(1, 0) == std::vector<uint64_t>{6});
  CHECK(view.orders(1, 1) == 0);
  CHECK(view.queue(1, 1).empty());
  const uint64_t* const second = view.order(0, 0, 0);
  CHECK(std::bit_cast<double>(second[2]) == 0.25);
  CHECK(second[3] == 25);
  CHECK(second[4] == 2);
  CHECK(second[5] == 4);

  rig.event(rig.left, book::Kind::kDelta,
            {change(OrderAct::kRemove, 2, "1/0"), change(OrderAct::kChange, 1, "1.5/1"),
             change(OrderAct::kAdd, 7, "1.45/1")});
  const View next = rig.view();
  CHECK(next.queue(0, 0) == std::vector<uint64_t>{1, 3, 4});
  CHECK(next.number(kBookViewWords + 1) == 3);
  CHECK(next.queue(0, 1) == std::vector<uint64_t>{7});
  CHECK(next.number(7) == 2);  // applied
  CHECK(rig.set->counters().events == 3);
}

TEST_CASE("order set: what is missing makes it stale until the whole book comes again") {
  Rig rig;
  rig.event(rig.left, book::Kind::kSnapshot, kBids, kAsks);
  rig.event(rig.left, book::Kind::kDelta, {change(OrderAct::kRemove, 99, "1/0")});
  const View stale = rig.view();
  CHECK(stale.state() == book::State::kStale);
  CHECK(stale.high(0) == static_cast<uint32_t>(book::Reason::kGap));
  CHECK(stale.high(1) == static_cast<uint32_t>(book::Want::kResubscribe));
  CHECK(stale.low(2) == 1);  // request
  CHECK(stale.number(9) == 1);
  CHECK(stale.low(5) == 0);
  CHECK(stale.orders(0, 0) == 0);
  CHECK(stale.low(15) == 0);
  rig.event(rig.left, book::Kind::kDelta, {change(OrderAct::kAdd, 9, "1.5/1")});
  CHECK(rig.view().state() == book::State::kStale);
  rig.event(rig.left, book::Kind::kSnapshot, kBids, kAsks);
  const View again = rig.view();
  CHECK(again.state() == book::State::kSynced);
  CHECK(again.low(1) == 3);  // changes of state
  CHECK(again.number(10) == 1);
  // A message of this book that could not be taken as a whole, and any that could not be read.
  rig.set->lose(rig.left, rig.channel.channel.symbols().intern("A"), ++rig.now);
  rig.event(rig.left, book::Kind::kSnapshot, kBids, kAsks);
  CHECK(rig.view().number(10) == 2);
  CHECK(rig.set->trusts_order());
  rig.set->lose_all(rig.left, book::Reason::kLost, 0, 0, ++rig.now);
  rig.set->end_of_message();
  CHECK(rig.view().state() == book::State::kStale);
  CHECK(rig.view().high(0) == static_cast<uint32_t>(book::Reason::kLost));
  // Its owner does not trust it.
  rig.event(rig.left, book::Kind::kSnapshot, kBids, kAsks);
  rig.set->invalidate(0);
  CHECK(rig.view().high(1) == static_cast<uint32_t>(book::Want::kResubscribe));
}

TEST_CASE("order set: a book follows one connection, and changes over with a snapshot") {
  Rig rig;
  rig.event(rig.left, book::Kind::kSnapshot, kBids, kAsks);
  rig.event(rig.right, book::Kind::kDelta, {change(OrderAct::kAdd, 9, "1.5/1")});
  CHECK(rig.set->counters().elsewhere == 1);
  CHECK(rig.view().orders(0, 0) == 4);
  rig.event(rig.right, book::Kind::kSnapshot, kAsks, {});
  CHECK(rig.view().queue(0, 0) == std::vector<uint64_t>{6});
  rig.set->disconnected(rig.left);
  CHECK(rig.view().state() == book::State::kSynced);
  rig.set->disconnected(rig.right);
  CHECK(rig.view().state() == book::State::kStale);
  CHECK(rig.view().high(0) == static_cast<uint32_t>(book::Reason::kDisconnected));
  CHECK(rig.view().high(1) == 0);
}

TEST_CASE("order set: orders of a side are bounded; no event of levels reaches it; nothing is allocated") {
  Rig rig;
  Changes many;
  for (uint64_t i = 1; i <= 21; ++i) many.push_back(change(OrderAct::kAdd, i * 2, "1/1"));
  rig.event(rig.left, book::Kind::kSnapshot, many);
  CHECK(rig.view().state() == book::State::kStale);
  CHECK(rig.view().high(0) == static_cast<uint32_t>(book::Reason::kEventSize));
  rig.set->apply(rig.left, rig.channel.channel.symbols().intern("A"), book::Event{}, ++rig.now);
  CHECK(rig.set->counters().unknown == 1);
  rig.event(rig.left, book::Kind::kSnapshot, kBids, kAsks);
  const Changes there = {change(OrderAct::kAdd, 90, "1.55/1")};
  const Changes gone = {change(OrderAct::kRemove, 90, "1/0")};
  const auto both = [&] {
    rig.event(rig.left, book::Kind::kDelta, there);
    rig.event(rig.left, book::Kind::kDelta, gone);
  };
  for (int i = 0; i < 4; ++i) both();
  const size_t before = tickwire::testing::allocations();
  for (int i = 0; i < 100; ++i) both();
  CHECK(tickwire::testing::allocations() == before);
  CHECK(rig.view().queue(0, 0) == std::vector<uint64_t>{2, 1, 3});
}
