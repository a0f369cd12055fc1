// Certificates made on the spot and a TLS server on a thread, for tests.
#pragma once
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <functional>
#include <stdexcept>
#include <string>

#include "net/openssl_handles.h"
#include "net/tls_pins.h"
#include "tcp_peer.h"

namespace tickwire::net_test {

inline void must(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string("test set-up: ") + what);
}

struct Identity {
  X509Ptr certificate;
  PkeyPtr key;

  [[nodiscard]] std::string pem() const {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    must(PEM_write_bio_X509(bio.get(), certificate.get()) == 1, "certificate to PEM");
    return text(bio.get());
  }
  [[nodiscard]] std::string key_pem(const std::string& passphrase = "") const {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    const EVP_CIPHER* cipher = passphrase.empty() ? nullptr : EVP_aes_256_cbc();
    must(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), cipher, passphrase.empty() ? nullptr : passphrase.data(),
                                       static_cast<int>(passphrase.size()), nullptr, nullptr) == 1,
         "key to PEM");
    return text(bio.get());
  }
  [[nodiscard]] std::string pin() const {
    TlsPins::Digest digest;
    must(TlsPins::digest_of(certificate.get(), digest), "pin");
    std::string out(44, '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), digest.data(), static_cast<int>(digest.size()));
    return out;
  }

 private:
  static std::string text(BIO* bio) {
    char* data = nullptr;
    const long n = BIO_ctrl(bio, BIO_CTRL_INFO, 0, &data);
    return {data, static_cast<size_t>(n)};
  }
};

struct CertificateWish {
  std::string common_name = "test";
  std::string alternative_names = "DNS:localhost";  // OpenSSL's configuration syntax; "" = none
  long starts_in_s = -3600;
  long ends_in_s = 3600;
  bool authority = false;
};

// Signed by `issuer`, or by itself.
inline Identity make_identity(const CertificateWish& wish, const Identity* issuer = nullptr) {
  static std::atomic<long> serial{1};
  Identity out;
  out.key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  out.certificate.reset(X509_new());
  X509* x = out.certificate.get();
  must(x != nullptr && out.key != nullptr, "key");
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x), wish.starts_in_s);
  X509_gmtime_adj(X509_getm_notAfter(x), wish.ends_in_s);
  X509_set_pubkey(x, out.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(wish.common_name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(issuer != nullptr ? issuer->certificate.get() : x));
  const auto extend = [&](int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer != nullptr ? issuer->certificate.get() : x, x, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    must(extension != nullptr && X509_add_ext(x, extension, -1) == 1, value);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, wish.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (wish.authority) extend(NID_key_usage, "critical,keyCertSign,cRLSign");
  if (!wish.alternative_names.empty()) extend(NID_subject_alt_name, wish.alternative_names.c_str());
  must(X509_sign(x, (issuer != nullptr ? issuer : &out)->key.get(), EVP_sha256()) > 0, "signature");
  return out;
}

// One authority and one good server certificate for the whole run.
inline const Identity& test_authority() {
  static const Identity ca =
      make_identity({.common_name = "Test Authority", .alternative_names = "", .authority = true});
  return ca;
}
inline const Identity& test_server() {
  static const Identity server = make_identity(
      {.common_name = "server", .alternative_names = "DNS:localhost,DNS:*.example.test,IP:127.0.0.1,IP:::1"},
      &test_authority());
  return server;
}

struct TlsServerOptions {
  const Identity* identity = nullptr;  // null = test_server()
  int min_version = TLS1_2_VERSION;
  int max_version = TLS1_3_VERSION;
  const Identity* client_authority = nullptr;  // client certificates are demanded
  std::string alpn = {};                       // the one protocol this server speaks
  bool tickets = true;
};

// Runs the handshake with each connection, then `serve`. Failed handshakes are counted and dropped.
class TlsPeer {
 public:
  using Serve = std::function<void(SSL* ssl, Fd& connection)>;
  TlsPeer(const TlsServerOptions& options, Serve serve)
      : options_(options), serve_(std::move(serve)), ctx_(make_ctx()), peer_([this](Fd& fd) { run(fd); }) {}
  [[nodiscard]] uint16_t port() const { return peer_.port(); }
  [[nodiscard]] int handshakes() const { return handshakes_; }
  [[nodiscard]] int failures() const { return failures_; }
  [[nodiscard]] std::string last_sni() const { return last_sni_; }  // after the connection ended

 private:
  SslCtxPtr make_ctx() {
    SslCtxPtr ctx(SSL_CTX_new(TLS_server_method()));
    const Identity& own = options_.identity != nullptr ? *options_.identity : test_server();
    must(SSL_CTX_use_certificate(ctx.get(), own.certificate.get()) == 1, "server certificate");
    must(SSL_CTX_use_PrivateKey(ctx.get(), own.key.get()) == 1, "server key");
    SSL_CTX_set_min_proto_version(ctx.get(), options_.min_version);
    SSL_CTX_set_max_proto_version(ctx.get(), options_.max_version);
    static const unsigned char kContext[] = "tickwire";
    SSL_CTX_set_session_id_context(ctx.get(), kContext, sizeof kContext);
    if (!options_.tickets) SSL_CTX_set_num_tickets(ctx.get(), 0);
    if (options_.client_authority != nullptr) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx.get()), options_.client_authority->certificate.get());
      SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    if (!options_.alpn.empty()) SSL_CTX_set_alpn_select_cb(ctx.get(), &TlsPeer::choose_protocol, &options_.alpn);
    return ctx;
  }
  static int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                             unsigned int in_size, void* wanted) {
    const auto& name = *static_cast<const std::string*>(wanted);
    for (unsigned int i = 0; i < in_size; i += 1u + in[i]) {
      if (std::string(reinterpret_cast<const char*>(in + i + 1), in[i]) == name) {
        *out = in + i + 1;
        *out_size = in[i];
        return SSL_TLSEXT_ERR_OK;
      }
    }
    return SSL_TLSEXT_ERR_NOACK;
  }
  void run(Fd& fd) {
    ERR_clear_error();
    const SslPtr ssl(SSL_new(ctx_.get()));
    SSL_set_fd(ssl.get(), fd.get());
    if (SSL_accept(ssl.get()) != 1) {
      ++failures_;
      ERR_clear_error();
      return;
    }
    if (const char* name = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name)) last_sni_ = name;
    ++handshakes_;
    if (serve_) serve_(ssl.get(), fd);
  }

  TlsServerOptions options_;
  Serve serve_;
  SslCtxPtr ctx_;
  std::string last_sni_;
  std::atomic<int> handshakes_{0};
  std::atomic<int> failures_{0};
  TcpPeer peer_;
};

}  // namespace tickwire::net_test
