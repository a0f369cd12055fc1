#include <doctest/doctest.h>

#include "tls_rig.h"

using namespace tickwire;
using namespace tickwire::net_test;

TEST_CASE("tls handshake: handshake, echo, close, in both versions") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    TlsPeer peer({.max_version = version, .alpn = "http/1.1"}, echo);
    TlsOptions options = trusting();
    options.alpn = {"h2", "http/1.1"};
    const auto stream = open_stream(context_of(options), peer.port());
    REQUIRE(shake_hands(*stream).status == IoStatus::kOk);
    StreamInfo info;
    stream->describe(info);
    CHECK(info.tls_version == (version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2"));
    CHECK_FALSE(info.tls_cipher.empty());
    CHECK(info.alpn == "http/1.1");
    CHECK_FALSE(info.tls_resumed);
    CHECK_FALSE(stream->full_duplex_threads());
    const std::string text = pattern(100'000);
    REQUIRE(write_all(*stream, text));
    std::string back;
    REQUIRE(read_some(*stream, back, text.size()).status == IoStatus::kOk);
    CHECK(back == text);
    stream->shutdown_write();
    std::string rest;
    CHECK(read_some(*stream, rest, 1).status == IoStatus::kEof);
    CHECK(read_some(*stream, rest, 1).status == IoStatus::kEof);
    CHECK(peer.last_sni() == "localhost");
  }
}

TEST_CASE("tls handshake: verification") {
  const Identity expired = make_identity({.starts_in_s = -7200, .ends_in_s = -3600}, &test_authority());
  const Identity future = make_identity({.starts_in_s = 3600, .ends_in_s = 7200}, &test_authority());
  const Identity other_name = make_identity({.alternative_names = "DNS:other.test"}, &test_authority());
  const Identity name_in_subject =
      make_identity({.common_name = "localhost", .alternative_names = ""}, &test_authority());
  const Identity self_signed = make_identity({});
  const Identity other_authority = make_identity({.common_name = "Other", .alternative_names = "", .authority = true});
  const Identity from_other = make_identity({}, &other_authority);

  struct Case {
    const char* name;
    const Identity* identity;
    const char* host;
    Errc expected;
  };
  for (const Case& c : {
           Case{"good", &test_server(), "localhost", Errc::kNone},
           {"root dot", &test_server(), "localhost.", Errc::kNone},
           {"upper case", &test_server(), "LocalHost", Errc::kNone},
           {"wildcard", &test_server(), "a.example.test", Errc::kNone},
           {"wildcard is one label", &test_server(), "a.b.example.test", Errc::kTlsHostname},
           {"IPv4", &test_server(), "127.0.0.1", Errc::kNone},
           {"IPv6", &test_server(), "::1", Errc::kNone},
           {"other IPv4", &test_server(), "127.0.0.2", Errc::kTlsHostname},
           {"expired", &expired, "localhost", Errc::kTlsCertExpired},
           {"not yet", &future, "localhost", Errc::kTlsCertNotYetValid},
           {"other name", &other_name, "localhost", Errc::kTlsHostname},
           {"only the subject has the name", &name_in_subject, "localhost", Errc::kTlsHostname},
           {"self-signed", &self_signed, "localhost", Errc::kTlsSelfSigned},
           {"unknown issuer", &from_other, "localhost", Errc::kTlsUnknownIssuer},
       }) {
    CAPTURE(c.name);
    TlsPeer peer({.identity = c.identity}, {});
    CHECK(handshake_result(trusting(), peer.port(), c.host) == c.expected);
    TlsOptions blind = trusting();
    blind.verify = false;
    CHECK(handshake_result(blind, peer.port(), c.host) == Errc::kNone);
  }
  // A leaf named as an anchor is trusted as it stands.
  TlsPeer peer({.identity = &from_other}, {});
  TlsOptions leaf;
  leaf.ca_pem = from_other.pem();
  CHECK(handshake_result(leaf, peer.port()) == Errc::kNone);
  TlsOptions named = trusting();
  named.server_name = "other.test";
  TlsPeer second({.identity = &other_name}, echo);
  CHECK(handshake_result(named, second.port()) == Errc::kNone);
}

TEST_CASE("tls handshake: pins") {
  TlsPeer peer({}, {});
  TlsOptions options = trusting();
  const Identity stranger = make_identity({});
  options.pins = {stranger.pin(), test_server().pin()};
  CHECK(handshake_result(options, peer.port()) == Errc::kNone);
  options.pins = {test_authority().pin()};  // any certificate of the chain
  CHECK(handshake_result(options, peer.port()) == Errc::kNone);
  options.pins = {stranger.pin()};
  CHECK(handshake_result(options, peer.port()) == Errc::kTlsPin);
  CHECK(handshake_result(options, peer.port(), "wrong.test") == Errc::kTlsHostname);  // the chain comes first
  options.verify = false;
  CHECK(handshake_result(options, peer.port()) == Errc::kTlsPin);
  options.pins = {test_authority().pin()};  // not proved by anyone without verification
  CHECK(handshake_result(options, peer.port()) == Errc::kTlsPin);
  options.pins = {test_server().pin()};
  CHECK(handshake_result(options, peer.port(), "wrong.test") == Errc::kNone);
}

TEST_CASE("tls handshake: versions") {
  TlsPeer old({.max_version = TLS1_2_VERSION}, {});
  CHECK(handshake_result(trusting(), old.port()) == Errc::kNone);
  TlsOptions production = trusting();
  production.only_tls13 = true;
  CHECK(handshake_result(production, old.port()) == Errc::kTlsVersion);
  TlsPeer modern({.min_version = TLS1_3_VERSION}, {});
  CHECK(handshake_result(production, modern.port()) == Errc::kNone);
}

TEST_CASE("tls handshake: client certificates") {
  const Identity client = make_identity({.common_name = "client"}, &test_authority());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    TlsPeer peer({.max_version = version, .client_authority = &test_authority()}, echo);
    TlsOptions options = trusting();
    {
      const auto stream = open_stream(context_of(options), peer.port());
      IoResult r = shake_hands(*stream);
      std::string rest;
      if (r.status == IoStatus::kOk) r = read_some(*stream, rest, 1);  // TLS 1.3 tells only afterwards
      CHECK(r.status == IoStatus::kError);
      CHECK_MESSAGE(r.error.code == Errc::kTlsHandshake, r.error.text);
    }
    options.cert_pem = client.pem();
    options.key_pem = client.key_pem("pw");
    options.key_passphrase = "pw";
    const auto stream = open_stream(context_of(options), peer.port());
    REQUIRE(shake_hands(*stream).status == IoStatus::kOk);
    REQUIRE(write_all(*stream, "hello"));
    std::string back;
    CHECK(read_some(*stream, back, 5).status == IoStatus::kOk);
    CHECK(back == "hello");
  }
}

