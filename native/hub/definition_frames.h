// Wire frames that tell a client what a number stands for.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hub/types.h"

namespace tickwire::hub {

// Enough for either, with a name of wire::kMaxName bytes.
inline constexpr size_t kDefinitionRoom = 384;

// Both return the size of the frame, ready for the lane.
[[nodiscard]] size_t write_topic_frame(Lane lane, uint8_t* out, TopicId topic, std::string_view name,
                                       uint64_t last_sequence, uint32_t request = 0) noexcept;
[[nodiscard]] size_t write_symbol_frame(Lane lane, uint8_t* out, KeyId key, std::string_view name) noexcept;

}  // namespace tickwire::hub
