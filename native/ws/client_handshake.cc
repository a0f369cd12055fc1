#include "ws/client_handshake.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/base64.h"
#include "base/entropy.h"
#include "ws/accept_key.h"
#include "ws/http_syntax.h"

namespace tickwire::ws {
namespace {

constexpr std::string_view kHttp = "HTTP/1.";
constexpr size_t kStatusLineStart = 13;  // "HTTP/1.1 101 "; the last space may be missing
constexpr size_t kMaxQuoted = 200;       // of the peer's text in an error

Error malformed(std::string text) { return Error{Errc::kHandshakeMalformed, 0, std::move(text)}; }

// What of the peer's words may stand in an error text: printable ASCII, and not too much of it.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxQuoted)) out += c >= 0x20 && c < 0x7F ? c : '?';
  if (text.size() > kMaxQuoted) out += "...";
  return out;
}

bool visible_ascii(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

// Headers that the handshake writes itself, and those that would give the request a body.
bool reserved_header(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 5> kReserved = {"host", "upgrade", "connection", "content-length",
                                                         "transfer-encoding"};
  constexpr std::string_view kPrefix = "sec-websocket-";
  return same_token(name.substr(0, kPrefix.size()), kPrefix) ||
         std::any_of(kReserved.begin(), kReserved.end(), [&](std::string_view r) { return same_token(name, r); });
}

Error check_options(const HandshakeOptions& o) {
  if (o.host_header.empty() || !visible_ascii(o.host_header)) return Error{Errc::kInvalidUrl, 0, "bad host"};
  if (!o.path.starts_with('/') || !visible_ascii(o.path) || o.path.find('#') != std::string::npos) {
    return Error{Errc::kInvalidUrl, 0, "bad path"};
  }
  for (size_t i = 0; i < o.subprotocols.size(); ++i) {
    if (!is_token(o.subprotocols[i])) return malformed("a subprotocol is not a token");
    const auto before = o.subprotocols.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(o.subprotocols.begin(), before, o.subprotocols[i]) != before)
      return malformed("a subprotocol is listed twice");
  }
  for (const auto& [name, value] : o.headers) {
    if (!is_token(name)) return malformed("a header name is not a token");
    if (reserved_header(name) || (!o.origin.empty() && same_token(name, "origin"))) {
      return malformed(name + ": a header that the handshake writes itself");
    }
    if (!is_field_value(value)) return malformed(name + ": a control character in the header's value");
  }
  if (!is_field_value(o.origin)) return malformed("origin has a control character");
  if (o.deflate.enabled && (o.deflate.client_max_window_bits < 8 || o.deflate.client_max_window_bits > 15 ||
                            o.deflate.server_max_window_bits < 8 || o.deflate.server_max_window_bits > 15)) {
    return malformed("window bits must be 8 to 15");
  }
  return {};
}

std::string build_request(const HandshakeOptions& o, std::string_view key) {
  std::string r;
  const auto line = [&r](std::string_view name, std::string_view value) {
    r.append(name).append(": ").append(value).append("\r\n");
  };
  r.append("GET ").append(o.path).append(" HTTP/1.1\r\n");
  line("Host", o.host_header);
  line("Upgrade", "websocket");
  line("Connection", "Upgrade");
  line("Sec-WebSocket-Key", key);
  line("Sec-WebSocket-Version", "13");
  if (!o.origin.empty()) line("Origin", o.origin);
  if (!o.subprotocols.empty()) {
    std::string list;
    for (const std::string& p : o.subprotocols) list.append(list.empty() ? "" : ", ").append(p);
    line("Sec-WebSocket-Protocol", list);
  }
  if (o.deflate.enabled) line("Sec-WebSocket-Extensions", deflate_offer(o.deflate));
  for (const auto& [name, value] : o.headers) line(name, value);
  r.append("\r\n");
  return r;
}

// The headers of an answer that matter, collected in one pass.
struct Answer {
  int status = 0;
  bool http_1_1 = false;
  std::string_view reason;
  std::string_view location;
  std::string_view retry_after;
  std::string_view upgrade;
  std::string_view accept;
  std::string_view subprotocol;
  std::string extensions;  // several headers count as one list
  bool connection_upgrade = false;
  int upgrades = 0;
  int accepts = 0;
  int subprotocols = 0;
  bool has_extensions = false;
};

Error parse_status_line(std::string_view line, Answer& a) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  // scan() has seen to the version in front.
  if (line.size() < kStatusLineStart - 1 || line[8] != ' ' || !digit(line[9]) || !digit(line[10]) || !digit(line[11]) ||
      (line.size() >= kStatusLineStart && line[kStatusLineStart - 1] != ' ')) {
    return malformed("malformed status line");
  }
  a.http_1_1 = line[7] == '1';
  a.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  if (a.status < 100) return malformed("malformed status line");
  if (line.size() > kStatusLineStart) a.reason = line.substr(kStatusLineStart);
  return {};
}

