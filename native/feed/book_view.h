// What JS sees of a book: numbers about it and its best levels, as one value of a triple slot
// (lib/native/book-layout.ts has the same layout).
//
//   word 0   u32 state | u32 reason (book::State, book::Reason)
//   word 1   u32 epoch: changes of state so far | u32 want (book::Want)
//   word 2   u32 request of the newest want | u32 fetched snapshots that were looked at
//   word 3   f64 last id; NaN: none, or beyond 2^53
//   word 4   f64 rx time of the newest event, ns, monotonic
//   word 5   u32 bids | u32 asks in the view
//   word 6   u32 bids | u32 asks in the book
//   word 7   f64 events and snapshots applied
//   word 8   f64 events that had come before
//   word 9   f64 gaps: times that events were missing
//   word 10  f64 resyncs: times that the book became right again
//   word 11  u32 price scale | u32 reason of the last time that it was not in sync
//   word 12  f64 mid, f64 spread, f64 micro-price; NaN when a side is empty
//   word 15  0
//   word 16… bids from the best, then from word 16 + 5 × depth asks; each
//            f64 price, f64 size, i64 price, i64 size (value / 10^scale), u32 size scale | u32 price scale: as written
//
// Levels that are not there have NaN as their price and zeros otherwise. A book that is not in sync shows none.
#pragma once
#include <cstddef>
#include <cstdint>

#include "book/book_sync.h"

namespace tickwire::feed {

struct BookNumbers {
  uint32_t epoch = 0;
  uint32_t fetched = 0;
  uint32_t resyncs = 0;
  book::Reason last_reason = book::Reason::kNone;
  int64_t rx_ns = 0;
};

// What is told of a book besides its levels.
struct BookHead {
  book::State state;
  book::Reason reason;
  book::Want want;
  uint32_t request;
  int64_t last_id;
  uint64_t updates;
  uint64_t duplicates;
  uint64_t gaps;
};

inline constexpr uint32_t kMaxBookDepth = 1000;
inline constexpr size_t kBookViewWords = 16;
inline constexpr size_t kBookLevelWords = 5;

[[nodiscard]] constexpr size_t book_view_bytes(uint32_t depth) noexcept {
  return (kBookViewWords + size_t{2} * depth * kBookLevelWords) * 8;
}

// `to` holds book_view_bytes(depth).
void write_book_view(uint8_t* to, uint32_t depth, const book::BookSync& sync, const BookNumbers& numbers) noexcept;

// The same of any two sides.
void write_book_view(uint8_t* to, uint32_t depth, const book::Ladder& bids, const book::Ladder& asks,
                     const BookHead& head, const BookNumbers& numbers) noexcept;

}  // namespace tickwire::feed
