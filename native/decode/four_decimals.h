// Four numbers from their texts in one go, one in each half of two AVX2 registers.
#pragma once
#if defined(__AVX2__)
#include <immintrin.h>

#include <cstdint>

#include "decode/number.h"

namespace tickwire::decode {

// Mantissas of numbers of at most sixteen digits whose layouts are known. Nothing is checked: each text has to be of
// its layout.
class FourDecimals {
 public:
  // `first`: 16 bytes from where the first number begins and 16 from where the second does, `second`: the third and the
  // fourth. The shuffles move digits to the right and drop the point (simple_decimal::Layout).
  FourDecimals(__m256i first, __m256i first_shuffle, __m256i second, __m256i second_shuffle) noexcept {
    using simple_decimal::constant_32;
    using simple_decimal::kConstants;
    const __m256i zero = constant_32(kConstants.zero_char);
    const __m256i pairs = _mm256_set1_epi16(0x010A);
    const __m256i fours = _mm256_set1_epi32(0x00010064);
    const auto hundreds_of = [&](__m256i text, __m256i shuffle) {
      const __m256i digits = _mm256_shuffle_epi8(_mm256_sub_epi8(text, zero), shuffle);
      return _mm256_madd_epi16(_mm256_maddubs_epi16(digits, pairs), fours);
    };
    const __m256i packed = _mm256_packus_epi32(hundreds_of(first, first_shuffle), hundreds_of(second, second_shuffle));
    const __m256i halves = _mm256_madd_epi16(packed, _mm256_set1_epi32(0x00012710));
    mantissas_ =
        _mm256_add_epi64(_mm256_mul_epu32(halves, _mm256_set1_epi64x(100'000'000)), _mm256_srli_epi64(halves, 32));
  }

  // In the order first, third, second, fourth.
  [[nodiscard]] __m256i mantissas() const noexcept { return mantissas_; }
  // The same as doubles: exact, as none has more than 15 digits.
  [[nodiscard]] __m256d integers() const noexcept {
    // Below 2^52: as the lowest bits of a double's mantissa they count ones, and the difference is exact.
    const __m256i base = _mm256_set1_epi64x(0x4330000000000000);
    return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(mantissas_, base)), _mm256_castsi256_pd(base));
  }

 private:
  __m256i mantissas_;
};

}  // namespace tickwire::decode
#endif
