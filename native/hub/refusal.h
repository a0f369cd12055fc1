// Why a connection did not become a subscriber.
#pragma once
#include <cstdint>

namespace tickwire::hub {

// The order is that of RefusalReasons in lib/native/hub-layout.ts; append only.
enum class Refusal : uint8_t {
  kNone,
  kConnections,         // as many as there may be
  kAddressConnections,  // from this address
  kPending,             // too many in their handshake
  kRate,                // they come too fast
  kAddressRate,         // from this address
  kTls,                 // the TLS handshake failed
  kTimeout,             // the handshake took too long
  kGone,                // the client left in the middle of it
  kMalformed,           // no HTTP request or no Hello that could be understood, or beyond a limit on its size
  kNotWebSocket,        // HTTP that asks for something else, or no version of the wire format in common
  kPath,                // nothing is served there
  kOrigin,              // a page of that origin may not connect
  kUnauthorized,        // authorize() said no
  kAuthorizeTimeout,    // authorize() did not say anything in time
  kClosing,             // the hub is closing or draining
  kCount
};

}  // namespace tickwire::hub
