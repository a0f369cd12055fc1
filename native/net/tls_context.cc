#include "net/tls_context.h"

#include <openssl/x509v3.h>

#include "net/socket_address.h"
#include "net/tls_client_context.h"
#include "net/tls_error.h"
#include "net/tls_identity.h"
#include "net/tls_trust.h"

namespace tickwire {

namespace {

Result<void> use_client_certificate(SSL_CTX* ctx, const TlsOptions& options) {
  if (options.cert_pem.empty() && options.key_pem.empty()) return {};
  return use_identity(ctx, {options.cert_pem, options.key_pem, options.key_passphrase}, "client");
}

Result<void> offer_protocols(SSL_CTX* ctx, const std::vector<std::string>& protocols) {
  if (protocols.empty()) return {};
  const auto list = alpn_list(protocols);
  if (!list.ok()) return list.error();
  const std::string& wire = list.value();
  // Of all setters this one returns 0 for success.
  if (SSL_CTX_set_alpn_protos(ctx, reinterpret_cast<const unsigned char*>(wire.data()),
                              static_cast<unsigned int>(wire.size())) != 0) {
    return tls_config_error("ALPN");
  }
  return {};
}

// The name as certificates spell it: no root dot, no IPv6 zone (which means something on this machine only).
std::string certificate_name(const std::string& host) {
  std::string name = host;
  if (name.find(':') != std::string::npos) {
    if (const size_t zone = name.find('%'); zone != std::string::npos) name.resize(zone);
  } else if (name.size() > 1 && name.back() == '.') {
    name.pop_back();
  }
  return name;
}

}  // namespace

void TlsContext::set_default_ca(std::string pem) { set_default_trust(std::move(pem)); }

Result<std::shared_ptr<TlsContext>> TlsContext::create(const TlsOptions& options) {
  return TlsClientContext::build(options);
}

Result<std::shared_ptr<TlsContext>> TlsClientContext::build(const TlsOptions& options) {
  const OpensslErrorScope errors;
  std::shared_ptr<TlsClientContext> context(new TlsClientContext);
  if (auto r = context->configure(options); !r.ok()) return r.error();
  return std::shared_ptr<TlsContext>(std::move(context));
}

Result<void> TlsClientContext::configure(const TlsOptions& options) {
  auto pins = TlsPins::parse(options.pins);
  if (!pins.ok()) return pins.error();
  pins_ = std::move(pins.value());
  server_name_ = options.server_name;
  verify_ = options.verify;
  resume_ = options.resume_sessions;

  auto made = new_tls_ctx(TLS_client_method(), options.only_tls13);
  if (!made.ok()) return made.error();
  ctx_ = std::move(made.value());

  if (auto r = use_trust(options); !r.ok()) return r;
  if (auto r = use_client_certificate(ctx_.get(), options); !r.ok()) return r;
  if (auto r = offer_protocols(ctx_.get(), options.alpn); !r.ok()) return r;

  if (resume_) {
    SSL_CTX_set_session_cache_mode(ctx_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx_.get(), &TlsClientContext::on_new_session);
    SSL_CTX_set_app_data(ctx_.get(), this);
  } else {
    SSL_CTX_set_session_cache_mode(ctx_.get(), SSL_SESS_CACHE_OFF);
  }
  return {};
}

Result<void> TlsClientContext::use_trust(const TlsOptions& options) {
  if (!verify_ && pins_.empty()) {
    SSL_CTX_set_verify(ctx_.get(), SSL_VERIFY_NONE, nullptr);
    return {};
  }
  SSL_CTX_set_verify(ctx_.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(ctx_.get(), &TlsClientContext::on_verify, this);
  if (!verify_) return {};
  auto store = options.ca_pem.empty() ? default_trust_store() : trust_store_from_pem(options.ca_pem);
  if (!store.ok()) return store.error();
  // Who names an anchor himself means exactly that certificate, self-signed root or not.
  if (!options.ca_pem.empty() && X509_STORE_set_flags(store.value().get(), X509_V_FLAG_PARTIAL_CHAIN) != 1) {
    return tls_config_error("trust anchors");
  }
  SSL_CTX_set_cert_store(ctx_.get(), store.value().release());  // takes the reference over
  return {};
}

// Pins are checked here and not after the handshake, so that the peer gets an alert, nothing is ever sent to it and no
// session of an unpinned peer can enter the cache (a resumed handshake shows no certificate).
int TlsClientContext::on_verify(X509_STORE_CTX* chain, void* self) {
  const auto& context = *static_cast<const TlsClientContext*>(self);
  bool pinned = context.pins_.empty();
  if (context.verify_) {
    const int ok = X509_verify_cert(chain);
    if (ok <= 0) return ok;
    pinned = pinned || context.pins_.matches_any(X509_STORE_CTX_get0_chain(chain));
  } else {
    // Without verification only the leaf counts: it alone has proved that it holds its key.
    const X509* leaf = X509_STORE_CTX_get0_cert(chain);
    pinned = leaf != nullptr && context.pins_.matches(leaf);
  }
  if (pinned) return 1;
  X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

int TlsClientContext::on_new_session(SSL* ssl, SSL_SESSION* session) {
  const auto* context = static_cast<const TlsClientContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const auto* peer = static_cast<const std::string*>(SSL_get_app_data(ssl));
  if (context == nullptr || peer == nullptr) return 0;
  context->sessions_.put(*peer, SslSessionPtr(session));
  return 1;  // the reference is ours now
}

std::string TlsClientContext::peer_key(const std::string& host, uint16_t port) const {
  return (server_name_.empty() ? host : server_name_) + '\n' + host + ':' + std::to_string(port);
}

Result<SslPtr> TlsClientContext::new_ssl(const std::string& host, const std::string& peer) const {
  const OpensslErrorScope errors;
  const std::string name = certificate_name(server_name_.empty() ? host : server_name_);
  if (name.empty() || name.find('\0') != std::string::npos) {
    return Error{Errc::kTlsConfig, 0, "server name is empty or holds a NUL"};
  }
  SslPtr ssl(SSL_new(ctx_.get()));
  if (!ssl) return tls_config_error("TLS connection");
  const bool numeric = SocketAddress::parse(name, 0).has_value();
  // RFC 6066 section 3: literal addresses are not permitted in SNI.
  if (!numeric && SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                           const_cast<char*>(name.c_str())) != 1) {
    return tls_config_error("server name");
  }
  if (verify_) {
    X509_VERIFY_PARAM* param = SSL_get0_param(ssl.get());
    if (numeric) {
      if (X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str()) != 1) return tls_config_error("server address");
    } else {
      // RFC 9525 sections 6.3 and 6.4.4: no partial wildcards, no fallback to the subject's common name.
      X509_VERIFY_PARAM_set_hostflags(param,
                                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
      if (X509_VERIFY_PARAM_set1_host(param, name.data(), name.size()) != 1) return tls_config_error("server name");
    }
  }
  if (resume_) {
    SSL_set_app_data(ssl.get(), const_cast<std::string*>(&peer));
    const SslSessionPtr session = sessions_.take(peer);
    // A session that cannot be set only costs a full handshake.
    if (session) static_cast<void>(SSL_set_session(ssl.get(), session.get()));
  }
  SSL_set_connect_state(ssl.get());
  return ssl;
}

}  // namespace tickwire
