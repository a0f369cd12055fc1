// Two numbers from their texts in one go: one in the lower half of an AVX2 register, the other in the upper.
#pragma once
#if defined(__AVX2__)
#include <immintrin.h>

#include <cstdint>

#include "decode/number.h"

namespace tickwire::decode {

// Numbers of the kind that scan_simple_decimal() takes, whose ends and points are known.
class TwoDecimals {
 public:
  // `first` and `second`: 16 bytes from each number's first character. Lengths below 16; a point that is not there
  // stands at the end.
  TwoDecimals(__m128i first, uint32_t first_length, uint32_t first_point, __m128i second, uint32_t second_length,
              uint32_t second_point) noexcept
      : first_(simple_decimal::kLayouts.of[first_length][first_point]),
        second_(simple_decimal::kLayouts.of[second_length][second_point]) {
    using simple_decimal::constant;
    using simple_decimal::constant_32;
    using simple_decimal::kConstants;
    const __m256i text = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
    const __m256i values = _mm256_sub_epi8(text, constant_32(kConstants.zero_char));
    const __m256i shuffle =
        _mm256_inserti128_si256(_mm256_castsi128_si256(constant(first_.shuffle)), constant(second_.shuffle), 1);
    const __m256i digits = _mm256_shuffle_epi8(values, shuffle);
    beyond_nine_ = _mm256_subs_epu8(digits, constant_32(kConstants.nine));
    const __m256i tens = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010A));
    const __m256i hundreds = _mm256_madd_epi16(tens, _mm256_set1_epi32(0x00010064));
    const __m256i packed = _mm256_packus_epi32(hundreds, hundreds);
    const __m256i halves = _mm256_madd_epi16(packed, _mm256_set1_epi32(0x00012710));
    const __m128i both = _mm_unpacklo_epi64(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
    mantissas_ = _mm_add_epi64(_mm_mul_epu32(both, _mm_set1_epi64x(100'000'000)), _mm_srli_epi64(both, 32));
    // Below 2^52: as the lowest bits of a double's mantissa they count ones, and the difference is exact.
    const __m128i base = constant(kConstants.two_to_52);
    integers_ = _mm_sub_pd(_mm_castsi128_pd(_mm_or_si128(mantissas_, base)), _mm_castsi128_pd(base));
  }

  // False when one of them is no number, or begins with a zero that it must not begin with.
  [[nodiscard]] bool good() const noexcept {
    const __m128d least = _mm_loadh_pd(_mm_load_sd(&first_.least), &second_.least);
    const int none = _mm256_testz_si256(beyond_nine_, beyond_nine_);
    return none != 0 && _mm_movemask_pd(_mm_cmplt_pd(integers_, least)) == 0;
  }
  // Correctly rounded: both operands are exact.
  [[nodiscard]] __m128d doubles() const noexcept {
    return _mm_div_pd(integers_, _mm_loadh_pd(_mm_load_sd(&first_.divisor), &second_.divisor));
  }
  [[nodiscard]] __m128i mantissas() const noexcept { return mantissas_; }

 private:
  const simple_decimal::Layout& first_;
  const simple_decimal::Layout& second_;
  __m256i beyond_nine_;
  __m128i mantissas_;
  __m128d integers_;
};

}  // namespace tickwire::decode
#endif
