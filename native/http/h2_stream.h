// What an HTTP/2 connection keeps of one request, and the events that one read leaves behind.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include <nghttp2/nghttp2.h>

#include "http/connection.h"

namespace tickwire::http {

// One stream. Objects are reused: a request allocates nothing once its connection is warm.
struct H2Stream {
  int32_t stream_id = 0;
  RequestId id = 0;
  std::string body;  // of the request
  size_t body_sent = 0;
  std::string fields;  // of the response
  uint32_t field_count = 0;
  uint32_t interim = 0;
  uint16_t status = 0;
  uint64_t body_bytes = 0;
  size_t taken = 0;       // bytes of the body that were handed over; the peer is told at the end of the read
  size_t place = 0;       // in H2Session::active_
  size_t unread = 0;      // bytes of the body that were handed over while held: the peer is not told of them yet
  bool has_head = false;  // the final one was handed over
  bool held = false;
  bool wanted = true;  // somebody waits for the answer
  Error error;         // set when this side refused the answer

  // The peer closed it with `code` and has not looked at it (RFC 9113 section 8.7). One that had begun to answer did,
  // whatever it says afterwards.
  [[nodiscard]] bool unprocessed(uint32_t code) const noexcept { return code == NGHTTP2_REFUSED_STREAM && status == 0; }
};

// nghttp2 calls back while the session is locked. What it says is noted down and told to the listener afterwards, so
// that the listener may use the connection.
struct H2Event {
  enum class Kind : uint8_t { kHead, kBody, kClosed };
  Kind kind;
  H2Stream* stream;
  std::span<const uint8_t> piece;  // kBody: lies in the read buffer
  uint32_t code;                   // kClosed: HTTP/2 error code
};

}  // namespace tickwire::http
