// The connections to one origin: opened ahead of need and kept warm, reused last in first out, with a bounded queue in
// front and time limits on every phase of a request. It neither retries nor judges: a request that fails says whether
// it may have been executed, and policies above decide.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/connection.h"
#include "net/connector.h"

namespace tickwire::http {

struct Timeouts {     // ns; 0 = none
  int64_t queue = 0;  // waiting for a connection
  int64_t head = 0;   // from sending to the final response's head
  int64_t body = 0;   // between two pieces of the body
  int64_t total = 0;  // all of it
};

struct PoolOptions {
  ConnectTarget target;
  std::string authority;  // host, or host:port when it is not the scheme's default
  ConnectionOptions connection;
  uint32_t max_connections = 64;
  uint32_t max_streams = 100;           // requests at once on one HTTP/2 connection, where the peer allows as many
  uint32_t warm = 0;                    // connections that are kept open without need
  uint32_t max_queue = 1024;            // requests that wait for a connection
  size_t max_body = 16u << 20;          // bytes of a response that is not streamed, before any content coding is undone
  int64_t keep_alive = 30'000'000'000;  // ns without a request after which a connection that is not needed is closed
  int64_t retry_first = 100'000'000;    // ns before a warm connection that failed is tried again, doubled each time
  int64_t retry_max = 10'000'000'000;
};

struct RequestOptions {
  Timeouts timeouts;
  bool stream = false;  // the body is handed over in pieces, as it comes
};

struct Response {
  RequestId id = 0;
  ResponseHead head;
  std::span<const uint8_t> body;  // whole; empty for a streamed response, whose pieces follow
  bool streamed = false;
  bool reused = false;  // the connection had carried a request before
  ReceiveTimes times;
  int64_t sent_ns = 0;  // monotonic; when the request was written
};

// On the loop's thread. A call that returns false was not taken: it is made again, in its place, after deliver().
class PoolListener {
 public:
  [[nodiscard]] virtual bool on_response(const Response& response) = 0;
  // Returns how many bytes it took; the others are offered again.
  [[nodiscard]] virtual size_t on_piece(RequestId id, std::span<const uint8_t> piece) = 0;
  [[nodiscard]] virtual bool on_end(RequestId id) = 0;  // of a streamed response
  [[nodiscard]] virtual bool on_failed(RequestId id, const Error& error, Sent sent) = 0;
  virtual void on_batch_end() = 0;  // a good moment to wake the reader
  // A connection opened, or closed, or could not be opened (`error` says why; none for an orderly end).
  virtual void on_connection(bool open, const StreamInfo& info, uint8_t major, const Error& error) = 0;

 protected:
  ~PoolListener() = default;
};

struct PoolCounters {  // any thread
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> responses{0};
  std::atomic<uint64_t> failures{0};
  std::atomic<uint64_t> reused{0};  // requests sent on a connection that had carried one before, or stood warm
  std::atomic<uint64_t> connects{0};
  std::atomic<uint64_t> connect_failures{0};
  std::atomic<uint64_t> sent_bytes{0};
  std::atomic<uint64_t> received_bytes{0};  // of bodies
  std::atomic<uint32_t> open{0};
  std::atomic<uint32_t> in_flight{0};
  std::atomic<uint32_t> waiting{0};
};

class Pool final : private ConnectionListener {
 public:
  static constexpr uint32_t kMaxRequests = 65'535;  // in flight, waiting or not yet delivered

  [[nodiscard]] static Result<std::unique_ptr<Pool>> create(Loop& loop, PoolOptions options, PoolListener& listener);
  ~Pool();  // on the loop's thread, not from inside a callback; cuts everything, silently

  // From any thread. Writes at once, on the caller's thread, when a connection is free; otherwise the request is copied
  // and waits. The parts must have passed their checks. Errors: kNotOpen, kHttpQueueFull.
  [[nodiscard]] Result<RequestId> request(const Request& request, const RequestOptions& options);

