#include "ws/request_head.h"

#include <algorithm>

#include "ws/http_syntax.h"

namespace tickwire::ws {
namespace {

using Outcome = RequestParser::Outcome;

constexpr size_t kMaxMethod = 32;
constexpr std::string_view kVersion = "HTTP/";

Outcome refuse(int http, const char* why) noexcept { return {Outcome::Status::kFailed, 0, http, why}; }
Outcome malformed(const char* why) noexcept { return refuse(400, why); }
bool failed(const Outcome& o) noexcept { return o.status == Outcome::Status::kFailed; }

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Whether a target can go on with this byte. What RFC 3986 forbids but clients send unescaped ('|', '"', …) passes:
// nothing here gives it a meaning.
bool target_char(char c) noexcept { return c > 0x20 && c < 0x7F && c != '#'; }

bool good_escapes(std::string_view text) noexcept {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2]))) return false;
  }
  return true;
}

bool is_zero(std::string_view digits) noexcept {
  return !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) { return c == '0'; });
}

}  // namespace

bool is_authority(std::string_view text) noexcept {
  size_t host_end;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos || close == 1) return false;
    for (const char c : text.substr(1, close - 1)) {
      if (!is_hex(c) && c != ':' && c != '.') return false;
    }
    host_end = close + 1;
  } else {
    host_end = std::min(text.find(':'), text.size());
    for (const char c : text.substr(0, host_end)) {
      if (!is_alpha(c) && !is_digit(c) && std::string_view("-._~!$&'()*+,;=%").find(c) == std::string_view::npos) {
        return false;
      }
    }
  }
  const std::string_view port = text.substr(host_end);
  if (port.empty()) return host_end != 0;
  return host_end != 0 && port[0] == ':' && port.size() <= 6 &&
         std::all_of(port.begin() + 1, port.end(), [](char c) { return is_digit(c); });
}

std::string_view RequestHead::find(std::string_view name, uint32_t& count) const noexcept {
  std::string_view found;
  count = 0;
  for (const Header& h : headers) {
    if (!same_token(h.name, name)) continue;
    if (count++ == 0) found = h.value;
  }
  return found;
}

// Looks for the empty line and refuses what cannot become a request on the way.
Outcome RequestParser::scan(std::span<const uint8_t> in) {
  for (; scanned_ < in.size(); ++scanned_) {
    if (scanned_ >= limits_.max_bytes) {
      return lines_ == 0 ? refuse(414, "the request line is too long") : refuse(431, "the headers are too long");
    }
    const auto c = static_cast<char>(in[scanned_]);
    const bool after_cr = scanned_ != 0 && in[scanned_ - 1] == '\r';
    if (after_cr != (c == '\n')) return malformed("a line does not end in CR LF");
    if (in_method_) {
      // A client of another protocol (TLS, say) is noticed by its first byte, and not when its time is up.
      in_method_ = c != ' ';
      if (in_method_ && (!is_token_char(c) || scanned_ >= kMaxMethod)) return malformed("this is not an HTTP request");
      if (!in_method_ && scanned_ == 0) return malformed("this is not an HTTP request");
    }
    if (c != '\n') continue;
    const bool empty = scanned_ - line_start_ == 1;
    line_start_ = scanned_ + 1;
    ++lines_;
    if (empty) {
      ++scanned_;
      return {Outcome::Status::kDone, scanned_, 0, ""};
    }
    // The request line, then the headers; the empty line is not one of them.
    if (lines_ > limits_.max_headers + 1) return refuse(431, "too many headers");
  }
  return {};
}

Outcome RequestParser::parse_target(std::string_view target) {
  if (target.size() > limits_.max_target) return refuse(414, "the request's target is too long");
  if (!std::all_of(target.begin(), target.end(), target_char) || !good_escapes(target)) {
    return malformed("malformed target");
  }
  if (!target.starts_with('/')) {
    // Absolute form (RFC 9112 section 3.2.2), which proxies use.
    const size_t scheme = target.find("://");
    if (scheme == std::string_view::npos || scheme == 0 || !is_alpha(target[0])) return malformed("malformed target");
    target.remove_prefix(scheme + 3);
    const size_t end = std::min(target.find_first_of("/?"), target.size());
    head_.authority = target.substr(0, end);
    if (!is_authority(head_.authority)) return malformed("malformed target");
    target.remove_prefix(end);
  }
  const size_t mark = target.find('?');
  head_.path = target.substr(0, mark);
  if (head_.path.empty()) head_.path = "/";
  if (mark != std::string_view::npos) head_.query = target.substr(mark + 1);
  return {};
}

Outcome RequestParser::parse_request_line(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return malformed("malformed request line");
  head_.method = line.substr(0, first);
  const std::string_view version = line.substr(last + 1);
  if (!version.starts_with(kVersion) || version.size() != kVersion.size() + 3 || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7])) {
    return malformed("malformed request line");
  }
  if (version[5] != '1') return refuse(505, "only HTTP/1.1 is spoken here");
  head_.http_1_1 = version[7] != '0';  // a later minor version is to be read as 1.1 (RFC 9110 section 2.5)
  return parse_target(line.substr(first + 1, last - first - 1));
}

Outcome RequestParser::parse_header(std::string_view line) {
  if (line[0] == ' ' || line[0] == '\t') return malformed("a folded header");
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return malformed("malformed header");
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_field_value(value)) return malformed("a control character in a header");
  head_.headers.push_back({line.substr(0, colon), value});
  return {};
}

Outcome RequestParser::check_headers() const {
  uint32_t count = 0;
  const std::string_view host = head_.find("host", count);
  // RFC 9112 section 3.2; an empty one belongs to targets without an authority.
  if (count > 1 || (count == 0 && head_.http_1_1)) return malformed("there must be one Host header");
  if (!host.empty() && !is_authority(host)) return malformed("malformed Host header");
  static_cast<void>(head_.find("transfer-encoding", count));
  if (count != 0) return refuse(413, "no request here has content");
  const std::string_view length = head_.find("content-length", count);
  if (count > 1) return malformed("more than one Content-Length");
  if (count == 1 && (length.empty() || !std::all_of(length.begin(), length.end(), is_digit))) {
    return malformed("malformed Content-Length");
  }
  if (count == 1 && !is_zero(length)) return refuse(413, "no request here has content");
  return {};
}

Outcome RequestParser::parse(std::string_view head) {
  bool first = true;
  const char* lines = nullptr;
  while (!head.empty()) {
    const size_t eol = head.find("\r\n");
    const std::string_view line = head.substr(0, eol);
    if (first && line.empty()) return malformed("malformed request line");
    if (!first && lines == nullptr) lines = line.data();
    if (line.empty()) {
      head_.lines = {lines, static_cast<size_t>(line.data() - lines)};
      break;
    }
    head.remove_prefix(eol + 2);
    if (const Outcome bad = first ? parse_request_line(line) : parse_header(line); failed(bad)) return bad;
    first = false;
  }
  return check_headers();
}

Outcome RequestParser::feed(std::span<const uint8_t> in) {
  const Outcome scanned = scan(in);
  if (scanned.status != Outcome::Status::kDone) return scanned;
  const Outcome bad = parse({reinterpret_cast<const char*>(in.data()), scanned.consumed});
  return failed(bad) ? bad : scanned;
}

}  // namespace tickwire::ws
