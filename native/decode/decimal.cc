#include "decode/decimal.h"

#include <algorithm>
#include <limits>

namespace tickwire::decode {

NumberError to_decimal(const NumberText& number, Decimal& out) noexcept {
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  // More than 19 significant digits are at least 10^19 as an integer.
  if (number.truncated) return NumberError::kOutOfRange;
  uint64_t mantissa = number.mantissa;
  int64_t scale = -number.exponent;
  if (!number.has_exponent && scale > kMaxDecimalScale) return NumberError::kOutOfRange;
  if (mantissa == 0) {
    out = {0, std::clamp<int64_t>(scale, 0, kMaxDecimalScale)};
    return NumberError::kNone;
  }
  for (; scale > kMaxDecimalScale; --scale) {
    if (mantissa % 10 != 0) return NumberError::kOutOfRange;
    mantissa /= 10;
  }
  for (; scale < 0; ++scale) {
    if (mantissa > kMax / 10) return NumberError::kOutOfRange;
    mantissa *= 10;
  }
  if (mantissa > kMax) return NumberError::kOutOfRange;
  const auto magnitude = static_cast<int64_t>(mantissa);
  out = {number.negative ? -magnitude : magnitude, scale};
  return NumberError::kNone;
}

}  // namespace tickwire::decode
