// Base64 (RFC 4648 section 4), with padding.
#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace tickwire {

[[nodiscard]] std::string base64_encode(std::span<const uint8_t> data);

}  // namespace tickwire
