// Signatures as text.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace tickwire::sign {

enum class Encoding : uint8_t { kHex, kBase64, kBase64Url };

// Characters that `bytes` bytes take at most, in any encoding.
constexpr size_t max_encoded(size_t bytes) noexcept { return bytes * 2 + 4; }

// Writes the text to `out`, which has room for max_encoded(data.size()), and returns its length. base64url has no
// padding.
[[nodiscard]] size_t encode(std::span<const uint8_t> data, Encoding encoding, char* out) noexcept;

}  // namespace tickwire::sign
