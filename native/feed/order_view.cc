#include "feed/order_view.h"

#include <algorithm>
#include <bit>

namespace tickwire::feed {
namespace {

[[nodiscard]] constexpr uint64_t halves(uint64_t low, uint64_t high) noexcept {
  return (low & UINT32_MAX) | high << 32;
}

void write_orders(uint64_t* queues, uint64_t* to, uint32_t depth, uint32_t orders, const book::OrderLadder& side,
                  bool shown) noexcept {
  const auto levels = shown ? static_cast<uint32_t>(std::min<size_t>(depth, side.levels().size())) : 0;
  std::fill(queues + levels, queues + depth, 0);
  for (uint32_t i = 0; i < levels; ++i, to += orders * kOrderWords) {
    uint32_t n = 0;
    uint64_t* words = to;
    for (uint32_t at = side.first(i); at != book::OrderLadder::kNoOrder && n < orders; ++n, words += kOrderWords) {
      const book::OrderLadder::Order& order = side.order(at);
      words[0] = order.id.low;
      words[1] = order.id.high;
      words[2] = std::bit_cast<uint64_t>(book::decimal_to_double(order.size, order.size_scale));
      words[3] = static_cast<uint64_t>(order.size);
      words[4] = order.size_scale;
      words[5] = static_cast<uint64_t>(order.time);
      at = order.next;
    }
    queues[i] = halves(side.count(i), n);
  }
}

}  // namespace

void write_order_view(uint8_t* to, uint32_t depth, uint32_t orders, const book::L3Book& book,
                      const BookNumbers& numbers) noexcept {
  const book::Want want = book.wants() ? book::Want::kResubscribe : book::Want::kNothing;
  const BookHead head{book.state(),  book.reason(),           want, book.request(),
                      book::kAbsent, book.counters().applied, 0,    book.counters().gaps};
  write_book_view(to, depth, book.bids().levels(), book.asks().levels(), head, numbers);
  const bool shown = head.state == book::State::kSynced;
  auto* const words = reinterpret_cast<uint64_t*>(to);
  words[15] = shown ? halves(book.bids().orders(), book.asks().orders()) : 0;
  uint64_t* const queues = words + book_view_bytes(depth) / 8;
  uint64_t* const first = queues + size_t{2} * depth;
  write_orders(queues, first, depth, orders, book.bids(), shown);
  write_orders(queues + depth, first + size_t{depth} * orders * kOrderWords, depth, orders, book.asks(), shown);
}

}  // namespace tickwire::feed
