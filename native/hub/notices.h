// What one subscriber alone is told: frames made for it, appended to its private bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "hub/framing.h"
#include "hub/last_values.h"
#include "hub/subscriber.h"
#include "wire/header.h"
#include "wire/tlv.h"

namespace tickwire::hub {

class Publication;

// All return false without memory.
[[nodiscard]] bool append_content(Subscriber& s, const Content& content);
// The message that a slot keeps.
[[nodiscard]] bool append_value(Subscriber& s, const ValueSlot& slot, uint8_t wire_flags);
// A text message (WebSocket lanes without wire frames).
[[nodiscard]] bool append_text(Subscriber& s, std::string_view json);
[[nodiscard]] bool append_topic(Subscriber& s, TopicId topic, std::string_view name, uint64_t last_sequence,
                                uint32_t request = 0);
[[nodiscard]] bool append_symbol(Subscriber& s, KeyId key, std::string_view name);
// Says what the slow policy took from it, if it understands: wire clients, and those that sent a request before. With
// the publication's mutex held.
void append_skipped(Subscriber& s, std::span<const MissedRange> ranges, const Publication& publication);

// A wire control message of at most `payload_room` bytes, written by `fill(wire::TlvWriter&)`.
template <class Fill>
[[nodiscard]] bool append_control(Subscriber& s, wire::Type type, size_t payload_room, Fill fill) {
  return append_sealed(
      s, static_cast<uint8_t>(type), payload_room, [](void* f, wire::TlvWriter& w) { (*static_cast<Fill*>(f))(w); },
      &fill);
}
[[nodiscard]] bool append_sealed(Subscriber& s, uint8_t type, size_t payload_room,
                                 void (*fill)(void*, wire::TlvWriter&), void* context);

// JSON text of a string, quotes included.
void append_json_string(std::string& out, std::string_view text);

}  // namespace tickwire::hub
