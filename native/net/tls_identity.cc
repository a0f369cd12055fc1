#include "net/tls_identity.h"

#include <openssl/pem.h>

#include <climits>
#include <cstring>

#include "net/tls_error.h"

namespace tickwire {
namespace {

// Stands in for OpenSSL's own callback, which would ask on the terminal.
int give_passphrase(char* buffer, int size, int, void* passphrase) {
  const auto& text = *static_cast<const std::string*>(passphrase);
  if (text.empty() || size < 0 || text.size() > static_cast<size_t>(size)) return -1;
  std::memcpy(buffer, text.data(), text.size());
  return static_cast<int>(text.size());
}

BioPtr text_bio(const std::string& text) {
  if (text.size() > INT_MAX) return nullptr;
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<void> use_certificates(SSL_CTX* ctx, BIO* text, const std::string& whose) {
  const X509Ptr own(PEM_read_bio_X509(text, nullptr, nullptr, nullptr));
  if (!own || SSL_CTX_use_certificate(ctx, own.get()) != 1) return tls_config_error((whose + " certificate").c_str());
  const std::string chain = whose + " certificate chain";
  for (;;) {
    const X509Ptr issuer(PEM_read_bio_X509(text, nullptr, nullptr, nullptr));
    if (!issuer) break;
    if (SSL_CTX_add1_chain_cert(ctx, issuer.get()) != 1) return tls_config_error(chain.c_str());
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) return tls_config_error(chain.c_str());
  ERR_clear_error();
  return {};
}

}  // namespace

Result<void> use_identity(SSL_CTX* ctx, const TlsIdentity& identity, const std::string& whose) {
  if (identity.cert_pem.empty() || identity.key_pem.empty()) {
    return Error{Errc::kTlsConfig, 0, whose + " certificate and key must be given together"};
  }
  const BioPtr certificates = text_bio(identity.cert_pem);
  const BioPtr key_text = text_bio(identity.key_pem);
  if (!certificates || !key_text) return tls_config_error((whose + " certificate").c_str());
  if (auto r = use_certificates(ctx, certificates.get(), whose); !r.ok()) return r;
  std::string passphrase = identity.key_passphrase;
  const PkeyPtr key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, &give_passphrase, &passphrase));
  OPENSSL_cleanse(passphrase.data(), passphrase.size());
  if (!key) return tls_config_error((whose + " key does not parse, or its passphrase is wrong").c_str());
  if (SSL_CTX_use_PrivateKey(ctx, key.get()) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
    return tls_config_error((whose + " key does not belong to the " + whose + " certificate").c_str());
  }
  return {};
}

Result<SslCtxPtr> new_tls_ctx(const SSL_METHOD* method, bool only_tls13) {
  SslCtxPtr ctx(SSL_CTX_new(method));
  if (!ctx) return tls_config_error("TLS context");
  if (SSL_CTX_set_min_proto_version(ctx.get(), only_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(ctx.get(), TLS1_3_VERSION) != 1) {
    return tls_config_error("TLS version");
  }
  SSL_CTX_set_options(ctx.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(ctx.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // The stream reads ahead by itself, in larger pieces and with the arrival stamps.
  SSL_CTX_set_read_ahead(ctx.get(), 0);
  return ctx;
}

Result<std::string> alpn_list(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& name : protocols) {
    if (name.empty() || name.size() > 255) {
      return Error{Errc::kTlsConfig, 0, "an ALPN protocol name has 1 to 255 bytes"};
    }
    wire.push_back(static_cast<char>(static_cast<unsigned char>(name.size())));
    wire += name;
  }
  if (wire.size() > 65535) return Error{Errc::kTlsConfig, 0, "too many ALPN protocols"};
  return wire;
}

}  // namespace tickwire
