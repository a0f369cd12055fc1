// Levels two at a time, four numbers in quotes: 64250.12","0.532"],["64250.11","1.2"]
#pragma once
#if defined(__AVX2__)
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "decode/four_decimals.h"
#include "decode/number.h"

namespace tickwire::decode::two_pairs {

inline uint16_t word16(const uint8_t* from) noexcept {
  uint16_t word;
  std::memcpy(&word, from, 2);
  return word;
}
inline uint32_t word32(const uint8_t* from) noexcept {
  uint32_t word;
  std::memcpy(&word, from, 4);
  return word;
}
inline __m256i load_two(const void* low, const void* high) noexcept {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(low))),
                                 _mm_loadu_si128(static_cast<const __m128i*>(high)), 1);
}

inline constexpr uint16_t kBetween = ',' | '"' << 8;
inline constexpr uint32_t kNext = ']' | ',' << 8 | '[' << 16 | uint32_t{'"'} << 24;

// 64 where there is none. The instruction itself: std::countr_zero() may become a test and a jump more.
inline uint64_t first_of(uint64_t mask) noexcept { return _tzcnt_u64(mask); }
// What is left behind the next two.
inline uint64_t without_two(uint64_t mask) noexcept { return _blsr_u64(_blsr_u64(mask)); }

// What stands where in 64 bytes.
struct Marks {
  uint64_t quotes;
  uint64_t ends;  // what a run of digits ends at: quotes and points

  [[gnu::always_inline]] explicit Marks(const uint8_t* at) noexcept {
    const __m256i quote = simple_decimal::constant_32(simple_decimal::kConstants.quote);
    const __m256i dot = simple_decimal::constant_32(simple_decimal::kConstants.dot);
    const auto mask_of = [](__m256i found) { return uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(found))}; };
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32));
    const __m256i low_quotes = _mm256_cmpeq_epi8(low, quote);
    const __m256i high_quotes = _mm256_cmpeq_epi8(high, quote);
    quotes = mask_of(low_quotes) | mask_of(high_quotes) << 32;
    ends = mask_of(_mm256_or_si256(low_quotes, _mm256_cmpeq_epi8(low, dot))) |
           mask_of(_mm256_or_si256(high_quotes, _mm256_cmpeq_epi8(high, dot))) << 32;
  }
};

