// HTTP/2: many requests at once on one connection.
//
// Threads. The session is used under io_mutex_ by whoever sends and by the loop. The listener is never called with the
// mutex held: what the peer said is noted as events while the session is fed and told afterwards, on the loop's thread.
// Writing follows the same rule as in HTTP/1: unsent_ is raised before a write, and looked at on every writable edge.
#include <algorithm>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "http/connection.h"
#include "http/h2_session.h"

namespace tickwire::http {
namespace {

constexpr size_t kCollect = 256u << 10;  // bytes to send that are taken from the session at a time
// With so many requests in flight, further ones leave together, with one system call on the loop's next turn: by then
// what a request waits for is the peer, and a call for each costs more than all else that is done for it.
constexpr size_t kTogether = 8;

class H2Connection final : public Connection, private Watcher, private Resumable {
 public:
  H2Connection(Loop& loop, std::unique_ptr<Stream> stream, const ConnectionOptions& options, uint32_t max_streams,
               bool secure, std::span<uint8_t> scratch, ConnectionListener& listener)
      : loop_(loop),
        stream_(std::move(stream)),
        fd_(stream_->fd()),
        full_duplex_(stream_->full_duplex_threads()),
        options_(options),
        max_streams_(max_streams),
        scratch_(scratch),
        listener_(listener),
        limit_(max_streams) {
    life_->connection = this;
    auto session = H2Session::create(options.limits, secure);
    if (session.ok()) {
      session_ = std::move(session.value());
    } else {
      start_error_ = session.error();
      limit_ = 0;
    }
  }

  ~H2Connection() override {
    life_->connection = nullptr;
    if (!closed_) release();
  }

  void start() override {
    if (!start_error_) {
      if (Result<void> watched = loop_.watch(fd_, *this); !watched.ok()) start_error_ = watched.error();
    }
    if (!start_error_) {
      const std::lock_guard lock(io_mutex_);
      start_error_ = write_locked();
    }
    if (start_error_ || stream_->has_buffered_input()) loop_.resume_later(*this);
  }

  [[nodiscard]] Result<void> send(RequestId id, const Request& request) override {
    const std::lock_guard lock(io_mutex_);
    if (stream_ == nullptr || limit_.load(std::memory_order_relaxed) == 0) {
      return Error{Errc::kNotOpen, 0, "the connection was closed meanwhile"};
    }
    if (Result<void> submitted = session_->submit(id, request); !submitted.ok()) {
      limit_.store(0, std::memory_order_relaxed);
      tell_loop_of_failure(submitted.error());
      return submitted;
    }
    // From here on the request is the session's: when the write fails the connection does, and the listener is told.
    if (flush_posted_ || (session_->active().size() > kTogether && post_flush())) return {};
    if (const Error error = write_locked(); error) {
      tell_loop_of_failure(error);
    } else if (!session_->events().empty()) {
      (void)loop_.post([life = life_] {
        if (life->connection != nullptr) life->connection->on_resume();
      });
    }
    return {};
  }

