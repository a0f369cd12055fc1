// Levels as most venues write them, ["64250.12000000","0.53210000"],["64250.11000000",...: many pairs in one go.
#pragma once
#include <cstdint>

#include "decode/number.h"

#if defined(__AVX2__)
#include <bit>
#include <cstring>
#endif

namespace tickwire::decode {

struct QuotedPairs {
  const uint8_t* end;  // behind the last pair's bracket; where it began when there is none
  uint32_t count;
  bool open;  // the last pair has more elements: `end` is the comma in front of them
};

// Reads up to `limit` pairs that follow each other with no white space, both numbers in quotes and of the kind that
// scan_simple_decimal() takes; stops in front of whatever is different, which says nothing about it. `at` must stand
// where the first bracket is expected, not behind `end`; 64 bytes behind `end` must be loadable. Takes no byte behind
// `end`. Two words for each pair go to `to` (price and size as f64), with kExact four (mantissa and scale of both);
// those of one pair more may be overwritten if there is room for it under `limit`.
#if defined(__AVX2__)
template <bool kExact>
[[nodiscard]] inline QuotedPairs read_quoted_pairs(const uint8_t* at, const uint8_t* end, uint32_t limit,
                                                   uint64_t* to) noexcept {
  using simple_decimal::kLayouts;
  using simple_decimal::Layout;
  const auto word16 = [](const uint8_t* from) {
    uint16_t word;
    std::memcpy(&word, from, 2);
    return word;
  };
  const auto word32 = [](const uint8_t* from) {
    uint32_t word;
    std::memcpy(&word, from, 4);
    return word;
  };
  constexpr uint16_t kOpen = '[' | '"' << 8;
  constexpr uint16_t kBetween = ',' | '"' << 8;
  constexpr uint32_t kNext = ']' | ',' << 8 | '[' << 16 | uint32_t{'"'} << 24;
  constexpr uint64_t kTwoTo52 = 0x4330000000000000u;  // as a double's bits: the lowest of its mantissa counts ones

  QuotedPairs pairs{at, 0, false};
  if (end - at < 2 || word16(at) != kOpen) return pairs;
  const __m256i quote = _mm256_set1_epi8('"');
  const __m256i dot = _mm256_set1_epi8('.');
  const auto mask_of = [](__m256i found) { return uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(found))}; };
  for (const uint8_t* price = at + 2; pairs.count < limit;) {
    // The next pair waits for nothing but the place of this one's last quote.
    const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(price));
    uint64_t quotes = mask_of(_mm256_cmpeq_epi8(text, quote));
    uint64_t dots = mask_of(_mm256_cmpeq_epi8(text, dot));
    uint64_t last_quote = quotes & (quotes - 1);
    last_quote &= last_quote - 1;
    if (last_quote == 0) [[unlikely]] {
      const __m256i more = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(price + 32));
      quotes |= mask_of(_mm256_cmpeq_epi8(more, quote)) << 32;
      dots |= mask_of(_mm256_cmpeq_epi8(more, dot)) << 32;
      last_quote = quotes & (quotes - 1);
      last_quote &= last_quote - 1;
    }
    const auto price_length = static_cast<uint32_t>(std::countr_zero(quotes));
    const auto last = static_cast<uint32_t>(std::countr_zero(last_quote));
    const uint32_t size_at = price_length + 3;
    const uint32_t size_length = last - size_at;
    if ((price_length | size_length) >= 16) [[unlikely]]
      break;
    if (word16(price + price_length + 1) != kBetween) [[unlikely]]
      break;
    const auto price_point = static_cast<uint32_t>(std::countr_zero(dots | uint64_t{1} << price_length));
    const auto size_point = static_cast<uint32_t>(std::countr_zero(dots >> size_at | uint64_t{1} << size_length));
    const Layout& of_price = kLayouts.of[price_length][price_point];
    const Layout& of_size = kLayouts.of[size_length][size_point];

    // Price in the lower half, size in the upper.
    const __m128i size_text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(price + size_at));
    const __m256i values = _mm256_sub_epi8(_mm256_inserti128_si256(text, size_text, 1), _mm256_set1_epi8('0'));
    const __m256i shuffle = _mm256_inserti128_si256(_mm256_castsi128_si256(simple_decimal::constant(of_price.shuffle)),
                                                    simple_decimal::constant(of_size.shuffle), 1);
    const __m256i digits = _mm256_shuffle_epi8(values, shuffle);
    const __m256i beyond_nine = _mm256_subs_epu8(digits, _mm256_set1_epi8(9));
    if (!_mm256_testz_si256(beyond_nine, beyond_nine)) [[unlikely]]
      break;
    const __m256i tens = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010A));
    const __m256i hundreds = _mm256_madd_epi16(tens, _mm256_set1_epi32(0x00010064));
    const __m256i packed = _mm256_packus_epi32(hundreds, hundreds);
    const __m256i halves = _mm256_madd_epi16(packed, _mm256_set1_epi32(0x00012710));
    const __m128i both = _mm_unpacklo_epi64(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
    const __m128i mantissas =
        _mm_add_epi64(_mm_mul_epu32(both, _mm_set1_epi64x(100'000'000)), _mm_srli_epi64(both, 32));
    // Exact: below 2^52.
    const __m128i based = _mm_or_si128(mantissas, _mm_set1_epi64x(kTwoTo52));
    const __m128d integers = _mm_sub_pd(_mm_castsi128_pd(based), _mm_set1_pd(0x1p52));
    const __m128d least = _mm_loadh_pd(_mm_load_sd(&of_price.least), &of_size.least);
    if (_mm_movemask_pd(_mm_cmplt_pd(integers, least)) != 0) [[unlikely]]
      break;
    if constexpr (kExact) {
      to[0] = static_cast<uint64_t>(_mm_cvtsi128_si64(mantissas));
      to[1] = simple_decimal::scale_of(price_length, price_point);
      to[2] = static_cast<uint64_t>(_mm_extract_epi64(mantissas, 1));
      to[3] = simple_decimal::scale_of(size_length, size_point);
    } else {
      const __m128d divisors = _mm_loadh_pd(_mm_load_sd(&of_price.divisor), &of_size.divisor);
      _mm_storeu_pd(reinterpret_cast<double*>(to), _mm_div_pd(integers, divisors));
    }

    const uint8_t* const behind = price + last + 1;
    if (word32(behind) != kNext || end - behind < 4) [[unlikely]] {
      if ((*behind != ']' && *behind != ',') || behind >= end) break;
      pairs.open = *behind == ',';
      pairs.end = behind + (pairs.open ? 0 : 1);
      ++pairs.count;
      break;
    }
    pairs.end = behind + 1;
    ++pairs.count;
    to += kExact ? 4 : 2;
    price = behind + 4;
  }
  return pairs;
}
#else
// Elsewhere one number at a time is the fast way.
template <bool kExact>
[[nodiscard]] inline QuotedPairs read_quoted_pairs(const uint8_t* at, const uint8_t*, uint32_t, uint64_t*) noexcept {
  return {at, 0, false};
}
#endif

}  // namespace tickwire::decode