// `text`: the first price's first character, not behind `end`; 64 bytes behind `end` must be loadable. Returns where
// the second pair's bracket is, counted from `text`; 0, and nothing is written, when the two are more than 64 bytes,
// reach beyond `end`, or are not just two pairs of numbers that scan_simple_decimal() takes. Writes two words for each
// pair, with kExact four (read_quoted_pairs()).
template <bool kExact>
[[gnu::always_inline, nodiscard]] inline uint64_t read_two(const uint8_t* text, const uint8_t* end,
                                                           uint64_t* to) noexcept {
  using simple_decimal::constant_32;
  using simple_decimal::kConstants;
  using simple_decimal::kLayouts;
  // All places follow from the quotes of one look at the text: what comes behind these pairs waits for little else.
  const Marks marks(text);
  const uint64_t quotes_a = without_two(marks.quotes);
  const uint64_t quotes_b = without_two(quotes_a);
  const uint64_t last_quotes = without_two(quotes_b);
  if (last_quotes == 0) [[unlikely]]
    return 0;
  const uint64_t price_length_a = first_of(marks.quotes);
  const uint64_t size_at_a = price_length_a + 3;
  const uint64_t last_a = first_of(quotes_a);
  const uint64_t size_length_a = last_a - size_at_a;
  const uint64_t price_at_b = last_a + 5;
  const uint64_t price_end_b = first_of(quotes_b);
  const uint64_t price_length_b = price_end_b - price_at_b;
  const uint64_t size_at_b = price_end_b + 3;
  const uint64_t bracket_b = first_of(last_quotes) + 1;
  const uint64_t size_length_b = bracket_b - 1 - size_at_b;
  if ((price_length_a | size_length_a | price_length_b | size_length_b) >= 16) [[unlikely]]
    return 0;
  // None of the checked words is beyond what may be loaded, as no length is.
  if (word16(text + price_length_a + 1) != kBetween) [[unlikely]]
    return 0;
  if (word32(text + last_a + 1) != kNext) [[unlikely]]
    return 0;
  if (word16(text + price_end_b + 1) != kBetween) [[unlikely]]
    return 0;
  if (end - text <= static_cast<ptrdiff_t>(bracket_b) || text[bracket_b] != ']') [[unlikely]]
    return 0;

  // A point that is not there stands at the end.
  const uint64_t price_point_a = first_of(marks.ends);
  const uint64_t size_point_a = first_of(marks.ends >> size_at_a);
  const uint64_t price_point_b = first_of(marks.ends >> price_at_b);
  const uint64_t size_point_b = first_of(marks.ends >> size_at_b);
  const auto& price_a = kLayouts.of[price_length_a][price_point_a];
  const auto& size_a = kLayouts.of[size_length_a][size_point_a];
  const auto& price_b = kLayouts.of[price_length_b][price_point_b];
  const auto& size_b = kLayouts.of[size_length_b][size_point_b];
  const __m256i prices = load_two(text, text + price_at_b);
  const __m256i sizes = load_two(text + size_at_a, text + size_at_b);
  const __m256i price_shuffle = load_two(price_a.shuffle, price_b.shuffle);
  const __m256i size_shuffle = load_two(size_a.shuffle, size_b.shuffle);
  const FourDecimals four(prices, price_shuffle, sizes, size_shuffle);

  // Whatever is no digit is beyond nine, a second point too. The digits are those that the numbers were made of: the
  // compiler makes them once.
  const auto beyond_nine = [](__m256i numbers, __m256i shuffle) {
    const __m256i digits = _mm256_shuffle_epi8(_mm256_sub_epi8(numbers, constant_32(kConstants.zero_char)), shuffle);
    return _mm256_subs_epu8(digits, constant_32(kConstants.nine));
  };
  // A layout's divisor and its least mantissa lie side by side; taken apart they are in the order of `four`.
  const __m256d price_bounds = _mm256_castsi256_pd(load_two(&price_a.divisor, &price_b.divisor));
  const __m256d size_bounds = _mm256_castsi256_pd(load_two(&size_a.divisor, &size_b.divisor));
  const __m256d integers = four.integers();
  const __m256d below = _mm256_cmp_pd(integers, _mm256_unpackhi_pd(price_bounds, size_bounds), _CMP_LT_OQ);
  const __m256i wrong =
      _mm256_or_si256(_mm256_or_si256(beyond_nine(prices, price_shuffle), beyond_nine(sizes, size_shuffle)),
                      _mm256_castpd_si256(below));
  if (_mm256_testz_si256(wrong, wrong) == 0) [[unlikely]]
    return 0;

  if constexpr (kExact) {
    const auto scale_of = [](uint64_t length, uint64_t point) {
      return simple_decimal::scale_of(static_cast<uint32_t>(length), static_cast<uint32_t>(point));
    };
    const __m128i first = _mm256_castsi256_si128(four.mantissas());
    const __m128i second = _mm256_extracti128_si256(four.mantissas(), 1);
    to[0] = static_cast<uint64_t>(_mm_cvtsi128_si64(first));
    to[1] = scale_of(price_length_a, price_point_a);
    to[2] = static_cast<uint64_t>(_mm_extract_epi64(first, 1));
    to[3] = scale_of(size_length_a, size_point_a);
    to[4] = static_cast<uint64_t>(_mm_cvtsi128_si64(second));
    to[5] = scale_of(price_length_b, price_point_b);
    to[6] = static_cast<uint64_t>(_mm_extract_epi64(second, 1));
    to[7] = scale_of(size_length_b, size_point_b);
  } else {
    // Correctly rounded: both operands are exact.
    const __m256d divisors = _mm256_unpacklo_pd(price_bounds, size_bounds);
    _mm256_storeu_pd(reinterpret_cast<double*>(to), _mm256_div_pd(integers, divisors));
  }
  return bracket_b;
}

// As many as follow each other, up to `full`; moves `to` behind what was written. Returns where the next price's first
// character would be, perhaps behind `end`: four bytes behind the last bracket. Not inlined: beside the way for one
// pair the compiler has not enough registers for both.
template <bool kExact>
[[gnu::noinline, nodiscard]] const uint8_t* read_all(const uint8_t* price, const uint8_t* end, uint64_t*& to,
                                                     const uint64_t* full) noexcept {
  constexpr ptrdiff_t kWords = kExact ? 4 : 2;
  uint64_t* out = to;
  while (full - out > kWords) {
    const uint64_t bracket = read_two<kExact>(price, end, out);
    if (bracket == 0) break;
    out += 2 * kWords;
    const uint8_t* const behind = price + bracket;
    price = behind + 4;
    if (word32(behind) != kNext || price > end) break;
  }
  to = out;
  return price;
}

}  // namespace tickwire::decode::two_pairs
#endif
