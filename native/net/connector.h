// From a host name to a connected (and, for TLS, verified) stream: resolve, race the addresses (RFC 8305), tunnel
// through a proxy, shake hands. One attempt; retrying is the owner's policy.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "loop/loop.h"
#include "net/socket.h"
#include "net/stream.h"
#include "net/tls_context.h"

namespace tickwire {

struct ProxyTarget {  // HTTP CONNECT (RFC 9110 section 9.3.6)
  std::string host;   // "" = no proxy
  uint16_t port = 0;
  std::string authorization;  // whole header value ("Basic …"); secret
};

struct ConnectTarget {
  std::string host;  // name or numeric address, IPv6 without brackets
  uint16_t port = 0;
  std::shared_ptr<TlsContext> tls;  // null = plain
  ProxyTarget proxy;
  SocketOptions socket;
  int64_t timeout_ns = 10'000'000'000;     // resolve + connect + proxy + TLS together
  int64_t attempt_delay_ns = 250'000'000;  // RFC 8305 section 5, "Connection Attempt Delay"
};

class ConnectListener {
 public:
  virtual ~ConnectListener() = default;
  // The stream's descriptor is not watched any more: the owner watches it.
  virtual void on_connected(std::unique_ptr<Stream> stream, const StreamInfo& info) = 0;
  virtual void on_connect_failed(const Error& error) = 0;
};

class Connector {
 public:
  // Destroying it (allowed inside its own callbacks) abandons the attempt silently.
  [[nodiscard]] static std::unique_ptr<Connector> start(Loop& loop, const ConnectTarget& target,
                                                        ConnectListener& listener);
  virtual ~Connector() = default;
};

}  // namespace tickwire
