// What every feed is, whatever it speaks: one session at a time, kept up by its reconnection policy and heartbeat, its
// rows published into the event ring, its states, counters and samples. A kind of feed derives from it, brings the
// source of its sessions, listens to them, and calls back into the protected part.
//
// States (docs/architecture.md has the drawing): disconnected → connecting → connected → reconnecting → connecting …;
// closing from any of them; disconnected again when closed or given up, which is announced exactly once and is the last
// record of a feed until it is opened again.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decode/decoder.h"
#include "feed/channel.h"
#include "feed/heartbeat.h"
#include "feed/options.h"
#include "feed/publisher.h"
#include "feed/reconnect_schedule.h"
#include "feed/records.h"
#include "feed/session_source.h"
#include "feed/stats.h"

namespace tickwire::feed {

// Lives on the loop's thread; ping(), send_queue_bytes() and handle() may be called from any thread.
class FeedCore : public ChannelTenant, private SourceListener, private HeartbeatListener, private SpaceListener {
 public:
  ~FeedCore() override;  // abandons whatever is going on, silently; not from inside one of its own callbacks
  FeedCore(const FeedCore&) = delete;
  FeedCore& operator=(const FeedCore&) = delete;

  void open();  // nothing when it is open already
  void close(uint16_t code, std::string_view reason);
  void abort();      // like close(), without taking leave
  void reconnect();  // drops the connection and goes through the policy

  [[nodiscard]] Result<void> ping();
  [[nodiscard]] size_t send_queue_bytes();
  [[nodiscard]] uint16_t handle() const noexcept override { return handle_; }

 protected:
  // From any thread, as prepare(): they touch nothing that the loop uses. `closed_by_user` is the reason of an end that
  // close() asked for.
  FeedCore(Channel& channel, CoreOptions options, uint16_t handle, Errc closed_by_user);
  [[nodiscard]] Result<void> prepare(Channel& channel, std::unique_ptr<SessionSource> source);

  // The session's reports. Opening: counted() first, then what the peer shall hear before anybody else may send, then
  // opened(), which lets senders in and tells JS.
  void counted_as_connected();
  void opened(std::string_view info);
  // `not_before_ns`: the peer asks not to be connected to sooner; the policy's longest delay bounds that.
  void closed(const Error& error, int64_t not_before_ns = 0);
  // The peer has answered with the status that is the error's detail. Where it wants nobody before so much time has
  // gone (0: what the connect limit knows of this status), that holds for all feeds of the limit, however short the
  // policy's delays are: who connects all the same is banned for longer.
  void refused(const Error& error, int64_t wait_ns);
  void on_pong(std::span<const uint8_t> payload);

  void count_read(size_t n) noexcept {
    stats_.add(Counter::kReads);
    stats_.add(Counter::kBytes, n);
    publisher_->begin_read();
  }
  // A message of so many bytes was delivered, or refused for good.
  void taken(size_t bytes, const ReceiveTimes& times) noexcept {
    stats_.add(Counter::kMessages);
    stats_.add(Counter::kPayloadBytes, bytes);
    if (schedule_.attempts() != 0) schedule_.on_data();
    heartbeat_.on_data(times.rx_ns);
    read_times_ = times;
    ++read_messages_;
  }
  void taken(uint64_t messages, size_t bytes, const ReceiveTimes& times) noexcept {
    if (messages == 0) return;
    taken(bytes, times);
    stats_.add(Counter::kMessages, messages - 1);
    read_messages_ += messages - 1;
  }
  // The publisher had no room for a message: the session is paused in front of it, and resumed when there is.
  [[gnu::cold]] void pause() noexcept;
  // Counts a message that could not be decoded, and samples it at a bounded rate.
  [[gnu::cold]] void refuse(const decode::DecodeOutcome& outcome, std::span<const uint8_t> message,
                            const ReceiveTimes& times);
  // All messages of one read have been delivered.
  void end_of_read();

  // Rows that an arbiter has let pass are not made again: a feed that could not publish them keeps them, beyond the end
  // of their connection, and offers them again as soon as there is room. A feed does not end before, unless it is
  // aborted.
  [[nodiscard]] virtual bool keeps_rows() const { return false; }
  [[nodiscard]] virtual bool offer_kept() { return true; }  // true: nothing is kept any more
  virtual void on_session_gone() {}

  // Application pings are a matter of the protocol; those without them ignore it.
  void send_app_ping(std::string_view) override {}

  [[nodiscard]] Loop& loop() noexcept { return loop_; }
  [[nodiscard]] const CoreOptions& options() const noexcept { return options_; }
  [[nodiscard]] Stats& stats() noexcept { return stats_; }
  [[nodiscard]] Publisher& publisher() noexcept { return *publisher_; }
  [[nodiscard]] const StreamInfo& stream_info() const noexcept { return stream_info_; }
  // On the loop's thread the session may be used as it is; other threads use with_session().
  [[nodiscard]] SessionControl* session() noexcept { return session_.get(); }
  // From any thread: calls `use` with the open session, or answers kNotOpen. The session stays until it returns.
  template <class Use>
  [[nodiscard]] Result<void> with_session(Use&& use) {
    const std::lock_guard lock(session_mutex_);
    if (!session_open_) return Error{Errc::kNotOpen, 0, {}};
    return use(*session_);
  }

 private:
  void on_session(std::unique_ptr<SessionControl> session, const StreamInfo& info) override;
  void on_no_session(const Error& error) override;
  void on_dead(Errc why) override;
  void on_round_trip(int64_t ns) override;
  void on_space() override;
  void on_retry_timer(int64_t now_ns);

  void start_attempt();
  void pass_gate();
  void session_ended(const Error& error, int64_t not_before_ns);
  void attempt_failed(const Error& error, int64_t not_before_ns = 0);
  void finish(const Error& error);
  void move_to(State to, const Error& reason, double delay_ms, std::string_view text);
  void drop_session();
  [[nodiscard]] bool is_users_ping(int64_t sent_ns);

  Loop& loop_;
  const CoreOptions options_;
  const uint16_t handle_;
  const Errc closed_by_user_;
  Stats stats_;
  ReconnectSchedule schedule_;
  HeartbeatMonitor heartbeat_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<SessionSource> source_;
  std::shared_ptr<ConnectGate> gate_;

  std::mutex session_mutex_;  // guards the pointer against senders; never held while a listener is called
  std::unique_ptr<SessionControl> session_;
  static constexpr size_t kMaxUserPings = 64;
  std::vector<int64_t> user_pings_;  // under session_mutex_: send times of ping()s that wait for their pong
  bool session_open_ = false;        // under session_mutex_
  StreamInfo stream_info_;
  bool had_connection_ = false;
  bool paused_ = false;
  bool at_gate_ = false;        // the retry timer waits for the gate
  std::optional<Error> ended_;  // by this, once what is kept is published
  ReceiveTimes read_times_;
  uint64_t read_messages_ = 0;
  int64_t next_sample_ns_ = 0;
  uint32_t samples_suppressed_ = 0;
  MemberTimer<FeedCore, &FeedCore::on_retry_timer> retry_timer_{*this};
};

}  // namespace tickwire::feed
