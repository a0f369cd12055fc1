// The messages of an HTTP CONNECT tunnel (RFC 9110 section 9.3.6), without the I/O.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace tickwire {

// The request for a tunnel to host:port. kInvalidUrl when the host or the authorization value could break out of its
// line. The text holds the proxy's secret.
[[nodiscard]] Result<std::string> proxy_connect_request(const std::string& host, uint16_t port,
                                                        const std::string& authorization);

// Reads the proxy's answer up to the end of its header block and not a byte further.
class ProxyAnswer {
 public:
  static constexpr size_t kMaxBytes = 16 * 1024;  // interim answers included

  enum class State : uint8_t { kMore, kOpen, kFailed };

  // Returns how many of the bytes belong to the answer; all of them while the state is kMore.
  size_t feed(std::span<const uint8_t> bytes);
  [[nodiscard]] State state() const noexcept { return state_; }
  // After kFailed: kProxyStatus with the HTTP status in detail, or kProxyMalformed.
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  void end_of_line();
  void fail(Errc code, int32_t detail, std::string text);

  State state_ = State::kMore;
  size_t total_ = 0;
  std::string line_;
  int status_ = 0;  // 0 = before the status line
  Error error_;
};

}  // namespace tickwire
