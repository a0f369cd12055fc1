// A wire feed on the reader's own thread, for tests of what reaches the ring.
#pragma once
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "feed/wire_feed.h"
#include "feed_fixture.h"
#include "tcp_peer.h"
#include "wire_session_rig.h"

namespace tickwire::wire::testing {

constexpr int64_t kFeedMs = 1'000'000;

struct FeedRecords {
  std::vector<std::string> states;  // "to:REASON"
  std::vector<std::string> raws;
  std::vector<tickwire::test::Record> rows;
  std::vector<std::string> gaps;  // "topic from-to cause fate"
  std::vector<std::string> subscribed;
  std::vector<std::string> refused;
  std::vector<int> malformed;
  std::string opened;

  void take(const tickwire::test::Record& r) {
    switch (r.kind) {
      case RecordKind::kState: {
        const auto to = static_cast<feed::State>(r.byte(17));
        states.push_back(std::to_string(static_cast<int>(to)) + ":" +
                         errc_name(static_cast<Errc>(r.byte(18) | r.byte(19) << 8)));
        if (to == feed::State::kConnected) opened = r.text(40, r.high(3));
        break;
      }
      case RecordKind::kBinary:
        raws.push_back(r.text(32, r.low(3)));
        break;
      case RecordKind::kRow:
        rows.push_back(r);
        break;
      case RecordKind::kMalformed:
        malformed.push_back(r.byte(16));
        break;
      case RecordKind::kSequenceGap:
        gaps.push_back(r.text(40, r.high(4)) + " " + std::to_string(r.words.at(2)) + "-" +
                       std::to_string(r.words.at(3)) + " " + std::to_string(r.byte(32)) + " " +
                       std::to_string(r.byte(33)));
        break;
      case RecordKind::kSubscribed:
        subscribed.push_back(r.text(32, r.low(3)) + "@" + std::to_string(r.words.at(2)));
        break;
      case RecordKind::kRefused: {
        const uint32_t text = r.high(2);
        refused.push_back(std::to_string(r.byte(16)) + ":" + r.text(32, text) + ":" + r.text(32 + text, r.low(3)));
        break;
      }
      default:
        FAIL("a record of kind " << static_cast<int>(r.kind));
    }
  }
  [[nodiscard]] size_t reached(feed::State s) const {
    size_t n = 0;
    for (const std::string& state : states) n += state[0] == '0' + static_cast<int>(s) ? 1 : 0;
    return n;
  }
};

struct WireFeedRig {
  explicit WireFeedRig(feed::WireFeedOptions options, size_t ring = EventRing::kMinCapacity) : channel(ring) {
    options.stats = stats.span();
    options.ring_window = static_cast<uint32_t>(ring / 2);
    options.pending_bytes = 16 << 10;
    options.reconnect.first_ns = 5 * kFeedMs;
    options.reconnect.max_ns = 20 * kFeedMs;
    options.reconnect.storm_floor_ns = 0;
    auto made = feed::WireFeed::create(channel.channel, std::move(options), 9);
    REQUIRE_MESSAGE(made.ok(), made.error().text);
    feed = std::move(made.value());
  }
  bool run(const std::function<bool()>& done, int64_t ms = 10'000) {
    const int64_t until = channel.loop->refresh_now() + ms * kFeedMs;
    while (!done()) {
      if (channel.loop->refresh_now() > until) return false;
      channel.loop->run_once(kFeedMs);
      if (reading) read();
    }
    return true;
  }
  void run_for(int64_t ms) {
    (void)run([] { return false; }, ms);
  }
  void read() {
    tickwire::test::Record r;
    while (channel.reader.next(r)) seen.take(r);
    REQUIRE_FALSE(channel.reader.corrupt());
    if (channel.reader.free()) channel.channel.on_nudge();
  }
  [[nodiscard]] uint64_t count(feed::Counter c) { return stats.get(c); }

  tickwire::test::StatsMemory stats;
  tickwire::test::ChannelRig channel;
  FeedRecords seen;
  bool reading = true;
  std::unique_ptr<feed::WireFeed> feed;
};

}  // namespace tickwire::wire::testing
