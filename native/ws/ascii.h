// Whether bytes are all ASCII, at SIMD speed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace tickwire::ws {

namespace ascii {

inline constexpr uint64_t kHighBits = 0x8080808080808080u;

template <class Word>
inline Word load(const uint8_t* p) noexcept {
  Word w;
  std::memcpy(&w, p, sizeof w);
  return w;
}

#if defined(__AVX2__)
inline constexpr size_t kBlock = 32;
using Block = __m256i;
inline Block load_block(const uint8_t* p) noexcept { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline Block either(Block a, Block b) noexcept { return _mm256_or_si256(a, b); }
inline bool block_is_ascii(Block b) noexcept { return _mm256_movemask_epi8(b) == 0; }
#elif defined(__ARM_NEON)
inline constexpr size_t kBlock = 16;
using Block = uint8x16_t;
inline Block load_block(const uint8_t* p) noexcept { return vld1q_u8(p); }
inline Block either(Block a, Block b) noexcept { return vorrq_u8(a, b); }
inline bool block_is_ascii(Block b) noexcept { return vmaxvq_u8(b) < 0x80; }
#else
inline constexpr size_t kBlock = 8;
using Block = uint64_t;
inline Block load_block(const uint8_t* p) noexcept { return load<uint64_t>(p); }
inline Block either(Block a, Block b) noexcept { return a | b; }
inline bool block_is_ascii(Block b) noexcept { return (b & kHighBits) == 0; }
#endif

// Fewer bytes than a block. Like the other sizes, the last load overlaps the one before it instead of reading past the
// end, so any memory may be checked.
[[nodiscard]] inline bool short_is_ascii(const uint8_t* p, size_t n) noexcept {
  if (n >= 16) {
    const uint64_t seen =
        load<uint64_t>(p) | load<uint64_t>(p + 8) | load<uint64_t>(p + n - 16) | load<uint64_t>(p + n - 8);
    return (seen & kHighBits) == 0;
  }
  if (n >= 8) return ((load<uint64_t>(p) | load<uint64_t>(p + n - 8)) & kHighBits) == 0;
  if (n >= 4) return ((load<uint32_t>(p) | load<uint32_t>(p + n - 4)) & 0x80808080u) == 0;
  uint8_t seen = 0;
  for (size_t i = 0; i < n; ++i) seen = static_cast<uint8_t>(seen | p[i]);
  return seen < 0x80;
}

}  // namespace ascii

[[nodiscard]] inline bool all_ascii(std::span<const uint8_t> text) noexcept {
  const uint8_t* const p = text.data();
  const size_t n = text.size();
  if (n < ascii::kBlock) [[unlikely]]
    return ascii::short_is_ascii(p, n);
  ascii::Block seen = ascii::load_block(p + n - ascii::kBlock);
  for (size_t i = 0; i + ascii::kBlock < n; i += ascii::kBlock) {
    seen = ascii::either(seen, ascii::load_block(p + i));
  }
  return ascii::block_is_ascii(seen);
}

}  // namespace tickwire::ws
