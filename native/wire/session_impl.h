// The one kind of session there is; session.cc opens, closes and sends, session_receive.cc receives.
//
// Everything runs on the loop's thread, except ping() and send_queue_bytes(). finish() is the only way to the end: it
// takes the descriptor off the loop, stops timers and resumption, closes the stream and calls on_closed last. Nothing
// that is sent ends the session from inside: a write that fails is found by the next read. So the receiver is never
// pulled away below its own calls, except by a listener that aborts, which is why every return from a listener looks at
// the state.
#pragma once
#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/recv_buffer.h"
#include "net/stream.h"
#include "wire/session.h"

namespace tickwire::wire {

class SessionImpl final : public Session, private Watcher, private Resumable, private FrameSink {
 public:
  SessionImpl(Loop& loop, std::unique_ptr<Stream> stream, SessionOptions options, Receiver& receiver,
              const Subscriptions& subscriptions, SessionListener& listener, RecvBuffer ring)
      : loop_(loop),
        listener_(listener),
        receiver_(receiver),
        subscriptions_(subscriptions),
        options_(std::move(options)),
        stream_(std::move(stream)),
        fd_(stream_->fd()),
        full_duplex_(stream_->full_duplex_threads()),
        ring_(std::move(ring)) {
    life_->session = this;
  }
  ~SessionImpl() override {
    life_->session = nullptr;
    if (state_ != State::kClosed) release(false);
  }

  void start() override;
  [[nodiscard]] Result<void> ping(std::span<const uint8_t> payload) override;
  void close(uint16_t code, std::string_view reason, const Error& why) override;
  void abort(const Error& why) override { finish(why, true); }
  void resume() override;
  [[nodiscard]] size_t send_queue_bytes() const noexcept override { return queued_.load(std::memory_order_relaxed); }
  [[nodiscard]] Result<void> subscribe(std::span<const std::string> topics) override;
  [[nodiscard]] Result<void> unsubscribe(std::span<const std::string> topics) override;
  void definition_missing() override;

 private:
  enum class State : uint8_t {
    kIdle,
    kGreeting,  // Hello is under way
    kOpen,
    kLeaving,  // our Bye is under way; the sender's end has not come
    kClosed,
  };
  struct Life {
    SessionImpl* session = nullptr;
  };
  struct Asked {
    uint32_t request;
    std::vector<std::string> topics;
  };

  void on_ready(uint32_t ready) override;
  void on_resume() override;
  Flow on_frame(const Frame& frame) override;
  Flow on_quotes(const uint8_t* frames, size_t count, size_t& taken) override;

  void drain();
  void process();
  void after_frames(Flow flow);
  void come_to_the_end(const Error& error);
  void arm_deadlines();
  void report_damage();
  void pause();
  [[nodiscard]] Flow on_greeting(const Frame& frame);
  [[nodiscard]] bool on_own(const Frame& frame);
  void on_error(const ErrorMessage& error);
  void on_bye(const Bye& bye);
  void end_later(Error error);
  [[nodiscard]] bool floods();

  static constexpr size_t kPingRoom = 64;
  // Queues a frame of this type, whose payload `put` writes into at most `room` bytes. False: the queue is full.
  template <class Put>
  [[nodiscard]] bool send(Type type, size_t room, Put&& put) {
    uint8_t* const payload = begin_frame(room);
    if (payload == nullptr) return false;
    TlvWriter writer({payload, room});
    put(writer);
    return end_frame(type, room, writer.ok() ? writer.size() : room + 1);
  }
  [[nodiscard]] uint8_t* begin_frame(size_t room);
  [[nodiscard]] bool end_frame(Type type, size_t room, size_t payload_bytes);
  [[nodiscard]] bool send_part(const Subscriptions::Part& part);
  void send_asked();
  void flush();
  [[nodiscard]] uint32_t take_request() noexcept;

  void finish(const Error& error, bool reset);
  void release(bool reset) noexcept;
  void on_phase_timeout(int64_t now_ns);
  void on_life_timer(int64_t now_ns);
  void on_stall_timer(int64_t now_ns);
  void on_recovery_timer(int64_t now_ns);

  Loop& loop_;
  SessionListener& listener_;
  Receiver& receiver_;
  const Subscriptions& subscriptions_;
  const SessionOptions options_;
  std::unique_ptr<Stream> stream_;
  const int fd_;
  const bool full_duplex_;
  const std::shared_ptr<Life> life_ = std::make_shared<Life>();
  RecvBuffer ring_;
  FrameParser parser_;
  ParserCounters reported_;  // what on_damage() has told

  State state_ = State::kIdle;
  bool paused_ = false;
  bool unparsed_ = false;  // the ring holds something that no read will announce
  bool hung_up_ = false;   // the poller has seen the sender's end: read on until the stream says so too
  bool at_end_ = false;    // the stream has said so: final_error_
  Error final_error_;      // what on_closed will report, once that is settled
  Error write_error_;
  Error ending_;  // found inside a frame: the session ends behind it
  int64_t retry_after_ns_ = 0;
  ReceiveTimes times_;
  int64_t last_bytes_ns_ = 0;
  int64_t silence_ns_ = 0;
  int64_t last_asked_ns_ = 0;
  int64_t ping_window_ns_ = 0;
  uint32_t pings_ = 0;
  uint32_t next_request_ = 1;
  std::deque<Asked> asked_;  // subscriptions by request, the youngest kMaxAsked
  static constexpr size_t kMaxAsked = 1024;

  std::vector<uint8_t> out_;  // frames for the kernel; from out_head_ on they are not taken yet
  size_t out_head_ = 0;
  std::atomic<size_t> queued_{0};

  MemberTimer<SessionImpl, &SessionImpl::on_phase_timeout> phase_timer_{*this};
  MemberTimer<SessionImpl, &SessionImpl::on_life_timer> life_timer_{*this};
  MemberTimer<SessionImpl, &SessionImpl::on_stall_timer> stall_timer_{*this};
  MemberTimer<SessionImpl, &SessionImpl::on_recovery_timer> recovery_timer_{*this};
};

}  // namespace tickwire::wire
