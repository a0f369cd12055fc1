// Scaled integers as doubles.
#pragma once
#include <cstdint>

namespace tickwire::wire {

// 10^scale, exact as double up to 22.
inline constexpr double kPowersOf10[19] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                           1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};

[[nodiscard]] double to_number_slow(int64_t mantissa, uint8_t scale) noexcept;

// The nearest double of mantissa / 10^scale, scale 0…18.
[[nodiscard]] inline double to_number(int64_t mantissa, uint8_t scale) noexcept {
  constexpr int64_t kExact = int64_t{1} << 53;
  // Both operands are exact, so the one rounding is that of the division.
  if (mantissa <= kExact && mantissa >= -kExact) [[likely]]
    return static_cast<double>(mantissa) / kPowersOf10[scale];
  return to_number_slow(mantissa, scale);
}

}  // namespace tickwire::wire
