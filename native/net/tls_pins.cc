#include "net/tls_pins.h"

#include <openssl/evp.h>

#include <algorithm>

namespace tickwire {

namespace {

constexpr size_t kPinCharacters = 44;

// Strict: EVP_DecodeBlock alone would skip blanks and accept missing padding.
bool decode(const std::string& pin, TlsPins::Digest& out) noexcept {
  if (pin.size() != kPinCharacters || pin.back() != '=') return false;
  const bool clean = std::all_of(pin.begin(), pin.end() - 1, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  });
  if (!clean) return false;
  std::array<uint8_t, kPinCharacters / 4 * 3> bytes{};
  const int n =
      EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(pin.data()), static_cast<int>(pin.size()));
  if (n != static_cast<int>(bytes.size()) || bytes.back() != 0) return false;
  std::copy_n(bytes.begin(), out.size(), out.begin());
  return true;
}

}  // namespace

Result<TlsPins> TlsPins::parse(const std::vector<std::string>& pins) {
  TlsPins out;
  for (size_t i = 0; i < pins.size(); ++i) {
    Digest digest;
    if (!decode(pins[i], digest)) {
      return Error{Errc::kTlsConfig, 0, "pin " + std::to_string(i + 1) + " is not the base64 of a SHA-256 digest"};
    }
    out.digests_.push_back(digest);
  }
  return out;
}

bool TlsPins::digest_of(const X509* certificate, Digest& out) noexcept {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) return false;
  unsigned int digest_size = 0;
  const int ok = EVP_Digest(der, static_cast<size_t>(size), out.data(), &digest_size, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  return ok == 1 && digest_size == out.size();
}

bool TlsPins::matches(const X509* certificate) const noexcept {
  Digest digest;
  return digest_of(certificate, digest) && std::find(digests_.begin(), digests_.end(), digest) != digests_.end();
}

bool TlsPins::matches_any(STACK_OF(X509) * chain) const noexcept {
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    if (matches(sk_X509_value(chain, i))) return true;
  }
  return false;
}

}  // namespace tickwire
