#include <doctest/doctest.h>

#include "net/tls_client_context.h"
#include "net/tls_context.h"
#include "net/tls_error.h"
#include "net/tls_session_cache.h"
#include "net/tls_trust.h"
#include "tls_peer.h"

using namespace tickwire;
using namespace tickwire::net_test;

namespace {

TlsOptions trusting() {
  TlsOptions options;
  options.ca_pem = test_authority().pem();
  return options;
}

void check_refused(const TlsOptions& options, const char* part_of_text) {
  const auto r = TlsContext::create(options);
  REQUIRE_FALSE(r.ok());
  CHECK(r.error().code == Errc::kTlsConfig);
  CHECK_MESSAGE(r.error().text.find(part_of_text) != std::string::npos, r.error().text);
  CHECK(ERR_peek_error() == 0);  // nothing is left for the host to trip over
}

SslSessionPtr session_of(int version) {
  SslSessionPtr s(SSL_SESSION_new());
  SSL_SESSION_set_protocol_version(s.get(), version);
  const unsigned char id[] = {1, 2, 3};
  SSL_SESSION_set1_id(s.get(), id, sizeof id);
  SSL_SESSION_set_timeout(s.get(), 300);
  return s;
}

}  // namespace

TEST_CASE("tls context: good options") {
  TlsOptions options = trusting();
  CHECK(TlsContext::create(options).ok());
  options.only_tls13 = true;
  options.alpn = {"http/1.1", "h2"};
  options.pins = {test_server().pin()};
  options.cert_pem = test_server().pem() + test_authority().pem();
  options.key_pem = test_server().key_pem();
  CHECK(TlsContext::create(options).ok());
  options.key_pem = test_server().key_pem("secret");
  options.key_passphrase = "secret";
  CHECK(TlsContext::create(options).ok());
}

TEST_CASE("tls context: trust anchors") {
  TlsOptions options;
  options.ca_pem = "not a certificate";
  check_refused(options, "no PEM certificate");
  options.ca_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  check_refused(options, "trust anchor 1");
  options.ca_pem = test_authority().pem() + "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
  check_refused(options, "trust anchor 2");
  options.ca_pem =
      "comment\n" + test_authority().pem() + "more\n" + test_authority().pem();  // text between, duplicates
  CHECK(TlsContext::create(options).ok());

  options.ca_pem.clear();
  TlsContext::set_default_ca("");
  check_refused(options, "no trust anchors");
  TlsContext::set_default_ca("rubbish");
  check_refused(options, "no PEM certificate");
  TlsContext::set_default_ca(test_authority().pem());
  CHECK(TlsContext::create(options).ok());
  auto one = default_trust_store();
  auto two = default_trust_store();
  REQUIRE(one.ok());
  REQUIRE(two.ok());
  CHECK(one.value().get() == two.value().get());  // parsed once
  TlsContext::set_default_ca("");

  options.verify = false;
  CHECK(TlsContext::create(options).ok());
}

TEST_CASE("tls context: the default anchors are parsed by whichever thread comes first") {
  TlsContext::set_default_ca(test_authority().pem());
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 20; ++k) good += TlsContext::create({}).ok() ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == 80);
  TlsContext::set_default_ca("");
}

TEST_CASE("tls context: client certificates") {
  TlsOptions options = trusting();
  options.cert_pem = test_server().pem();
  check_refused(options, "together");
  options.key_pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
  check_refused(options, "client key");
  options.key_pem = test_authority().key_pem();
  check_refused(options, "does not belong");
  options.cert_pem = "x";
  check_refused(options, "client certificate");
  options.cert_pem.clear();
  check_refused(options, "together");

  // Neither a wrong nor a missing passphrase may ask on the terminal, and none may be repeated in the text.
  options.cert_pem = test_server().pem();
  options.key_pem = test_server().key_pem("open sesame");
  options.key_passphrase = "open barley";
  check_refused(options, "passphrase");
  CHECK(TlsContext::create(options).error().text.find("barley") == std::string::npos);
  options.key_passphrase.clear();
  check_refused(options, "passphrase");
  options.key_passphrase.assign(5000, 'x');
  check_refused(options, "passphrase");
}

