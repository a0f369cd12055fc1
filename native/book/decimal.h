// Decimal numbers as books keep them: an integer and how many of its digits stand behind the point.
#pragma once
#include <cstdint>

namespace tickwire::book {

inline constexpr int kMaxScale = 18;

namespace decimal {

// One entry per scale.
template <typename Number>
struct Table {
  Number of[kMaxScale + 1];
  [[nodiscard]] constexpr Number operator[](int scale) const noexcept { return of[scale]; }
};

template <typename Number>
constexpr Table<Number> powers_of(Number base) noexcept {
  Table<Number> powers{};
  powers.of[0] = 1;
  for (int i = 1; i <= kMaxScale; ++i) powers.of[i] = powers.of[i - 1] * base;
  return powers;
}

// What undoes a multiplication with 5^digits modulo 2^64.
constexpr Table<uint64_t> inverses_of_five() noexcept {
  Table<uint64_t> inverses{};
  for (int i = 0; i <= kMaxScale; ++i) {
    const uint64_t power = powers_of<uint64_t>(5)[i];
    uint64_t inverse = power;  // right in the lowest three bits; each step doubles them
    for (int step = 0; step < 5; ++step) inverse *= 2 - power * inverse;
    inverses.of[i] = inverse;
  }
  return inverses;
}

// The largest quotient there is.
constexpr Table<uint64_t> limits() noexcept {
  Table<uint64_t> limits{};
  for (int i = 0; i <= kMaxScale; ++i) limits.of[i] = UINT64_MAX / powers_of<uint64_t>(10)[i];
  return limits;
}

inline constexpr Table<uint64_t> kInversesOfFive = inverses_of_five();
inline constexpr Table<uint64_t> kLimits = limits();
inline constexpr Table<double> kPowersOfTenAsDoubles = powers_of<double>(10);
inline constexpr int64_t kExact = int64_t{1} << 53;

[[nodiscard]] double to_double_beyond_exact(int64_t value, int scale) noexcept;

}  // namespace decimal

inline constexpr decimal::Table<int64_t> kPowersOfTen = decimal::powers_of<int64_t>(10);

// value / 10^scale, correctly rounded. scale 0..18.
[[nodiscard]] inline double decimal_to_double(int64_t value, int scale) noexcept {
  // Both operands are exact, so the one rounding is that of the division.
  if (value <= decimal::kExact && value >= -decimal::kExact) [[likely]]
    return static_cast<double>(value) / decimal::kPowersOfTenAsDoubles[scale];
  return decimal::to_double_beyond_exact(value, scale);
}

// Whether value is a multiple of 10^digits, and if so, of what. digits 0..18. Without a division: the product with the
// inverse of 5^digits, turned right by digits, is the quotient when there is no rest, and more than any quotient
// otherwise.
[[nodiscard]] inline bool divides_evenly(int64_t value, int digits, int64_t& quotient) noexcept {
  const uint64_t magnitude = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const uint64_t product = magnitude * decimal::kInversesOfFive[digits];
  const uint64_t turned = digits == 0 ? product : product >> digits | product << (64 - digits);
  if (turned > decimal::kLimits[digits]) return false;
  quotient = static_cast<int64_t>(value < 0 ? 0 - turned : turned);
  return true;
}

}  // namespace tickwire::book
