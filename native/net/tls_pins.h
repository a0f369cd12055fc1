// Public key pins: SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469 section 2.4).
#pragma once
#include <openssl/x509.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace tickwire {

class TlsPins {
 public:
  using Digest = std::array<uint8_t, 32>;

  TlsPins() = default;
  // Each is 44 characters of base64. kTlsConfig names the first (counted from 1) that is not.
  [[nodiscard]] static Result<TlsPins> parse(const std::vector<std::string>& pins);
  [[nodiscard]] static bool digest_of(const X509* certificate, Digest& out) noexcept;
  [[nodiscard]] bool empty() const noexcept { return digests_.empty(); }
  [[nodiscard]] bool matches(const X509* certificate) const noexcept;
  [[nodiscard]] bool matches_any(STACK_OF(X509) * chain) const noexcept;

 private:
  std::vector<Digest> digests_;
};

}  // namespace tickwire
