// What the tests of HTTP connections share: a listener that writes down what it is told, a connection to a peer of the
// test, and turns of the loop until something has happened.
#pragma once
#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "http/connection.h"
#include "net/tcp_stream.h"
#include "tcp_peer.h"

namespace tickwire::http_rig {

struct Answer {
  uint16_t status = 0;
  std::string fields;
  std::string body;
  bool done = false;
  Errc failed = Errc::kNone;
  http::Sent sent = http::Sent::kNo;
};

class Notes final : public http::ConnectionListener {
 public:
  void on_head(http::RequestId id, const http::ResponseHead& head, const http::ReceiveTimes& times) override {
    answers[id].status = head.status;
    answers[id].fields = head.fields;
    CHECK(times.rx_ns > 0);
  }
  void on_body(http::RequestId id, std::span<const uint8_t> piece) override {
    answers[id].body.append(piece.begin(), piece.end());
    if (on_piece) on_piece(id);
  }
  void on_done(http::RequestId id) override {
    CHECK_FALSE(answers[id].done);
    answers[id].done = true;
    ++done;
    if (when_done) when_done(id);
  }
  void on_failed(http::RequestId id, const Error& error, http::Sent sent) override {
    CHECK(answers[id].failed == Errc::kNone);
    CHECK_FALSE(answers[id].done);
    answers[id].failed = error.code;
    answers[id].sent = sent;
    ++failed;
  }
  void on_room(http::Connection&) override { ++rooms; }
  void on_batch_end() override { ++batches; }
  void on_closed(http::Connection&, const Error& error) override {
    ++closed;
    reason = error.code;
    text = error.text;
  }

  std::map<http::RequestId, Answer> answers;
  std::function<void(http::RequestId)> on_piece;
  std::function<void(http::RequestId)> when_done;
  int done = 0;
  int failed = 0;
  int rooms = 0;
  int batches = 0;
  int closed = 0;
  Errc reason = Errc::kNone;
  std::string text;
};

inline bool run_until(Loop& loop, const std::function<bool()>& reached, int64_t limit_ms = 5000) {
  const int64_t end = mono_ns() + limit_ms * 1'000'000;
  while (!reached()) {
    if (mono_ns() > end) return false;
    loop.run_once(5'000'000);
  }
  return true;
}

inline std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

inline http::Request get(std::string_view target) {
  http::Request request;
  request.method = "GET";
  request.target = target;
  request.authority = "test.example";
  return request;
}

inline http::Request post(std::string_view target, std::string_view body) {
  http::Request request = get(target);
  request.method = "POST";
  request.body = bytes_of(body);
  request.has_body = true;
  return request;
}

}  // namespace tickwire::http_rig
