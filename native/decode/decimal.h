// Exact decimals: an integer and where its point stands.
#pragma once
#include <cstdint>

#include "decode/number.h"

namespace tickwire::decode {

struct Decimal {
  int64_t mantissa = 0;
  int64_t scale = 0;  // 0..18; value = mantissa / 10^scale
};

inline constexpr int64_t kMaxDecimalScale = 18;

// As written: trailing zeros stay, an exponent moves the point. Digits behind the 18th are kOutOfRange, except zeros
// that only an exponent brought there; so is a mantissa beyond 2^63-1.
[[nodiscard]] NumberError to_decimal(const NumberText& number, Decimal& out) noexcept;

}  // namespace tickwire::decode
