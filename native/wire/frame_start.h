// Finds the three bytes with which a frame starts.
#pragma once
#include <cstdint>

namespace tickwire::wire {

// The first place in [at, end) where all three stand; `end` when there is none. Reads nothing beyond `end`.
[[nodiscard]] const uint8_t* find_frame_start(const uint8_t* at, const uint8_t* end) noexcept;

}  // namespace tickwire::wire
