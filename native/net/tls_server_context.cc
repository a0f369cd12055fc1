#include "net/tls_server_context.h"

#include <openssl/pem.h>

#include <algorithm>

#include "base/clock.h"
#include "net/tls_error.h"
#include "net/tls_trust.h"

namespace tickwire {
namespace {

constexpr int64_t kMaxTicketLifetimeS = 604'800;
constexpr std::string_view kSessionContext = "tickwire";

// The names that a client is told to choose its certificate by.
Result<void> name_authorities(SSL_CTX* ctx, X509_STORE* store) {
  STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(store);
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    X509* certificate = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
    if (certificate != nullptr && SSL_CTX_add_client_CA(ctx, certificate) != 1) {
      return tls_config_error("client authorities");
    }
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::create(const TlsServerOptions& options) {
  const OpensslErrorScope errors;
  std::shared_ptr<TlsServerContext> context(new TlsServerContext);
  if (auto r = context->configure(options); !r.ok()) return r.error();
  return context;
}

Result<void> TlsServerContext::configure(const TlsServerOptions& options) {
  auto made = new_tls_ctx(TLS_server_method(), options.only_tls13);
  if (!made.ok()) return made.error();
  ctx_ = std::move(made.value());
  SSL_CTX_set_app_data(ctx_.get(), this);
  SSL_CTX_set_options(ctx_.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Thousands of connections are quiet at any moment: their record buffers are given back.
  SSL_CTX_set_mode(ctx_.get(), SSL_MODE_RELEASE_BUFFERS);
  if (auto r = use_identity(ctx_.get(), options.identity, "server"); !r.ok()) return r;
  if (auto r = ask_clients(options); !r.ok()) return r;
  if (auto r = use_protocols(options.alpn); !r.ok()) return r;
  return use_tickets(options);
}

Result<void> TlsServerContext::ask_clients(const TlsServerOptions& options) {
  if (options.client_certificate == ClientCertificate::kNone) {
    SSL_CTX_set_verify(ctx_.get(), SSL_VERIFY_NONE, nullptr);
    return {};
  }
  if (options.client_ca_pem.empty()) {
    return Error{Errc::kTlsConfig, 0, "client certificates need the authorities that issue them"};
  }
  auto store = trust_store_from_pem(options.client_ca_pem);
  if (!store.ok()) return store.error();
  if (auto r = name_authorities(ctx_.get(), store.value().get()); !r.ok()) return r;
  if (X509_STORE_set_flags(store.value().get(), X509_V_FLAG_PARTIAL_CHAIN) != 1) {
    return tls_config_error("client authorities");
  }
  SSL_CTX_set_cert_store(ctx_.get(), store.value().release());  // takes the reference over
  const bool required = options.client_certificate == ClientCertificate::kRequired;
  SSL_CTX_set_verify(ctx_.get(), SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  return {};
}

Result<void> TlsServerContext::use_protocols(const std::vector<std::string>& protocols) {
  auto wire = alpn_list(protocols);
  if (!wire.ok()) return wire.error();
  alpn_ = std::move(wire.value());
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(ctx_.get(), &TlsServerContext::on_alpn, this);
  return {};
}

int TlsServerContext::on_alpn(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                              const unsigned char* offered, unsigned int offered_size, void* self) {
  const std::string& ours = static_cast<const TlsServerContext*>(self)->alpn_;
  unsigned char* found = nullptr;
  const int outcome = SSL_select_next_proto(&found, chosen_size, reinterpret_cast<const unsigned char*>(ours.data()),
                                            static_cast<unsigned int>(ours.size()), offered, offered_size);
  if (outcome != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

Result<void> TlsServerContext::use_tickets(const TlsServerOptions& options) {
  // Nothing is remembered about a session here: everything is in the ticket, and what a flood of clients can make the
  // server keep is nothing.
  SSL_CTX_set_session_cache_mode(ctx_.get(), SSL_SESS_CACHE_OFF);
  if (!options.tickets) {
    SSL_CTX_set_options(ctx_.get(), SSL_OP_NO_TICKET);
    return SSL_CTX_set_num_tickets(ctx_.get(), 0) == 1 ? Result<void>() : tls_config_error("session tickets");
  }
  if (auto r = keys_.init(options.ticket_key_ns); !r.ok()) return r;
  SSL_CTX_set_timeout(ctx_.get(),
                      static_cast<long>(std::clamp<int64_t>(options.ticket_lifetime_s, 1, kMaxTicketLifetimeS)));
  // Without it sessions that verified a client could not be resumed.
  if (SSL_CTX_set_session_id_context(ctx_.get(), reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                     static_cast<unsigned int>(kSessionContext.size())) != 1 ||
      SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx_.get(), &TlsServerContext::on_ticket) != 1) {
    return tls_config_error("session tickets");
  }
  return {};
}

int TlsServerContext::on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                                EVP_MAC_CTX* mac, int sealing) {
  auto* self = static_cast<TlsServerContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  return self->keys_.serve(name, iv, cipher, mac, sealing == 1, mono_ns());
}

Result<SslPtr> TlsServerContext::new_ssl() const {
  const OpensslErrorScope errors;
  SslPtr ssl(SSL_new(ctx_.get()));
  if (!ssl) return tls_config_error("TLS connection");
  SSL_set_accept_state(ssl.get());
  return ssl;
}

}  // namespace tickwire
