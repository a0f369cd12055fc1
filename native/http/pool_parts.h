// What a pool keeps of a request and of a connection; for pool*.cc alone.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "http/pool.h"

namespace tickwire::http {

// A request that waits, as one block of memory.
class HeldRequest {
 public:
  void hold(const Request& r) {
    text_.clear();
    text_.reserve(r.method.size() + r.target.size() + r.authority.size() + r.fields.size() + r.body.size());
    text_.append(r.method).append(r.target).append(r.fields);
    text_.append(reinterpret_cast<const char*>(r.body.data()), r.body.size());
    method_ = r.method.size();
    target_ = r.target.size();
    fields_ = r.fields.size();
    has_body_ = r.has_body;
  }
  [[nodiscard]] Request view(std::string_view authority) const noexcept {
    const std::string_view all = text_;
    Request r;
    r.method = all.substr(0, method_);
    r.target = all.substr(method_, target_);
    r.authority = authority;
    r.fields = all.substr(method_ + target_, fields_);
    const std::string_view body = all.substr(method_ + target_ + fields_);
    r.body = {reinterpret_cast<const uint8_t*>(body.data()), body.size()};
    r.has_body = has_body_;
    return r;
  }
  // Secrets are in it.
  void forget() noexcept {
    text_.assign(text_.size(), '\0');
    text_.clear();
  }

 private:
  std::string text_;
  size_t method_ = 0;
  size_t target_ = 0;
  size_t fields_ = 0;
  bool has_body_ = false;
};

struct Pool::Member {
  std::unique_ptr<Connection> connection;
  StreamInfo info;
  uint32_t active = 0;
  bool listed = false;  // in Pool::idle_
  int64_t idle_since_ns = 0;
  bool used = false;  // has carried a request, or has stood open without one
  bool dead = false;  // a write on it failed: it closes by itself
};

struct Pool::Slot {
  explicit Slot(uint16_t i) : index(i) {}
  [[nodiscard]] RequestId id() const noexcept { return uint32_t{generation} << 16 | index; }

  const uint16_t index;
  uint16_t generation = 0;
  Phase phase = Phase::kFree;
  Member* member = nullptr;
  Timeouts timeouts;
  int64_t phase_deadline_ns = INT64_MAX;
  int64_t total_deadline_ns = INT64_MAX;
  Errc phase_timeout = Errc::kHttpQueueTimeout;
  int64_t sent_ns = 0;
  bool reused = false;
  HeldRequest held_request;

  // The response so far; the loop's thread.
  bool stream = false;
  bool has_head = false;   // came
  bool gave_head = false;  // was handed over (stream)
  bool complete = false;
  bool held = false;         // by its reader (stream)
  bool stopped = false;      // its connection was told to read no further for it
  bool undelivered = false;  // is in Pool::undelivered_
  uint16_t status = 0;
  uint8_t major = 1;
  uint8_t minor = 1;
  std::string fields;
  std::vector<uint8_t> body;
  ReceiveTimes times;
  Error error;
  Sent sent = Sent::kNo;
};

class Pool::Attempt final : public ConnectListener {
 public:
  explicit Attempt(Pool& pool) : pool_(pool) {}
  void start() { connector_ = Connector::start(pool_.loop_, pool_.options_.target, *this); }
  void on_connected(std::unique_ptr<Stream> stream, const StreamInfo& info) override {
    pool_.attempt_opened(*this, std::move(stream), info);
  }
  void on_connect_failed(const Error& error) override { pool_.attempt_failed(*this, error); }

 private:
  Pool& pool_;
  std::unique_ptr<Connector> connector_;
};

// A loop that was closed has no use for it.
template <void (Pool::*Method)()>
void Pool::tell_loop() {
  (void)loop_.post([life = life_] {
    if (life->pool != nullptr) (life->pool->*Method)();
  });
}

}  // namespace tickwire::http
