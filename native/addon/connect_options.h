// Where and how to connect, as JS gives it: host, port, tls, proxy, socket, connectTimeout.
#pragma once
#include <napi.h>

#include "net/connector.h"

namespace tickwire::addon {

[[nodiscard]] Result<ConnectTarget> read_connect_target(const Napi::Object& js);

}  // namespace tickwire::addon
