// The client's opening handshake (RFC 6455 section 4.1): builds the request, parses and checks the answer. No I/O.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "ws/deflate.h"

namespace tickwire::ws {

struct HandshakeOptions {
  std::string host_header;  // host[:port]
  std::string path = "/";   // path?query
  std::vector<std::string> subprotocols;
  std::vector<std::pair<std::string, std::string>> headers;  // further ones, in order; checked for CR, LF and NUL and
                                                             // for the handshake's own names by create()
  std::string origin;                                        // "" = none sent
  DeflateOptions deflate;
  size_t max_response = 16'384;  // bytes of status line and headers
};

struct HandshakeResult {
  std::string subprotocol;  // "" = none
  bool deflate = false;
  DeflateParams deflate_params;
};

class ClientHandshake {
 public:
  // Draws a fresh Sec-WebSocket-Key and checks what goes into the request: kInvalidUrl for host and path,
  // kHandshakeMalformed for headers, origin and subprotocols (the text names the header, never its value), kSystem
  // without entropy.
  [[nodiscard]] static Result<ClientHandshake> create(HandshakeOptions options);
  [[nodiscard]] const std::string& request() const noexcept { return request_; }
  struct Outcome {
    enum class Status : uint8_t { kNeedMore, kDone, kFailed } status = Status::kNeedMore;
    size_t consumed = 0;  // kDone: bytes up to and including the empty line; frames may follow
    Error error;          // kFailed: kHandshakeStatus with the HTTP status in detail and its reason (and Location,
                          // without its query) in text
  };
  // `in` is everything received so far, from the first byte of the answer on; each byte is looked at once, however the
  // answer is cut. Lines must end in CR LF, folded headers are refused, and a failure is reported as soon as it is
  // sure. Call it no more after kDone or kFailed.
  [[nodiscard]] Outcome feed(std::span<const uint8_t> in);
  [[nodiscard]] const HandshakeResult& result() const noexcept { return result_; }
  // Seconds that a refusal asks to be left alone for (Retry-After as a number), at most kMaxRetryAfterS; 0 = not said.
  static constexpr uint32_t kMaxRetryAfterS = 3 * 86'400;
  [[nodiscard]] uint32_t retry_after_s() const noexcept { return retry_after_s_; }

 private:
  HandshakeOptions options_;
  std::string request_;
  std::string accept_;
  ClientHandshake() = default;
  [[nodiscard]] Error scan(std::span<const uint8_t> in, size_t& end);
  [[nodiscard]] Error check_answer(std::string_view head);

  HandshakeResult result_;
  uint32_t retry_after_s_ = 0;
  size_t scanned_ = 0;     // bytes that were looked at
  size_t line_start_ = 0;  // of the line that scanned_ is in
};

}  // namespace tickwire::ws
