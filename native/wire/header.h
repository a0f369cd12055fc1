// The frame header of the wire format (docs/wire-format.md): 32 bytes, little endian, in front of every payload.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/crc32c.h"

namespace tickwire::wire {

static_assert(std::endian::native == std::endian::little, "fields are copied as they lie in memory");

inline constexpr uint8_t kMagic[2] = {0x54, 0x57};  // "TW"
inline constexpr uint8_t kVersion = 1;
inline constexpr size_t kHeaderBytes = 32;
inline constexpr uint32_t kMaxPayload = 16u << 20;
// Numbers of messages end here, so that the one after the last is a number as well, and every language can hold them.
inline constexpr uint64_t kMaxSequence = INT64_MAX;
inline constexpr size_t kMaskBytes = 4;  // a masked payload ends with its key

// Whom a message is for: bridges forward and filter by it. 4…255 are the user's own.
enum class Domain : uint8_t { kControl = 0, kMarketData = 1, kSignal = 2, kExecution = 3, kUser = 4 };

enum class Type : uint8_t {
  kQuote = 1,
  kTrade = 2,
  kBookDelta = 3,
  kBookSnapshot = 4,
  kSignal = 5,
  kExecution = 6,
  kHeartbeat = 7,
  kSymbol = 8,
  kTopic = 9,
  kHello = 10,
  kWelcome = 11,
  kSubscribe = 12,
  kUnsubscribe = 13,
  kResend = 14,
  kResendRefused = 15,
  kSkipped = 16,
  kError = 17,
  kPing = 18,
  kPong = 19,
  kBye = 20,
  kRaw = 21,
};
inline constexpr uint8_t kFirstUserType = 64;  // 64…255: described by a schema; 0 is no type, 22…63 are reserved

inline constexpr uint8_t kFlagSnapshot = 1u << 0;   // part of a state, not a change of it
inline constexpr uint8_t kFlagResent = 1u << 1;     // answers a Resend
inline constexpr uint8_t kFlagConflated = 1u << 2;  // messages of this source before it were left out for this receiver
inline constexpr uint8_t kFlagCompressed = 1u << 3;  // reserved
inline constexpr uint8_t kFlagEncrypted = 1u << 4;   // reserved
inline constexpr uint8_t kFlagMasked = 1u << 5;      // payload is XORed with the 4 bytes at its end (frame_writer.h)
// A receiver that does not know a flag cannot read the payload.
inline constexpr uint8_t kFlagsUnderstood = kFlagSnapshot | kFlagResent | kFlagConflated | kFlagMasked;

struct Header {
  Domain domain = Domain::kControl;
  uint8_t type = 0;
  uint8_t flags = 0;
  uint16_t source = 0;  // topic number given by the sender; 0: the sender itself
  uint32_t length = 0;  // bytes of payload
  uint32_t crc = 0;
  uint64_t sequence = 0;  // per source, from 1; 0: unsequenced
  uint64_t time_ns = 0;   // when it was sent: nanoseconds since the Unix epoch; 0: not told

  [[nodiscard]] bool is(Type t) const noexcept { return type == static_cast<uint8_t>(t); }
};

template <class T>
[[nodiscard]] inline T load(const uint8_t* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
inline void store(uint8_t* to, T value) noexcept {
  std::memcpy(to, &value, sizeof value);
}

// The three bytes with which every frame starts, and which therefore stand in no payload.
[[nodiscard]] inline bool starts_frame(const uint8_t* at) noexcept {
  return at[0] == kMagic[0] && at[1] == kMagic[1] && at[2] == kVersion;
}

// kHeaderBytes at `from`; magic and version are the caller's business.
[[nodiscard]] inline Header read_header(const uint8_t* from) noexcept {
  Header h;
  h.domain = static_cast<Domain>(from[3]);
  h.type = from[4];
  h.flags = from[5];
  h.source = load<uint16_t>(from + 6);
  h.length = load<uint32_t>(from + 8);
  h.crc = load<uint32_t>(from + 12);
  h.sequence = load<uint64_t>(from + 16);
  h.time_ns = load<uint64_t>(from + 24);
  return h;
}

// Writes h.crc as it is: frame_writer.h computes it.
inline void write_header(uint8_t* to, const Header& h) noexcept {
  to[0] = kMagic[0];
  to[1] = kMagic[1];
  to[2] = kVersion;
  to[3] = static_cast<uint8_t>(h.domain);
  to[4] = h.type;
  to[5] = h.flags;
  store(to + 6, h.source);
  store(to + 8, h.length);
  store(to + 12, h.crc);
  store(to + 16, h.sequence);
  store(to + 24, h.time_ns);
}

// The checksum that belongs into the frame at `frame`: of everything but its own four bytes.
[[nodiscard]] inline uint32_t frame_crc(const uint8_t* frame, size_t payload_bytes) noexcept {
  uint32_t state = crc32c_step(kCrc32cStart, load<uint64_t>(frame));
  state = crc32c_step(state, load<uint32_t>(frame + 8));
  state = crc32c_step(state, load<uint64_t>(frame + 16));
  state = crc32c_step(state, load<uint64_t>(frame + 24));
  return ~crc32c_add(state, frame + kHeaderBytes, payload_bytes);
}

}  // namespace tickwire::wire
