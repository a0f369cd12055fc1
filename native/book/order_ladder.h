// One side of a book of orders (L3): every order by its id, the orders of a price in the order in which they will be
// filled, and the sums of the prices as a Ladder, for whoever wants levels only.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "book/ladder.h"
#include "book/order_id.h"
#include "book/order_index.h"

namespace tickwire::book {

// An order as a message brings it.
struct OrderRow {
  OrderId id;
  RowLevel level;    // size is what is left of the order, above 0
  int64_t time = 0;  // any unit: within a price, earlier is first; equal times stand as they came
};

struct OrderLimits {
  uint32_t depth = 0;             // prices that the venue keeps up to date; orders beyond are dropped by trim(). 0: all
  uint32_t max_orders = 200'000;  // of a side
  uint8_t price_scale = 0;        // to begin with
};

class OrderLadder {
 public:
  struct Order {
    OrderId id;
    int64_t price;  // as written
    int64_t size;
    int64_t time;
    uint32_t next;  // behind it at its price; kNoOrder: none
    uint32_t before;
    uint32_t queue;
    uint8_t price_scale;
    uint8_t size_scale;
  };
  static constexpr uint32_t kNoOrder = UINT32_MAX;

  OrderLadder(Side side, const OrderLimits& limits);

  void clear() noexcept;
  // A new order; an id that is known already is taken out first. kEventSize when there are too many orders.
  [[nodiscard]] Reason add(const OrderRow& row);
  // An order has another size or price. It keeps its place when only its size became smaller, else it is placed anew by
  // its time. kGap for an order that was never added: something is missing.
  [[nodiscard]] Reason change(const OrderRow& row);
  // kGap for an order that is not here.
  [[nodiscard]] Reason remove(const OrderId& id);
  // After a message: drops the orders of prices beyond OrderLimits::depth.
  void trim();

  // The sums by price. touched() and price scale as there.
  [[nodiscard]] const Ladder& levels() const noexcept { return ladder_; }
  [[nodiscard]] uint32_t take_touched() noexcept { return ladder_.take_touched(); }
  [[nodiscard]] size_t orders() const noexcept { return index_.size(); }
  // The order that is filled first at the i-th price from the best, i < levels().size(); behind it Order::next.
  [[nodiscard]] uint32_t first(size_t i) const noexcept { return queues_[ladder_.at(i).spare].first; }
  [[nodiscard]] uint32_t count(size_t i) const noexcept { return queues_[ladder_.at(i).spare].count; }
  [[nodiscard]] const Order& order(uint32_t index) const noexcept { return orders_[index]; }
  // kNoOrder when there is none with this id.
  [[nodiscard]] uint32_t find(const OrderId& id) const noexcept { return index_.find(id); }
  // Orders in front of this one at its price, and what they come to, in Level::size_scale of its price.
  struct Ahead {
    uint32_t orders = 0;
    int64_t size = 0;
  };
  [[nodiscard]] Ahead ahead_of(uint32_t index) const noexcept;

 private:
  struct Queue {
    uint32_t first;
    uint32_t last;
    uint32_t count;
    uint8_t size_scale;
    int64_t sum;
    RowLevel price;  // as the first order wrote it; size is not used
  };

  [[nodiscard]] Reason link(uint32_t index);
  [[nodiscard]] Reason unlink(uint32_t index);
  [[nodiscard]] Reason tell(Queue& queue);
  [[nodiscard]] uint32_t take_queue(const Order& order);

  Ladder ladder_;
  OrderIndex index_;
  std::vector<Order> orders_;
  std::vector<Queue> queues_;
  uint32_t free_order_ = kNoOrder;  // lists by Order::next and Queue::first
  uint32_t free_queue_ = kNoOrder;
  OrderLimits limits_;
};

}  // namespace tickwire::book
