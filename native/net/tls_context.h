// What a TLS client needs for many connections: protocol versions, trust, pins, client certificate, session cache.
// Immutable once built, shared by threads; the session cache inside is locked.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace tickwire {

struct TlsOptions {
  bool only_tls13 = false;  // the `production` profile; otherwise TLS 1.2 and 1.3
  std::string ca_pem;       // own trust anchors (PEM, several allowed); "" = default_ca_pem
  std::string cert_pem;     // client certificate chain
  std::string key_pem;      // its key; never logged
  std::string key_passphrase;
  std::vector<std::string> pins;  // base64 SHA-256 of SubjectPublicKeyInfo (RFC 7469 section 2.4); any one in the
                                  // verified chain suffices; empty = no pinning
  std::string server_name;        // SNI and the name to check; "" = the URL's host
  std::vector<std::string> alpn;  // protocols offered, in order
  bool verify = true;             // false exists for tests against throw-away servers only
  bool resume_sessions = true;
};

class TlsContext {
 public:
  // Trust anchors for contexts without their own, as one PEM text; parsed once per process on first use.
  static void set_default_ca(std::string pem);
  [[nodiscard]] static Result<std::shared_ptr<TlsContext>> create(const TlsOptions& options);
  virtual ~TlsContext() = default;
};

}  // namespace tickwire
