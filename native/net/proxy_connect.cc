#include "net/proxy_connect.h"

#include <algorithm>

namespace tickwire {

namespace {

bool visible(char c) noexcept { return c > 0x20 && c < 0x7f; }
bool field_value_char(char c) noexcept { return c == '\t' || (c >= 0x20 && c != 0x7f) || c < 0; }

// "HTTP/1.x NNN[ reason]" (RFC 9112 section 4); -1 when it is not one.
int parse_status_line(std::string_view line) noexcept {
  constexpr std::string_view kVersion = "HTTP/1.";
  if (line.size() < 12 || line.substr(0, kVersion.size()) != kVersion) return -1;
  if ((line[7] != '0' && line[7] != '1') || line[8] != ' ') return -1;
  if (line.size() > 12 && line[12] != ' ') return -1;
  int status = 0;
  for (const char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return -1;
    status = status * 10 + (c - '0');
  }
  return status >= 100 ? status : -1;
}

}  // namespace

Result<std::string> proxy_connect_request(const std::string& host, uint16_t port, const std::string& authorization) {
  if (host.empty() || !std::all_of(host.begin(), host.end(), visible)) {
    return Error{Errc::kInvalidUrl, 0, "the host name cannot be sent to a proxy"};
  }
  if (!std::all_of(authorization.begin(), authorization.end(), field_value_char)) {
    return Error{Errc::kInvalidUrl, 0, "the proxy authorization holds a control character"};
  }
  const bool v6 = host.find(':') != std::string::npos;
  const std::string authority = (v6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
  std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
  if (!authorization.empty()) request += "Proxy-Authorization: " + authorization + "\r\n";
  return request + "\r\n";
}

void ProxyAnswer::fail(Errc code, int32_t detail, std::string text) {
  state_ = State::kFailed;
  error_ = {code, detail, std::move(text)};
}

void ProxyAnswer::end_of_line() {
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  if (status_ == 0) {
    status_ = parse_status_line(line_);
    if (status_ < 0) fail(Errc::kProxyMalformed, 0, "the proxy's answer does not begin with an HTTP/1 status line");
  } else if (line_.empty()) {
    if (status_ < 200) {
      status_ = 0;  // an interim answer (RFC 9110 section 15.2): the real one follows
    } else if (status_ < 300) {
      state_ = State::kOpen;
    } else {
      fail(Errc::kProxyStatus, status_, "the proxy refused the tunnel with status " + std::to_string(status_));
    }
  }
  line_.clear();
}

size_t ProxyAnswer::feed(std::span<const uint8_t> bytes) {
  size_t used = 0;
  while (used < bytes.size() && state_ == State::kMore) {
    const char c = static_cast<char>(bytes[used++]);
    if (++total_ > kMaxBytes) {
      fail(Errc::kProxyMalformed, 0, "the proxy's answer is longer than 16 KiB");
    } else if (c == '\n') {
      end_of_line();
    } else if (c == '\0') {
      fail(Errc::kProxyMalformed, 0, "the proxy's answer holds a NUL");
    } else {
      line_.push_back(c);
    }
  }
  return used;
}

}  // namespace tickwire
