// Numbers from their text. The grammar is that of JSON (RFC 8259 section 6) everywhere, also inside strings.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>

#include <array>
#include <bit>
#endif

namespace tickwire::decode {

// A number as written: (-1)^negative * mantissa * 10^exponent, as long as no more than 19 significant digits are there.
struct NumberText {
  uint64_t mantissa = 0;  // the first 19 significant digits
  int64_t exponent = 0;   // counted for `mantissa`, clamped to +-10^17
  bool negative = false;
  bool has_fraction = false;
  bool has_exponent = false;
  bool truncated = false;  // more than 19 significant digits
};

// Reads one number that starts at `at`; returns its end (maximal munch, never beyond `end`), or null when none starts
// there.
[[nodiscard]] const uint8_t* scan_number(const uint8_t* at, const uint8_t* end, NumberText& number) noexcept;

// Only checks; the same result.
[[nodiscard]] const uint8_t* skip_number(const uint8_t* at, const uint8_t* end) noexcept;

enum class NumberError : uint8_t { kNone, kWrongType, kOutOfRange };

// Correctly rounded (to nearest, ties to even). [begin, end) is the text that was scanned. kOutOfRange when it rounds
// to infinity.
[[nodiscard]] NumberError to_double(const NumberText& number, const uint8_t* begin, const uint8_t* end,
                                    double& out) noexcept;

// kWrongType when written with fraction or exponent.
[[nodiscard]] NumberError to_int64(const NumberText& number, int64_t& out) noexcept;

// Nearly all prices and sizes: no sign, no exponent, at most 15 characters. 16 bytes at `at` must be loadable. Returns
// the end of the digits, or null when the text is longer, is not of that kind or is no number: scan_number() decides
// then, and also when an exponent follows. `width`: 0 for an integer, else the digits behind the point and one for the
// point. mantissa < 10^15, so mantissa / 10^fraction is correctly rounded with one division.
#if defined(__AVX2__)
namespace simple_decimal {

// How a text of a certain length, its point at a certain place, becomes digits at the right of a register.
struct Layout {
  uint8_t shuffle[16];  // drops the point
  double divisor;       // 10^fraction
  double least;         // a smaller mantissa has a zero in front of another digit
};

// [length][point]; point == length: none. What is no number whatever its digits (nothing at all, a point at the start
// or the end) keeps a byte that is no digit.
struct Layouts {
  alignas(64) std::array<std::array<Layout, 16>, 16> of{};
  constexpr Layouts() {
    for (uint32_t length = 0; length < 16; ++length) {
      for (uint32_t point = 0; point < 16; ++point) {
        Layout& made = of[length][point];
        const bool good = point > 0 && point + 1 != length;
        const bool drops = good && point < length;
        const uint32_t digits = !good ? length + (length == 0 ? 1 : 0) : drops ? length - 1 : length;
        const uint32_t pad = 16 - digits;
        for (uint32_t lane = 0; lane < 16; ++lane) {
          const uint32_t digit = lane - pad;
          made.shuffle[lane] = static_cast<uint8_t>(lane < pad ? 0x80 : digit + (drops && digit >= point ? 1 : 0));
        }
        made.divisor = 1;
        for (uint32_t i = point + 1; i < length; ++i) made.divisor *= 10;
        made.least = point > 1 ? 1 : 0;
        for (uint32_t i = 1; i < digits && point > 1; ++i) made.least *= 10;
      }
    }
  }
};
inline constexpr Layouts kLayouts{};

constexpr uint32_t scale_of(uint32_t length, uint32_t point) noexcept {
  return length - point - (point != length ? 1 : 0);
}

// Kept in memory and out of the compiler's sight: it would rather build each of them from an immediate, three
// instructions instead of an operand.
struct Constants {
  alignas(32) uint8_t zero_char[32];
  alignas(32) uint8_t quote[32];
  alignas(32) uint8_t dot[32];
  alignas(32) uint8_t nine[32];
  alignas(16) uint8_t to_top[16];
  alignas(16) uint8_t first_number_char[16];
  alignas(16) uint8_t first_digit[16];
  alignas(16) uint64_t two_to_52[2];  // a double's bits
};
extern const Constants kConstants;

template <class Lane, size_t kLanes>
inline __m128i constant(const Lane (&from)[kLanes]) noexcept {
  return _mm_load_si128(reinterpret_cast<const __m128i*>(from));
}
inline __m128i constant_16(const uint8_t (&from)[32]) noexcept {
  return _mm_load_si128(reinterpret_cast<const __m128i*>(from));
}
inline __m256i constant_32(const uint8_t (&from)[32]) noexcept {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
}

// The value of sixteen digits, one in each byte, most significant first.
inline uint64_t sixteen_digits(__m128i digits) noexcept {
  const __m128i tens = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010A));
  const __m128i hundreds = _mm_madd_epi16(tens, _mm_set1_epi32(0x00010064));
  const __m128i packed = _mm_packus_epi32(hundreds, hundreds);
  const __m128i halves = _mm_madd_epi16(packed, _mm_set1_epi32(0x00012710));
  const auto both = static_cast<uint64_t>(_mm_cvtsi128_si64(halves));
  return (both & 0xFFFFFFFFu) * 100'000'000u + (both >> 32);
}

}  // namespace simple_decimal

