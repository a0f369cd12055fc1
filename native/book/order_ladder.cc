#include "book/order_ladder.h"

#include <algorithm>

namespace tickwire::book {
namespace {

// A new order is nearly always the last of its price. One that claims to be far older than most is not believed:
// looking for its place would take long.
constexpr int kMaxSteps = 1'000;

bool is_order(const RowLevel& level) noexcept {
  return level.size > 0 && level.size_scale >= 0 && level.size_scale <= kMaxScale && level.price_scale >= 0 &&
         level.price_scale <= kMaxScale;
}

RowLevel price_of(const OrderLadder::Order& order) noexcept { return {order.price, order.price_scale, 0, 0}; }

// In units of 10^-18.
__int128 wide(int64_t size, int64_t scale) noexcept { return __int128{size} * kPowersOfTen[kMaxScale - scale]; }

bool to_scale(int64_t size, int from, int to, int64_t& result) noexcept {
  return !__builtin_mul_overflow(size, kPowersOfTen[to - from], &result);
}

}  // namespace

OrderLadder::OrderLadder(Side side, const OrderLimits& limits)
    : ladder_(side, UINT32_MAX, true, limits.price_scale), limits_(limits) {}

void OrderLadder::clear() noexcept {
  ladder_.clear();
  index_.clear();
  orders_.clear();
  queues_.clear();
  free_order_ = free_queue_ = kNoOrder;
}

Reason OrderLadder::add(const OrderRow& row) {
  if (!is_order(row.level)) return Reason::kMalformed;
  if (index_.find(row.id) != OrderIndex::kNothing) {
    const Reason reason = remove(row.id);
    if (reason != Reason::kNone) return reason;
  }
  if (index_.size() >= limits_.max_orders) return Reason::kEventSize;
  uint32_t index = free_order_;
  if (index != kNoOrder) {
    free_order_ = orders_[index].next;
  } else {
    index = static_cast<uint32_t>(orders_.size());
    orders_.emplace_back();
  }
  orders_[index] = {row.id,
                    row.level.price,
                    row.level.size,
                    row.time,
                    kNoOrder,
                    kNoOrder,
                    kNoOrder,
                    static_cast<uint8_t>(row.level.price_scale),
                    static_cast<uint8_t>(row.level.size_scale)};
  const Reason reason = link(index);
  if (reason != Reason::kNone) {
    orders_[index].next = free_order_;
    free_order_ = index;
    return reason;
  }
  index_.add(row.id, index);
  return Reason::kNone;
}

Reason OrderLadder::change(const OrderRow& row) {
  if (!is_order(row.level)) return Reason::kMalformed;
  const uint32_t index = index_.find(row.id);
  if (index == OrderIndex::kNothing) return Reason::kGap;
  Order& order = orders_[index];
  const Level* const here = ladder_.level_of(price_of(order));
  const bool smaller = wide(row.level.size, row.level.size_scale) <= wide(order.size, order.size_scale);
  if (here != ladder_.level_of(row.level) || !smaller) return add(row);
  Queue& queue = queues_[order.queue];
  const int64_t rest = queue.sum - order.size * kPowersOfTen[queue.size_scale - order.size_scale];
  const int scale = std::max<int>(queue.size_scale, static_cast<int>(row.level.size_scale));
  int64_t sum;
  int64_t left;
  if (!to_scale(rest, queue.size_scale, scale, sum) ||
      !to_scale(row.level.size, static_cast<int>(row.level.size_scale), scale, left) ||
      __builtin_add_overflow(sum, left, &sum))
    return Reason::kPriceRange;
  queue.sum = sum;
  queue.size_scale = static_cast<uint8_t>(scale);
  order.size = row.level.size;
  order.size_scale = static_cast<uint8_t>(row.level.size_scale);
  return tell(queue);
}

Reason OrderLadder::remove(const OrderId& id) {
  const uint32_t index = index_.find(id);
  if (index == OrderIndex::kNothing) return Reason::kGap;
  index_.remove(id);
  const Reason reason = unlink(index);
  orders_[index].next = free_order_;
  free_order_ = index;
  return reason;
}

void OrderLadder::trim() {
  if (limits_.depth == 0) return;
  while (ladder_.size() > limits_.depth) {
    const uint32_t queue = ladder_.at(ladder_.size() - 1).spare;
    for (uint32_t index = queues_[queue].first; index != kNoOrder;) {
      const uint32_t next = orders_[index].next;
      index_.remove(orders_[index].id);
      static_cast<void>(unlink(index));  // taking away never fails
      orders_[index].next = free_order_;
      free_order_ = index;
      index = next;
    }
  }
}

OrderLadder::Ahead OrderLadder::ahead_of(uint32_t index) const noexcept {
  Ahead ahead;
  const Queue& queue = queues_[orders_[index].queue];
  for (uint32_t at = orders_[index].before; at != kNoOrder; at = orders_[at].before) {
    ++ahead.orders;
    ahead.size += orders_[at].size * kPowersOfTen[queue.size_scale - orders_[at].size_scale];
  }
  return ahead;
}

uint32_t OrderLadder::take_queue(const Order& order) {
  uint32_t index = free_queue_;
  if (index != kNoOrder) {
    free_queue_ = queues_[index].first;
  } else {
    index = static_cast<uint32_t>(queues_.size());
    queues_.emplace_back();
  }
  queues_[index] = {kNoOrder, kNoOrder, 0, order.size_scale, 0, price_of(order)};
  return index;
}

// Puts the order into the queue of its price; on a fault it is nowhere.
Reason OrderLadder::link(uint32_t index) {
  Order& order = orders_[index];
  Level* level = ladder_.level_of(price_of(order));
  if (level == nullptr) {
    const Reason reason = ladder_.set({order.price, order.price_scale, order.size, order.size_scale});
    if (reason != Reason::kNone) return reason;
    level = ladder_.level_of(price_of(order));
    level->spare = take_queue(order);
  }
  order.queue = level->spare;
  Queue& queue = queues_[order.queue];
  const int scale = std::max(queue.size_scale, order.size_scale);
  int64_t sum;
  int64_t more;
  if (!to_scale(queue.sum, queue.size_scale, scale, sum) || !to_scale(order.size, order.size_scale, scale, more) ||
      __builtin_add_overflow(sum, more, &sum))
    return Reason::kPriceRange;
  uint32_t before = queue.last;
  int steps = 0;
  while (before != kNoOrder && orders_[before].time > order.time) {
    before = orders_[before].before;
    if (++steps > kMaxSteps) return Reason::kMalformed;
  }
  queue.sum = sum;
  queue.size_scale = static_cast<uint8_t>(scale);
  order.before = before;
  order.next = before == kNoOrder ? queue.first : orders_[before].next;
  (before == kNoOrder ? queue.first : orders_[before].next) = index;
  (order.next == kNoOrder ? queue.last : orders_[order.next].before) = index;
  ++queue.count;
  return tell(queue);
}

Reason OrderLadder::unlink(uint32_t index) {
  const Order& order = orders_[index];
  Queue& queue = queues_[order.queue];
  (order.before == kNoOrder ? queue.first : orders_[order.before].next) = order.next;
  (order.next == kNoOrder ? queue.last : orders_[order.next].before) = order.before;
  queue.sum -= order.size * kPowersOfTen[queue.size_scale - order.size_scale];
  --queue.count;
  const Reason reason = tell(queue);
  if (queue.count == 0) {
    queue.first = free_queue_;
    free_queue_ = order.queue;
  }
  return reason;
}

// The ladder's level is the queue's sum; 0 removes it.
Reason OrderLadder::tell(Queue& queue) {
  RowLevel level = queue.price;
  level.size = queue.sum;
  level.size_scale = queue.size_scale;
  return ladder_.set(level);
}

}  // namespace tickwire::book
