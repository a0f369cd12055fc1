// Price levels: as a decoded row brings them, and as a book keeps them.
#pragma once
#include <cstdint>

#include "book/decimal.h"

namespace tickwire::book {

// One level of an event, exactly as `levels` fields with exact decimals lie in a row (decode/row_batch.h): an event
// points into the row, nothing is copied. Scales are 0..18 and say how many digits stood behind the point, trailing
// zeros included: "0.00100000" is 100000 with scale 8.
struct RowLevel {
  int64_t price;
  int64_t price_scale;
  int64_t size;  // absolute, never a difference; 0 removes the level
  int64_t size_scale;
};
static_assert(sizeof(RowLevel) == 32);

// One level of a book. The price is in the book's price scale (Ladder::price_scale), so prices compare as integers; the
// size keeps its own. The scales as written stay, because checksums are made of the venue's digits. The values are
// there too, made once when a level changes: books are shown far more often than their levels change.
struct Level {
  double price_value;  // price / 10^(the ladder's price_scale), correctly rounded
  double size_value;   // size / 10^size_scale, correctly rounded
  int64_t price;
  int64_t size;         // above 0
  uint8_t price_scale;  // as written; at most the ladder's, unless zeros were written behind it
  uint8_t size_scale;   // as written
  uint32_t spare = 0;   // for whoever sorts, or hangs something on levels
};
static_assert(sizeof(Level) == 40);

}  // namespace tickwire::book
