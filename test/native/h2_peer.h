// An HTTP/2 server for tests, on the thread of a TcpPeer: nghttp2 in the other role. What it does with a request is the
// test's decision.
#pragma once
#include <doctest/doctest.h>
#include <nghttp2/nghttp2.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "tcp_peer.h"

namespace tickwire::http_rig {

class H2Peer {
 public:
  struct Asked {
    int32_t stream = 0;
    std::string path;
    std::string body;
  };
  using OnRequest = std::function<void(H2Peer& peer, const Asked& asked)>;

  H2Peer(Fd& fd, OnRequest on_request) : fd_(fd), on_request_(std::move(on_request)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_server_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~H2Peer() { nghttp2_session_del(session_); }
  H2Peer(const H2Peer&) = delete;
  H2Peer& operator=(const H2Peer&) = delete;

  // Until the client ends the connection, or cut() was called.
  void serve() {
    flush();
    while (!cut_) {
      uint8_t buffer[65536];
      const ssize_t n = ::read(fd_.get(), buffer, sizeof buffer);
      if (n <= 0) return;
      ++reads;
      if (nghttp2_session_mem_recv(session_, buffer, static_cast<size_t>(n)) < 0) return;
      flush();
    }
  }
  void cut() { cut_ = true; }

  // `code`: three digits.
  void answer(int32_t stream, std::string body, std::string code = "200") {
    bodies_[stream] = {std::move(body), 0};
    const nghttp2_nv status = status_field(code);
    nghttp2_data_provider provider{};
    provider.source.ptr = this;
    provider.read_callback = read_body;
    nghttp2_submit_response(session_, stream, &status, 1, &provider);
  }
  // A head without an end, sent before anything else.
  void begin(int32_t stream, std::string code) {
    const nghttp2_nv status = status_field(code);
    nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream, nullptr, &status, 1, nullptr);
    flush();
  }
  void reset(int32_t stream, uint32_t code) { nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, code); }
  void go_away(int32_t last) { nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0); }

  int reads = 0;
  int requests = 0;

 private:
  static nghttp2_nv status_field(std::string& code) {
    static char name[] = ":status";
    nghttp2_nv status{};
    status.name = reinterpret_cast<uint8_t*>(name);
    status.namelen = 7;
    status.value = reinterpret_cast<uint8_t*>(code.data());
    status.valuelen = code.size();
    return status;
  }
  static H2Peer& self(void* user) { return *static_cast<H2Peer*>(user); }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                       const uint8_t* value, size_t value_size, uint8_t, void* user) {
    if (std::string_view(reinterpret_cast<const char*>(name), name_size) == ":path") {
      self(user).asked_[frame->hd.stream_id].path.assign(reinterpret_cast<const char*>(value), value_size);
    }
    return 0;
  }
  static int on_data(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data, size_t size, void* user) {
    self(user).asked_[stream].body.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!ends || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)) return 0;
    H2Peer& peer = self(user);
    auto request = peer.asked_.extract(frame->hd.stream_id);
    request.mapped().stream = frame->hd.stream_id;
    ++peer.requests;
    peer.on_request_(peer, request.mapped());
    return 0;
  }
  static ssize_t read_body(nghttp2_session*, int32_t stream, uint8_t* into, size_t most, uint32_t* flags,
                           nghttp2_data_source* source, void*) {
    auto& [body, at] = static_cast<H2Peer*>(source->ptr)->bodies_[stream];
    const size_t n = std::min(most, body.size() - at);
    std::copy_n(body.data() + at, n, into);
    at += n;
    if (at == body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(n);
  }
  void flush() {
    for (;;) {
      const uint8_t* bytes = nullptr;
      const ssize_t n = nghttp2_session_mem_send(session_, &bytes);
      if (n <= 0) return;
      net_test::send_all(fd_.get(), std::string_view(reinterpret_cast<const char*>(bytes), static_cast<size_t>(n)));
    }
  }

  Fd& fd_;
  OnRequest on_request_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Asked> asked_;
  std::map<int32_t, std::pair<std::string, size_t>> bodies_;
  bool cut_ = false;
};

}  // namespace tickwire::http_rig
