// Why a book is not to be trusted.
#pragma once
#include <cstdint>

namespace tickwire::book {

// X(enumerator, "STABLE_CODE"); append only.
#define TICKWIRE_BOOK_REASONS(X)                                                                                       \
  X(kNone, "NONE")                                                                                                     \
  /* events are missing: Outcome::expected and got */                                                                  \
  X(kGap, "ERR_BOOK_GAP")                                                                                              \
  X(kChecksum, "ERR_BOOK_CHECKSUM") /* expected is the venue's, got what the book's levels give */                     \
  X(kCrossed, "ERR_BOOK_CROSSED")                                                                                      \
  X(kMalformed, "ERR_BOOK_MALFORMED")    /* an id that the rule needs is missing, a size is negative, a scale wrong */ \
  X(kPriceRange, "ERR_BOOK_PRICE_RANGE") /* prices, or sums of orders, that do not fit into 64 bits */                 \
  /* fewer than Policy::min_levels are left of those that are known: Policy::max_levels, snapshot_levels */            \
  X(kDepth, "ERR_BOOK_DEPTH")                                                                                          \
  X(kEventSize, "ERR_BOOK_EVENT_SIZE")   /* more levels in one event, or orders in a book, than allowed */             \
  X(kNoProgress, "ERR_BOOK_NO_PROGRESS") /* Policy::max_duplicates old events in a row: ids went back unseen */        \
  X(kDisconnected, "ERR_BOOK_DISCONNECTED")                                                                            \
  X(kLost, "ERR_BOOK_LOST") /* who feeds the book says that it could not show it everything */

enum class Reason : uint8_t {
#define X(name, text) name,
  TICKWIRE_BOOK_REASONS(X)
#undef X
      kCount
};

[[nodiscard]] constexpr const char* reason_name(Reason reason) noexcept {
  constexpr const char* kNames[] = {
#define X(name, text) text,
      TICKWIRE_BOOK_REASONS(X)
#undef X
  };
  return reason < Reason::kCount ? kNames[static_cast<uint8_t>(reason)] : "NONE";
}

}  // namespace tickwire::book
