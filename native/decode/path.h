// Looking paths up on a tape.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "decode/json_tape.h"
#include "decode/schema.h"

namespace tickwire::decode {

inline constexpr uint32_t kNotThere = UINT32_MAX;

struct PathResult {
  uint32_t value = kNotThere;
  uint32_t deepest = 0;  // the last value that the path reached
};

// Of duplicate keys the last one counts. `scratch` is for keys that hold escapes.
[[nodiscard]] PathResult find_path(const JsonTape& tape, std::span<const uint8_t> message, uint32_t root,
                                   const std::vector<PathStep>& path, std::vector<uint8_t>& scratch);

// The member of this object, or kNotThere.
[[nodiscard]] uint32_t find_member(const JsonTape& tape, std::span<const uint8_t> message, uint32_t object,
                                   std::string_view key, std::vector<uint8_t>& scratch);

// The element of this array, or kNotThere.
[[nodiscard]] uint32_t find_element(const JsonTape& tape, uint32_t array, uint32_t index) noexcept;

}  // namespace tickwire::decode
