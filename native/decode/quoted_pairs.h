// Levels as most venues write them, ["64250.12000000","0.53210000"],["64250.11000000",...: many pairs in one go.
#pragma once
#include <cstddef>
#include <cstdint>

#include "decode/number.h"
#include "decode/two_decimals.h"
#include "decode/two_pairs.h"

#if defined(__AVX2__)
#include <bit>
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
  using two_pairs::kBetween;
  using two_pairs::kNext;
  using two_pairs::word16;
  using two_pairs::word32;
  constexpr uint16_t kOpen = '[' | '"' << 8;
  constexpr ptrdiff_t kWords = kExact ? 4 : 2;
  // After two that could not be read together the next try comes this much later: numbers that are too long for it
  // have neighbours that are as long.
  constexpr ptrdiff_t kPause = 8 * kWords;

  QuotedPairs pairs{at, 0, false};
  if (end - at < 2 || word16(at) != kOpen) return pairs;
  const __m256i quote = simple_decimal::constant_32(simple_decimal::kConstants.quote);
  const __m256i dot = simple_decimal::constant_32(simple_decimal::kConstants.dot);
  const auto mask_of = [](__m256i found) { return uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(found))}; };
  const uint64_t* const begin = to;
  const uint64_t* const full = to + kWords * static_cast<ptrdiff_t>(limit);
  const uint64_t* two_from = to;  // before that no two are tried together
  for (const uint8_t* price = at + 2; to != full;) {
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
    const uint8_t* const behind = price + last + 1;
    // One that has no neighbour, as in many an update, takes the shorter way.
    if (word32(behind) == kNext && full - to > kWords && to >= two_from) {
      const uint8_t* const next = two_pairs::read_all<kExact>(price, end, to, full);
      if (next != price) {
        pairs.end = next - 3;
        if (word32(next - 4) != kNext || next > end) break;
        price = next;
        continue;
      }
      two_from = full - to > kPause ? to + kPause : full;
    }
    const auto price_point = static_cast<uint32_t>(std::countr_zero(dots | uint64_t{1} << price_length));
    const auto size_point = static_cast<uint32_t>(std::countr_zero(dots >> size_at | uint64_t{1} << size_length));
    const __m128i size_text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(price + size_at));
    const TwoDecimals two(_mm256_castsi256_si128(text), price_length, price_point, size_text, size_length, size_point);
    if (!two.good()) [[unlikely]]
      break;
    if constexpr (kExact) {
      to[0] = static_cast<uint64_t>(_mm_cvtsi128_si64(two.mantissas()));
      to[1] = simple_decimal::scale_of(price_length, price_point);
      to[2] = static_cast<uint64_t>(_mm_extract_epi64(two.mantissas(), 1));
      to[3] = simple_decimal::scale_of(size_length, size_point);
    } else {
      _mm_storeu_pd(reinterpret_cast<double*>(to), two.doubles());
    }

    if (word32(behind) != kNext || end - behind < 4) [[unlikely]] {
      if ((*behind != ']' && *behind != ',') || behind >= end) break;
      pairs.open = *behind == ',';
      pairs.end = behind + (pairs.open ? 0 : 1);
      to += kWords;
      break;
    }
    pairs.end = behind + 1;
    to += kWords;
    price = behind + 4;
  }
  pairs.count = static_cast<uint32_t>((to - begin) / kWords);
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
