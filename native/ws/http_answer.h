// Complete HTTP/1.1 answers that end their connection.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tickwire::ws {

struct HttpAnswer {
  int status = 400;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string_view body = {};  // "" with an error status: its reason phrase and a line feed
  bool with_body = true;       // false answers HEAD: the same headers, no content
  uint32_t retry_after_s = 0;  // 0: not said
  int64_t wall_seconds = 0;    // of the Date header, since the Unix epoch
};

// With what each status demands: Allow (405), Upgrade and Sec-WebSocket-Version (426), WWW-Authenticate (401).
[[nodiscard]] std::string http_answer(const HttpAnswer& answer);

[[nodiscard]] std::string_view reason_phrase(int status) noexcept;  // "Error" for those that are never sent

}  // namespace tickwire::ws
