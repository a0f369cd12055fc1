// HTTP/1.1: one request at a time, no pipelining (an answer that comes late would hold up orders behind it).
//
// Threads. send() may run on any thread and touches, under io_mutex_, the stream's writing side, the unsent rest and
// the expectation of a response; everything else belongs to the loop's thread. A plain socket is read without the
// mutex, since reading and writing it at once is allowed; TLS is read under it. The expectation is set before the first
// byte of the request leaves, so the loop, which looks for it after every read, cannot meet a response that it does not
// expect.
//
// Nothing of a request is lost between the threads: send() raises unsent_ before it writes, and the loop looks at it on
// every writable edge. An edge that follows a sender's EAGAIN therefore finds it set.
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

#include "base/clock.h"
#include "http/connection.h"

namespace tickwire::http {
namespace {

constexpr size_t kStackRequest = 8 * 1024;  // requests up to this size are built on the stack

class H1Connection final : public Connection, private Watcher, private Resumable, private ResponseSink {
 public:
  H1Connection(Loop& loop, std::unique_ptr<Stream> stream, const ConnectionOptions& options, std::span<uint8_t> scratch,
               ConnectionListener& listener)
      : loop_(loop),
        stream_(std::move(stream)),
        fd_(stream_->fd()),
        full_duplex_(stream_->full_duplex_threads()),
        options_(options),
        scratch_(scratch),
        listener_(listener),
        parser_(options.limits) {
    life_->connection = this;
  }

  ~H1Connection() override {
    life_->connection = nullptr;
    if (!closed_) release();
  }

  void start() override {
    if (Result<void> watched = loop_.watch(fd_, *this); !watched.ok()) start_error_ = watched.error();
    if (start_error_ || stream_->has_buffered_input()) loop_.resume_later(*this);
  }

  [[nodiscard]] Result<void> send(RequestId id, const Request& request) override {
    const std::lock_guard lock(io_mutex_);
    if (stream_ == nullptr || limit_.load(std::memory_order_relaxed) == 0) {
      return Error{Errc::kNotOpen, 0, "the connection was closed meanwhile"};
    }
    const size_t size = h1_size(request);
    uint8_t stack[kStackRequest];
    std::unique_ptr<uint8_t[]> heap;
    uint8_t* bytes = stack;
    if (size > sizeof stack) {
      heap = std::make_unique_for_overwrite<uint8_t[]>(size);
      bytes = heap.get();
    }
    const size_t n = write_h1(bytes, request);
    expected_ = Expected{id, request.method == "HEAD", true};
    unsent_.store(true);
    const iovec piece{bytes, n};
    const IoResult io = stream_->write({&piece, 1});
    if (io.status == IoStatus::kOk || io.status == IoStatus::kAgain) {
      const size_t written = io.status == IoStatus::kOk ? io.bytes : 0;
      rest_.assign(reinterpret_cast<const char*>(bytes) + written, n - written);
      if (rest_.empty()) unsent_.store(false);
      return {};
    }
    unsent_.store(false);
    expected_.set = false;
    limit_.store(0, std::memory_order_relaxed);
    tell_loop_of_failure(io.error);
    return io.error ? io.error : Error{Errc::kBrokenPipe, 0, "the peer has closed the connection"};
  }

