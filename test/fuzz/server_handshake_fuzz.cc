// Any bytes as a request for a WebSocket, whole and in pieces: the same end; what is refused gets a well-formed answer,
// and what is accepted is what our own client would have to understand.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>

#include "ws/http_answer.h"
#include "ws/http_syntax.h"
#include "ws/server_handshake.h"

namespace {

using namespace tickwire;
using namespace tickwire::ws;
using Status = RequestParser::Outcome::Status;

std::span<const uint8_t> bytes(std::string_view s) { return {reinterpret_cast<const uint8_t*>(s.data()), s.size()}; }

void check(bool ok) {
  if (!ok) std::abort();
}

bool inside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_head(const RequestHead& head, std::string_view request, const RequestLimits& limits) {
  check(head.path.starts_with('/') && head.headers.size() <= limits.max_headers);
  check(is_token(head.method) && inside(head.method, request));
  check(inside(head.query, request) && inside(head.lines, request));
  size_t lines = 0;
  for (const auto& h : head.headers) {
    check(is_token(h.name) && is_field_value(h.value));
    check(inside(h.name, head.lines) && inside(h.value, head.lines));
    ++lines;
  }
  check(static_cast<size_t>(std::count(head.lines.begin(), head.lines.end(), '\n')) == lines);
}

void check_upgrade(const Upgrade& u, const ServerHandshakeOptions& options) {
  check(u.accept.size() == 28);
  check(u.subprotocol.empty() || std::find(options.subprotocols.begin(), options.subprotocols.end(), u.subprotocol) !=
                                     options.subprotocols.end());
  check(u.subprotocol.empty() ||
        std::find(u.subprotocols.begin(), u.subprotocols.end(), u.subprotocol) != u.subprotocols.end());
  check(!u.deflate || options.deflate.enabled);
  if (u.deflate) {
    const DeflateParams& p = u.deflate->params;
    check(p.server_max_window_bits >= options.deflate.least_server_window_bits && p.server_max_window_bits <= 15);
    check(p.client_max_window_bits >= 8 && p.client_max_window_bits <= 15);
  }
  const std::string answer = upgrade_answer(u);
  check(answer.starts_with("HTTP/1.1 101 ") && answer.find("\r\n\r\n") == answer.size() - 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const RequestLimits limits{.max_bytes = 1024, .max_target = 256, .max_headers = 16};
  ServerHandshakeOptions options;
  if ((data[0] & 1) != 0) options.subprotocols = {"tickwire.v1", "v2"};
  options.deflate.enabled = (data[0] & 2) != 0;
  options.deflate.server_no_context_takeover = (data[0] & 4) != 0;
  if ((data[0] & 8) != 0) options.deflate.least_server_window_bits = 15;
  if ((data[0] & 16) != 0) options.deflate.client_max_window_bits = 10;
  // A copy that ends where the memory ends, so that reading on is noticed.
  const size_t length = size - 2;
  const std::unique_ptr<char[]> memory(new char[length]);
  std::copy_n(data + 2, length, memory.get());
  const std::string_view request(memory.get(), length);

  RequestParser whole(limits);
  RequestParser cut(limits);
  const auto a = whole.feed(bytes(request));
  RequestParser::Outcome b;
  const size_t step = 1 + data[1] % 32;
  for (size_t n = std::min(step, request.size());; n = std::min(n + step, request.size())) {
    b = cut.feed(bytes(request.substr(0, n)));
    if (b.status != Status::kNeedMore || n == request.size()) break;
  }
  check(a.status == b.status && a.http == b.http && a.consumed == b.consumed && std::string_view(a.why) == b.why);
  check((a.status == Status::kFailed) == (a.http != 0));
  if (a.status == Status::kNeedMore) check(request.size() <= limits.max_bytes);
  if (a.status == Status::kFailed) {
    const std::string answer = http_answer({.status = a.http, .body = a.why});
    check(reason_phrase(a.http) != "Error" && answer.starts_with("HTTP/1.1 4") + answer.starts_with("HTTP/1.1 5") == 1);
  }
  if (a.status != Status::kDone) return 0;
  check(a.consumed <= limits.max_bytes && a.consumed <= request.size());
  check_head(whole.head(), request, limits);
  const UpgradeOutcome outcome = judge_upgrade(whole.head(), options);
  check(outcome.upgrade.has_value() == (*outcome.refusal.why == '\0'));
  if (outcome.upgrade) check_upgrade(*outcome.upgrade, options);
  return 0;
}
