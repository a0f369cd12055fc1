#include <doctest/doctest.h>

#include "net/proxy_connect.h"

using namespace tickwire;

namespace {

std::span<const uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

using State = ProxyAnswer::State;

}  // namespace

TEST_CASE("proxy request") {
  CHECK(proxy_connect_request("a.test", 443, "").value() == "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n");
  CHECK(proxy_connect_request("::1", 1, "Basic eA==").value() ==
        "CONNECT [::1]:1 HTTP/1.1\r\nHost: [::1]:1\r\nProxy-Authorization: Basic eA==\r\n\r\n");
  for (const std::string& host : {std::string(), std::string("a b"), std::string("a\r\nX: y"), std::string("a\0", 2)}) {
    const auto r = proxy_connect_request(host, 1, "");
    REQUIRE_FALSE(r.ok());
    CHECK(r.error().code == Errc::kInvalidUrl);
  }
  for (const std::string& secret :
       {std::string("Q\r\ny"), std::string("Q\ny"), std::string("Q\0", 2), std::string("Q\x7f")}) {
    const auto r = proxy_connect_request("a", 1, secret);
    REQUIRE_FALSE(r.ok());
    CHECK(r.error().text.find('Q') == std::string::npos);  // the secret is not repeated
  }
}

TEST_CASE("proxy answers, whole and byte by byte") {
  struct Case {
    std::string text;
    State state;
    Errc code;
    int32_t detail;
    size_t used;
  };
  const std::string ok = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";
  const Case cases[] = {
      {ok, State::kOpen, Errc::kNone, 0, ok.size()},
      {ok + "more", State::kOpen, Errc::kNone, 0, ok.size()},
      {"HTTP/1.0 200 OK\n\n", State::kOpen, Errc::kNone, 0, 17},
      {"HTTP/1.1 204\r\n\r\n", State::kOpen, Errc::kNone, 0, 16},
      {"HTTP/1.1 100 Continue\r\n\r\n" + ok, State::kOpen, Errc::kNone, 0, 25 + ok.size()},
      {"HTTP/1.1 407 Proxy Authentication Required\r\nA: b\r\n\r\nbody", State::kFailed, Errc::kProxyStatus, 407, 52},
      {"HTTP/1.1 302 Found\r\n\r\n", State::kFailed, Errc::kProxyStatus, 302, 22},
      {"HTTP/1.1 599 \r\n\r\n", State::kFailed, Errc::kProxyStatus, 599, 17},
      {"HTTP/1.1 200 OK\r\n", State::kMore, Errc::kNone, 0, 17},
      {"", State::kMore, Errc::kNone, 0, 0},
      {"SSH-2.0-x\r\n", State::kFailed, Errc::kProxyMalformed, 0, 11},
      {"HTTP/2.0 200 OK\r\n", State::kFailed, Errc::kProxyMalformed, 0, 17},
      {"HTTP/1.1 20 OK\r\n", State::kFailed, Errc::kProxyMalformed, 0, 16},
      {"HTTP/1.1 2000\r\n", State::kFailed, Errc::kProxyMalformed, 0, 15},
      {"HTTP/1.1 099 x\r\n", State::kFailed, Errc::kProxyMalformed, 0, 16},
      {"HTTP/1.1  200\r\n", State::kFailed, Errc::kProxyMalformed, 0, 15},
      {"\r\n", State::kFailed, Errc::kProxyMalformed, 0, 2},
      {std::string("HTTP/1.1\0", 9), State::kFailed, Errc::kProxyMalformed, 0, 9},
      {std::string(20'000, 'x'), State::kFailed, Errc::kProxyMalformed, 0, ProxyAnswer::kMaxBytes + 1},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text.substr(0, 60));
    ProxyAnswer whole;
    CHECK(whole.feed(bytes(c.text)) == c.used);
    CHECK(whole.state() == c.state);
    CHECK(whole.error().code == c.code);
    CHECK(whole.error().detail == c.detail);
    ProxyAnswer dripped;
    size_t used = 0;
    for (const char& b : c.text) used += dripped.feed(bytes({&b, 1}));
    CHECK(used == c.used);
    CHECK(dripped.state() == c.state);
    CHECK(dripped.error().code == c.code);
  }
}

TEST_CASE("proxy answers: endless headers and endless interim answers are bounded") {
  for (const std::string& part : {std::string("A: b\r\n"), std::string("\r\nHTTP/1.1 103 x\r\n")}) {
    ProxyAnswer answer;
    size_t fed = answer.feed(bytes("HTTP/1.1 103 x\r\n"));
    while (answer.state() == State::kMore) fed += answer.feed(bytes(part));
    CHECK(answer.state() == State::kFailed);
    CHECK(answer.error().code == Errc::kProxyMalformed);
    CHECK(fed == ProxyAnswer::kMaxBytes + 1);
  }
}
