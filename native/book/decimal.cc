#include "book/decimal.h"

#include <charconv>
#include <iterator>

#include "decode/number.h"

namespace tickwire::book::decimal {

// Here the division of two doubles would round twice.
[[gnu::cold]] double to_double_beyond_exact(int64_t value, int scale) noexcept {
  char text[64];
  char* end = std::to_chars(std::begin(text), std::end(text), value).ptr;
  *end++ = 'e';
  *end++ = '-';
  end = std::to_chars(end, std::end(text), scale).ptr;
  const auto* const from = reinterpret_cast<const uint8_t*>(text);
  const auto* const to = reinterpret_cast<const uint8_t*>(end);
  decode::NumberText number;
  double out = 0;
  if (decode::scan_number(from, to, number) != to) return 0;
  return decode::to_double(number, from, to, out) == decode::NumberError::kNone ? out : 0;
}

}  // namespace tickwire::book::decimal
