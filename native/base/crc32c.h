// CRC32C (Castagnoli, polynomial 0x1EDC6F41, reflected), with the CPU's instruction where the build has one.
//
// A *state* is the running register, not inverted: it starts as kCrc32cStart and is inverted at the end. The single
// steps are here so that short inputs of known length need no call and no loop.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

namespace tickwire {

inline constexpr uint32_t kCrc32cStart = 0xFFFFFFFFu;

// The same by tables, for builds without the instruction and for tests.
[[nodiscard]] uint32_t crc32c_add_portable(uint32_t state, const uint8_t* bytes, size_t n) noexcept;

[[nodiscard]] inline uint32_t crc32c_step(uint32_t state, uint64_t word) noexcept {
#if defined(__SSE4_2__)
  return static_cast<uint32_t>(_mm_crc32_u64(state, word));
#elif defined(__ARM_FEATURE_CRC32)
  return __crc32cd(state, word);
#else
  uint8_t bytes[8];
  std::memcpy(bytes, &word, sizeof bytes);
  return crc32c_add_portable(state, bytes, sizeof bytes);
#endif
}

[[nodiscard]] inline uint32_t crc32c_step(uint32_t state, uint32_t word) noexcept {
#if defined(__SSE4_2__)
  return _mm_crc32_u32(state, word);
#elif defined(__ARM_FEATURE_CRC32)
  return __crc32cw(state, word);
#else
  uint8_t bytes[4];
  std::memcpy(bytes, &word, sizeof bytes);
  return crc32c_add_portable(state, bytes, sizeof bytes);
#endif
}

[[nodiscard]] inline uint32_t crc32c_step(uint32_t state, uint8_t byte) noexcept {
#if defined(__SSE4_2__)
  return _mm_crc32_u8(state, byte);
#elif defined(__ARM_FEATURE_CRC32)
  return __crc32cb(state, byte);
#else
  return crc32c_add_portable(state, &byte, 1);
#endif
}

// The state after n more bytes.
[[nodiscard]] uint32_t crc32c_add(uint32_t state, const uint8_t* bytes, size_t n) noexcept;

// The checksum of `bytes`, or, given the checksum of what went before, of both together.
[[nodiscard]] inline uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t before = 0) noexcept {
  return ~crc32c_add(~before, bytes.data(), bytes.size());
}

}  // namespace tickwire
