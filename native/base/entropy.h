// Random bytes from the operating system's generator.
#pragma once
#include <cstdint>
#include <span>

#include "base/error.h"

namespace tickwire {

// Fills `out`; blocks only while a machine that has just booted has not gathered entropy yet.
[[nodiscard]] Result<void> fill_random(std::span<uint8_t> out);

}  // namespace tickwire
