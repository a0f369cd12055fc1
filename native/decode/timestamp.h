// Points in time as venues write them.
#pragma once
#include <cstdint>
#include <string_view>

namespace tickwire::decode {

// Nanoseconds since 1970 of an RFC 3339 text, "2023-10-06T17:35:00.279389650Z", or with an offset instead of the Z.
// Digits beyond nanoseconds are left out; a leap second is the last one of its minute. False when it is no such text,
// or beyond what 64 bits hold (the years 1678 to 2261 do).
[[nodiscard]] bool read_timestamp(std::string_view text, int64_t& ns) noexcept;

}  // namespace tickwire::decode
