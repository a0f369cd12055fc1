// A template in the form in which it is run: one cache line per operation, each a literal of up to 32 bytes, compared
// in one go, and what comes behind it.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "decode/json_template.h"

namespace tickwire::decode {

enum class OpKind : uint8_t {
  kEnd,
  kLiteral,     // nothing: a longer literal goes on in the next operation
  kTwoNumbers,  // two numbers in quotes with a short literal between them
  kNumber,
  kInt64,
  kDecimal,
  kBool,
  kSymbol,
  kSymbolNumber,
  kText,
  kTextRaw,
  kLevels,
  kSkipString,
  kSkipNumber,
  kSkipBool,
  kSkipValue,
  kArrayTail,
  kSelect,
  kEach,
};

struct alignas(64) Op {
  static constexpr uint32_t kLiteralBytes = 32;
  static constexpr uint32_t kBetweenBytes = 16;

  uint8_t literal[kLiteralBytes];  // zeros behind it
  uint8_t between[kBetweenBytes];  // kTwoNumbers: from one's last digit to the other's first
  uint32_t wanted;                 // one bit for each byte of `literal`
  uint16_t between_wanted;         // one bit for each byte of `between`
  uint8_t length;                  // bytes of `literal`
  union {
    uint8_t between_length;
    uint8_t digits;  // kInt64, kSkipNumber: how many the last one had
  };
  OpKind kind;
  bool rewind : 1;
  bool root : 1;
  bool key : 1;
  uint16_t slot;
  union {
    uint16_t depth;
    uint16_t second_slot;  // kTwoNumbers
  };
  int16_t field;

#if defined(__AVX2__)
  // 32 bytes at `at` must be loadable.
  [[nodiscard]] bool literal_fits(const uint8_t* at) const noexcept {
    const __m256i there = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i here = _mm256_load_si256(reinterpret_cast<const __m256i*>(literal));
    return (~static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(there, here))) & wanted) == 0;
  }
  [[nodiscard]] bool between_fits(const uint8_t* at) const noexcept {
    const __m128i there = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i here = _mm_load_si128(reinterpret_cast<const __m128i*>(between));
    return (~static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(there, here))) & between_wanted) == 0;
  }
#else
  [[nodiscard]] bool literal_fits(const uint8_t* at) const noexcept {
    uint64_t different = 0;
    for (uint32_t i = 0; i < length; i += 8) {
      uint64_t there;
      uint64_t here;
      std::memcpy(&there, at + i, 8);
      std::memcpy(&here, literal + i, 8);
      const uint32_t left = length - i;
      const uint64_t counted = left >= 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * left)) - 1;
      different |= (there ^ here) & counted;
    }
    return different == 0;
  }
#endif
};
static_assert(sizeof(Op) == 64);

class Program {
 public:
  explicit Program(const Template& made);

  [[nodiscard]] Op* steps() noexcept { return steps_.data(); }
  [[nodiscard]] Op* element() noexcept { return element_.data(); }
  [[nodiscard]] const Op& first() const noexcept { return steps_.front(); }

 private:
  std::vector<Op> steps_;
  std::vector<Op> element_;
};

}  // namespace tickwire::decode
