// Values read in place by the template engine. Every function takes the place where the value must start and returns
// where it ended, or null when it is not what was expected, which says nothing about the message: the general engine
// then looks at it. 64 bytes behind `end` are loadable; `at` may stand up to 32 bytes behind it when wrong bytes
// happened to fit so far.
#pragma once
#include <cstdint>

#include "decode/decimal.h"
#include "decode/json_scan.h"
#include "decode/json_text.h"
#include "decode/number.h"
#include "decode/row_writer.h"
#include "decode/schema.h"

namespace tickwire::decode {

[[nodiscard]] const uint8_t* read_double_slow(const uint8_t* at, const uint8_t* end, double& out) noexcept;
[[nodiscard]] const uint8_t* read_int64_slow(const uint8_t* at, const uint8_t* end, int64_t& out) noexcept;
[[nodiscard]] const uint8_t* read_decimal_slow(const uint8_t* at, const uint8_t* end, Decimal& out) noexcept;
[[nodiscard]] const uint8_t* read_plain_string_slow(const uint8_t* at, const uint8_t* end, bool escapes) noexcept;

// scan_simple_decimal() stopped at an exponent.
[[nodiscard]] inline bool more_follows(const uint8_t* after) noexcept { return (*after | 0x20) == 'e'; }

[[nodiscard]] inline const uint8_t* read_double(const uint8_t* at, const uint8_t* end, double& out) noexcept {
  uint64_t mantissa;
  uint32_t width;
  const uint8_t* after = scan_simple_decimal(at, mantissa, width);
  if (after == nullptr || more_follows(after)) [[unlikely]]
    return read_double_slow(at, end, out);
  out = static_cast<double>(static_cast<int64_t>(mantissa)) / kDivisors[width];
  return after;
}

[[nodiscard]] inline const uint8_t* read_int64(const uint8_t* at, const uint8_t* end, int64_t& out) noexcept {
  uint64_t mantissa;
  uint32_t width;
  const uint8_t* after = scan_simple_decimal(at, mantissa, width);
  if (after == nullptr || width != 0 || more_follows(after)) [[unlikely]]
    return read_int64_slow(at, end, out);
  out = static_cast<int64_t>(mantissa);
  return after;
}

[[nodiscard]] inline const uint8_t* read_decimal(const uint8_t* at, const uint8_t* end, Decimal& out) noexcept {
  uint64_t mantissa;
  uint32_t width;
  const uint8_t* after = scan_simple_decimal(at, mantissa, width);
  if (after == nullptr || more_follows(after)) [[unlikely]]
    return read_decimal_slow(at, end, out);
  out = {static_cast<int64_t>(mantissa), width - (width != 0 ? 1 : 0)};
  return after;
}

[[nodiscard]] inline const uint8_t* pass_number(const uint8_t* at, const uint8_t* end) noexcept {
  uint64_t mantissa;
  uint32_t width;
  const uint8_t* after = scan_simple_decimal(at, mantissa, width);
  if (after == nullptr || more_follows(after)) [[unlikely]]
    return at < end ? skip_number(at, end) : nullptr;
  return after;
}

// `at` behind the opening quote; the result is the closing one. With `escapes` false a string that holds one is
// refused: its bytes are not its text.
[[nodiscard]] inline const uint8_t* read_plain_string(const uint8_t* at, const uint8_t* end, bool escapes) noexcept {
  const uint8_t* after = plain_text_end(at, end);
  if (after < end && *after == '"') [[likely]]
    return after;
  return read_plain_string_slow(at, end, escapes);
}

[[nodiscard]] inline const uint8_t* pass_value(const uint8_t* at, const uint8_t* end, uint32_t depth) noexcept {
  return at < end ? scan_value(at, end, depth).end : nullptr;
}

// The rest of an array behind one of its elements, closing bracket included.
[[nodiscard]] const uint8_t* pass_array_tail(const uint8_t* at, const uint8_t* end, uint32_t depth) noexcept;

// An array of levels into the open row. `depth`: containers that may be opened, the array itself included.
[[nodiscard]] const uint8_t* read_levels(const uint8_t* at, const uint8_t* end, uint32_t depth, const Field& field,
                                         RowWriter& writer, uint32_t& cut);

}  // namespace tickwire::decode
