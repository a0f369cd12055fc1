// Close codes of RFC 6455 section 7.4.1 that the protocol itself gives rise to.
#pragma once

#include <cstdint>

namespace tickwire::ws {

inline constexpr int32_t kProtocolError = 1002;
inline constexpr int32_t kInvalidData = 1007;
inline constexpr int32_t kTooBig = 1009;

// Whether a close frame may carry this code (RFC 6455 section 7.4, with 1012 to 1014 as registered since).
[[nodiscard]] constexpr bool valid_close_code(uint16_t code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

}  // namespace tickwire::ws
