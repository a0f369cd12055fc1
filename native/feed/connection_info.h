// What is worth knowing of an opened connection, as the JSON text of the STATE record that announces it.
#pragma once
#include <string>

#include "net/stream.h"
#include "wire/session.h"
#include "ws/client_handshake.h"

namespace tickwire::feed {

[[nodiscard]] std::string connection_info(const StreamInfo& stream, const ws::HandshakeResult& handshake);
[[nodiscard]] std::string connection_info(const StreamInfo& stream, const wire::Opened& opened);

}  // namespace tickwire::feed
