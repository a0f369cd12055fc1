// SHA-1 (RFC 3174), for Sec-WebSocket-Accept, where it is a checksum and not a safeguard. Nothing else may use it.
#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace tickwire {

[[nodiscard]] std::array<uint8_t, 20> sha1(std::span<const uint8_t> data) noexcept;

}  // namespace tickwire
