// Sec-WebSocket-Accept: how a server shows that it has read the client's key (RFC 6455 section 4.2.2).
#pragma once

#include <string>
#include <string_view>

namespace tickwire::ws {

// The header's value for a Sec-WebSocket-Key, which is taken as it came, in Base64.
[[nodiscard]] std::string accept_key(std::string_view key);

}  // namespace tickwire::ws
