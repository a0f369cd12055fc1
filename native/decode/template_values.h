// Values read in place by the template engine. Every function takes the place where the value must start and returns
// where it ended, or null when it is not what was expected, which says nothing about the message: the general engine
// then looks at it. 64 bytes behind `end` are loadable; `at` may stand up to 32 bytes behind it when wrong bytes
// happened to fit so far.
#pragma once
#include <array>
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

// What makes another kind of number of an integer when it follows it.
struct GoesOn {
  std::array<uint8_t, 256> with{};
  constexpr GoesOn() { with['.'] = with['e'] = with['E'] = 1; }
};
inline constexpr GoesOn kGoesOn{};

// Integers mostly have as many digits as the last one in the same place. Where what follows them starts is what
// everything behind waits for; taken from `usual` and only checked against the text, the processor need not wait. Null
// for anything but 1 to 15 digits: read_int64() or pass_number() then look at it. What follows an integer to be read is
// not looked at: the literal behind it never begins with what could make it another number.
#if defined(__AVX2__)
class UsualDigits {
 public:
  UsualDigits(const uint8_t* at, uint8_t& usual) noexcept
      : text_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))), length_(usual) {
    using simple_decimal::constant;
    using simple_decimal::kConstants;
    const __m128i shifted = _mm_add_epi8(text_, constant(kConstants.to_top));
    const __m128i others = _mm_cmpgt_epi8(constant(kConstants.first_digit), shifted);
    const auto length =
        static_cast<uint32_t>(std::countr_zero(static_cast<uint32_t>(_mm_movemask_epi8(others)) | 0x10000u));
    uint32_t difference = length ^ length_;
    // The compiler must not see that both are the same then, or it takes the one that comes late.
    asm("" : "+r"(difference));
    if (difference != 0) [[unlikely]] {
      usual = static_cast<uint8_t>(length);
      length_ = length;
    }
    // A zero may be all there is, but not come first.
    good_ = length_ - 1 < 15 && at[0] != '0';
  }
  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] uint32_t length() const noexcept { return length_; }
  [[nodiscard]] int64_t value() const noexcept {
    using simple_decimal::constant;
    const __m128i values = _mm_sub_epi8(text_, simple_decimal::constant_16(simple_decimal::kConstants.zero_char));
    const __m128i digits = _mm_shuffle_epi8(values, constant(simple_decimal::kLayouts.of[length_][length_].shuffle));
    return static_cast<int64_t>(simple_decimal::sixteen_digits(digits));
  }

 private:
  __m128i text_;
  uint32_t length_;
  bool good_;
};

[[nodiscard]] inline const uint8_t* read_digits(const uint8_t* at, uint8_t& usual, int64_t& out) noexcept {
  const UsualDigits digits(at, usual);
  if (!digits.good()) [[unlikely]]
    return nullptr;
  out = digits.value();
  return at + digits.length();
}
[[nodiscard]] inline const uint8_t* pass_digits(const uint8_t* at, uint8_t& usual) noexcept {
  const UsualDigits digits(at, usual);
  const uint8_t* const after = at + digits.length();
  return digits.good() && kGoesOn.with[*after] == 0 ? after : nullptr;
}
#else
[[nodiscard]] inline const uint8_t* read_digits(const uint8_t*, uint8_t&, int64_t&) noexcept { return nullptr; }
[[nodiscard]] inline const uint8_t* pass_digits(const uint8_t*, uint8_t&) noexcept { return nullptr; }
#endif

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