TEST_CASE("tls context: pins") {
  const std::string good = test_server().pin();
  const std::string bad[] = {
      "",
      "abc",
      good.substr(1),
      good + "=",
      good.substr(0, 43) + "A",
      "sha256/" + good,
      std::string(44, '='),
      std::string(43, ' ') + "=",
      std::string(42, 'A') + "==",
      good.substr(0, 20) + "\n" + good.substr(21),
  };
  for (const auto& pin : bad) {
    CAPTURE(pin);
    TlsOptions options = trusting();
    options.pins = {good, pin};
    check_refused(options, "pin 2");
  }
  const auto parsed = TlsPins::parse({good});
  REQUIRE(parsed.ok());
  CHECK(parsed.value().matches(test_server().certificate.get()));
  CHECK_FALSE(parsed.value().matches(test_authority().certificate.get()));
}

TEST_CASE("tls context: ALPN names") {
  TlsOptions options = trusting();
  options.alpn = {""};
  check_refused(options, "ALPN");
  options.alpn = {std::string(256, 'a')};
  check_refused(options, "ALPN");
  options.alpn.assign(300, std::string(255, 'a'));
  check_refused(options, "ALPN");
}

TEST_CASE("tls context: impossible server names") {
  auto context = TlsContext::create(trusting());
  REQUIRE(context.ok());
  const auto& client = static_cast<const TlsClientContext&>(*context.value());
  for (const std::string& host : {std::string(), std::string("a\0b", 3), std::string(300, 'a')}) {
    const auto r = client.new_ssl(host, "peer");
    REQUIRE_FALSE(r.ok());
    CHECK(r.error().code == Errc::kTlsConfig);
  }
}

TEST_CASE("tls errors: verify codes") {
  struct Case {
    long code;
    Errc expected;
  };
  for (const Case& c : {Case{X509_V_ERR_CERT_HAS_EXPIRED, Errc::kTlsCertExpired},
                        {X509_V_ERR_CERT_NOT_YET_VALID, Errc::kTlsCertNotYetValid},
                        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, Errc::kTlsSelfSigned},
                        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, Errc::kTlsSelfSigned},
                        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, Errc::kTlsUnknownIssuer},
                        {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, Errc::kTlsUnknownIssuer},
                        {X509_V_ERR_HOSTNAME_MISMATCH, Errc::kTlsHostname},
                        {X509_V_ERR_IP_ADDRESS_MISMATCH, Errc::kTlsHostname},
                        {X509_V_ERR_APPLICATION_VERIFICATION, Errc::kTlsPin},
                        {X509_V_ERR_CERT_REVOKED, Errc::kTlsVerify}}) {
    const Error error = tls_verify_error(c.code);
    CHECK(error.code == c.expected);
    CHECK(error.detail == c.code);
    CHECK_FALSE(error.text.empty());
  }
}

TEST_CASE("tls session cache: tickets once, sessions often, both bounded") {
  TlsSessionCache cache;
  CHECK(cache.take("a") == nullptr);
  for (size_t i = 0; i < TlsSessionCache::kMaxPerPeer + 3; ++i) cache.put("a", session_of(TLS1_3_VERSION));
  CHECK(cache.sessions("a") == TlsSessionCache::kMaxPerPeer);
  for (size_t i = 0; i < TlsSessionCache::kMaxPerPeer; ++i) CHECK(cache.take("a") != nullptr);
  CHECK(cache.take("a") == nullptr);
  CHECK(cache.peers() == 0);

  cache.put("b", session_of(TLS1_2_VERSION));
  const SslSessionPtr first = cache.take("b");
  REQUIRE(first != nullptr);
  // A connection that ends badly spoils its session, and no other copy of it.
  const SslCtxPtr ctx(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_remove_session(ctx.get(), first.get());
  CHECK(SSL_SESSION_is_resumable(first.get()) == 0);
  const SslSessionPtr second = cache.take("b");
  REQUIRE(second != nullptr);
  CHECK(SSL_SESSION_is_resumable(second.get()) == 1);
  cache.forget("b");
  CHECK(cache.take("b") == nullptr);
  cache.forget("unknown");

  auto expired = session_of(TLS1_3_VERSION);
  SSL_SESSION_set_timeout(expired.get(), 0);
  cache.put("c", session_of(TLS1_3_VERSION));
  cache.put("c", std::move(expired));
  CHECK(cache.take("c") != nullptr);  // the older one, which has not expired
  CHECK(cache.take("c") == nullptr);

  for (size_t i = 0; i < TlsSessionCache::kMaxPeers; ++i)
    cache.put("p" + std::to_string(i), session_of(TLS1_2_VERSION));
  CHECK(cache.take("p0") != nullptr);  // used: the next one is the oldest now
  cache.put("new", session_of(TLS1_2_VERSION));
  CHECK(cache.peers() == TlsSessionCache::kMaxPeers);
  CHECK(cache.sessions("p0") == 1);
  CHECK(cache.sessions("p1") == 0);
}
