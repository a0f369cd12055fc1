// The words of the hub: numbers of topics, keys and subscribers, lanes, policies.
#pragma once
#include <cstdint>

namespace tickwire::hub {

using TopicId = uint16_t;  // 1…65535, given by the hub; the `source` of the wire format. 0 is no topic
using KeyId = uint32_t;    // from 0, given by the hub; the symbol id of the wire format
using SubscriberId = uint64_t;

inline constexpr TopicId kNoTopic = 0;
inline constexpr KeyId kNoKey = UINT32_MAX;

// One framing of the stream. Every message is framed once per lane that somebody uses; a lane without subscribers
// costs nothing.
enum class Lane : uint8_t {
  kWs,         // unmasked server frames: text or binary, as published
  kWsDeflate,  // the same, compressed once per message and without context takeover
  kWsWire,     // wire frames in binary WebSocket messages (subprotocol tickwire.v1)
  kWire,       // wire frames over TCP or TLS
  kCount
};
inline constexpr uint32_t kLanes = static_cast<uint32_t>(Lane::kCount);
[[nodiscard]] constexpr bool speaks_websocket(Lane lane) noexcept { return lane != Lane::kWire; }
[[nodiscard]] constexpr bool speaks_wire(Lane lane) noexcept { return lane == Lane::kWire || lane == Lane::kWsWire; }

// What becomes of a subscriber that has more than slow.pending_bytes to take.
enum class SlowPolicy : uint8_t {
  kSkip,        // it goes on with the newest; what it missed is counted, per topic as an exact range
  kConflate,    // of what it has not got, only the newest per key is sent, once its socket takes data again
  kDisconnect,  // close code 1013, then the connection is cut
};

enum class Retain : uint8_t {
  kNone,
  kLast,  // the newest message per key is kept and sent first to those who join later
};

enum class PayloadKind : uint8_t {
  kJson,    // valid UTF-8, as text is; a text message to WebSocket clients, Raw to wire clients
  kText,    // likewise
  kBinary,  // any bytes; a binary message, Raw
  kTyped,   // the payload (TLVs) of a wire message; JSON text to WebSocket clients that speak no wire
};

// Of one topic's sequence numbers a subscriber did not get `count`, the first and the last of them given.
struct MissedRange {
  TopicId topic = kNoTopic;
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t count = 0;  // less than to - from + 1 where a filter or conflation let some through
};

}  // namespace tickwire::hub
