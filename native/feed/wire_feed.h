// A market-data feed in the wire format, from a hub over TCP or TLS, or from a segment of shared memory. What it has in
// common with other feeds is FeedCore's; here are subscriptions, decoding, and what becomes of gaps and damage.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "feed/feed_core.h"
#include "feed/options.h"
#include "wire/receiver.h"
#include "wire/row_decoder.h"
#include "wire/session.h"
#include "wire/subscriptions.h"

namespace tickwire::feed {

// The listeners come first: their calls, one for each run of messages, then need no adjustment of the pointer.
class WireFeed final : private wire::ReceiverListener, private wire::SessionListener, public FeedCore {
 public:
  // From any thread: touches nothing that the loop uses.
  [[nodiscard]] static Result<std::unique_ptr<WireFeed>> create(Channel& channel, WireFeedOptions options,
                                                                uint16_t handle);

  // On the loop's thread; remembered for every connection to come.
  void subscribe(const std::vector<std::string>& topics, const wire::TopicFilter& filter);
  void unsubscribe(const std::vector<std::string>& topics);

 private:
  WireFeed(Channel& channel, WireFeedOptions& options, uint16_t handle);
  [[nodiscard]] std::unique_ptr<SessionSource> make_source(WireFeedOptions& options);

  // ReceiverListener
  wire::Flow on_message(const wire::Frame& frame, const ReceiveTimes& times) override;
  wire::Flow on_quotes(const uint8_t* frames, size_t count, size_t& taken, const ReceiveTimes& times) override;
  void on_topics(const wire::Topics& topics) override;
  void on_symbols(const wire::Symbols& symbols) override;
  void on_gap(const wire::Gap& gap) override;
  void on_duplicate() override;
  void on_conflated(uint64_t count) override;
  void on_discarded(uint64_t count) override;
  void on_unusable(const wire::Frame& frame, wire::Unusable why) override;

  // SessionListener
  void on_open(const wire::Opened& info) override;
  void on_damage(const wire::ParserCounters& since_last) override;
  void on_heartbeat() override;
  void on_overrun(uint64_t records) override;
  void on_pong(std::span<const uint8_t> payload) override { FeedCore::on_pong(payload); }
  void on_ping() override;
  void on_refused(const wire::ErrorMessage& error, std::span<const std::string> topics) override;
  void on_bytes(size_t n) override { count_read(n); }
  void on_batch_end() override { end_of_read(); }
  void on_closed(const Error& error, int64_t retry_after_ns) override;

  [[nodiscard]] wire::Flow on_raw(const wire::Frame& frame, const ReceiveTimes& times);
  void not_decoded(const decode::DecodeOutcome& outcome, std::span<const uint8_t> frame, const ReceiveTimes& times);
  void refuse_kind(decode::Malformed kind, uint64_t count, std::span<const uint8_t> frame);
  // Every session of this feed is one of its source's.
  [[nodiscard]] wire::Session* wire_session() noexcept { return static_cast<wire::Session*>(session()); }

  const wire::SessionOptions session_options_;
  wire::Subscriptions subscriptions_;
  wire::Receiver receiver_;
  std::optional<wire::RowDecoder> decoder_;  // none: raw frames
  decode::RowBatch batch_;
  std::vector<uint8_t> scratch_;  // a masked frame, as it was sent
};

}  // namespace tickwire::feed
