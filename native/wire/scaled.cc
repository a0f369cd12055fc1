#include "wire/scaled.h"

#include <cinttypes>
#include <cstdio>

#include "decode/number.h"

namespace tickwire::wire {

double to_number_slow(int64_t mantissa, uint8_t scale) noexcept {
  // By way of its text, for which there is a correctly rounding reader.
  char text[32];
  const int length = std::snprintf(text, sizeof text, "%" PRId64 "e-%u", mantissa, unsigned{scale});
  const auto* first = reinterpret_cast<const uint8_t*>(text);
  const uint8_t* last = first + length;
  decode::NumberText number;
  double value = 0;
  static_cast<void>(decode::scan_number(first, last, number));
  static_cast<void>(decode::to_double(number, first, last, value));  // at most 2^63: always in range
  return value;
}

}  // namespace tickwire::wire