TEST_CASE("tls handshake: resumption, also after a connection that was cut") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    TlsPeer peer({.max_version = version}, [](SSL* ssl, Fd&) {
      char c;
      if (SSL_read(ssl, &c, 1) == 1) SSL_write(ssl, &c, 1);
    });
    bool reads_to_end = false;
    const auto resumed = [&](const std::shared_ptr<TlsContext>& context, const std::string& host = "localhost") {
      const auto stream = open_stream(context, peer.port(), host);
      REQUIRE(shake_hands(*stream).status == IoStatus::kOk);
      REQUIRE(write_all(*stream, "x"));
      std::string back;
      REQUIRE(read_some(*stream, back, 1).status == IoStatus::kOk);
      StreamInfo info;
      stream->describe(info);
      // The peer's end, too, comes without close_notify: to a connection of TLS 1.2 that is an error which spoils its
      // session. Every other one does not wait to hear of it.
      if (reads_to_end = !reads_to_end; reads_to_end) {
        CHECK(read_some(*stream, back, back.size() + 1).error.code == Errc::kTlsTruncated);
      }
      return info.tls_resumed;
    };
    const auto context = context_of(trusting());
    CHECK_FALSE(resumed(context));
    CHECK(resumed(context));
    CHECK(resumed(context));
    CHECK_FALSE(resumed(context, "127.0.0.1"));  // another name: another session
    TlsOptions without = trusting();
    without.resume_sessions = false;
    const auto plain = context_of(without);
    CHECK_FALSE(resumed(plain));
    CHECK_FALSE(resumed(plain));
  }
}

TEST_CASE("tls handshake: reset in the handshake and in the stream") {
  TcpPeer rude([](Fd& fd) {
    char c;
    static_cast<void>(::recv(fd.get(), &c, 1, 0));
    reset_on_close(fd.get());
    fd.reset();
  });
  CHECK(handshake_result(trusting(), rude.port()) == Errc::kConnReset);

  TcpPeer brief([](Fd& fd) {
    char hello[4096];
    static_cast<void>(::recv(fd.get(), hello, sizeof hello, 0));
    ::shutdown(fd.get(), SHUT_WR);
    static_cast<void>(::recv(fd.get(), hello, sizeof hello, 0));
  });
  CHECK(handshake_result(trusting(), brief.port()) == Errc::kEof);

  TlsPeer peer({}, [](SSL* ssl, Fd& fd) {
    char c;
    SSL_read(ssl, &c, 1);
    reset_on_close(fd.get());
    fd.reset();
  });
  const auto stream = open_stream(context_of(trusting()), peer.port());
  REQUIRE(shake_hands(*stream).status == IoStatus::kOk);
  REQUIRE(write_all(*stream, "x"));
  std::string text;
  const IoResult r = read_some(*stream, text, 1);
  CHECK(r.status == IoStatus::kError);
  CHECK(r.error.code == Errc::kConnReset);
  const iovec one = piece("y");
  CHECK(stream->write({&one, 1}).status == IoStatus::kError);
}

TEST_CASE("tls handshake: a peer that does not speak TLS") {
  for (const std::string& answer :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string(4000, '\0'), pattern(4000)}) {
    TcpPeer peer([&](Fd& fd) {
      send_all(fd.get(), answer);
      char hello[4096];
      while (::recv(fd.get(), hello, sizeof hello, 0) > 0) {
      }
    });
    CHECK(handshake_result(trusting(), peer.port()) == Errc::kTlsProtocol);
  }
}
