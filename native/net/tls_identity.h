// What TLS contexts of both roles have in common: the certificate with which a side names itself, versions, ALPN.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "net/openssl_handles.h"

namespace tickwire {

struct TlsIdentity {
  std::string cert_pem;  // the certificate, then its issuers up to the root's, which may be left out
  std::string key_pem;   // never logged
  std::string key_passphrase;
};

// Loads both into the context. kTlsConfig when one is missing, does not parse, or they do not belong together; `whose`
// ("client", "server") begins the message.
[[nodiscard]] Result<void> use_identity(SSL_CTX* ctx, const TlsIdentity& identity, const std::string& whose);

// A context with what both roles have in common: protocol versions, no renegotiation, no compression, partial writes.
[[nodiscard]] Result<SslCtxPtr> new_tls_ctx(const SSL_METHOD* method, bool only_tls13);

// Protocol names as they stand in the extension (RFC 7301 section 3.1). kTlsConfig for a name that is empty or too
// long.
[[nodiscard]] Result<std::string> alpn_list(const std::vector<std::string>& protocols);

}  // namespace tickwire
