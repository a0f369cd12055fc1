// An HTTP/2 client session (RFC 9113) without I/O: nghttp2 with this client's limits. Fed bytes, it leaves events and
// bytes to send. Not thread-safe.
#pragma once
#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/block_pool.h"
#include "http/h2_stream.h"

namespace tickwire::http {

class H2Session {
 public:
  static constexpr int32_t kStreamWindow = 1 << 20;       // bytes that a response may be ahead of its reader
  static constexpr int32_t kConnectionWindow = 16 << 20;  // of all responses together

  [[nodiscard]] static Result<std::unique_ptr<H2Session>> create(const ResponseLimits& limits, bool secure);
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;
  ~H2Session() = default;

  [[nodiscard]] Result<void> submit(RequestId id, const Request& request);
  // Events collect in events() until the caller has cleared them. `bytes` must stay until then.
  [[nodiscard]] Error feed(std::span<const uint8_t> bytes);
  // Appends what is to be sent to `out`, up to about `most` bytes.
  [[nodiscard]] Error collect(std::string& out, size_t most);
  [[nodiscard]] std::vector<H2Event>& events() noexcept { return events_; }
  // A stream whose kClosed event was told.
  void recycle(H2Stream* stream);
  void reset(H2Stream& stream, uint32_t code);
  // The reader has taken n bytes of this response: the peer may send as many more.
  void consumed(H2Stream& stream, size_t n);
  void go_away();

  [[nodiscard]] H2Stream* find(RequestId id) noexcept;
  [[nodiscard]] bool over() const noexcept;                         // neither side has anything to say any more
  [[nodiscard]] bool leaving() const noexcept { return leaving_; }  // the peer, or we, said GOAWAY
  [[nodiscard]] uint32_t peer_streams() const noexcept;             // how many the peer allows at once
  [[nodiscard]] const std::vector<std::unique_ptr<H2Stream>>& active() const noexcept { return active_; }
  [[nodiscard]] bool wants_write() const noexcept { return nghttp2_session_want_write(session_.get()) != 0; }

 private:
  struct Deleter {
    void operator()(nghttp2_session* s) const noexcept { nghttp2_session_del(s); }
  };
  explicit H2Session(const ResponseLimits& limits, bool secure) : limits_(limits), secure_(secure) {}
  [[nodiscard]] Error start();

  [[nodiscard]] H2Stream* take_stream();
  int on_begin_headers(const nghttp2_frame& frame);
  int on_header(std::string_view name, std::string_view value);
  int on_frame(const nghttp2_frame& frame);
  int on_data(int32_t stream_id, std::span<const uint8_t> piece);
  int on_stream_close(int32_t stream_id, uint32_t code);
  [[nodiscard]] H2Stream* stream_of(int32_t stream_id) const noexcept;
  int refuse(H2Stream& stream, Errc code, const char* text);
  static ssize_t read_body(nghttp2_session*, int32_t, uint8_t* into, size_t most, uint32_t* flags,
                           nghttp2_data_source* source, void*);

  const ResponseLimits limits_;
  const bool secure_;
  // nghttp2 takes and frees some twenty small blocks for a request. Outlives the session.
  BlockPool memory_;
  std::unique_ptr<nghttp2_session, Deleter> session_;
  std::vector<std::unique_ptr<H2Stream>> active_;
  std::vector<std::unique_ptr<H2Stream>> spare_;
  std::vector<H2Event> events_;
  std::vector<nghttp2_nv> lines_;
  // Whose header block is read at present; null: one that nobody waits for.
  H2Stream* header_stream_ = nullptr;
  bool leaving_ = false;
};

}  // namespace tickwire::http
