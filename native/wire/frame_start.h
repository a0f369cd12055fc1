// Finds the three bytes with which a frame starts.
#pragma once
#include <cstddef>
#include <cstdint>

#include "wire/header.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace tickwire::wire {

// The first place in [at, end) where all three stand; `end` when there is none. Reads nothing beyond `end`.
[[nodiscard]] const uint8_t* find_frame_start(const uint8_t* at, const uint8_t* end) noexcept;

// Whether the two magic bytes stand next to each other in the 33 bytes from at - 1 on: one look at what is nearly
// always so. All 33 are loaded.
[[nodiscard]] inline bool has_magic_pair(const uint8_t* at) noexcept {
#if defined(__AVX2__)
  const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at - 1));
  const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  const __m256i pairs = _mm256_and_si256(_mm256_cmpeq_epi8(first, _mm256_set1_epi8(kMagic[0])),
                                         _mm256_cmpeq_epi8(second, _mm256_set1_epi8(kMagic[1])));
  return _mm256_testz_si256(pairs, pairs) == 0;
#else
  using Bytes = uint8_t __attribute__((vector_size(32)));  // a pair of NEON registers on arm64
  using Words = uint64_t __attribute__((vector_size(32)));
  Bytes first;
  Bytes second;
  std::memcpy(&first, at - 1, sizeof first);
  std::memcpy(&second, at, sizeof second);
  const auto pairs = (first == kMagic[0]) & (second == kMagic[1]);
  Words words;
  std::memcpy(&words, &pairs, sizeof words);
  return (words[0] | words[1] | words[2] | words[3]) != 0;
#endif
}

}  // namespace tickwire::wire
