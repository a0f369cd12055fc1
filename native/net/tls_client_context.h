// The one implementation of TlsContext.
#pragma once
#include <memory>
#include <string>

#include "net/openssl_handles.h"
#include "net/tls_context.h"
#include "net/tls_pins.h"
#include "net/tls_session_cache.h"

namespace tickwire {

class TlsClientContext final : public TlsContext {
 public:
  [[nodiscard]] static Result<std::shared_ptr<TlsContext>> build(const TlsOptions& options);

  // An SSL object for a connection to that peer: name checks, SNI and a session to resume are set. `peer` is what
  // peer_key() returned for it and must stay where it is while the SSL object lives.
  [[nodiscard]] Result<SslPtr> new_ssl(const std::string& host, const std::string& peer) const;
  // Names the peer in the session cache.
  [[nodiscard]] std::string peer_key(const std::string& host, uint16_t port) const;
  [[nodiscard]] TlsSessionCache& sessions() const noexcept { return sessions_; }

 private:
  TlsClientContext() = default;
  [[nodiscard]] Result<void> configure(const TlsOptions& options);
  [[nodiscard]] Result<void> use_trust(const TlsOptions& options);
  static int on_verify(X509_STORE_CTX* chain, void* self);
  static int on_new_session(SSL* ssl, SSL_SESSION* session);

  SslCtxPtr ctx_;
  TlsPins pins_;
  std::string server_name_;
  bool verify_ = true;
  bool resume_ = true;
  mutable TlsSessionCache sessions_;
};

}  // namespace tickwire