  // From the loop's thread.
  void warm_up();
  void cancel(RequestId id);         // ends in on_failed(kAborted) unless it has ended already
  void hold(RequestId id, bool on);  // the reader of a streamed response does not keep up
  void deliver();                    // the listener has room again
  // Takes no more requests. Those in flight are answered, those that wait are sent; then connections close.
  void close();
  void abort(const Error& why);     // everything fails with `why` now
  [[nodiscard]] bool idle() const;  // nothing in flight, waiting, or undelivered

  [[nodiscard]] const PoolCounters& counters() const noexcept { return counters_; }

 private:
  enum class Phase : uint8_t { kFree, kWaiting, kInFlight, kFinished };
  struct Member;
  struct Slot;
  class Attempt;

  Pool(Loop& loop, PoolOptions options, PoolListener& listener);

  void on_head(RequestId id, const ResponseHead& head, const ReceiveTimes& times) override;
  void on_body(RequestId id, std::span<const uint8_t> piece) override;
  void on_done(RequestId id) override;
  void on_failed(RequestId id, const Error& error, Sent sent) override;
  void on_room(Connection& connection) override;
  void on_batch_end() override;
  void on_closed(Connection& connection, const Error& error) override;

  [[nodiscard]] Slot* take_slot();
  [[nodiscard]] Slot* find(RequestId id);
  void release_slot(Slot& slot);
  [[nodiscard]] Member* pick();
  void vacate(Member& member, int64_t now_ns);
  [[nodiscard]] bool send_now(Slot& slot, const Request& request, int64_t now_ns);
  void dispatch();
  [[nodiscard]] bool dispatch_locked();
  void leave_member(Slot& slot);
  void open_as_needed();
  void attempt_opened(Attempt& attempt, std::unique_ptr<Stream> stream, const StreamInfo& info);
  void attempt_failed(Attempt& attempt, const Error& error);
  void fail(Slot& slot, const Error& error, Sent sent);
  void fail_waiting(const Error& error);
  void settle(Slot& slot);
  [[nodiscard]] bool offer(Slot& slot);
  void stop_reading(Slot& slot, bool on);
  [[nodiscard]] bool lower_sweep(int64_t deadline_ns);
  void arm_sweep();
  void start_retry();
  void on_sweep(int64_t now_ns);
  void on_retry(int64_t now_ns);
  [[nodiscard]] int64_t sweep_requests(int64_t now_ns);
  [[nodiscard]] int64_t sweep_members(int64_t now_ns);
  void retire_when_closing();
  template <void (Pool::*Method)()>
  void tell_loop();

  struct Life {
    Pool* pool = nullptr;
  };

  void learn_protocol(bool h2) noexcept {
    knows_protocol_ = true;
    speaks_h2_ = h2;
  }

  Loop& loop_;
  const PoolOptions options_;
  PoolListener& listener_;
  PoolCounters counters_;
  const std::shared_ptr<Life> life_ = std::make_shared<Life>();
  std::vector<uint8_t> scratch_;

  // Guards what request() shares with the loop: slots, members and the queue. Connections are destroyed, and their
  // listeners called, without it; connections' own locks are taken inside it, never the other way round.
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<uint16_t> free_;
  std::deque<uint16_t> waiting_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<Member*> idle_;  // of HTTP/1, without a request, the most recently used one last
  size_t many_at_once_ = 0;    // members of HTTP/2
  bool accepting_ = true;
  bool opening_posted_ = false;
  int64_t next_sweep_ns_ = INT64_MAX;

  // The loop's thread: what find() found last. Bytes of one response come together.
  RequestId found_id_ = 0;
  Slot* found_ = nullptr;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  std::deque<RequestId> undelivered_;
  int64_t retry_delay_ = 0;
  bool knows_protocol_ = false;
  bool speaks_h2_ = false;
  bool closing_ = false;
  MemberTimer<Pool, &Pool::on_sweep> sweep_timer_{*this};
  MemberTimer<Pool, &Pool::on_retry> retry_timer_{*this};
};

}  // namespace tickwire::http
