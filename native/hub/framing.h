// One message as each lane frames it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "hub/types.h"

namespace tickwire::hub {

struct Content {
  TopicId topic = kNoTopic;
  KeyId key = kNoKey;
  PayloadKind kind = PayloadKind::kText;
  uint8_t wire_domain = 1;
  uint8_t wire_type = 0;   // kTyped
  uint8_t wire_flags = 0;  // wire::kFlagSnapshot and the like
  uint64_t sequence = 0;
  int64_t time_ns = 0;  // since the Unix epoch
  std::span<const uint8_t> payload;
  std::span<const uint8_t> text;  // kTyped: its JSON
};

// The most that the frame may take. Compressed lanes get their frames from the plain ones.
[[nodiscard]] size_t frame_room(Lane lane, const Content& content) noexcept;
// Writes the frame and returns its size; 0 when this lane has no frame for it: a typed message without text, or a
// payload that the wire format cannot carry (wire/frame_writer.h).
[[nodiscard]] size_t write_frame(Lane lane, const Content& content, uint8_t* out) noexcept;

// A finished wire frame of `size` bytes that stands at out + kWireOffset, made ready for the lane; returns the size of
// the result, which starts at `out`.
inline constexpr size_t kWireOffset = 10;
[[nodiscard]] size_t finish_wire_frame(Lane lane, uint8_t* out, size_t size) noexcept;

// Adds flags to a finished frame of a wire lane, which nobody else shares.
void add_wire_flags(Lane lane, uint8_t* frame, uint8_t flags) noexcept;

}  // namespace tickwire::hub
