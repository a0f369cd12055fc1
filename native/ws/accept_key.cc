#include "ws/accept_key.h"

#include <cstdint>

#include "base/base64.h"
#include "base/sha1.h"

namespace tickwire::ws {

std::string accept_key(std::string_view key) {
  std::string salted(key);
  salted.append("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");  // RFC 6455 section 1.3
  return base64_encode(sha1({reinterpret_cast<const uint8_t*>(salted.data()), salted.size()}));
}

}  // namespace tickwire::ws
