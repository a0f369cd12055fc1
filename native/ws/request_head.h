// The head of an HTTP/1.1 request (RFC 9112) as a machine without I/O: strict and bounded. It knows nothing of bodies;
// who asks for something here sends none.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tickwire::ws {

struct RequestLimits {
  size_t max_bytes = 8'192;   // request line and headers together
  size_t max_target = 4'096;  // of them, the request's target
  uint32_t max_headers = 64;
};

// Views into the bytes that were fed.
struct RequestHead {
  struct Header {
    std::string_view name;
    std::string_view value;  // without white space around it
  };
  std::string_view method;
  std::string_view authority;  // of a target in absolute form; "" otherwise
  std::string_view path;       // begins with '/'
  std::string_view query;      // behind the '?'
  bool http_1_1 = false;       // otherwise 1.0
  std::vector<Header> headers;
  std::string_view lines;  // the headers as they were sent, each with its CR LF

  // The value of the one header of that name. "" without one; `count` says how many there are.
  [[nodiscard]] std::string_view find(std::string_view name, uint32_t& count) const noexcept;
};

class RequestParser {
 public:
  explicit RequestParser(const RequestLimits& limits) noexcept : limits_(limits) {}

  struct Outcome {
    enum class Status : uint8_t { kNeedMore, kDone, kFailed } status = Status::kNeedMore;
    size_t consumed = 0;   // kDone: bytes up to and including the empty line
    int http = 0;          // kFailed: the status to answer with: 400, 413, 414, 431 or 505
    const char* why = "";  // kFailed: for people
  };
  // `in` is everything received so far, from the first byte on; each byte is looked at once. Lines must end in CR LF;
  // folded headers, control characters, white space in front of a colon and a second Host are refused. A failure is
  // reported as soon as it is sure. Call it no more after kDone or kFailed.
  [[nodiscard]] Outcome feed(std::span<const uint8_t> in);
  // After kDone, as long as the bytes stay where they are.
  [[nodiscard]] const RequestHead& head() const noexcept { return head_; }

 private:
  [[nodiscard]] Outcome scan(std::span<const uint8_t> in);
  [[nodiscard]] Outcome parse(std::string_view head);
  [[nodiscard]] Outcome parse_request_line(std::string_view line);
  [[nodiscard]] Outcome parse_target(std::string_view target);
  [[nodiscard]] Outcome parse_header(std::string_view line);
  [[nodiscard]] Outcome check_headers() const;

  RequestLimits limits_;
  RequestHead head_;
  size_t scanned_ = 0;
  size_t line_start_ = 0;
  uint32_t lines_ = 0;  // complete ones
  bool in_method_ = true;
};

// host[:port] as it may stand in a Host header (RFC 9110 section 7.2): no user, no path.
[[nodiscard]] bool is_authority(std::string_view text) noexcept;

}  // namespace tickwire::ws
