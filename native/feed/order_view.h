// What JS sees of a book of orders: the view of its levels (feed/book_view.h), and behind it the orders of each, those
// first that are filled first (lib/native/book-layout.ts has the same layout). With D levels and N orders of each:
//
//   word 15              u32 orders of all bids | u32 orders of all asks in the book
//   word 16 + 10 D …     D words for bids, D for asks, a level each: u32 orders | u32 orders in the view
//   word 16 + 12 D …     N orders for each of D bids, then of D asks; each
//                        u64 id low, u64 id high (decode::OrderId), f64 size, i64 size, u32 size scale | u32 0, i64
//                        time
//
// What lies beyond the orders in the view is not written.
#pragma once
#include <cstddef>
#include <cstdint>

#include "book/l3_book.h"
#include "feed/book_view.h"

namespace tickwire::feed {

inline constexpr uint32_t kMaxOrdersShown = 1'000;    // of a level
inline constexpr uint32_t kMaxOrdersOfSide = 20'000;  // levels × orders of each
inline constexpr size_t kOrderWords = 6;

[[nodiscard]] constexpr size_t order_view_bytes(uint32_t depth, uint32_t orders) noexcept {
  return book_view_bytes(depth) + size_t{2} * depth * (1 + size_t{orders} * kOrderWords) * 8;
}

// `to` holds order_view_bytes(depth, orders).
void write_order_view(uint8_t* to, uint32_t depth, uint32_t orders, const book::L3Book& book,
                      const BookNumbers& numbers) noexcept;

}  // namespace tickwire::feed
