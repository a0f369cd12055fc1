// Strings of JSON as they stand in the text (RFC 8259 section 7).
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace tickwire::decode {

#if defined(__AVX2__)
// In memory for the reason given in number.h.
struct TextConstants {
  alignas(32) uint8_t space[32];
  alignas(32) uint8_t quote[32];
  alignas(32) uint8_t backslash[32];
};
extern const TextConstants kTextConstants;
#endif

// The first byte from `at` on that is not plain text of a string: a quote, a backslash, a control character or a byte
// beyond ASCII; `end` or a place behind it when there is none before. Loads up to 32 bytes behind `end`.
[[nodiscard]] inline const uint8_t* plain_text_end(const uint8_t* at, const uint8_t* end) noexcept {
#if defined(__AVX2__)
  const auto constant = [](const uint8_t(&from)[32]) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
  };
  for (; at < end; at += 32) {
    const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    // As signed bytes everything beyond ASCII is below the space, like the control characters.
    const __m256i low = _mm256_cmpgt_epi8(constant(kTextConstants.space), text);
    const __m256i quote = _mm256_cmpeq_epi8(text, constant(kTextConstants.quote));
    const __m256i slash = _mm256_cmpeq_epi8(text, constant(kTextConstants.backslash));
    const auto found = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_or_si256(low, _mm256_or_si256(quote, slash))));
    if (found != 0) return at + std::countr_zero(found);
  }
  return at;
#else
  constexpr uint64_t kOnes = 0x0101010101010101u;
  constexpr uint64_t kHigh = 0x8080808080808080u;
  for (; at < end; at += 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    const uint64_t quote = word ^ (kOnes * '"');
    const uint64_t slash = word ^ (kOnes * '\\');
    // The lowest set bit of each term is exact; borrows only disturb bytes above it.
    const uint64_t found = (word | (word - kOnes * 0x20) | (quote - kOnes) | (slash - kOnes)) & kHigh;
    if (found != 0) return at + std::countr_zero(found) / 8;
  }
  return at;
#endif
}

enum class TextError : uint8_t { kNone, kSyntax, kTruncated, kUtf8 };

struct StringScan {
  const uint8_t* end = nullptr;  // the closing quote
  bool escaped = false;          // holds at least one escape
  TextError error = TextError::kNone;
};

// Checks a string completely: escapes, control characters, UTF-8. `at` stands behind the opening quote.
[[nodiscard]] StringScan scan_string(const uint8_t* at, const uint8_t* end) noexcept;

// Appends the text of a string that scan_string() found good (`at` behind the opening quote, `end` the closing one) to
// `out`. False when an escaped surrogate has no partner: such text has no UTF-8 form.
[[nodiscard]] bool unescape(const uint8_t* at, const uint8_t* end, std::vector<uint8_t>& out);

}  // namespace tickwire::decode
