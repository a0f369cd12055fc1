#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "http/response_parser.h"

namespace {

using namespace tickwire;
using namespace tickwire::http;

struct Collected final : ResponseSink {
  void on_head(const ResponseHead& head) override {
    ++heads;
    status = head.status;
    minor = head.minor;
    fields = head.fields;
  }
  void on_body(std::span<const uint8_t> piece) override { body.append(piece.begin(), piece.end()); }
  void on_complete(bool r) override {
    ++completed;
    reusable = r;
  }
  int heads = 0;
  int completed = 0;
  uint16_t status = 0;
  uint8_t minor = 0;
  std::string fields;
  std::string body;
  bool reusable = false;
};

std::span<const uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Feeds the text in pieces of `step` bytes; stops at the first error.
Error feed(ResponseParser& parser, Collected& sink, std::string_view text, size_t step) {
  for (size_t at = 0; at < text.size(); at += step) {
    if (Error error = parser.feed(bytes(text.substr(at, step)), sink); error) return error;
  }
  return {};
}

struct Case {
  std::string what;
  std::string text;
  uint16_t status;
  std::string fields;
  std::string body;
  bool reusable;
  bool head_request = false;
};

const std::vector<Case> kGood = {
    {"a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello", 200, "content-length:5\nx-a:b\n",
     "hello", true},
    {"no body by status", "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n", 204, "a:b\n", "", true},
    {"304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, "content-length:99\n", "",
     true},
    {"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", 200,
     "transfer-encoding:chunked\n", "abcde", true},
    {"trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: 1\r\nU: 2\r\n\r\n", 200,
     "transfer-encoding:chunked\n", "a", true},
    {"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 200,
     "connection:close\ncontent-length:1\n", "x", false},
    {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "content-length:1\n", "x", false},
    {"HTTP/1.0 kept alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", 200,
     "connection:keep-alive\ncontent-length:0\n", "", true},
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 200, "content-length:1000\n", "", true, true},
    {"an interim response first",
     "HTTP/1.1 100 Continue\r\nA: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 "
     "Created\r\nContent-Length: 2\r\n\r\nok",
     201, "content-length:2\n", "ok", true},
    {"an empty value", "HTTP/1.1 200 OK\r\nA:\r\nContent-Length: 0\r\nB: \r\n\r\n", 200, "a:\ncontent-length:0\nb:\n",
     "", true},
    {"no reason phrase", "HTTP/1.1 429 \r\nContent-Length: 0\r\n\r\n", 429, "content-length:0\n", "", true},
};

}  // namespace

TEST_CASE("http response parser: whole and in pieces of every size") {
  for (const Case& c : kGood) {
    for (size_t step = 1; step <= c.text.size(); ++step) {
      CAPTURE(c.what);
      CAPTURE(step);
      ResponseParser parser({});
      Collected got;
      parser.expect(c.head_request);
      const Error error = feed(parser, got, c.text, step);
      REQUIRE_FALSE(static_cast<bool>(error));
      CHECK(got.heads == 1);
      CHECK(got.completed == 1);
      CHECK(got.status == c.status);
      CHECK(got.fields == c.fields);
      CHECK(got.body == c.body);
      CHECK(got.reusable == c.reusable);
      CHECK_FALSE(parser.expecting());
    }
  }
}

TEST_CASE("http response parser: one connection, many responses") {
  ResponseParser parser({});
  Collected got;
  for (int round = 0; round < 3; ++round) {
    for (const Case& c : kGood) {
      if (!c.reusable) continue;
      got.body.clear();
      parser.expect(c.head_request);
      REQUIRE_FALSE(static_cast<bool>(feed(parser, got, c.text, 7)));
      CHECK(got.status == c.status);
      CHECK(got.fields == c.fields);
      CHECK(got.body == c.body);
    }
  }
}

TEST_CASE("http response parser: a body until the end of the stream") {
  ResponseParser parser({});
  Collected got;
  parser.expect(false);
  REQUIRE_FALSE(static_cast<bool>(feed(parser, got, "HTTP/1.1 200 OK\r\nA: b\r\n\r\nsome", 100)));
  CHECK(got.completed == 0);
  REQUIRE_FALSE(static_cast<bool>(feed(parser, got, " text", 2)));
  REQUIRE_FALSE(static_cast<bool>(parser.finish(got)));
  CHECK(got.completed == 1);
  CHECK(got.body == "some text");
  CHECK_FALSE(got.reusable);
}

