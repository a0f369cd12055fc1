#include "ws/client_handshake.h"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <random>
#include <set>

#include "base/base64.h"
#include "base/sha1.h"

using namespace tickwire;
using namespace tickwire::ws;

namespace {

std::span<const uint8_t> bytes(std::string_view s) { return {reinterpret_cast<const uint8_t*>(s.data()), s.size()}; }

std::string hex_sha1(std::string_view s) {
  std::string out;
  for (const uint8_t b : sha1(bytes(s))) {
    out += "0123456789abcdef"[b >> 4];
    out += "0123456789abcdef"[b & 15];
  }
  return out;
}

HandshakeOptions options() {
  HandshakeOptions o;
  o.host_header = "stream.example.com:9443";
  o.path = "/ws/btcusdt@bookTicker?limit=5";
  return o;
}

ClientHandshake made(HandshakeOptions o) {
  Result<ClientHandshake> r = ClientHandshake::create(std::move(o));
  REQUIRE_MESSAGE(r.ok(), r.error().text);
  return std::move(r.value());
}

std::string header_of(const std::string& request, const std::string& name) {
  const size_t at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "(none)";
  const size_t start = at + name.size() + 4;
  return request.substr(start, request.find("\r\n", start) - start);
}

std::string accept_for(const ClientHandshake& h) {
  return base64_encode(
      sha1(bytes(header_of(h.request(), "Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
}

std::string good_answer(const ClientHandshake& h, const std::string& more = "") {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
         accept_for(h) + "\r\n" + more + "\r\n";
}

using Status = ClientHandshake::Outcome::Status;

// Feeds `answer` in steps of `step` bytes; every way of cutting must end the same.
ClientHandshake::Outcome feed(ClientHandshake& h, const std::string& answer, size_t step) {
  ClientHandshake::Outcome out;
  for (size_t n = std::min(step, answer.size());; n = std::min(n + step, answer.size())) {
    out = h.feed(bytes(std::string_view(answer).substr(0, n)));
    if (out.status != Status::kNeedMore || n == answer.size()) return out;
  }
}

// `make` builds an answer for the handshake's key.
void refuses(const std::function<std::string(const ClientHandshake&)>& make, Errc code, int32_t detail = 0,
             HandshakeOptions o = options()) {
  for (const size_t step : {size_t{1}, size_t{3}, size_t{100'000}}) {
    ClientHandshake h = made(o);
    const std::string answer = make(h);
    CAPTURE(answer);
    const auto out = feed(h, answer, step);
    CHECK(out.status == Status::kFailed);
    CHECK(out.error.code == code);
    CHECK(out.error.detail == detail);
    CHECK(out.consumed == 0);
  }
}

void accepts(const std::function<std::string(const ClientHandshake&)>& make, const HandshakeOptions& o = options()) {
  for (const size_t step : {size_t{1}, size_t{3}, size_t{100'000}}) {
    ClientHandshake h = made(o);
    const std::string answer = make(h);
    CAPTURE(answer);
    const auto out = feed(h, answer, step);
    CHECK_MESSAGE(out.status == Status::kDone, out.error.text);
    CHECK(out.consumed == answer.size());
  }
}

// The good answer with one piece of it replaced.
auto with(std::string from, std::string to) {
  return [from, to](const ClientHandshake& h) {
    std::string a = good_answer(h);
    const size_t at = a.find(from);
    REQUIRE(at != std::string::npos);
    return a.replace(at, from.size(), to);
  };
}

auto plus(std::string more) {
  return [more](const ClientHandshake& h) { return good_answer(h, more); };
}

auto fixed(std::string answer) {
  return [answer](const ClientHandshake&) { return answer; };
}

}  // namespace

TEST_CASE("SHA-1 of known texts") {
  CHECK(hex_sha1("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(hex_sha1("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex_sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(hex_sha1(std::string(1'000'000, 'a')) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  // Around the borders of the padding.
  CHECK(hex_sha1(std::string(55, 'a')) == "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  CHECK(hex_sha1(std::string(56, 'a')) == "c2db330f6083854c99d4b5bfb6e8f29f201be699");
  CHECK(hex_sha1(std::string(64, 'a')) == "0098ba824b5c16427bd7a1122a5a442a25ec644d");
}

TEST_CASE("base64 of known texts (RFC 4648 section 10)") {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [in, out] : cases) CHECK(base64_encode(bytes(in)) == out);
  CHECK(base64_encode(std::vector<uint8_t>{0xFB, 0xEF, 0xFF}) == "++//");
  CHECK(base64_encode(sha1(bytes("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))) ==
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("the request") {
  HandshakeOptions o = options();
  o.origin = "https://example.com";
  o.subprotocols = {"v2.book", "v1.book"};
  o.headers = {{"X-Api-Key", "se cret"}, {"User-Agent", "test"}};
  o.deflate.enabled = true;
  const ClientHandshake h = made(o);
  const std::string& r = h.request();
  CHECK(r.starts_with("GET /ws/btcusdt@bookTicker?limit=5 HTTP/1.1\r\nHost: stream.example.com:9443\r\n"));
  CHECK(r.ends_with("\r\n\r\n"));
  CHECK(header_of(r, "Upgrade") == "websocket");
  CHECK(header_of(r, "Connection") == "Upgrade");
  CHECK(header_of(r, "Sec-WebSocket-Version") == "13");
  CHECK(header_of(r, "Sec-WebSocket-Key").size() == 24);
  CHECK(header_of(r, "Origin") == "https://example.com");
  CHECK(header_of(r, "Sec-WebSocket-Protocol") == "v2.book, v1.book");
  CHECK(header_of(r, "Sec-WebSocket-Extensions") == "permessage-deflate; client_max_window_bits");
  CHECK(header_of(r, "X-Api-Key") == "se cret");
  CHECK(r.find("User-Agent: test") > r.find("X-Api-Key"));
  const std::string bare = made(options()).request();
  for (const char* name : {"Origin", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"})
    CHECK(header_of(bare, name) == "(none)");
}

TEST_CASE("every request has a key of its own") {
  std::set<std::string> keys;
  for (int i = 0; i < 200; ++i) keys.insert(header_of(made(options()).request(), "Sec-WebSocket-Key"));
  CHECK(keys.size() == 200);
}

TEST_CASE("what must not go into a request") {
  const auto code = [](const std::function<void(HandshakeOptions&)>& change) {
    HandshakeOptions o = options();
    change(o);
    const Result<ClientHandshake> r = ClientHandshake::create(o);
    CHECK_FALSE(r.ok());
    CHECK(r.error().text.find("secret") == std::string::npos);
    return r.error().code;
  };
  for (const char* host : {"", "a b", "a\r\nX: y", "a\n", "\x7f", "h\xC3\xA4"}) {
    CHECK(code([&](HandshakeOptions& o) { o.host_header = host; }) == Errc::kInvalidUrl);
  }
  for (const char* path : {"", "ws", "/a b", "/a\r\nX: y", "/a\n", "/\xC3\xA4", "/a#b"}) {
    CHECK(code([&](HandshakeOptions& o) { o.path = path; }) == Errc::kInvalidUrl);
  }
  for (const char* name : {"", "a b", "a:", "a\r\nb", "host", "Host", "UPGRADE", "connection", "Content-Length",
                           "transfer-encoding", "Sec-WebSocket-Key", "sec-websocket-anything"}) {
    CHECK(code([&](HandshakeOptions& o) { o.headers = {{name, "secret"}}; }) == Errc::kHandshakeMalformed);
  }
  for (const std::string& value : {std::string("secret\r\nX: y"), std::string("secret\n"), std::string("secret\r"),
                                   std::string("secret\0x", 8), std::string("secret\x01")}) {
    CHECK(code([&](HandshakeOptions& o) { o.headers = {{"X-Key", value}}; }) == Errc::kHandshakeMalformed);
  }
  CHECK(code([](HandshakeOptions& o) { o.origin = "x\r\ny"; }) == Errc::kHandshakeMalformed);
  CHECK(code([](HandshakeOptions& o) {
          o.origin = "x";
          o.headers = {{"origin", "y"}};
        }) == Errc::kHandshakeMalformed);
  for (const auto& list : std::vector<std::vector<std::string>>{{""}, {"a b"}, {"a,b"}, {"a", "b", "a"}}) {
    CHECK(code([&](HandshakeOptions& o) { o.subprotocols = list; }) == Errc::kHandshakeMalformed);
  }
  for (const int bits : {7, 16}) {
    CHECK(code([&](HandshakeOptions& o) {
            o.deflate.enabled = true;
            o.deflate.client_max_window_bits = bits;
          }) == Errc::kHandshakeMalformed);
  }
}

TEST_CASE("answers that open") {
  accepts(plus(""));
  accepts(with("Upgrade: websocket", "uPGRADE:WebSocket"));
  accepts(with("Upgrade: websocket", "Upgrade: \t websocket \t"));
  accepts(with("Connection: Upgrade", "connection: keep-alive, upgrade"));
  accepts(with("Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade"));
  accepts(with("Connection: Upgrade", "Connection: ,, Upgrade ,"));
  accepts(with(" Switching Protocols", ""));
  accepts(with(" Switching Protocols", " "));
  accepts(with(" Switching Protocols", " \xC3\xA4"));
  accepts(with("Sec-WebSocket-Accept", "sec-websocket-accept"));
  accepts(plus("Server: x\r\nDate: y\r\nX-Empty:\r\nX: a:b:c\r\n"));
  accepts(plus("Sec-WebSocket-Extensions: \r\n"));
}

TEST_CASE("frames may follow the answer at once") {
  ClientHandshake h = made(options());
  const std::string answer = good_answer(h);
  const auto out = h.feed(bytes(answer + "\x81\x01x"));
  CHECK(out.status == Status::kDone);
  CHECK(out.consumed == answer.size());
}

TEST_CASE("answers that break the handshake's rules") {
  refuses(with("Upgrade: websocket\r\n", ""), Errc::kHandshakeUpgrade);
  refuses(with("Upgrade: websocket", "Upgrade: h2c"), Errc::kHandshakeUpgrade);
  refuses(with("Upgrade: websocket", "Upgrade: websocket, h2c"), Errc::kHandshakeUpgrade);
  refuses(plus("Upgrade: websocket\r\n"), Errc::kHandshakeUpgrade);
  refuses(with("Connection: Upgrade\r\n", ""), Errc::kHandshakeConnection);
  refuses(with("Connection: Upgrade", "Connection: keep-alive"), Errc::kHandshakeConnection);
  refuses(with("Connection: Upgrade", "Connection: upgraded, xupgrade"), Errc::kHandshakeConnection);
  refuses(with("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x"), Errc::kHandshakeAccept);
  refuses(with("Sec-WebSocket-Accept", "Sec-WebSocket-Accepted"), Errc::kHandshakeAccept);
  refuses([](const ClientHandshake& h) { return good_answer(h, "Sec-WebSocket-Accept: " + accept_for(h) + "\r\n"); },
          Errc::kHandshakeAccept);
  refuses([](const ClientHandshake& h) { return good_answer(made(options()), h.request().empty() ? "" : ""); },
          Errc::kHandshakeAccept);
  refuses(plus("Sec-WebSocket-Protocol: x\r\n"), Errc::kHandshakeSubprotocol);
  refuses(plus("Sec-WebSocket-Extensions: permessage-deflate\r\n"), Errc::kHandshakeExtension);
  refuses(plus("Sec-WebSocket-Extensions: x\r\n"), Errc::kHandshakeExtension);
}

TEST_CASE("the subprotocol must be one that was offered, and is told") {
  HandshakeOptions o = options();
  o.subprotocols = {"v2", "v1"};
  accepts(plus("Sec-WebSocket-Protocol: v1\r\n"), o);
  accepts(plus(""), o);
  refuses(plus("Sec-WebSocket-Protocol: V1\r\n"), Errc::kHandshakeSubprotocol, 0, o);
  refuses(plus("Sec-WebSocket-Protocol: v1, v2\r\n"), Errc::kHandshakeSubprotocol, 0, o);
  refuses(plus("Sec-WebSocket-Protocol:\r\n"), Errc::kHandshakeSubprotocol, 0, o);
  refuses(plus("Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Protocol: v1\r\n"), Errc::kHandshakeSubprotocol, 0, o);
  ClientHandshake h = made(o);
  CHECK(h.feed(bytes(good_answer(h, "sec-websocket-protocol:  v1 \r\n"))).status == Status::kDone);
  CHECK(h.result().subprotocol == "v1");
  CHECK_FALSE(h.result().deflate);
}

TEST_CASE("permessage-deflate is agreed on") {
  HandshakeOptions o = options();
  o.deflate.enabled = true;
  ClientHandshake h = made(o);
  CHECK(h.feed(bytes(good_answer(h, "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n")))
            .status == Status::kDone);
  CHECK(h.result().deflate);
  CHECK(h.result().deflate_params.server_max_window_bits == 10);
  ClientHandshake without = made(o);
  CHECK(without.feed(bytes(good_answer(without))).status == Status::kDone);
  CHECK_FALSE(without.result().deflate);
  refuses(plus("Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"),
          Errc::kHandshakeExtension, 0, o);
  refuses(plus("Sec-WebSocket-Extensions: permessage-deflate; x\r\n"), Errc::kHandshakeExtension, 0, o);
}

TEST_CASE("other statuses are told with their reason and place") {
  struct Case {
    std::string answer;
    int status;
    std::string text;
    uint32_t retry_after_s = 0;
  };
  const Case cases[] = {
      {"HTTP/1.1 404 Not Found\r\n\r\n", 404, "HTTP 404 Not Found"},
      {"HTTP/1.0 503 Down\r\nRetry-After: 5\r\n\r\n", 503, "HTTP 503 Down", 5},
      {"HTTP/1.1 418 x\r\nretry-after: 99999999999999999999999\r\n\r\n", 418, "HTTP 418 x",
       ClientHandshake::kMaxRetryAfterS},
      {"HTTP/1.1 429 x\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n\r\n", 429, "HTTP 429 x"},
      {"HTTP/1.1 429 x\r\nRetry-After: -5\r\n\r\n", 429, "HTTP 429 x"},
      {"HTTP/1.1 200\r\n\r\n", 200, "HTTP 200"},
      {"HTTP/1.1 100 Continue\r\n\r\n", 100, "HTTP 100 Continue"},
      {"HTTP/1.1 302 Found\r\nLocation: https://other.example/ws?token=abc\r\n\r\n", 302,
       "HTTP 302 Found (Location: https://other.example/ws?...)"},
      {"HTTP/1.1 307 x\r\nlocation: wss://o/\r\n\r\n", 307, "HTTP 307 x (Location: wss://o/)"},
      {"HTTP/1.1 400 a\x01\x1b[31mb\xFF\r\n\r\n", 400, "HTTP 400 a??[31mb?"},
      {"HTTP/1.1 429 " + std::string(1000, 'r') + "\r\n\r\n", 429, "HTTP 429 " + std::string(200, 'r') + "..."},
  };
  for (const Case& c : cases) {
    for (const size_t step : {size_t{1}, size_t{100'000}}) {
      ClientHandshake h = made(options());
      const auto out = feed(h, c.answer, step);
      CHECK(out.status == Status::kFailed);
      CHECK(out.error.code == Errc::kHandshakeStatus);
      CHECK(out.error.detail == c.status);
      CHECK(out.error.text == c.text);
      CHECK(h.retry_after_s() == c.retry_after_s);
    }
  }
}

TEST_CASE("malformed answers") {
  for (const std::string& answer : {
           std::string("\x81\x05hello"),
           std::string("SSH-2.0-OpenSSH_9\r\n"),
           std::string("HTTP/2 101\r\n\r\n"),
           std::string("http/1.1 101\r\n\r\n"),
           std::string("HTTP/1.2 101 x\r\n\r\n"),
           std::string("\r\nHTTP/1.1 101 x\r\n\r\n"),
           std::string("HTTP/1.1 10\r\n\r\n"),
           std::string("HTTP/1.1  101 x\r\n\r\n"),
           std::string("HTTP/1.1 1011 x\r\n\r\n"),
           std::string("HTTP/1.1 1x1 x\r\n\r\n"),
           std::string("HTTP/1.1 099 x\r\n\r\n"),
           std::string("HTTP/1.1\r\n\r\n"),
           std::string("HTTP/1.1 101 x\n\n"),
           std::string("HTTP/1.1 101 x\r\nA: b\nC: d\r\n\r\n"),
           std::string("HTTP/1.1 101 x\r\nA: b\rC: d\r\n\r\n"),
           std::string("HTTP/1.1 101 x\r\r\n\r\n"),
           std::string("HTTP/1.1 101 x\r\nA: b\r\n folded\r\n\r\n"),
           std::string("HTTP/1.1 101 x\r\n\tfolded\r\n\r\n"),
           std::string("HTTP/1.1 101 x\r\nno colon\r\n\r\n"),
           std::string("HTTP/1.1 101 x\r\n: no name\r\n\r\n"),
           std::string("HTTP/1.1 101 x\r\nname : v\r\n\r\n"),
           std::string("HTTP/1.1 101 x\r\nna me: v\r\n\r\n"),
           std::string("HTTP/1.1 101 x\r\nA: b\0c\r\n\r\n", 26),
           std::string("HTTP/1.1 101 x\r\nA: b\x01\r\n\r\n"),
           std::string("HTTP/1.1 101 x\r\nA: b\x7f\r\n\r\n"),
       }) {
    refuses(fixed(answer), Errc::kHandshakeMalformed);
  }
  refuses(with("HTTP/1.1", "HTTP/1.0"), Errc::kHandshakeMalformed);
}

TEST_CASE("what can't become an answer is refused at its first wrong byte") {
  ClientHandshake h = made(options());
  CHECK(h.feed(bytes("H")).status == Status::kNeedMore);
  CHECK(h.feed(bytes("HX")).status == Status::kFailed);
}

TEST_CASE("the head is bounded, exactly") {
  HandshakeOptions o = options();
  ClientHandshake probe = made(o);
  o.max_response = good_answer(probe).size();
  accepts(plus(""), o);
  o.max_response -= 1;
  refuses(plus(""), Errc::kHandshakeTooLarge, 0, o);
  o.max_response = 16'384;
  refuses(fixed("HTTP/1.1 101 x\r\nX: " + std::string(20'000, 'x')), Errc::kHandshakeTooLarge, 0, o);
  std::string many = "HTTP/1.1 101 x\r\n";
  while (many.size() < 20'000) many += "a: b\r\n";
  refuses(fixed(many), Errc::kHandshakeTooLarge, 0, o);
}

TEST_CASE("one byte at a time costs linear time") {
  HandshakeOptions o = options();
  o.max_response = 4u << 20;
  ClientHandshake h = made(o);
  const std::string answer = good_answer(h, "X: " + std::string(2u << 20, 'x') + "\r\n");
  const auto start = std::chrono::steady_clock::now();
  CHECK(feed(h, answer, 1).status == Status::kDone);
  // Quadratic would be some 10^12 looks.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}

TEST_CASE("random damage never opens a connection by accident, nor depends on how the bytes are cut") {
  std::mt19937 random(31);
  for (int round = 0; round < 2000; ++round) {
    ClientHandshake one = made(options());
    std::string answer = good_answer(one, "Server: x\r\n");
    answer[random() % answer.size()] = static_cast<char>(random());
    if (random() % 2 == 0) answer.insert(random() % answer.size(), 1, static_cast<char>(random()));
    ClientHandshake two = one;
    const auto a = feed(one, answer, SIZE_MAX / 2);
    const auto b = feed(two, answer, 1);
    REQUIRE(a.status == b.status);
    REQUIRE(a.error.code == b.error.code);
    REQUIRE(a.error.detail == b.error.detail);
    REQUIRE(a.consumed == b.consumed);
    if (a.status == Status::kDone) REQUIRE(answer.find(accept_for(one)) != std::string::npos);
  }
}
