// What the measuring side knows of a message: a JSON object of one line whose head has fixed columns, so that it can be
// checked without a parser. `examples/venue/numbered.ts` writes it:
//   {"u":SSSSSSSSSSSSSSSS,"T":TTTTTTTTTTTTTTTT,"c":"HHHHHHHH",…}
// u: 10^15 + the sequence number, T: 10^15 + the monotonic clock in nanoseconds right before the publish, c: FNV-1a of
// what follows its closing quote, in hexadecimal.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

namespace sink {

constexpr uint64_t kNumberBase = 1'000'000'000'000'000;
constexpr size_t kSequenceAt = 5;
constexpr size_t kStampAt = 26;
constexpr size_t kChecksumAt = 48;
constexpr size_t kBodyAt = 57;

static_assert(std::endian::native == std::endian::little);

inline uint64_t load8(const uint8_t* p) {
  uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// Eight decimal digits at once: pairs, then fours, then all eight. Garbage in, garbage out: the sequence check notices.
inline uint64_t eight_digits(const uint8_t* p) {
  uint64_t v = load8(p) - 0x3030303030303030u;
  v = (v * 10) + (v >> 8);
  constexpr uint64_t kMask = 0x000000FF000000FFu;
  constexpr uint64_t kLow = 100 + (1'000'000ull << 32);
  constexpr uint64_t kHigh = 1 + (10'000ull << 32);
  return static_cast<uint32_t>((((v & kMask) * kLow) + (((v >> 16) & kMask) * kHigh)) >> 32);
}

inline uint64_t sixteen_digits(const uint8_t* p) { return eight_digits(p) * 100'000'000 + eight_digits(p + 8); }

// The head is where it has to be.
inline bool has_head(std::span<const uint8_t> payload) {
  constexpr uint64_t kUntilDigits = 0x000000'3A'22'75'22'7B;  // {"u":
  return payload.size() > kBodyAt && (load8(payload.data()) & 0xFFFFFFFFFF) == kUntilDigits &&
         payload[kStampAt - 1] == ':' && payload[kBodyAt - 1] == '"';
}

inline uint64_t sequence_of(std::span<const uint8_t> payload) {
  return sixteen_digits(payload.data() + kSequenceAt) - kNumberBase;
}

inline int64_t stamp_of(std::span<const uint8_t> payload) {
  return static_cast<int64_t>(sixteen_digits(payload.data() + kStampAt) - kNumberBase);
}

inline bool checksum_fits(std::span<const uint8_t> payload) {
  uint32_t hash = 2'166'136'261u;
  for (const uint8_t byte : payload.subspan(kBodyAt)) hash = (hash ^ byte) * 16'777'619u;
  for (size_t i = 0; i < 8; ++i) {
    const uint32_t nibble = (hash >> (28 - 4 * i)) & 15;
    if (payload[kChecksumAt + i] != "0123456789abcdef"[nibble]) return false;
  }
  return true;
}

}  // namespace sink
