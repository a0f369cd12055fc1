// What a TLS server needs for many connections: protocol versions, its certificate, the authorities of clients, session
// tickets. Immutable once built, shared by threads; the ticket keys inside are locked.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "net/openssl_handles.h"
#include "net/tls_identity.h"
#include "net/tls_ticket_keys.h"

namespace tickwire {

enum class ClientCertificate : uint8_t {
  kNone,      // not asked for
  kOptional,  // asked for; one that is shown must be good
  kRequired,
};

struct TlsServerOptions {
  bool only_tls13 = false;  // the `production` profile; otherwise TLS 1.2 and 1.3
  TlsIdentity identity;
  ClientCertificate client_certificate = ClientCertificate::kNone;
  std::string client_ca_pem;  // authorities of clients; needed unless kNone
  // Protocols spoken, in order of preference. A client that offers ALPN and none of these is refused (RFC 7301 section
  // 3.2); one that offers nothing is not.
  std::vector<std::string> alpn;
  bool tickets = true;                         // resumption; none at all without
  int64_t ticket_lifetime_s = 7'200;           // at most 7 days (RFC 8446 section 4.6.1)
  int64_t ticket_key_ns = 43'200'000'000'000;  // a new sealing key after 12 hours
};

class TlsServerContext {
 public:
  // kTlsConfig, kSystem.
  [[nodiscard]] static Result<std::shared_ptr<TlsServerContext>> create(const TlsServerOptions& options);
  TlsServerContext(const TlsServerContext&) = delete;
  TlsServerContext& operator=(const TlsServerContext&) = delete;

  [[nodiscard]] Result<SslPtr> new_ssl() const;

 private:
  TlsServerContext() = default;
  [[nodiscard]] Result<void> configure(const TlsServerOptions& options);
  [[nodiscard]] Result<void> ask_clients(const TlsServerOptions& options);
  [[nodiscard]] Result<void> use_protocols(const std::vector<std::string>& protocols);
  [[nodiscard]] Result<void> use_tickets(const TlsServerOptions& options);
  static int on_alpn(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                     unsigned int offered_size, void* self);
  static int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                       int sealing);

  SslCtxPtr ctx_;
  std::string alpn_;  // RFC 7301 section 3.1
  TlsTicketKeys keys_;
};

}  // namespace tickwire