TEST_CASE("http response parser: what is cut short, malformed, unexpected or too large") {
  struct Bad {
    std::string what;
    std::string text;
    Errc code;
    bool then_end = false;
  };
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 40; ++i) many += "A: b\r\n";
  std::string interim;
  for (int i = 0; i < 20; ++i) interim += "HTTP/1.1 102 Processing\r\n\r\n";
  const std::vector<Bad> bad = {
      {"nothing", "", Errc::kHttpTruncated, true},
      {"half a head", "HTTP/1.1 200 OK\r\nA: ", Errc::kHttpTruncated, true},
      {"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", Errc::kHttpTruncated, true},
      {"half of the chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", Errc::kHttpTruncated,
       true},
      {"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n", Errc::kHttpMalformed},
      {"HTTP/2 in clear", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", Errc::kHttpMalformed},
      {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", Errc::kHttpMalformed},
      {"a length beside chunks", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       Errc::kHttpMalformed},
      {"chunks beside a length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
       Errc::kHttpMalformed},
      {"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", Errc::kHttpMalformed},
      {"a length beyond 64 bits", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
       Errc::kHttpMalformed},
      {"a chunk size that is no number", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
       Errc::kHttpMalformed},
      {"a space in a name", "HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n", Errc::kHttpMalformed},
      {"a control character in a value", std::string("HTTP/1.1 200 OK\r\nA: x\0y\r\n\r\n", 27), Errc::kHttpMalformed},
      {"switching protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
       Errc::kHttpUnexpected},
      {"a second response", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
       Errc::kHttpUnexpected},
      {"interim responses without end", interim, Errc::kHttpMalformed},
      {"too many fields", many + "\r\n", Errc::kHttpHeadTooLarge},
      {"too large a head", "HTTP/1.1 200 OK\r\nA: " + std::string(600, 'x') + "\r\n\r\n", Errc::kHttpHeadTooLarge},
      {"too large a name", "HTTP/1.1 200 OK\r\n" + std::string(600, 'x'), Errc::kHttpHeadTooLarge},
      {"too large a trailer",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + std::string(600, 'x') + "\r\n\r\n",
       Errc::kHttpHeadTooLarge},
      {"too large a body by its length", "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", Errc::kHttpBodyTooLarge},
      {"too large a body in chunks",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x') + "\r\n0\r\n\r\n",
       Errc::kHttpBodyTooLarge},
      {"too large a body until the end", "HTTP/1.1 200 OK\r\n\r\n" + std::string(1001, 'x'), Errc::kHttpBodyTooLarge},
  };
  const ResponseLimits limits{.max_head = 512, .max_fields = 32, .max_interim = 16, .max_body = 1000};
  for (const Bad& b : bad) {
    for (const size_t step : {size_t{1}, size_t{3}, size_t{5000}}) {
      CAPTURE(b.what);
      CAPTURE(step);
      ResponseParser parser(limits);
      Collected got;
      parser.expect(false);
      Error error = feed(parser, got, b.text, step);
      if (b.then_end) {
        REQUIRE_FALSE(static_cast<bool>(error));
        error = parser.finish(got);
      }
      CHECK(errc_name(error.code) == std::string(errc_name(b.code)));
      CHECK_FALSE(error.text.empty());
    }
  }
}

TEST_CASE("http response parser: the limit of a head is the same however its bytes come") {
  const std::string start = "HTTP/1.1 200 OK\r\nname:";
  for (const size_t room : {size_t{506}, size_t{507}, size_t{508}}) {
    const std::string text = start + std::string(room, 'v') + "\r\nContent-Length: 0\r\n\r\n";
    for (size_t step = 1; step <= text.size(); step += 7) {
      CAPTURE(room);
      CAPTURE(step);
      ResponseParser parser({.max_head = 512, .max_fields = 32, .max_interim = 16, .max_body = 1000});
      Collected sink;
      parser.expect(false);
      // The name, the colon and the value fill it; the next field is then one too many.
      CHECK(feed(parser, sink, text.substr(0, start.size() + room + 2), step).code ==
            (room > 507 ? Errc::kHttpHeadTooLarge : Errc::kNone));
    }
  }
}

TEST_CASE("http response parser: bytes that nobody asked for") {
  ResponseParser parser({});
  Collected got;
  CHECK(parser.feed(bytes("HTTP/1.1 200 OK\r\n\r\n"), got).code == Errc::kHttpUnexpected);
  CHECK(got.heads == 0);
  CHECK_FALSE(static_cast<bool>(parser.finish(got)));
}
