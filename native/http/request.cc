#include "http/request.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace tickwire::http {
namespace {

constexpr size_t kMaxTarget = 64u << 10;
constexpr size_t kMaxDigits = 20;
constexpr std::string_view kVersionAndHost = " HTTP/1.1\r\nhost:";
constexpr std::string_view kLength = "content-length:";

// By character: what it may stand in.
enum Where : uint8_t { kToken = 1, kLowerToken = 2, kTarget = 4, kValue = 8 };

constexpr std::array<uint8_t, 256> where_table() noexcept {
  std::array<uint8_t, 256> table{};
  for (size_t i = 0; i < table.size(); ++i) {
    const auto c = static_cast<char>(i);
    const bool upper = c >= 'A' && c <= 'Z';
    const bool token = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    if (token) table[i] |= kToken;
    if (token && !upper) table[i] |= kLowerToken;
    if (i > 0x20 && i < 0x7F && c != '#') table[i] |= kTarget;
    if ((i >= 0x20 && i != 0x7F) || c == '\t') table[i] |= kValue;
  }
  return table;
}
constexpr std::array<uint8_t, 256> kWhere = where_table();

// Whether all of it may stand there.
bool may_stand(std::string_view text, Where where) noexcept {
  uint8_t all = where;
  for (const char c : text) all &= kWhere[static_cast<uint8_t>(c)];
  return all != 0;
}

// What this client writes itself, and what means the connection and not the request (RFC 9110 section 7.6.1).
constexpr std::array<std::string_view, 10> kOwn = {
    "host",    "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "upgrade", "te",
    "trailer", "expect"};

Error refused(const char* what) { return {Errc::kHttpRequest, 0, what}; }

Error check_field(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return refused("a header field without a name");
  const std::string_view name = line.substr(0, colon);
  if (!may_stand(name, kLowerToken)) return refused("a header field's name is no token in lower case");
  for (const std::string_view own : kOwn) {
    if (name == own) return refused("a header field that the client sets itself");
  }
  if (!may_stand(line.substr(colon + 1), kValue)) return refused("a header field's value has control characters");
  return {};
}

struct Digits {
  explicit Digits(size_t value) noexcept
      : size(static_cast<size_t>(std::to_chars(text.data(), text.data() + text.size(), value).ptr - text.data())) {}
  std::array<char, kMaxDigits> text{};
  size_t size;
};

uint8_t* put(uint8_t* out, std::string_view text) noexcept { return std::copy(text.begin(), text.end(), out); }

}  // namespace

Error check_method(std::string_view method) {
  if (method.empty() || method.size() > 32) return refused("the method is empty or too long");
  if (!may_stand(method, kToken)) return refused("the method is no token");
  if (method == "CONNECT") return refused("CONNECT opens a tunnel and is no request");
  return {};
}

Error check_target(std::string_view target) {
  if (target.empty() || target.front() != '/') return refused("the path does not start with a slash");
  if (target.size() > kMaxTarget) return refused("the path is too long");
  if (!may_stand(target, kTarget)) return refused("the path has characters that must be percent-encoded");
  return {};
}

Error check_fields(std::string_view fields) {
  while (!fields.empty()) {
    const size_t end = fields.find('\n');
    if (end == std::string_view::npos) return refused("the last header field is not ended");
    if (Error error = check_field(fields.substr(0, end)); error) return error;
    fields.remove_prefix(end + 1);
  }
  return {};
}

size_t h1_size(const Request& request) noexcept {
  size_t lines = 0;
  for (const char c : request.fields) lines += c == '\n' ? 1u : 0u;
  const size_t length = request.has_body ? kLength.size() + Digits(request.body.size()).size + 2 : 0;
  return request.method.size() + 1 + request.target.size() + kVersionAndHost.size() + request.authority.size() + 2 +
         request.fields.size() + lines + length + 2 + request.body.size();
}

size_t write_h1(uint8_t* out, const Request& request) noexcept {
  uint8_t* at = put(out, request.method);
  at = put(put(at, " "), request.target);
  at = put(put(put(at, kVersionAndHost), request.authority), "\r\n");
  for (std::string_view rest = request.fields; !rest.empty();) {
    const size_t end = rest.find('\n');
    at = put(put(at, rest.substr(0, end)), "\r\n");
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (request.has_body) {
    const Digits digits(request.body.size());
    at = put(put(put(at, kLength), {digits.text.data(), digits.size}), "\r\n");
  }
  at = put(at, "\r\n");
  if (!request.body.empty()) {
    std::memcpy(at, request.body.data(), request.body.size());
    at += request.body.size();
  }
  return static_cast<size_t>(at - out);
}

}  // namespace tickwire::http
