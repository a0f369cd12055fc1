#include "ws/server_handshake.h"

#include <doctest/doctest.h>

#include <string>

#include "ws/client_handshake.h"
#include "ws/http_answer.h"

using namespace tickwire;
using namespace tickwire::ws;

namespace {

std::span<const uint8_t> bytes(std::string_view s) { return {reinterpret_cast<const uint8_t*>(s.data()), s.size()}; }

const std::string kGood =
    "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

std::string with(const std::string& from, const std::string& to) {
  std::string r = kGood;
  const size_t at = r.find(from);
  REQUIRE(at != std::string::npos);
  return r.replace(at, from.size(), to);
}

struct Judged {
  std::string request;
  RequestParser parser{RequestLimits{}};
  UpgradeOutcome outcome;
};

// Heap-allocated: the outcome's views point into the request.
std::unique_ptr<Judged> judge(const std::string& headers, const ServerHandshakeOptions& options = {}) {
  auto j = std::make_unique<Judged>();
  j->request = headers + "\r\n";
  const auto out = j->parser.feed(bytes(j->request));
  REQUIRE_MESSAGE(out.status == RequestParser::Outcome::Status::kDone, out.why);
  j->outcome = judge_upgrade(j->parser.head(), options);
  return j;
}

void refuses(const std::string& headers, int http) {
  CAPTURE(headers);
  const auto j = judge(headers);
  REQUIRE_FALSE(j->outcome.upgrade.has_value());
  CHECK(j->outcome.refusal.http == http);
  CHECK(std::string(j->outcome.refusal.why) != "");
}

std::string deflate(const std::string& offer, ServerDeflateOptions options = {}) {
  options.enabled = true;
  const auto r = answer_deflate(offer, options);
  if (!r.ok()) return "malformed";
  return r.value() ? r.value()->answer : "declined";
}

}  // namespace