  [[nodiscard]] uint32_t limit() const noexcept override { return limit_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint8_t major() const noexcept override { return 1; }

  void cancel(RequestId id) override {
    take_expectation();
    if (closed_ || !busy_ || current_ != id) return;
    busy_ = false;  // nobody is told
    finish({Errc::kAborted, 0, "the request was given up"});
  }

  void retire() override {
    if (closed_) return;
    limit_.store(0, std::memory_order_relaxed);
    take_expectation();
    if (!busy_) finish({Errc::kNone, 0, {}});
  }

  void abort(const Error& why) override { finish(why); }

  void hold(RequestId id, bool on) override {
    take_expectation();
    if (closed_ || !busy_ || current_ != id || held_ == on) return;
    held_ = on;
    if (!on) loop_.resume_later(*this);
  }

 private:
  struct Expected {
    RequestId id = 0;
    bool head = false;
    bool set = false;
  };
  struct Life {
    H1Connection* connection = nullptr;
  };

  void on_ready(uint32_t ready) override {
    if (closed_) return;
    if ((ready & (kHangup | kError)) != 0) ended_ = true;
    if ((ready & (kWritable | kHangup | kError)) != 0 && !flush()) return;
    if (!full_duplex_ || (ready & (kReadable | kHangup | kError)) != 0) drain();
  }

  void on_resume() override {
    if (start_error_) return finish(start_error_);
    drain();
  }

  // Goes on with a request of which the kernel took only a part. False when that ended the connection.
  bool flush() {
    if (!unsent_.load()) return true;
    Error failure;
    {
      const std::lock_guard lock(io_mutex_);
      if (rest_.empty()) {
        unsent_.store(false);
        return true;
      }
      const iovec piece{rest_.data(), rest_.size()};
      const IoResult io = stream_->write({&piece, 1});
      if (io.status == IoStatus::kOk) rest_.erase(0, io.bytes);
      if (rest_.empty()) unsent_.store(false);
      if (io.status == IoStatus::kError || io.status == IoStatus::kEof) {
        failure = io.error ? io.error : Error{Errc::kBrokenPipe, 0, "the peer has closed the connection"};
        rest_.clear();
        unsent_.store(false);
      }
    }
    if (!failure) return true;
    // The peer may have answered before it closed ("413 Content Too Large"): that answer is worth more than the error.
    write_error_ = failure;
    drain();
    return !closed_;
  }

  IoResult read(int64_t& kernel_ns) {
    if (full_duplex_) return stream_->read(scratch_, kernel_ns);
    const std::lock_guard lock(io_mutex_);
    return stream_->read(scratch_, kernel_ns);
  }

  void drain() {
    size_t budget = options_.read_budget;
    while (!closed_ && !held_) {
      int64_t kernel_ns = 0;
      const IoResult io = read(kernel_ns);
      take_expectation();
      if (io.status == IoStatus::kAgain) {
        if (write_error_) finish(write_error_);
        return;
      }
      if (io.status == IoStatus::kEof) return end_of_stream();
      if (io.status == IoStatus::kError) return finish(write_error_ ? write_error_ : io.error);
      times_ = {kernel_ns, mono_ns()};
      const Error error = parser_.feed({scratch_.data(), io.bytes}, *this);
      if (closed_) return;
      if (error) return finish(error);
      listener_.on_batch_end();
      if (closed_) return;
      if (io.bytes >= budget) return loop_.resume_later(*this);
      budget -= io.bytes;
      // A plain socket that gave less than was asked for is empty, and whatever comes now raises a new edge.
      if (full_duplex_ && io.bytes < scratch_.size() && !ended_ && !write_error_) return;
    }
  }

  void end_of_stream() {
    const bool begun = parser_.begun();
    const Error error = parser_.finish(*this);
    if (closed_) return;
    listener_.on_batch_end();
    if (closed_) return;
    if (write_error_) return finish(write_error_);
    // Without an answer, or between requests, a peer may close whenever it likes.
    finish(error.code == Errc::kHttpTruncated && !begun ? Error{Errc::kEof, 0, "the peer closed the connection"}
                                                        : error);
  }

  void take_expectation() {
    const std::lock_guard lock(io_mutex_);
    if (!expected_.set) return;
    expected_.set = false;
    current_ = expected_.id;
    busy_ = true;
    parser_.expect(expected_.head);
  }

  // The listener may close the connection from inside any of these; the parser then goes on to the end of its input.
  void on_head(const ResponseHead& head) override {
    if (!closed_) listener_.on_head(current_, head, times_);
  }
  void on_body(std::span<const uint8_t> piece) override {
    if (!closed_) listener_.on_body(current_, piece);
  }

  void on_complete(bool reusable) override {
    if (closed_) return;
    // An answer to a request that was not sent whole leaves the peer in the middle of it.
    if (unsent_.load()) reusable = false;
    if (!reusable || limit_.load(std::memory_order_relaxed) == 0) {
      limit_.store(0, std::memory_order_relaxed);
      closing_ = true;
    }
    busy_ = false;
    held_ = false;
    listener_.on_done(current_);
    if (closed_) return;
    if (!closing_) return listener_.on_room(*this);
    finish({Errc::kNone, 0, {}});
  }

  void tell_loop_of_failure(const Error& error) {
    // A loop that was closed has no use for it.
    (void)loop_.post([life = life_, error] {
      if (life->connection != nullptr) life->connection->finish(error);
    });
  }

  void release() noexcept {
    loop_.unwatch(fd_, *this);
    loop_.cancel_resume(*this);
    const std::lock_guard lock(io_mutex_);
    limit_.store(0, std::memory_order_relaxed);
    rest_.clear();
    stream_.reset();
  }

  void finish(const Error& error) {
    if (closed_) return;
    const Error copy = error;
    take_expectation();  // a request that was sent a moment ago fails with the connection
    closed_ = true;
    release();
    if (std::exchange(busy_, false)) {
      listener_.on_failed(current_, copy ? copy : Error{Errc::kEof, 0, "the peer closed the connection"}, Sent::kMaybe);
    }
    listener_.on_closed(*this, copy);
  }

  Loop& loop_;
  std::unique_ptr<Stream> stream_;
  const int fd_;
  const bool full_duplex_;
  const ConnectionOptions options_;
  const std::span<uint8_t> scratch_;
  ConnectionListener& listener_;
  ResponseParser parser_;
  const std::shared_ptr<Life> life_ = std::make_shared<Life>();

  std::mutex io_mutex_;
  Expected expected_;  // under io_mutex_
  std::string rest_;   // under io_mutex_: of a request, what the kernel did not take
  std::atomic<bool> unsent_{false};
  std::atomic<uint32_t> limit_{1};

  RequestId current_ = 0;
  bool busy_ = false;
  bool held_ = false;
  bool ended_ = false;    // the poller has seen the peer's end: read on until the stream says so too
  bool closing_ = false;  // the response said that it is the last
  bool closed_ = false;
  Error start_error_;
  Error write_error_;
  ReceiveTimes times_;
};

}  // namespace

std::unique_ptr<Connection> make_h1_connection(Loop& loop, std::unique_ptr<Stream> stream,
                                               const ConnectionOptions& options, std::span<uint8_t> scratch,
                                               ConnectionListener& listener) {
  return std::make_unique<H1Connection>(loop, std::move(stream), options, scratch, listener);
}

}  // namespace tickwire::http
