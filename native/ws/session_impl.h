// The one kind of session there is; session.cc opens, closes and sends, session_receive.cc receives.
//
// Life and destruction
//
// Everything here runs on the loop's thread, except send(), send_batch(), ping() and send_queue_bytes(), which touch
// nothing but the FrameSender and the Life below.
//
//  1. finish() is the only way to the end. It takes the descriptor off the loop, stops timers and resumption, detaches
//  the
//     sender (under its mutex, so that no other thread is inside the stream), closes the stream, and calls on_closed
//     last.
//  2. Memory stays whole until the destructor. The listener may therefore close or abort from inside any callback: the
//  parser
//     below it finds the state kClosed when the callback returns and leaves without a further look at the stream.
//  3. From inside a callback the session is released by Loop::defer_delete; elsewhere on the loop's thread it may
//  simply be
//     destroyed. Destroyed before on_closed it closes silently.
//  4. The owner sees to it that no other thread is inside send() and the like when the session is destroyed.
//  5. Other threads reach the loop by post(), with a share in Life instead of a pointer to the session. The destructor
//     empties Life, so that a task which runs later does nothing.
#pragma once
#include <atomic>
#include <memory>
#include <utility>

#include "net/stream.h"
#include "ws/frame_sender.h"
#include "ws/session.h"

namespace tickwire::ws {

class SessionImpl final : public Session, private Watcher, private Resumable, private FrameSink {
 public:
  SessionImpl(Loop& loop, std::unique_ptr<Stream> stream, SessionOptions options, SessionListener& listener,
              ClientHandshake handshake, RecvBuffer ring)
      : loop_(loop),
        listener_(listener),
        options_(std::move(options)),
        stream_(std::move(stream)),
        fd_(stream_->fd()),
        full_duplex_(stream_->full_duplex_threads()),
        sender_(*stream_, options_.max_send_queue),
        handshake_(std::move(handshake)),
        parser_(Role::kClient, options_.limits),
        ring_(std::move(ring)) {
    life_->session = this;
  }

  ~SessionImpl() override {
    life_->session = nullptr;
    if (state_ == State::kClosed) return;
    release(false);
  }

  [[nodiscard]] Result<void> prepare() { return sender_.seed_masks(); }

  [[nodiscard]] int64_t retry_after_ns() const noexcept override {
    return int64_t{handshake_.retry_after_s()} * 1'000'000'000;
  }
  void start() override;
  [[nodiscard]] Result<void> send(Opcode opcode, std::span<const uint8_t> payload) override;
  [[nodiscard]] Result<void> send_batch(std::span<const Message> messages) override;
  [[nodiscard]] Result<void> ping(std::span<const uint8_t> payload) override;
  void close(uint16_t code, std::string_view reason, const Error& why) override;
  void abort(const Error& why) override { finish(why, false, true); }
  void resume() override;
  [[nodiscard]] size_t send_queue_bytes() const noexcept override { return sender_.queued_bytes(); }

 private:
  enum class State : uint8_t {
    kIdle,
    kHandshake,
    kOpen,
    kClosing,   // our close frame is under way, the peer's has not come
    kDraining,  // nothing more is parsed; waiting for the peer to end the connection
    kClosed,
  };
  struct Life {
    SessionImpl* session = nullptr;
  };

  void on_ready(uint32_t ready) override;
  void on_resume() override { drain(); }
  Flow on_message(const Message& message) override;
  Flow on_control(Opcode opcode, std::span<const uint8_t> payload) override;
  Flow on_close(uint16_t code, std::span<const uint8_t> reason) override;

  void drain();
  [[nodiscard]] IoResult read(std::span<uint8_t> into, int64_t& kernel_ns);
  void process();
  void process_handshake();
  void process_frames();
  void open();
  void violate(const Error& error);
  void enter_draining();
  void pause();
  bool one_ping_less() noexcept;
  [[nodiscard]] bool floods();
  [[nodiscard]] Error ending(const Error& transport) const;
  [[nodiscard]] bool clean() const noexcept { return peer_closed_ && sender_.close_flushed(); }
  void finish(const Error& error, bool clean, bool reset);
  void release(bool reset) noexcept;

  void after_write();
  void on_write_failed();
  void retry_flush();
  void on_phase_timeout(int64_t now_ns);
  void on_flush_timer(int64_t now_ns);
  template <void (SessionImpl::*Method)()>
  void tell_loop() {
    // A loop that was closed has no use for it.
    static_cast<void>(loop_.post([life = life_] {
      if (life->session != nullptr) (life->session->*Method)();
    }));
  }

  Loop& loop_;
  SessionListener& listener_;
  const SessionOptions options_;
  std::unique_ptr<Stream> stream_;
  const int fd_;
  const bool full_duplex_;
  const std::shared_ptr<Life> life_ = std::make_shared<Life>();
  FrameSender sender_;
  ClientHandshake handshake_;
  FrameParser parser_;
  RecvBuffer ring_;

  State state_ = State::kIdle;
  bool paused_ = false;
  bool unparsed_ = false;     // the ring (or the parser) holds something that no read will announce
  bool ended_ = false;        // the poller has seen the peer's end: read on until the stream says so too
  bool peer_closed_ = false;  // its close frame came
  ReceiveTimes times_;
  Error final_error_;  // what on_closed will report, once that is settled
  Error violation_;    // found inside a parser's callback
  int64_t control_window_ = 0;
  uint32_t control_frames_ = 0;
  std::atomic<uint32_t> pings_out_{0};
  MemberTimer<SessionImpl, &SessionImpl::on_phase_timeout> phase_timer_{*this};
  MemberTimer<SessionImpl, &SessionImpl::on_flush_timer> flush_timer_{*this};
};

}  // namespace tickwire::ws
