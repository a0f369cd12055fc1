// Base64 (RFC 4648).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace tickwire {

// Section 4, with padding.
[[nodiscard]] std::string base64_encode(std::span<const uint8_t> data);

// Characters of `bytes` bytes, with padding.
constexpr size_t base64_size(size_t bytes) noexcept { return (bytes + 2) / 3 * 4; }

// Writes the same to `out`, which has room for base64_size(data.size()), and returns the length. `url`: the alphabet of
// section 5, without padding.
[[nodiscard]] size_t base64_write(std::span<const uint8_t> data, bool url, char* out) noexcept;

}  // namespace tickwire
