// An HTTP/1.1 response as a machine without I/O (RFC 9112): it is shown the bytes of one connection and calls back. The
// grammar is llhttp's; what this adds are limits, lower-case field names and the rules for a client
// that sends one request at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.h"

namespace tickwire::http {

struct ResponseLimits {
  size_t max_head = 64u << 10;     // bytes of all fields of one response, names and values
  uint32_t max_fields = 256;       // header fields; as many again for trailers
  uint32_t max_interim = 16;       // 1xx responses in front of the final one
  uint64_t max_body = UINT64_MAX;  // bytes as they come from the connection, before any content coding is undone
};

struct ResponseHead {
  uint16_t status = 0;      // 200..999; 1xx are not passed on
  uint8_t major = 1;        // 1 or 2
  uint8_t minor = 1;        // of HTTP/1: 0 or 1
  std::string_view fields;  // "name:value\n" for each; names in lower case, values trimmed; good during the callback
};

class ResponseSink {
 public:
  virtual void on_head(const ResponseHead& head) = 0;
  virtual void on_body(std::span<const uint8_t> piece) = 0;
  // The response is whole. `reusable`: the connection may carry another request.
  virtual void on_complete(bool reusable) = 0;

 protected:
  ~ResponseSink() = default;
};

class ResponseParser {
 public:
  explicit ResponseParser(ResponseLimits limits);
  ~ResponseParser();
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  // A request was sent: exactly one response is expected. `head_request`: it has no body whatever its fields say (RFC
  // 9110 section 9.3.2).
  void expect(bool head_request);
  [[nodiscard]] bool expecting() const noexcept;
  // Whether anything of the expected response has come.
  [[nodiscard]] bool begun() const noexcept;
  // Shows the next bytes; all of them are taken. Bytes without a request, or behind a response, are kHttpUnexpected:
  // who accepted them would take them for the next request's answer. After an error nothing more may be fed.
  [[nodiscard]] Error feed(std::span<const uint8_t> bytes, ResponseSink& sink);
  // The peer has ended the stream: completes a response that lasts until then (RFC 9112 section 6.3), or says that one
  // is cut short (kHttpTruncated). No error when nothing was expected.
  [[nodiscard]] Error finish(ResponseSink& sink);

 private:
  struct State;
  std::unique_ptr<State> s_;
};

}  // namespace tickwire::http
