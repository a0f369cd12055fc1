#include <doctest/doctest.h>

#include "connector_rig.h"

using namespace tickwire;
using namespace tickwire::net_test;

TEST_CASE_FIXTURE(ConnectRig, "connector: TLS, resumed the second time") {
  TlsPeer peer({.alpn = "http/1.1"}, echo_tls);
  target.host = "localhost";
  target.port = peer.port();
  target.tls = trusting_context(true);
  for (const bool resumed : {false, true, true}) {
    Outcome outcome;
    connect(outcome);
    INFO(outcome.error.text);
    REQUIRE(outcome.stream != nullptr);
    CHECK(outcome.info.tls_version == "TLSv1.3");
    CHECK(outcome.info.alpn == "http/1.1");
    CHECK(outcome.info.tls_resumed == resumed);
    CHECK_FALSE(outcome.stream->full_duplex_threads());
    say(*outcome.stream, "hello");
    CHECK(read_exactly(*outcome.stream, 5) == "hello");
  }
}

TEST_CASE_FIXTURE(ConnectRig, "connector: TLS failures") {
  target.host = "127.0.0.1";
  target.tls = trusting_context();
  {
    const Identity expired =
        make_identity({.alternative_names = "IP:127.0.0.1", .starts_in_s = -10, .ends_in_s = -5}, &test_authority());
    TlsPeer peer({.identity = &expired}, {});
    target.port = peer.port();
    CHECK(failure() == Errc::kTlsCertExpired);
  }
  {
    TlsPeer peer({.max_version = TLS1_2_VERSION}, {});
    target.port = peer.port();
    target.tls = trusting_context(true);
    CHECK(failure() == Errc::kTlsVersion);
    target.tls = trusting_context();
  }
  {
    TcpPeer peer([](Fd& fd) {
      char c;
      static_cast<void>(::recv(fd.get(), &c, 1, 0));
      reset_on_close(fd.get());
      fd.reset();
    });
    target.port = peer.port();
    CHECK(failure() == Errc::kConnReset);
  }
  {
    TcpPeer peer([](Fd& fd) { receive_until(fd.get(), "never"); });
    target.port = peer.port();
    target.timeout_ns = 60 * kMs;
    CHECK(failure() == Errc::kHandshakeTimeout);
    target.timeout_ns = 5'000 * kMs;
  }
  {
    TcpPeer peer([](Fd& fd) {
      send_all(fd.get(), "220 mail.test ESMTP\r\n");
      receive_until(fd.get(), "never");
    });
    target.port = peer.port();
    CHECK(failure() == Errc::kTlsProtocol);
  }
}

TEST_CASE_FIXTURE(ConnectRig, "connector: through a proxy") {
  std::string request;
  target.proxy.host = "127.0.0.1";
  target.proxy.authorization = "Basic c2VjcmV0";
  SUBCASE("plain; what follows the answer reaches the stream") {
    TcpPeer peer(proxy(std::string(kEstablished) + "greeting", 0, &request));
    target.host = "far.test";  // not looked up here
    target.port = 8080;
    target.proxy.port = peer.port();
    Outcome outcome;
    connect(outcome);
    REQUIRE(outcome.stream != nullptr);
    CHECK(outcome.info.remote_port == peer.port());
    CHECK(read_exactly(*outcome.stream, 8) == "greeting");
    CHECK(request ==
          "CONNECT far.test:8080 HTTP/1.1\r\nHost: far.test:8080\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n");
    CHECK(names.lookups() == 0);
  }
  for (const bool drip : {false, true}) {
    CAPTURE(drip);
    TlsPeer server({}, echo_tls);
    TcpPeer peer(proxy(kEstablished, server.port(), &request, drip));
    target.host = "localhost";
    target.port = server.port();
    target.tls = trusting_context();
    target.proxy.port = peer.port();
    Outcome outcome;
    connect(outcome);
    INFO(outcome.error.text);
    REQUIRE(outcome.stream != nullptr);
    CHECK_FALSE(outcome.info.tls_version.empty());
    say(*outcome.stream, "through");
    CHECK(read_exactly(*outcome.stream, 7) == "through");
    CHECK(server.last_sni() == "localhost");
  }
}

TEST_CASE_FIXTURE(ConnectRig, "connector: proxy failures") {
  target.host = "far.test";
  target.port = 443;
  target.tls = trusting_context();
  target.proxy.host = "127.0.0.1";
  target.proxy.authorization = "Basic c2VjcmV0";
  const auto with = [&](TcpPeer::Serve serve, int32_t detail = 0) {
    TcpPeer peer(std::move(serve));
    target.proxy.port = peer.port();
    Outcome outcome;
    connect(outcome);
    CHECK(outcome.error.text.find("c2VjcmV0") == std::string::npos);
    CHECK(outcome.error.detail == detail);
    return outcome.error.code;
  };
  CHECK(with(proxy("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"), 407) ==
        Errc::kProxyStatus);
  CHECK(with(proxy("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad"), 502) == Errc::kProxyStatus);
  CHECK(with(proxy("what?\r\n")) == Errc::kProxyMalformed);
  CHECK(with(proxy(std::string(100'000, 'x'))) == Errc::kProxyMalformed);
  CHECK(with(proxy(std::string(kEstablished) + "x")) == Errc::kProxyMalformed);
  CHECK(with([](Fd& fd) { receive_until(fd.get(), "\r\n\r\n"); }) == Errc::kProxyMalformed);
  CHECK(with([](Fd& fd) {
          send_all(fd.get(), "HTTP/1.1 2");
          receive_until(fd.get(), "\r\n\r\n");
        }) == Errc::kProxyMalformed);
  CHECK(with(
            [](Fd& fd) {
              receive_until(fd.get(), "\r\n\r\n");
              reset_on_close(fd.get());
              fd.reset();
            },
            ECONNRESET) == Errc::kConnReset);
  target.timeout_ns = 60 * kMs;
  CHECK(with([](Fd& fd) { receive_until(fd.get(), "never"); }) == Errc::kHandshakeTimeout);
  target.timeout_ns = 5'000 * kMs;
  target.proxy.port = unused_port();
  CHECK(failure() == Errc::kConnRefused);
  target.host = "evil.test\r\nX: y";
  TcpPeer peer(proxy(kEstablished));
  target.proxy.port = peer.port();
  CHECK(failure() == Errc::kInvalidUrl);
}
