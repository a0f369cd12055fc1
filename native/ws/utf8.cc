#include "ws/utf8.h"

#include <bit>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace tickwire::ws {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080u;

template <class Word>
Word load(const uint8_t* p) noexcept {
  Word w;
  std::memcpy(&w, p, sizeof w);
  return w;
}

#if defined(__AVX2__)
constexpr size_t kBlock = 32;
using Block = __m256i;
Block load_block(const uint8_t* p) noexcept { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
Block either(Block a, Block b) noexcept { return _mm256_or_si256(a, b); }
bool block_is_ascii(Block b) noexcept { return _mm256_movemask_epi8(b) == 0; }
#elif defined(__ARM_NEON)
constexpr size_t kBlock = 16;
using Block = uint8x16_t;
Block load_block(const uint8_t* p) noexcept { return vld1q_u8(p); }
Block either(Block a, Block b) noexcept { return vorrq_u8(a, b); }
bool block_is_ascii(Block b) noexcept { return vmaxvq_u8(b) < 0x80; }
#else
constexpr size_t kBlock = 8;
using Block = uint64_t;
Block load_block(const uint8_t* p) noexcept { return load<uint64_t>(p); }
Block either(Block a, Block b) noexcept { return a | b; }
bool block_is_ascii(Block b) noexcept { return (b & kHighBits) == 0; }
#endif

// The last load of each size overlaps the one before it instead of reading past the end, so any memory may be checked.
bool all_ascii(const uint8_t* p, size_t n) noexcept {
  if (n >= kBlock) {
    Block seen = load_block(p + n - kBlock);
    for (size_t i = 0; i + kBlock < n; i += kBlock) seen = either(seen, load_block(p + i));
    return block_is_ascii(seen);
  }
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

const uint8_t* skip_ascii(const uint8_t* p, const uint8_t* end) noexcept {
  while (static_cast<size_t>(end - p) >= kBlock && block_is_ascii(load_block(p))) p += kBlock;
  while (static_cast<size_t>(end - p) >= 8 && (load<uint64_t>(p) & kHighBits) == 0) p += 8;
  while (p != end && *p < 0x80) ++p;
  return p;
}

// What may follow a lead byte: how many continuation bytes, and the bounds of the first of them. The bounds keep out
// overlong forms, surrogates and everything above U+10FFFF (RFC 3629 section 4).
struct Lead {
  uint8_t need;
  uint8_t low;
  uint8_t high;
};

constexpr Lead lead_of(uint8_t b) noexcept {
  if (b < 0xC2) return {0, 0, 0};
  if (b < 0xE0) return {1, 0x80, 0xBF};
  if (b == 0xE0) return {2, 0xA0, 0xBF};
  if (b == 0xED) return {2, 0x80, 0x9F};
  if (b < 0xF0) return {2, 0x80, 0xBF};
  if (b == 0xF0) return {3, 0x90, 0xBF};
  if (b < 0xF4) return {3, 0x80, 0xBF};
  if (b == 0xF4) return {3, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

bool Utf8Checker::add(std::span<const uint8_t> piece) noexcept {
  const uint8_t* p = piece.data();
  const uint8_t* const end = p + piece.size();
  for (;;) {
    while (need_ != 0) {
      if (p == end) return true;
      if (*p < low_ || *p > high_) return false;
      ++p;
      --need_;
      low_ = 0x80;
      high_ = 0xBF;
    }
    if (p != end && *p < 0x80) p = skip_ascii(p, end);
    if (p == end) return true;
    const Lead lead = lead_of(*p);
    if (lead.need == 0) return false;
    ++p;
    need_ = lead.need;
    low_ = lead.low;
    high_ = lead.high;
  }
}

bool valid_utf8(std::span<const uint8_t> text) noexcept {
  if (all_ascii(text.data(), text.size())) return true;
  Utf8Checker checker;
  return checker.add(text) && checker.complete();
}

}  // namespace tickwire::ws
