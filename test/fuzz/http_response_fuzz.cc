// The parser of HTTP/1.1 responses: whatever a server sends, in whatever pieces, ends in a response or a named error,
// the same for every way to cut it, and never in more than its limits allow.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/response_parser.h"

namespace {

using namespace tickwire;
using namespace tickwire::http;

constexpr ResponseLimits kLimits{.max_head = 512, .max_fields = 16, .max_interim = 3, .max_body = 2048};

struct Collected final : ResponseSink {
  void on_head(const ResponseHead& head) override {
    if (head.status < 200 || head.status > 999 || head.fields.size() > kLimits.max_head * 2) std::abort();
    text += std::to_string(head.status) + "\n";
    text += head.fields;
    ++heads;
  }
  void on_body(std::span<const uint8_t> piece) override {
    body += piece.size();
    if (body > kLimits.max_body) std::abort();
    text.append(piece.begin(), piece.end());
  }
  void on_complete(bool reusable) override {
    text += reusable ? "\nreusable" : "\nlast";
    ++completed;
  }
  std::string text;
  size_t body = 0;
  int heads = 0;
  int completed = 0;
};

struct Parsed {
  std::string text;
  Errc code;
};

Parsed parse(std::span<const uint8_t> bytes, size_t step, bool head_request) {
  ResponseParser parser(kLimits);
  Collected got;
  parser.expect(head_request);
  Error error;
  for (size_t at = 0; at < bytes.size() && !error; at += step) {
    error = parser.feed(bytes.subspan(at, std::min(step, bytes.size() - at)), got);
  }
  if (!error) error = parser.finish(got);
  if (got.heads > 1 || got.completed > got.heads) std::abort();
  return {got.text, error.code};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t step = 1 + data[0] % 32;
  const bool head_request = (data[1] & 1) != 0;
  const std::span<const uint8_t> bytes{data + 2, size - 2};
  const Parsed whole = parse(bytes, bytes.size() + 1, head_request);
  const Parsed pieces = parse(bytes, step, head_request);
  // A limit on lines may strike a little earlier when they come in pieces, an error behind the response later; what was
  // answered whole is the same.
  if (whole.code == Errc::kNone && (pieces.code != Errc::kNone || pieces.text != whole.text)) std::abort();
  return 0;
}
