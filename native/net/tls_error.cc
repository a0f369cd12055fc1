#include "net/tls_error.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <string>

namespace tickwire {

namespace {

// Reason strings are OpenSSL's own constants: they never carry keys, names or data.
std::string reason_text(unsigned long code) {
  if (code == 0) return "no reason given";
  const char* text = ERR_reason_error_string(code);
  return text != nullptr ? std::string(text) : "reason " + std::to_string(ERR_GET_REASON(code));
}

bool about_versions(int reason) noexcept {
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNSUPPORTED_SSL_VERSION:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_INAPPROPRIATE_FALLBACK:
    case SSL_R_TLSV1_ALERT_INAPPROPRIATE_FALLBACK:
      return true;
    default:
      return false;
  }
}

// Alerts with which a peer refuses us. In TLS 1.3 a server judges the client's certificate after our side of the
// handshake is complete, so these also arrive on an open stream.
bool is_refusal(int alert) noexcept {
  switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_INSUFFICIENT_SECURITY:
    case SSL_AD_UNRECOGNIZED_NAME:
    case SSL_AD_CERTIFICATE_REQUIRED:
    case SSL_AD_NO_APPLICATION_PROTOCOL:
      return true;
    default:
      return false;
  }
}

}  // namespace

Error tls_config_error(const char* what) {
  const unsigned long code = ERR_peek_error();
  Error error{Errc::kTlsConfig, ERR_GET_REASON(code), what};
  if (code != 0) error.text += ": " + reason_text(code);
  ERR_clear_error();
  return error;
}

Error tls_verify_error(long verify_code, bool of_server) {
  Errc code = Errc::kTlsVerify;
  switch (verify_code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      code = Errc::kTlsCertExpired;
      break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      code = Errc::kTlsCertNotYetValid;
      break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      code = Errc::kTlsSelfSigned;
      break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      code = Errc::kTlsUnknownIssuer;
      break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      code = Errc::kTlsHostname;
      break;
    case X509_V_ERR_APPLICATION_VERIFICATION:
      return {Errc::kTlsPin, static_cast<int32_t>(verify_code), "no key of the server's certificate chain is pinned"};
    default:
      break;
  }
  return {code, static_cast<int32_t>(verify_code),
          std::string(of_server ? "server" : "client") +
              " certificate refused: " + X509_verify_cert_error_string(verify_code)};
}

Error tls_failure(const ssl_st* ssl, bool in_handshake) {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) {
    return {in_handshake ? Errc::kTlsHandshake : Errc::kTlsProtocol, reason, "TLS: " + reason_text(code)};
  }
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    const long verify = SSL_get_verify_result(ssl);
    if (verify != X509_V_OK) return tls_verify_error(verify, SSL_is_server(ssl) == 0);
  }
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    return {Errc::kTlsVerify, reason, "the client showed no certificate"};
  }
  if (about_versions(reason)) {
    return {Errc::kTlsVersion, reason, "TLS: no common protocol version (" + reason_text(code) + ")"};
  }
  if (reason > SSL_AD_REASON_OFFSET) {
    const int alert = reason - SSL_AD_REASON_OFFSET;
    const Errc kind = in_handshake || is_refusal(alert) ? Errc::kTlsHandshake : Errc::kTlsProtocol;
    return {kind, reason, std::string("TLS: the peer sent the alert \"") + SSL_alert_desc_string_long(alert) + "\""};
  }
  return {Errc::kTlsProtocol, reason, "TLS: " + reason_text(code)};
}

}  // namespace tickwire