TEST_CASE("server handshake: RFC 6455's example") {
  const auto j = judge(kGood + "Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n",
                       {.subprotocols = {"superchat", "chat"}});
  REQUIRE(j->outcome.upgrade);
  const Upgrade& u = *j->outcome.upgrade;
  CHECK(u.accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK(u.subprotocol == "chat");  // the client's order decides
  CHECK(u.subprotocols == std::vector<std::string_view>{"chat", "superchat"});
  CHECK(u.origin == "http://example.com");
  CHECK_FALSE(u.deflate.has_value());
  CHECK(upgrade_answer(u) ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
}

TEST_CASE("server handshake: what browsers and proxies vary") {
  for (const std::string& headers :
       {with("websocket", "WebSocket"), with("Upgrade: websocket", "Upgrade: h2c, websocket"),
        with("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
        with("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade"), with("HTTP/1.1", "HTTP/1.2"),
        kGood + "Sec-WebSocket-Protocol: other\r\n"}) {
    CAPTURE(headers);
    const auto j = judge(headers, {.subprotocols = {"tickwire.v1"}});
    REQUIRE(j->outcome.upgrade);
    CHECK(j->outcome.upgrade->subprotocol.empty());
  }
  const auto two = judge(kGood + "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b , tickwire.v1\r\n",
                         {.subprotocols = {"tickwire.v1"}});
  REQUIRE(two->outcome.upgrade);
  CHECK(two->outcome.upgrade->subprotocol == "tickwire.v1");
}

TEST_CASE("server handshake: what is refused, and how") {
  refuses(with("GET", "POST"), 405);
  refuses(with("GET", "HEAD"), 405);
  refuses(with("Upgrade: websocket\r\n", ""), 426);
  refuses(with("Upgrade: websocket", "Upgrade: h2c"), 426);
  refuses(with("HTTP/1.1", "HTTP/1.0"), 400);
  refuses(with("Connection: Upgrade\r\n", ""), 400);
  refuses(with("Connection: Upgrade", "Connection: close"), 400);
  refuses(with("Sec-WebSocket-Version: 13\r\n", ""), 426);
  refuses(with("13", "8"), 426);
  refuses(with("13", "013"), 426);
  refuses(with("13", "13, 8"), 426);
  refuses(kGood + "Sec-WebSocket-Version: 13\r\n", 426);
  refuses(with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400);
  refuses(kGood + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400);
  refuses(with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ="), 400);
  refuses(with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQAA"), 400);
  refuses(with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZ-Bub25jZQ=="), 400);
  refuses(kGood + "Origin: a\r\nOrigin: b\r\n", 400);
  refuses(kGood + "Sec-WebSocket-Protocol: \r\n", 400);
  refuses(kGood + "Sec-WebSocket-Protocol: a,,b\r\n", 400);
  refuses(kGood + "Sec-WebSocket-Protocol: a b\r\n", 400);
  refuses(kGood + "Sec-WebSocket-Protocol: a, a\r\n", 400);
  refuses(kGood + "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n", 400);
  refuses(kGood + "Sec-WebSocket-Extensions: permessage-deflate;\r\n", 400);
  std::string many = kGood + "Sec-WebSocket-Protocol: p";
  for (int i = 0; i < 32; ++i) many += ", p" + std::to_string(i);
  refuses(many + "\r\n", 400);
}

TEST_CASE("server handshake: permessage-deflate") {
  const std::string both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  CHECK(deflate("permessage-deflate") == both);
  CHECK(deflate("permessage-deflate; client_max_window_bits") == both);
  CHECK(deflate("Permessage-Deflate") == both);
  CHECK(deflate("x-webkit-deflate-frame, permessage-deflate; client_max_window_bits") == both);
  CHECK(deflate("permessage-deflate; server_max_window_bits=10") == both + "; server_max_window_bits=10");
  CHECK(deflate("permessage-deflate; server_max_window_bits=\"10\"") == both + "; server_max_window_bits=10");
  CHECK(deflate("permessage-deflate; server_max_window_bits=15") == both + "; server_max_window_bits=15");
  CHECK(deflate("permessage-deflate; client_max_window_bits=9") == both + "; client_max_window_bits=9");
  CHECK(deflate("permessage-deflate; unknown, permessage-deflate") == both);  // the fallback offer
  const ServerDeflateOptions keep{.server_no_context_takeover = false, .client_no_context_takeover = false};
  CHECK(deflate("permessage-deflate", keep) == "permessage-deflate");
  CHECK(deflate("permessage-deflate; client_no_context_takeover", keep) ==
        "permessage-deflate; client_no_context_takeover");
  CHECK(deflate("permessage-deflate; server_no_context_takeover", keep) ==
        "permessage-deflate; server_no_context_takeover");
  const ServerDeflateOptions small{.server_max_window_bits = 11, .client_max_window_bits = 10};
  CHECK(deflate("permessage-deflate", small) == both + "; server_max_window_bits=11");
  CHECK(deflate("permessage-deflate; client_max_window_bits", small) ==
        both + "; server_max_window_bits=11; client_max_window_bits=10");
  CHECK(deflate("permessage-deflate; client_max_window_bits=9", small) ==
        both + "; server_max_window_bits=11; client_max_window_bits=9");
  const ServerDeflateOptions shared{.least_server_window_bits = 15};
  CHECK(deflate("permessage-deflate; server_max_window_bits=14", shared) == "declined");
  CHECK(deflate("permessage-deflate; server_max_window_bits=14, permessage-deflate", shared) == both);

  for (const char* bad :
       {"permessage-deflate; server_no_context_takeover=1", "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16", "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=08", "permessage-deflate; unknown",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=9", "other", ""}) {
    CAPTURE(bad);
    CHECK(deflate(bad) == "declined");
  }
  for (const char* bad :
       {"permessage-deflate;", "permessage-deflate; a=", "permessage-deflate; a=\"b", "permessage-deflate; a=\"b c\"",
        "permessage-deflate,", ",", "permessage-deflate x", "=", "permessage-deflate; =1"}) {
    CAPTURE(bad);
    CHECK(deflate(bad) == "malformed");
  }
  const auto off = answer_deflate("permessage-deflate", {});
  REQUIRE(off.ok());
  CHECK_FALSE(off.value().has_value());
}

TEST_CASE("server handshake: windows are those to work with") {
  ServerDeflateOptions o{.enabled = true, .server_max_window_bits = 12, .client_max_window_bits = 11};
  auto r = answer_deflate("permessage-deflate; server_max_window_bits=10", o);
  REQUIRE((r.ok() && r.value()));
  CHECK(r.value()->params.server_max_window_bits == 10);
  CHECK(r.value()->params.client_max_window_bits == 15);  // it may not be told otherwise
  r = answer_deflate("permessage-deflate; client_max_window_bits", o);
  REQUIRE((r.ok() && r.value()));
  CHECK(r.value()->params.server_max_window_bits == 12);
  CHECK(r.value()->params.client_max_window_bits == 11);
}

TEST_CASE("server handshake: our own client agrees to every answer") {
  for (int bits = 9; bits <= 15; ++bits) {
    for (int mask = 0; mask < 16; ++mask) {
      HandshakeOptions wanted;
      wanted.host_header = "h";
      wanted.subprotocols = {"x", "tickwire.v1"};
      wanted.deflate.enabled = true;
      wanted.deflate.client_no_context_takeover = (mask & 1) != 0;
      wanted.deflate.server_no_context_takeover = (mask & 2) != 0;
      wanted.deflate.server_max_window_bits = bits;
      wanted.deflate.client_max_window_bits = 24 - bits;
      auto client = ClientHandshake::create(wanted);
      REQUIRE(client.ok());
      ServerHandshakeOptions ours;
      ours.subprotocols = {"tickwire.v1"};
      ours.deflate.enabled = true;
      ours.deflate.server_no_context_takeover = (mask & 4) != 0;
      ours.deflate.client_no_context_takeover = (mask & 8) != 0;
      ours.deflate.server_max_window_bits = 12;
      ours.deflate.client_max_window_bits = 13;
      RequestParser parser({});
      REQUIRE(parser.feed(bytes(client.value().request())).status == RequestParser::Outcome::Status::kDone);
      const auto judged = judge_upgrade(parser.head(), ours);
      REQUIRE(judged.upgrade);
      REQUIRE(judged.upgrade->deflate);
      const auto out = client.value().feed(bytes(upgrade_answer(*judged.upgrade)));
      REQUIRE_MESSAGE(out.status == ClientHandshake::Outcome::Status::kDone, out.error.text);
      const HandshakeResult& theirs = client.value().result();
      const DeflateParams& server = judged.upgrade->deflate->params;
      CHECK(theirs.subprotocol == "tickwire.v1");
      CHECK(theirs.deflate);
      // Whoever inflates must be ready for what the other side may do.
      CHECK(theirs.deflate_params.server_max_window_bits >= server.server_max_window_bits);
      CHECK(server.client_max_window_bits >= theirs.deflate_params.client_max_window_bits);
      CHECK(theirs.deflate_params.server_no_context_takeover == server.server_no_context_takeover);
      CHECK(theirs.deflate_params.client_no_context_takeover == server.client_no_context_takeover);
    }
  }
}

TEST_CASE("http answers") {
  CHECK(http_answer({.status = 404, .wall_seconds = 784'111'777}) ==
        "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\nCache-Control: "
        "no-store\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n\r\nNot Found\n");
  const std::string json = http_answer({.status = 200, .content_type = "application/json", .body = "{}"});
  CHECK(json.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(json.ends_with("Content-Length: 2\r\n\r\n{}"));
  CHECK(http_answer({.status = 200, .body = "{}", .with_body = false}).ends_with("Content-Length: 2\r\n\r\n"));
  CHECK(http_answer({.status = 405}).find("\r\nAllow: GET, HEAD\r\n") != std::string::npos);
  CHECK(http_answer({.status = 401}).find("\r\nWWW-Authenticate: Bearer\r\n") != std::string::npos);
  const std::string upgrade = http_answer({.status = 426});
  CHECK(upgrade.find("\r\nSec-WebSocket-Version: 13\r\n") != std::string::npos);
  CHECK(upgrade.find("\r\nUpgrade: websocket\r\n") != std::string::npos);
  CHECK(http_answer({.status = 503, .retry_after_s = 7}).find("\r\nRetry-After: 7\r\n") != std::string::npos);
}
