// Makes frames where they will lie: the payload is written behind room for the header, then the frame is sealed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/header.h"

namespace tickwire::wire {

// Bytes of room that a frame with `payload_bytes` may take.
[[nodiscard]] constexpr size_t frame_room(size_t payload_bytes) noexcept {
  return kHeaderBytes + payload_bytes + kMaskBytes;
}

// Completes the frame whose payload of `payload_bytes` stands at frame + kHeaderBytes: writes the header with length
// and checksum, of `fields` everything else. A payload in which a frame would seem to start is masked, so that the
// frame is kMaskBytes longer: `frame` has frame_room(payload_bytes). Returns the frame's bytes; 0 when the payload is
// over kMaxPayload or no mask was found (over 4 MiB of content that was made for it).
[[nodiscard]] size_t seal_frame(uint8_t* frame, const Header& fields, size_t payload_bytes) noexcept;

// The same with a payload that stands elsewhere; it is copied behind the header.
[[nodiscard]] size_t write_frame(uint8_t* frame, const Header& fields, std::span<const uint8_t> payload) noexcept;

// Sets flags of a sealed frame (kFlagResent, kFlagConflated, kFlagSnapshot) in addition to those that it has, and its
// checksum anew. For a copy of a frame that others share.
void add_flags(uint8_t* frame, uint8_t flags) noexcept;

// Takes the mask off a payload in place. Returns the payload without its key, which is empty when there is none to take
// off.
[[nodiscard]] std::span<uint8_t> unmask(std::span<uint8_t> payload) noexcept;

}  // namespace tickwire::wire
