#include "ws/request_head.h"

#include <doctest/doctest.h>

#include <string>

using namespace tickwire::ws;

namespace {

using Status = RequestParser::Outcome::Status;

std::span<const uint8_t> bytes(std::string_view s) { return {reinterpret_cast<const uint8_t*>(s.data()), s.size()}; }

RequestParser::Outcome feed(RequestParser& parser, const std::string& request, size_t step) {
  RequestParser::Outcome out;
  for (size_t n = std::min(step, request.size());; n = std::min(n + step, request.size())) {
    out = parser.feed(bytes(std::string_view(request).substr(0, n)));
    if (out.status != Status::kNeedMore || n == request.size()) return out;
  }
}

void refuses(const std::string& request, int http, const RequestLimits& limits = {}) {
  for (const size_t step : {size_t{1}, size_t{3}, size_t{100'000}}) {
    CAPTURE(request);
    RequestParser parser(limits);
    const auto out = feed(parser, request, step);
    CHECK(out.status == Status::kFailed);
    CHECK(out.http == http);
    CHECK(std::string(out.why) != "");
  }
}

std::string with_line(const std::string& line) { return line + "\r\nHost: h\r\n\r\n"; }
std::string with_header(const std::string& header) { return "GET / HTTP/1.1\r\nHost: h\r\n" + header + "\r\n\r\n"; }

}  // namespace

TEST_CASE("request head: what stands in it") {
  const std::string request =
      "GET /ws/a%20b?topics=x,y&z HTTP/1.1\r\nhost: hub.example:9000\r\nX-Empty:\r\nX-Odd: \t a \"b\" \xE4 \t\r\n"
      "accept: 1\r\nACCEPT: 2\r\n\r\nrest";
  for (const size_t step : {size_t{1}, size_t{7}, request.size()}) {
    RequestParser parser({});
    const auto out = feed(parser, request, step);
    REQUIRE(out.status == Status::kDone);
    CHECK(out.consumed == request.size() - 4);
    const RequestHead& head = parser.head();
    CHECK(head.method == "GET");
    CHECK(head.path == "/ws/a%20b");
    CHECK(head.query == "topics=x,y&z");
    CHECK(head.authority.empty());
    CHECK(head.http_1_1);
    uint32_t count = 0;
    CHECK(head.find("Host", count) == "hub.example:9000");
    CHECK(count == 1);
    CHECK(head.find("x-empty", count).empty());
    CHECK(count == 1);
    CHECK(head.find("x-odd", count) == "a \"b\" \xE4");
    CHECK(head.find("accept", count) == "1");
    CHECK(count == 2);
    CHECK(head.find("cookie", count).empty());
    CHECK(count == 0);
    CHECK(head.lines.starts_with("host: "));
    CHECK(head.lines.ends_with("ACCEPT: 2\r\n"));
  }
}

TEST_CASE("request head: targets") {
  struct Case {
    const char* target;
    const char* path;
    const char* query;
    const char* authority;
  };
  for (const Case& c : {
           Case{"/", "/", "", ""},
           {"/?", "/", "", ""},
           {"/a?b?c", "/a", "b?c", ""},
           {"//x", "//x", "", ""},
           {"/%41%zz", nullptr, "", ""},
           {"/%4", nullptr, "", ""},
           {"/a|b^\"", "/a|b^\"", "", ""},
           {"http://h:1/p?q", "/p", "q", "h:1"},
           {"wss://[::1]:9?q", "/", "q", "[::1]:9"},
           {"http://h", "/", "", "h"},
           {"http://", nullptr, "", ""},
           {"http://u@h/", nullptr, "", ""},
           {"://h/", nullptr, "", ""},
           {"*", nullptr, "", ""},
           {"h:443", nullptr, "", ""},
           {"/a#b", nullptr, "", ""},
           {"/\x7f", nullptr, "", ""},
           {"/\xC3\xA4", nullptr, "", ""},
           {"/a b", nullptr, "", ""},
       }) {
    CAPTURE(c.target);
    const std::string request = with_line(std::string("GET ") + c.target + " HTTP/1.1");
    if (c.path == nullptr) {
      refuses(request, 400);
      continue;
    }
    RequestParser parser({});
    REQUIRE(feed(parser, request, 4).status == Status::kDone);
    CHECK(parser.head().path == c.path);
    CHECK(parser.head().query == c.query);
    CHECK(parser.head().authority == c.authority);
  }
}

TEST_CASE("request head: versions, methods and headers that are refused") {
  refuses(with_line("GET / HTTP/2.0"), 505);
  refuses(with_line("GET / HTTP/0.9"), 505);
  refuses("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
  refuses(with_line("GET / http/1.1"), 400);
  refuses(with_line("GET / HTTP/1.1 "), 400);
  refuses(with_line("GET  / HTTP/1.1"), 400);
  refuses(with_line("GET /"), 400);
  refuses(with_line("GET"), 400);
  refuses(with_line(" GET / HTTP/1.1"), 400);
  refuses(with_line("G(T / HTTP/1.1"), 400);
  refuses("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400);
  refuses("GET / HTTP/1.1\nHost: h\n\n", 400);
  refuses("GET / HTTP/1.1\rHost: h\r\n\r\n", 400);
  refuses("\x16\x03\x01", 400);  // TLS
  refuses(std::string(33, 'A'), 400);

  refuses("GET / HTTP/1.1\r\n\r\n", 400);  // no Host
  refuses(with_header("Host: h"), 400);
  refuses("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400);
  refuses("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400);
  refuses("GET / HTTP/1.1\r\nHost: u@b\r\n\r\n", 400);
  refuses(with_header(" folded"), 400);
  refuses(with_header("\tfolded"), 400);
  refuses(with_header("no colon"), 400);
  refuses(with_header(": value"), 400);
  refuses(with_header("a : b"), 400);
  refuses(with_header("a\xE4: b"), 400);
  refuses(with_header(std::string("a: b\0c", 6)), 400);
  refuses(with_header("a: b\x1b"), 400);
  refuses(with_header("a: b\x7f"), 400);
  refuses(with_header("Content-Length: 1"), 413);
  refuses(with_header("Content-Length: x"), 400);
  refuses(with_header("Content-Length: -0"), 400);
  refuses(with_header("Content-Length:"), 400);
  refuses(with_header("Content-Length: 0\r\nContent-Length: 0"), 400);
  refuses(with_header("Transfer-Encoding: chunked"), 413);
}

TEST_CASE("request head: what is allowed") {
  for (const std::string& request :
       {with_header("Content-Length: 000"), std::string("GET / HTTP/1.0\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nHost:\r\n\r\n"), std::string("GET / HTTP/1.1\r\nHost: [::1]:9000\r\n\r\n"),
        std::string("PURGE / HTTP/1.9\r\nHost: xn--bcher-kva.example\r\n\r\n")}) {
    CAPTURE(request);
    RequestParser parser({});
    CHECK(feed(parser, request, 5).status == Status::kDone);
  }
}

TEST_CASE("request head: limits, each to the byte") {
  RequestLimits limits{.max_bytes = 100, .max_target = 20, .max_headers = 3};
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\nx: ";
  const std::string fits = start + std::string(100 - start.size() - 4, 'x') + "\r\n\r\n";
  RequestParser parser(limits);
  CHECK(feed(parser, fits, 9).status == Status::kDone);
  refuses(start + std::string(100 - start.size() - 3, 'x') + "\r\n\r\n", 431, limits);
  refuses("GET /" + std::string(200, 'x'), 414, limits);
  refuses(with_line("GET /" + std::string(20, 'x') + " HTTP/1.1"), 414, limits);
  RequestParser longest(limits);
  CHECK(feed(longest, with_line("GET /" + std::string(19, 'x') + " HTTP/1.1"), 9).status == Status::kDone);
  RequestParser three(limits);
  CHECK(feed(three, with_header("a: 1\r\nb: 2"), 9).status == Status::kDone);
  refuses(with_header("a: 1\r\nb: 2\r\nc: 3"), 431, limits);
  // Nothing is asked for again, however long a client takes.
  RequestParser slow(limits);
  for (size_t n = 0; n < fits.size(); ++n) {
    CHECK(slow.feed(bytes(std::string_view(fits).substr(0, n))).status == Status::kNeedMore);
  }
}

TEST_CASE("authorities") {
  for (const char* good : {"h", "h:1", "h:65535", "h:", "1.2.3.4:80", "[::1]", "[::ffff:1.2.3.4]:1", "a_b.c-d"}) {
    CAPTURE(good);
    CHECK(is_authority(good));
  }
  for (const char* bad :
       {":1", "h:x", "h:123456", "[::1", "[]", "[g]", "[::1]x", "a b", "a/b", "u@h", "h:1:2", "a\\b"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_authority(bad));
  }
}
