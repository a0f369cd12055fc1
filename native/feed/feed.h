// A market-data feed over WebSocket. What it has in common with other feeds is FeedCore's; here are handshake,
// greeting, decoding and sending. send() and send_batch() may be called from any thread.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "decode/decoder.h"
#include "feed/arbiter.h"
#include "feed/book_stage.h"
#include "feed/feed_core.h"
#include "feed/options.h"
#include "feed/tap.h"
#include "ws/session.h"

namespace tickwire::feed {

// The listener comes first: its calls, one for each message, then need no adjustment of the pointer.
class Feed final : private ws::SessionListener, public FeedCore {
 public:
  // From any thread: touches nothing that the loop uses.
  [[nodiscard]] static Result<std::unique_ptr<Feed>> create(Channel& channel, FeedOptions options, uint16_t handle);
  ~Feed() override;

  // What is sent first on later connections. `number` goes into the statistics with the connection that got it. On the
  // loop's thread.
  void set_greeting(std::vector<Greeting> greeting, uint32_t number);

  [[nodiscard]] Result<void> send(ws::Opcode opcode, std::span<const uint8_t> payload);
  [[nodiscard]] Result<void> send_batch(std::span<const ws::Message> messages);

 private:
  Feed(Channel& channel, FeedOptions options, uint16_t handle);

  void on_open(const ws::HandshakeResult& result) override;
  ws::Flow on_message(const ws::Message& message, const ReceiveTimes& times) override;
  void on_pong(std::span<const uint8_t> payload) override { FeedCore::on_pong(payload); }
  void on_ping(std::span<const uint8_t> payload) override;
  void on_batch_end() override {
    if (books_) books_->end_of_read();
    if (arbiter_ != nullptr && arbiter_->in_order()) arbiter_->end_of_read();
    end_of_read();
  }
  void on_bytes(size_t n) override { count_read(n); }
  void on_closed(const Error& error, bool clean) override;
  void send_app_ping(std::string_view text) override;
  bool keeps_rows() const override { return kept_; }
  bool offer_kept() override;
  void on_session_gone() override;

  void tap(Tap::Kind kind, ws::Opcode opcode, std::span<const uint8_t> bytes, int64_t time_ns) noexcept;
  [[nodiscard]] bool deliver_kept(bool& is_done);
  [[nodiscard]] bool arbiter_has_room();
  [[nodiscard]] bool pass_arbiter(const ReceiveTimes& times);
  [[nodiscard]] bool deliver_first(const decode::DecodeOutcome& outcome, const ReceiveTimes& times);
  [[nodiscard]] bool deliver_rest(const decode::DecodeOutcome& outcome, const ReceiveTimes& times);
  [[nodiscard]] bool deliver(const ws::Message& message, const ReceiveTimes& times);
  // Every session of this feed is one of its source's.
  [[nodiscard]] static ws::Session& own(SessionControl& session) noexcept { return static_cast<ws::Session&>(session); }

  const ws::SessionOptions session_options_;
  std::vector<Greeting> greeting_;
  uint32_t greeting_number_ = 0;
  std::unique_ptr<decode::Decoder> decoder_;
  decode::RowBatch batch_;
  std::optional<BookStage> books_;
  std::optional<Tap> tap_;
  bool tapped_ = false;       // the message that was refused is in the tap already, and will be offered again
  std::vector<bool> notice_;  // by shape; empty when there is none
  std::shared_ptr<Arbiter> arbiter_;
  const uint32_t path_;
  uint32_t lane_ = 0;          // of the connection, as the arbiter knows it; 0 = none
  bool kept_ = false;          // batch_ holds rows that passed and found no room
  bool kept_refused_ = false;  // they are of the message that the session will offer again
  ReceiveTimes kept_times_;
};

}  // namespace tickwire::feed