[[nodiscard]] inline const uint8_t* scan_simple_decimal(const uint8_t* at, uint64_t& mantissa,
                                                        uint32_t& width) noexcept {
  // Where the text ends is what everything behind it waits for, so that comes in as few steps as possible: shifted to
  // the top of the signed bytes, the characters from the point to the nine (and the slash between) are those that are
  // not below 0x74.
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  using simple_decimal::constant;
  using simple_decimal::kConstants;
  const __m128i shifted = _mm_add_epi8(text, constant(kConstants.to_top));
  const auto others =
      static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpgt_epi8(constant(kConstants.first_number_char), shifted)));
  const auto length = static_cast<uint32_t>(std::countr_zero(others | 0x10000u));
  // Below zero are the point and the slash. A mark behind the text stands for the point when there is none.
  const __m128i values = _mm_sub_epi8(text, simple_decimal::constant_16(kConstants.zero_char));
  const uint32_t behind = 1u << length;
  const uint32_t marks = (static_cast<uint32_t>(_mm_movemask_epi8(values)) & (behind - 1)) | behind;
  const auto point = static_cast<uint32_t>(std::countr_zero(marks));
  if (point - 1 >= 15 || length >= 16) [[unlikely]]
    return nullptr;  // no digit first, or perhaps longer than what was loaded
  const uint32_t more = marks & (marks - 1);
  if ((more & (behind - 1)) != 0 || at[point] == '/' || point + 1 == length) [[unlikely]]
    return nullptr;
  // No zero before another digit. Negative only if both sides are.
  if (((static_cast<int32_t>(at[0]) - '1') & (1 - static_cast<int32_t>(point))) < 0) [[unlikely]]
    return nullptr;
  const __m128i aligned = _mm_shuffle_epi8(values, constant(simple_decimal::kLayouts.of[length][point].shuffle));
  mantissa = simple_decimal::sixteen_digits(aligned);
  width = length - point;
  return at + length;
}
#else
namespace simple_decimal {

// Eight digits at once (SWAR): the value of the text, first character most significant.
inline uint64_t eight_digits(uint64_t text) noexcept {
  text -= 0x3030303030303030u;
  text = (text * 10) + (text >> 8);
  return (((text & 0x000000FF000000FFu) * 0x000F424000000064u) +
          (((text >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u)) >>
         32;
}

inline bool all_digits(uint64_t text) noexcept {
  return (((text + 0x4646464646464646u) | (text - 0x3030303030303030u)) & 0x8080808080808080u) == 0;
}

}  // namespace simple_decimal

[[nodiscard]] inline const uint8_t* scan_simple_decimal(const uint8_t* at, uint64_t& mantissa,
                                                        uint32_t& width) noexcept {
  const uint8_t* const limit = at + 16;
  const uint8_t* p = at;
  uint64_t value = 0;
  while (p < limit && *p >= '0' && *p <= '9') value = value * 10 + (*p++ - '0');
  if (p == at || (at[0] == '0' && p - at > 1)) return nullptr;
  width = 0;
  if (p < limit && *p == '.') {
    const uint8_t* const first = ++p;
    if (p + 8 <= limit) {
      uint64_t word;
      std::memcpy(&word, p, 8);
      if (simple_decimal::all_digits(word)) {
        value = value * 100'000'000 + simple_decimal::eight_digits(word);
        p += 8;
      }
    }
    while (p < limit && *p >= '0' && *p <= '9') value = value * 10 + (*p++ - '0');
    if (p == first) return nullptr;
    width = static_cast<uint32_t>(p - first) + 1;
  }
  if (p >= limit) return nullptr;
  mantissa = value;
  return p;
}
#endif

// 10^fraction by `width`.
inline constexpr double kDivisors[16] = {1e0, 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,
                                         1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};

}  // namespace tickwire::decode
