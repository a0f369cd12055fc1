#include "ws/frame_writer.h"

#include <bit>
#include <cstring>

#include "base/clock.h"
#include "base/entropy.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace tickwire::ws {
namespace {

constexpr uint32_t kRefillsPerSeed = 1024;

void quarter_round(uint32_t& a, uint32_t& b, uint32_t& c, uint32_t& d) noexcept {
  a += b;
  d = std::rotl(d ^ a, 16);
  c += d;
  b = std::rotl(b ^ c, 12);
  a += b;
  d = std::rotl(d ^ a, 8);
  c += d;
  b = std::rotl(b ^ c, 7);
}

// One block of the ChaCha key stream (RFC 8439 section 2.3) with 12 rounds: masks guard against confused proxies, not
// against eavesdroppers, and the key never produces more than four blocks.
void chacha_block(const uint32_t (&key)[8], uint32_t counter, uint32_t* out) noexcept {
  const uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, key[0],  key[1], key[2], key[3],
                              key[4],     key[5],     key[6],     key[7],     counter, 0,      0,      0};
  uint32_t x[16];
  std::memcpy(x, start, sizeof x);
  for (int i = 0; i < 6; ++i) {
    quarter_round(x[0], x[4], x[8], x[12]);
    quarter_round(x[1], x[5], x[9], x[13]);
    quarter_round(x[2], x[6], x[10], x[14]);
    quarter_round(x[3], x[7], x[11], x[15]);
    quarter_round(x[0], x[5], x[10], x[15]);
    quarter_round(x[1], x[6], x[11], x[12]);
    quarter_round(x[2], x[7], x[8], x[13]);
    quarter_round(x[3], x[4], x[9], x[14]);
  }
  for (int i = 0; i < 16; ++i) out[i] = x[i] + start[i];
}

}  // namespace

Result<void> MaskSource::seed() {
  uint8_t bytes[sizeof key_];
  if (Result<void> filled = fill_random(bytes); !filled.ok()) return filled;
  std::memcpy(key_, bytes, sizeof key_);
  left_ = 0;
  refills_ = 0;
  seeded_ = true;
  return {};
}

void MaskSource::mix_in_entropy() noexcept {
  uint32_t fresh[kKeyWords];
  uint8_t bytes[sizeof fresh];
  // Without new entropy the present key is still unknown to the peer. A source that never was seeded at least differs
  // from process to process.
  if (fill_random(bytes).ok()) {
    std::memcpy(fresh, bytes, sizeof fresh);
    for (uint32_t i = 0; i < kKeyWords; ++i) key_[i] ^= fresh[i];
  } else if (!seeded_) {
    const auto now = static_cast<uint64_t>(mono_ns());
    const auto here = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(this));
    key_[0] ^= static_cast<uint32_t>(now);
    key_[1] ^= static_cast<uint32_t>(now >> 32);
    key_[2] ^= static_cast<uint32_t>(here);
    key_[3] ^= static_cast<uint32_t>(here >> 32);
  }
  seeded_ = true;
}

void MaskSource::refill() noexcept {
  if (!seeded_ || ++refills_ == kRefillsPerSeed) {
    mix_in_entropy();
    refills_ = 0;
  }
  for (uint32_t i = 0; i < kPool / 16; ++i) chacha_block(key_, i, pool_ + 16 * i);
  std::memcpy(key_, pool_ + kPool - kKeyWords, sizeof key_);
  left_ = kPool - kKeyWords;
}

uint32_t MaskSource::next() noexcept {
  if (left_ == 0) refill();
  const uint32_t key = pool_[--left_];
  pool_[left_] = 0;  // what was sent is not kept
  return key;
}

size_t write_frame_header(uint8_t* out, Opcode opcode, bool fin, bool rsv1, uint64_t length,
                          const uint32_t* mask_key) noexcept {
  out[0] = static_cast<uint8_t>((fin ? 0x80u : 0u) | (rsv1 ? 0x40u : 0u) | static_cast<uint32_t>(opcode));
  const uint8_t mask_bit = mask_key != nullptr ? 0x80 : 0;
  size_t size = 2;
  if (length < 126) {
    out[1] = static_cast<uint8_t>(mask_bit | length);
  } else if (length < 65'536) {
    out[1] = mask_bit | 126;
    out[2] = static_cast<uint8_t>(length >> 8);
    out[3] = static_cast<uint8_t>(length);
    size = 4;
  } else {
    out[1] = mask_bit | 127;
    for (size_t i = 0; i < 8; ++i) out[2 + i] = static_cast<uint8_t>(length >> (56 - 8 * i));
    size = 10;
  }
  if (mask_key != nullptr) {
    std::memcpy(out + size, mask_key, 4);
    size += 4;
  }
  return size;
}

void mask_copy(uint8_t* dst, const uint8_t* src, size_t n, uint32_t key, size_t offset) noexcept {
  uint8_t given[4];
  uint8_t turned[4];
  std::memcpy(given, &key, 4);
  for (size_t i = 0; i < 4; ++i) turned[i] = given[(i + offset) & 3];
  uint32_t word;
  std::memcpy(&word, turned, 4);
  // Every step is a multiple of four bytes, so the key stays in phase.
  size_t i = 0;
#if defined(__AVX2__)
  const __m256i wide = _mm256_set1_epi32(static_cast<int>(word));
  for (; n - i >= 32; i += 32) {
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(src + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + i), _mm256_xor_si256(v, wide));
  }
  if (n - i >= 16) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(src + i));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + i), _mm_xor_si128(v, _mm256_castsi256_si128(wide)));
    i += 16;
  }
#elif defined(__ARM_NEON)
  const uint8x16_t wide = vreinterpretq_u8_u32(vdupq_n_u32(word));
  for (; n - i >= 16; i += 16) vst1q_u8(dst + i, veorq_u8(vld1q_u8(src + i), wide));
#endif
  const uint64_t twice = uint64_t{word} << 32 | word;
  for (; n - i >= 8; i += 8) {
    uint64_t v;
    std::memcpy(&v, src + i, 8);
    v ^= twice;
    std::memcpy(dst + i, &v, 8);
  }
  for (size_t k = 0; i < n; ++i, ++k) dst[i] = static_cast<uint8_t>(src[i] ^ turned[k & 3]);
}

}  // namespace tickwire::ws
