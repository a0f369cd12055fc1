// The frame that most of a market's messages are: a compact Quote, exactly 64 bytes (docs/wire-format.md).
#pragma once
#include <cstddef>
#include <cstdint>

#include "wire/header.h"

namespace tickwire::wire {

inline constexpr size_t kQuoteFrameBytes = 64;
inline constexpr size_t kQuotePayloadBytes = 32;
inline constexpr uint8_t kCompactTag = 1;
inline constexpr uint8_t kCompactBytes = 30;

// Whether the 64 bytes at `at` have the form of such a frame, unmasked and of the market data domain. Says nothing
// about the checksum.
[[nodiscard]] inline bool looks_like_quote(const uint8_t* at) noexcept {
  // Magic, version, domain, type; of the flags only those that do not change how the payload is read.
  constexpr uint64_t kFixed = 0x0000'F8FF'FFFF'FFFFu;
  constexpr uint64_t kExpected = 0x0000'0001'0101'5754u;
  static_assert((0xFFu & ~0xF8u) == (kFlagSnapshot | kFlagResent | kFlagConflated));
  return (load<uint64_t>(at) & kFixed) == kExpected && load<uint32_t>(at + 8) == kQuotePayloadBytes &&
         load<uint16_t>(at + kHeaderBytes) == (kCompactBytes << 8 | kCompactTag);
}

struct CompactQuote {
  uint32_t symbol;
  uint8_t price_scale;
  uint8_t size_scale;
  int64_t bid;  // mantissas
  int64_t ask;
  int64_t bid_size;
  int64_t ask_size;
};

inline constexpr uint8_t kMaxScale = 18;
inline constexpr int64_t kNoPrice = INT64_MIN;  // wide quotes: there is no such side

// The kCompactBytes at `value`. False when a scale or the ask is out of range.
[[nodiscard]] inline bool read_compact_quote(const uint8_t* value, CompactQuote& q) noexcept {
  q.symbol = load<uint32_t>(value);
  q.price_scale = value[4];
  q.size_scale = value[5];
  q.bid = load<int64_t>(value + 6);
  // The 48-bit sizes out of words that end with them.
  q.bid_size = static_cast<int64_t>(load<uint64_t>(value + 16) >> 16);
  q.ask_size = static_cast<int64_t>(load<uint64_t>(value + 22) >> 16);
  const bool overflow = __builtin_add_overflow(q.bid, int64_t{load<int32_t>(value + 14)}, &q.ask);
  return !overflow && q.price_scale <= kMaxScale && q.size_scale <= kMaxScale && q.bid != kNoPrice && q.ask != kNoPrice;
}

}  // namespace tickwire::wire