  [[nodiscard]] uint32_t limit() const noexcept override { return limit_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint8_t major() const noexcept override { return 2; }

  void cancel(RequestId id) override {
    if (closed_) return;
    {
      const std::lock_guard lock(io_mutex_);
      H2Stream* const stream = session_->find(id);
      if (stream == nullptr) return;
      stream->wanted = false;
      if (stream->unread > 0) session_->consumed(*stream, std::exchange(stream->unread, 0));
      session_->reset(*stream, NGHTTP2_CANCEL);
    }
    write_soon();
  }

  void retire() override {
    if (closed_) return;
    limit_.store(0, std::memory_order_relaxed);
    retiring_ = true;
    bool idle = false;
    {
      const std::lock_guard lock(io_mutex_);
      idle = session_->active().empty();
      if (idle) {
        session_->go_away();
        (void)write_locked();  // it is closed in any case
      }
    }
    if (idle) finish({});
  }

  void abort(const Error& why) override { finish(why ? why : Error{Errc::kAborted, 0, {}}); }

  void hold(RequestId id, bool on) override {
    if (closed_) return;
    {
      const std::lock_guard lock(io_mutex_);
      H2Stream* const stream = session_->find(id);
      if (stream == nullptr || stream->held == on) return;
      stream->held = on;
      if (on || stream->unread == 0) return;
      session_->consumed(*stream, std::exchange(stream->unread, 0));
    }
    write_soon();
  }

 private:
  struct Life {
    H2Connection* connection = nullptr;
  };

  void on_ready(uint32_t ready) override {
    if (closed_) return;
    if ((ready & (kHangup | kError)) != 0) ended_ = true;
    if ((ready & (kWritable | kHangup | kError)) != 0 && unsent_.load()) settle();
    if (!full_duplex_ || write_error_ || (ready & (kReadable | kHangup | kError)) != 0) drain();
  }

  void on_resume() override {
    if (start_error_) return finish(start_error_);
    settle();
    drain();
  }

  // Under io_mutex_. Sends what the session has to say, as far as the kernel takes it.
  [[nodiscard]] Error write_locked() {
    unsent_.store(true);
    for (;;) {
      if (Error error = session_->collect(out_, kCollect); error) return error;
      if (out_.empty()) break;
      const iovec piece{out_.data(), out_.size()};
      const IoResult io = stream_->write({&piece, 1});
      if (io.status == IoStatus::kAgain) return {};
      if (io.status != IoStatus::kOk) {
        return io.error ? io.error : Error{Errc::kBrokenPipe, 0, "the peer has closed the connection"};
      }
      out_.erase(0, io.bytes);
      if (!out_.empty()) return {};  // an edge will follow
    }
    unsent_.store(false);
    return {};
  }

  // Under io_mutex_. False when the loop takes no tasks any more.
  [[nodiscard]] bool post_flush() {
    flush_posted_ = loop_.post([life = life_] {
      if (life->connection != nullptr) life->connection->flush();
    });
    return flush_posted_;
  }

  void flush() {
    {
      const std::lock_guard lock(io_mutex_);
      flush_posted_ = false;
    }
    write_soon();
  }

  // From the loop's thread, perhaps inside a callback: a failure must not end the connection under its caller's feet.
  void write_soon() {
    bool untold = false;
    Error error;
    {
      const std::lock_guard lock(io_mutex_);
      if (stream_ == nullptr) return;
      error = write_locked();
      untold = !session_->events().empty();
    }
    if (error) write_error_ = error;
    if (error || untold) loop_.resume_later(*this);
  }

  // Sends what the session has to say and tells what came of it: a stream that this side resets, or does not let out
  // any more, is closed when that is written, and the peer may never say another word.
  void settle() {
    for (bool told = false; !closed_ && !write_error_; told = true) {
      bool untold = false;
      {
        const std::lock_guard lock(io_mutex_);
        write_error_ = write_locked();
        untold = !write_error_ && !session_->events().empty();
      }
      if (untold) {
        tell();
        continue;
      }
      if (!told) return;
      renew_limit();
      if (is_over()) finish({});
      return;
    }
  }

  IoResult read_and_feed(Error& error, int64_t& kernel_ns) {
    std::unique_lock lock(io_mutex_, std::defer_lock);
    if (!full_duplex_) lock.lock();
    IoResult io = stream_->read(scratch_, kernel_ns);
    if (io.status != IoStatus::kOk) return io;
    if (!lock.owns_lock()) lock.lock();
    error = session_->feed({scratch_.data(), io.bytes});
    // Before anybody is told what came: who hears that there is room would put the next request here, where it cannot
    // leave.
    if (session_->leaving()) limit_.store(0, std::memory_order_relaxed);
    return io;
  }

  void drain() {
    size_t budget = options_.read_budget;
    while (!closed_) {
      int64_t kernel_ns = 0;
      Error error;
      const IoResult io = read_and_feed(error, kernel_ns);
      if (io.status == IoStatus::kAgain) {
        if (write_error_) finish(write_error_);
        return;
      }
      if (io.status == IoStatus::kEof) {
        return finish(write_error_ ? write_error_ : Error{Errc::kNone, 0, {}});
      }
      if (io.status == IoStatus::kError) return finish(write_error_ ? write_error_ : io.error);
      times_ = {kernel_ns, mono_ns()};
      tell();
      if (closed_) return;
      if (error) return finish(error);
      settle();  // window updates, acknowledgements, and what the listener has caused
      if (closed_) return;
      renew_limit();
      if (is_over()) return finish({});
      if (io.bytes >= budget) return loop_.resume_later(*this);
      budget -= io.bytes;
      if (full_duplex_ && io.bytes < scratch_.size() && !ended_ && !write_error_) return;
    }
  }

  [[nodiscard]] bool is_over() {
    const std::lock_guard lock(io_mutex_);
    return session_->over() || ((retiring_ || session_->leaving()) && session_->active().empty());
  }

  // What the last feed(), or write, noted. The listener may use the connection meanwhile, from here or other threads;
  // what that adds is told by settle().
  void tell() {
    {
      const std::lock_guard lock(io_mutex_);
      telling_.swap(session_->events());
      session_->events().clear();
    }
    bool room = false;
    for (const H2Event& event : telling_) {
      if (closed_) break;
      tell_one(event, room);
    }
    settle_told();
    if (closed_) return;
    if (room) listener_.on_room(*this);
    if (!closed_) listener_.on_batch_end();
  }

  // Lets the session know, of all that was told at once, what was taken and which streams are done with.
  void settle_told() {
    const std::lock_guard lock(io_mutex_);
    for (const H2Event& event : telling_) {
      H2Stream& stream = *event.stream;
      const bool over = event.kind == H2Event::Kind::kClosed;
      if (const size_t n = stream.taken + (over ? stream.unread : 0); n > 0) {
        // Of one that is over also what its reader has not taken: it would be missing from the connection's window.
        session_->consumed(stream, n);
        stream.taken = 0;
      }
      if (over) session_->recycle(&stream);
    }
    telling_.clear();
  }

  void tell_one(const H2Event& event, bool& room) {
    H2Stream& stream = *event.stream;
    switch (event.kind) {
      case H2Event::Kind::kHead:
        if (stream.wanted) listener_.on_head(stream.id, {stream.status, 2, 0, stream.fields}, times_);
        return;
      case H2Event::Kind::kBody:
        if (stream.wanted) listener_.on_body(stream.id, event.piece);
        if (closed_) return;
        (stream.held && stream.wanted ? stream.unread : stream.taken) += event.piece.size();
        return;
      case H2Event::Kind::kClosed:
        room = true;
        return tell_closed(stream, event.code);
    }
  }

  void tell_closed(H2Stream& stream, uint32_t code) {
    const RequestId id = stream.id;
    const bool wanted = stream.wanted || static_cast<bool>(stream.error);
    // A peer that has answered whole may then reset a request of which it needs no more (RFC 9113 section 8.1).
    const bool answered = stream.has_head && code == NGHTTP2_NO_ERROR && !stream.error;
    // It has heard the last of it, also should the connection end before the stream is recycled.
    stream.wanted = false;
    if (!wanted) return;
    if (answered) return listener_.on_done(id);
    if (stream.error) return listener_.on_failed(id, Error(stream.error), Sent::kMaybe);
    if (stream.unprocessed(code)) {
      return listener_.on_failed(id, {Errc::kHttp2Refused, static_cast<int32_t>(code), "the peer did not process it"},
                                 Sent::kNo);
    }
    listener_.on_failed(id, {Errc::kHttp2StreamReset, static_cast<int32_t>(code), nghttp2_http2_strerror(code)},
                        Sent::kMaybe);
  }

  void renew_limit() {
    uint32_t limit = 0;
    {
      const std::lock_guard lock(io_mutex_);
      if (!retiring_ && !session_->leaving() && !write_error_) limit = std::min(max_streams_, session_->peer_streams());
    }
    const uint32_t before = limit_.exchange(limit, std::memory_order_relaxed);
    if (limit > before) listener_.on_room(*this);
  }

  void tell_loop_of_failure(const Error& error) {
    (void)loop_.post([life = life_, error] {
      if (life->connection != nullptr) life->connection->finish(error);
    });
  }

  void release() noexcept {
    loop_.unwatch(fd_, *this);
    loop_.cancel_resume(*this);
    const std::lock_guard lock(io_mutex_);
    limit_.store(0, std::memory_order_relaxed);
    stream_.reset();
  }

  void finish(const Error& error) {
    if (closed_) return;
    const Error copy = error;
    closed_ = true;
    release();
    std::vector<std::pair<RequestId, Sent>> open;
    if (session_ != nullptr) {
      const std::lock_guard lock(io_mutex_);
      const std::vector<H2Event>& untold = session_->events();
      for (const auto& stream : session_->active()) {
        if (!stream->wanted) continue;
        // Submitted after the peer had said GOAWAY: it has never left.
        const bool held_back = std::any_of(untold.begin(), untold.end(), [&](const H2Event& event) {
          return event.kind == H2Event::Kind::kClosed && event.stream == stream.get() &&
                 stream->unprocessed(event.code);
        });
        open.emplace_back(stream->id, held_back ? Sent::kNo : Sent::kMaybe);
      }
    }
    const Error lost = copy ? copy : Error{Errc::kEof, 0, "the peer closed the connection"};
    const Error refused{Errc::kHttp2Refused, NGHTTP2_REFUSED_STREAM, "the peer retires the connection"};
    for (const auto& [id, sent] : open) listener_.on_failed(id, sent == Sent::kNo ? refused : lost, sent);
    listener_.on_closed(*this, copy);
  }

  Loop& loop_;
  std::unique_ptr<Stream> stream_;
  const int fd_;
  const bool full_duplex_;
  const ConnectionOptions options_;
  const uint32_t max_streams_;
  const std::span<uint8_t> scratch_;
  ConnectionListener& listener_;
  const std::shared_ptr<Life> life_ = std::make_shared<Life>();

  std::mutex io_mutex_;
  std::unique_ptr<H2Session> session_;  // under io_mutex_
  std::string out_;                     // under io_mutex_: what the kernel did not take
  bool flush_posted_ = false;           // under io_mutex_
  std::atomic<bool> unsent_{false};
  std::atomic<uint32_t> limit_;

  std::vector<H2Event> telling_;
  bool ended_ = false;
  bool retiring_ = false;
  bool closed_ = false;
  Error start_error_;
  Error write_error_;
  ReceiveTimes times_;
};

}  // namespace

std::unique_ptr<Connection> make_h2_connection(Loop& loop, std::unique_ptr<Stream> stream,
                                               const ConnectionOptions& options, uint32_t max_streams, bool secure,
                                               std::span<uint8_t> scratch, ConnectionListener& listener) {
  return std::make_unique<H2Connection>(loop, std::move(stream), options, max_streams, secure, scratch, listener);
}

}  // namespace tickwire::http