Error parse_header(std::string_view line, Answer& a) {
  if (line[0] == ' ' || line[0] == '\t') return malformed("a folded header");
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return malformed("malformed header");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_field_value(value)) return malformed("a control character in a header");
  if (same_token(name, "upgrade")) {
    a.upgrade = value;
    ++a.upgrades;
  } else if (same_token(name, "connection")) {
    a.connection_upgrade = a.connection_upgrade || list_has_token(value, "upgrade");
  } else if (same_token(name, "sec-websocket-accept")) {
    a.accept = value;
    ++a.accepts;
  } else if (same_token(name, "sec-websocket-protocol")) {
    a.subprotocol = value;
    ++a.subprotocols;
  } else if (same_token(name, "sec-websocket-extensions")) {
    a.extensions.append(a.has_extensions ? ", " : "").append(value);
    a.has_extensions = true;
  } else if (same_token(name, "location")) {
    a.location = value;
  } else if (same_token(name, "retry-after")) {
    a.retry_after = value;
  }
  return {};
}

Error status_error(const Answer& a) {
  std::string text = "HTTP ";
  text.append(std::to_string(a.status));
  if (!a.reason.empty()) text.append(" ").append(printable(a.reason));
  if (!a.location.empty()) {
    // A query may carry a token, which has no place in an error.
    const size_t cut = a.location.find_first_of("?#");
    text.append(" (Location: ").append(printable(a.location.substr(0, cut)));
    text.append(cut == std::string_view::npos ? ")" : "?...)");
  }
  return Error{Errc::kHandshakeStatus, a.status, std::move(text)};
}

// A date instead of a number is taken for nothing said: clocks differ.
uint32_t retry_after_of(std::string_view text) noexcept {
  uint64_t seconds = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return 0;
    seconds = std::min<uint64_t>(seconds * 10 + static_cast<uint64_t>(c - '0'), ClientHandshake::kMaxRetryAfterS);
  }
  return static_cast<uint32_t>(seconds);
}

}  // namespace

Result<ClientHandshake> ClientHandshake::create(HandshakeOptions options) {
  if (Error bad = check_options(options)) return bad;
  std::array<uint8_t, 16> nonce;
  if (const Result<void> filled = fill_random(nonce); !filled.ok()) return filled.error();
  const std::string key = base64_encode(nonce);

  ClientHandshake h;
  h.accept_ = accept_key(key);
  h.request_ = build_request(options, key);
  h.options_ = std::move(options);
  return h;
}

// Looks for the empty line and refuses what can't become an answer on the way. `end` becomes the size of the head once
// it is whole.
Error ClientHandshake::scan(std::span<const uint8_t> in, size_t& end) {
  for (; scanned_ < in.size(); ++scanned_) {
    if (scanned_ >= options_.max_response)
      return Error{Errc::kHandshakeTooLarge, 0, "the answer's headers are too long"};
    const uint8_t b = in[scanned_];
    if (scanned_ < kHttp.size() && b != static_cast<uint8_t>(kHttp[scanned_]))
      return malformed("the answer is not HTTP/1.x");
    if (scanned_ == kHttp.size() && b != '0' && b != '1') return malformed("the answer is not HTTP/1.x");
    const bool after_cr = scanned_ != 0 && in[scanned_ - 1] == '\r';
    if (after_cr != (b == '\n')) return malformed("a line does not end in CR LF");
    if (b == 0) return malformed("a NUL in the answer's headers");
    if (b != '\n') continue;
    const bool empty = scanned_ - line_start_ == 1;
    line_start_ = scanned_ + 1;
    if (empty) {
      end = ++scanned_;
      return {};
    }
  }
  return {};
}

Error ClientHandshake::check_answer(std::string_view head) {
  Answer a;
  bool first = true;
  while (!head.empty()) {
    const size_t eol = head.find("\r\n");
    const std::string_view line = head.substr(0, eol);
    head.remove_prefix(eol + 2);
    if (line.empty()) break;
    if (Error bad = first ? parse_status_line(line, a) : parse_header(line, a)) return bad;
    first = false;
  }
  if (a.status != 101) {
    retry_after_s_ = retry_after_of(a.retry_after);
    return status_error(a);
  }
  if (!a.http_1_1) return malformed("an upgrade in HTTP/1.0");
  if (a.upgrades != 1 || !same_token(a.upgrade, "websocket")) {
    return Error{Errc::kHandshakeUpgrade, 0, "no Upgrade: websocket in the answer"};
  }
  if (!a.connection_upgrade) return Error{Errc::kHandshakeConnection, 0, "no Connection: Upgrade in the answer"};
  if (a.accepts != 1 || a.accept != accept_) return Error{Errc::kHandshakeAccept, 0, "wrong Sec-WebSocket-Accept"};
  if (a.subprotocols != 0) {
    const auto& offered = options_.subprotocols;
    if (a.subprotocols != 1 || std::find(offered.begin(), offered.end(), a.subprotocol) == offered.end()) {
      return Error{Errc::kHandshakeSubprotocol, 0, "the server chose a subprotocol that was not offered"};
    }
    result_.subprotocol = a.subprotocol;
  }
  if (a.has_extensions && !a.extensions.empty()) {
    Result<DeflateParams> agreed = accept_deflate(a.extensions, options_.deflate);
    if (!agreed.ok()) return agreed.error();
    result_.deflate = true;
    result_.deflate_params = agreed.value();
  }
  return {};
}

ClientHandshake::Outcome ClientHandshake::feed(std::span<const uint8_t> in) {
  Outcome out;
  size_t end = 0;
  out.error = scan(in, end);
  if (!out.error && end == 0) return out;
  if (!out.error) out.error = check_answer({reinterpret_cast<const char*>(in.data()), end});
  out.status = out.error ? Outcome::Status::kFailed : Outcome::Status::kDone;
  if (!out.error) out.consumed = end;
  return out;
}

}  // namespace tickwire::ws
