#include "decode/number.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tickwire::decode {

#if defined(__AVX2__)
namespace simple_decimal {

// Defined with external linkage and without constexpr on purpose: see the header.
#define TICKWIRE_16(x) x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x
#define TICKWIRE_32(x) TICKWIRE_16(x), TICKWIRE_16(x)
extern const Constants kConstants;
const Constants kConstants = {
    {TICKWIRE_32('0')},        {TICKWIRE_32('"')},  {TICKWIRE_32('.')},  {TICKWIRE_32(9)},
    {TICKWIRE_16(0x7F - '9')}, {TICKWIRE_16(0x74)}, {TICKWIRE_16(0x76)}, {0x4330000000000000, 0x4330000000000000}};
#undef TICKWIRE_32
#undef TICKWIRE_16

}  // namespace simple_decimal
#endif

namespace {

constexpr int64_t kExponentClamp = 100'000'000'000'000'000;
constexpr int kMaxDigits = 19;

inline bool is_digit(const uint8_t* at, const uint8_t* end) noexcept {
  return at < end && static_cast<uint8_t>(*at - '0') <= 9;
}

// Eisel and Lemire's method; false in the rare cases that need more than 128 bits.
bool nearest_double(uint64_t mantissa, int64_t exponent, bool negative, double& out) noexcept {
  return simdjson::SIMDJSON_BUILTIN_IMPLEMENTATION::numberparsing::compute_float_64(exponent, mantissa, negative, out);
}

// Any number of digits. The text is rewritten with its exponent in canonical form first, because absurd ones ("1" and
// 70,000 zeros, then e-70000) are beyond the parser's own bounds. 770 digits decide every rounding; of the rest only
// "not all zero" counts.
double exact_double(const NumberText& number, const uint8_t* begin, const uint8_t* end) noexcept {
  constexpr int kKept = 770;
  char text[kKept + 40];
  char* to = text;
  if (number.negative) *to++ = '-';
  int64_t exponent = number.exponent;
  int digits = 0;
  bool rest = false;
  const uint8_t* p = begin + (number.negative ? 1 : 0);
  for (; p < end && (*p | 0x20) != 'e'; ++p) {
    if (*p == '.' || (digits == 0 && *p == '0')) continue;
    if (digits < kKept) {
      *to++ = static_cast<char>(*p);
      if (++digits > kMaxDigits) --exponent;
    } else {
      rest |= *p != '0';
    }
  }
  if (rest) {
    *to++ = '1';
    --exponent;
  }
  *to++ = 'e';
  if (exponent < 0) *to++ = '-';
  uint64_t magnitude = static_cast<uint64_t>(exponent < 0 ? -exponent : exponent);
  char reversed[20];
  int n = 0;
  do reversed[n++] = static_cast<char>('0' + magnitude % 10);
  while ((magnitude /= 10) != 0);
  while (n > 0) *to++ = reversed[--n];
  *to = ' ';
  return simdjson::internal::from_chars(text, to);
}

}  // namespace

const uint8_t* scan_number(const uint8_t* at, const uint8_t* end, NumberText& number) noexcept {
  const uint8_t* p = at;
  NumberText n;
  if (p < end && *p == '-') {
    n.negative = true;
    ++p;
  }
  if (!is_digit(p, end)) return nullptr;
  int significant = 0;
  int64_t dropped = 0;  // digits that did not fit into the mantissa, before the point
  const auto take = [&](uint8_t c) {
    if (significant < kMaxDigits) {
      n.mantissa = n.mantissa * 10 + (c - '0');
      if (n.mantissa != 0) ++significant;
      return true;
    }
    n.truncated = true;
    return false;
  };
  if (*p == '0') {
    ++p;
    if (is_digit(p, end)) return nullptr;
  } else {
    while (is_digit(p, end)) {
      if (!take(*p++)) ++dropped;
    }
  }
  n.exponent = dropped;
  if (p < end && *p == '.') {
    ++p;
    if (!is_digit(p, end)) return nullptr;
    while (is_digit(p, end)) {
      if (take(*p++)) --n.exponent;
    }
    n.has_fraction = true;
  }
  if (p < end && (*p | 0x20) == 'e') {
    ++p;
    bool minus = false;
    if (p < end && (*p == '+' || *p == '-')) minus = *p++ == '-';
    if (!is_digit(p, end)) return nullptr;
    int64_t exponent = 0;
    while (is_digit(p, end)) {
      exponent = std::min(kExponentClamp, exponent * 10 + (*p++ - '0'));
    }
    n.has_exponent = true;
    n.exponent += minus ? -exponent : exponent;
  }
  number = n;
  return p;
}

const uint8_t* skip_number(const uint8_t* at, const uint8_t* end) noexcept {
  const uint8_t* p = at;
  if (p < end && *p == '-') ++p;
  if (!is_digit(p, end)) return nullptr;
  const bool zero = *p++ == '0';
  if (zero && is_digit(p, end)) return nullptr;
  while (is_digit(p, end)) ++p;
  if (p < end && *p == '.') {
    ++p;
    if (!is_digit(p, end)) return nullptr;
    while (is_digit(p, end)) ++p;
  }
  if (p < end && (*p | 0x20) == 'e') {
    ++p;
    if (p < end && (*p == '+' || *p == '-')) ++p;
    if (!is_digit(p, end)) return nullptr;
    while (is_digit(p, end)) ++p;
  }
  return p;
}

NumberError to_double(const NumberText& number, const uint8_t* begin, const uint8_t* end, double& out) noexcept {
  if (number.mantissa == 0) {
    out = number.negative ? -0.0 : 0.0;
    return NumberError::kNone;
  }
  // mantissa has 1..19 digits: the value lies in [10^exponent, 10^(exponent + 19)).
  if (number.exponent > 308) return NumberError::kOutOfRange;
  if (number.exponent < -342) {
    out = number.negative ? -0.0 : 0.0;
    return NumberError::kNone;
  }
  double value = 0;
  bool known = nearest_double(number.mantissa, number.exponent, number.negative, value);
  if (known && number.truncated) {
    // The whole number lies between mantissa and mantissa + 1; when both round to the same, so does it.
    double above = 0;
    known = nearest_double(number.mantissa + 1, number.exponent, number.negative, above) && above == value;
  }
  if (!known) value = exact_double(number, begin, end);
  if (std::isinf(value)) return NumberError::kOutOfRange;
  out = value;
  return NumberError::kNone;
}

NumberError to_int64(const NumberText& number, int64_t& out) noexcept {
  if (number.has_fraction || number.has_exponent) return NumberError::kWrongType;
  const uint64_t limit = static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) + (number.negative ? 1 : 0);
  if (number.truncated || number.mantissa > limit) return NumberError::kOutOfRange;
  out = static_cast<int64_t>(number.negative ? 0 - number.mantissa : number.mantissa);
  return NumberError::kNone;
}

}  // namespace tickwire::decode
