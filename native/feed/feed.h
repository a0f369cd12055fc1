// A market-data feed: one WebSocket connection at a time, kept up by its reconnection policy and heartbeat, decoded and
// published into the event ring. Lives on the loop's thread; send(), send_batch(), ping() and send_queue_bytes() may be
// called from any thread.
//
// States (docs/architecture.md has the drawing): disconnected → connecting → connected → reconnecting → connecting …;
// closing from any of them; disconnected again when closed or given up, which is announced exactly once and is the last
// record of a feed until it is opened again.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "decode/decoder.h"
#include "feed/channel.h"
#include "feed/heartbeat.h"
#include "feed/options.h"
#include "feed/publisher.h"
#include "feed/reconnect_schedule.h"
#include "feed/records.h"
#include "feed/stats.h"

namespace tickwire::feed {

class Feed final : private ws::SessionListener,
                   private ConnectListener,
                   private HeartbeatListener,
                   private SpaceListener {
 public:
  // From any thread: touches nothing that the loop uses. Everything else below, but where it says so, is for the loop's
  // thread.
  [[nodiscard]] static Result<std::unique_ptr<Feed>> create(Channel& channel, FeedOptions options, uint16_t handle);
  ~Feed() override;  // abandons whatever is going on, silently; not from inside one of its own callbacks
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // From the loop's thread.
  void open();  // nothing when it is open already
  void close(uint16_t code, std::string_view reason);
  void abort();      // like close(), without the closing handshake
  void reconnect();  // drops the connection and goes through the policy

  // From any thread.
  [[nodiscard]] Result<void> send(ws::Opcode opcode, std::span<const uint8_t> payload);
  [[nodiscard]] Result<void> send_batch(std::span<const ws::Message> messages);
  [[nodiscard]] Result<void> ping();
  [[nodiscard]] size_t send_queue_bytes();
  [[nodiscard]] uint16_t handle() const noexcept { return handle_; }

 private:
  Feed(Channel& channel, FeedOptions options, uint16_t handle);

  void on_open(const ws::HandshakeResult& result) override;
  ws::Flow on_message(const ws::Message& message, const ws::ReceiveTimes& times) override;
  void on_pong(std::span<const uint8_t> payload) override;
  void on_ping(std::span<const uint8_t> payload) override;
  void on_batch_end() override;
  void on_bytes(size_t n) override;
  void on_closed(const Error& error, bool clean) override;
  void on_connected(std::unique_ptr<Stream> stream, const StreamInfo& info) override;
  void on_connect_failed(const Error& error) override;
  void on_dead(Errc why) override;
  void on_round_trip(int64_t ns) override;
  void on_space() override;
  void on_retry_timer(int64_t now_ns);

  void start_attempt();
  void attempt_failed(const Error& error);
  void finish(const Error& error);
  void move_to(State to, const Error& reason, double delay_ms, std::string_view text);
  void drop_session();
  void drop_connector();
  [[nodiscard]] bool deliver(const ws::Message& message, const ws::ReceiveTimes& times);
  void refuse(const decode::DecodeOutcome& outcome, const ws::Message& message, const ws::ReceiveTimes& times);

  Loop& loop_;
  FeedOptions options_;
  uint16_t handle_;
  Stats stats_;
  ReconnectSchedule schedule_;
  HeartbeatMonitor heartbeat_;
  std::unique_ptr<decode::Decoder> decoder_;
  decode::RowBatch batch_;
  std::unique_ptr<Publisher> publisher_;

  std::unique_ptr<Connector> connector_;
  std::mutex session_mutex_;  // guards the pointer against senders; never held while a listener is called
  std::unique_ptr<ws::Session> session_;
  static constexpr size_t kMaxUserPings = 64;
  std::vector<int64_t> user_pings_;  // under session_mutex_: send times of ping()s that wait for their pong
  bool session_open_ = false;        // under session_mutex_
  StreamInfo stream_info_;
  bool had_connection_ = false;
  bool paused_ = false;
  ws::ReceiveTimes batch_times_;
  uint64_t batch_messages_ = 0;
  int64_t next_sample_ns_ = 0;
  uint32_t samples_suppressed_ = 0;
  MemberTimer<Feed, &Feed::on_retry_timer> retry_timer_{*this};
};

}  // namespace tickwire::feed
