// A feed with a server of its own, and what it told its reader.
#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "feed/feed.h"
#include "feed_fixture.h"
#include "loop/loop_thread.h"
#include "ws_server.h"

namespace tickwire::feed::feed_test {

using tickwire::test::ChannelRig;
using tickwire::test::Record;
using tickwire::test::ServerConnection;
using tickwire::test::StatsMemory;
using tickwire::test::WsServer;

inline constexpr int64_t kMs = 1'000'000;
inline constexpr int64_t kSecond = 1'000 * kMs;
inline constexpr uint16_t kHandle = 77;

struct StateSeen {
  State from;
  State to;
  Errc reason;
  int32_t detail;
  uint32_t attempt;
  double delay_ms;
  std::string text;
};

inline StateSeen state_of(const Record& r) {
  return {static_cast<State>(r.byte(16)),
          static_cast<State>(r.byte(17)),
          static_cast<Errc>(r.byte(18) | r.byte(19) << 8),
          static_cast<int32_t>(r.low(3)),
          r.high(2),
          r.number(4),
          r.text(40, r.high(3))};
}

// Everything that came out of the ring, by kind.
struct Seen {
  void take(const Record& r) {
    REQUIRE(r.feed == kHandle);
    switch (r.kind) {
      case RecordKind::kState:
        states.push_back(state_of(r));
        break;
      case RecordKind::kText:
      case RecordKind::kBinary:
        messages.push_back(r.text(32, r.low(3)));
        break;
      case RecordKind::kRow:
        rows.push_back(r);
        break;
      case RecordKind::kMalformed:
        malformed.push_back(r);
        break;
      case RecordKind::kPong:
        pongs.push_back(r.number(2));
        break;
      default:
        others.push_back(r);
    }
    last = r.kind;
  }
  [[nodiscard]] bool reached(State s, size_t times = 1) const {
    size_t n = 0;
    for (const auto& state : states) n += state.to == s ? 1 : 0;
    return n >= times;
  }
  [[nodiscard]] const StateSeen& first(State to) const {
    for (const auto& state : states) {
      if (state.to == to) return state;
    }
    FAIL("state not reached");
    return states.front();
  }
  std::vector<StateSeen> states;
  std::vector<std::string> messages;
  std::vector<Record> rows;
  std::vector<Record> malformed;
  std::vector<double> pongs;
  std::vector<Record> others;
  RecordKind last = RecordKind::kPad;
};

inline FeedOptions options_for(uint16_t port) {
  FeedOptions o;
  o.target.host = "127.0.0.1";
  o.target.port = port;
  o.target.timeout_ns = 5 * kSecond;
  o.session.handshake.host_header = "127.0.0.1";
  o.session.handshake.path = "/feed";
  o.session.handshake_timeout_ns = 5 * kSecond;
  o.session.close_timeout_ns = kSecond;
  o.session.recv_buffer = 64 << 10;
  o.reconnect.first_ns = 5 * kMs;
  o.reconnect.max_ns = 20 * kMs;
  o.reconnect.storm_floor_ns = 0;
  o.ring_window = 32 << 10;
  o.pending_bytes = 16 << 10;
  return o;
}

// A feed, and a reader on the same thread.
struct Rig {
  explicit Rig(FeedOptions options, size_t ring = EventRing::kMinCapacity) : channel(ring) { make(std::move(options)); }
  void make(FeedOptions options) {
    options.stats = stats.span();
    auto made = Feed::create(channel.channel, std::move(options), kHandle);
    REQUIRE_MESSAGE(made.ok(), made.error().text);
    feed = std::move(made.value());
  }
  void read(size_t limit = SIZE_MAX) {
    Record r;
    for (size_t n = 0; n < limit && channel.reader.next(r); ++n) seen.take(r);
    REQUIRE_FALSE(channel.reader.corrupt());
    if (channel.reader.free()) channel.channel.on_nudge();
  }
  void turn() {
    channel.loop->run_once(kMs);
    if (reading) read();
  }
  bool run(const std::function<bool()>& done, int64_t ms = 10'000) {
    const int64_t until = channel.loop->refresh_now() + ms * kMs;
    while (!done()) {
      if (channel.loop->refresh_now() > until) return false;
      turn();
    }
    return true;
  }
  bool run_until(State s, size_t times = 1) {
    return run([&] { return seen.reached(s, times); });
  }
  void run_for(int64_t ms) {
    (void)run([] { return false; }, ms);
  }
  void open() {
    feed->open();
    REQUIRE(run_until(State::kConnected));
  }
  [[nodiscard]] uint64_t count(Counter c) { return stats.get(c); }

  StatsMemory stats;
  ChannelRig channel;
  Seen seen;
  bool reading = true;
  std::unique_ptr<Feed> feed;
};

inline std::span<const uint8_t> bytes_of(std::string_view s) {
  return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
}

// A port where nobody listens.
inline uint16_t closed_port() { return net_test::Listener().port(); }

inline decode::Schema ticker_schema() {
  auto schema = decode::compile_schema(R"({"shapes":[{"name":"t","words":6,"keyField":0,"fields":[
    {"name":"symbol","type":"symbol","path":["s"],"slot":3},
    {"name":"bid","type":"number","path":["b"],"slot":4},
    {"name":"n","type":"int64","path":["n"],"slot":5}]}]})");
  REQUIRE_MESSAGE(schema.ok(), schema.error().text);
  return std::move(schema.value());
}

inline std::string ticker(const std::string& symbol, double bid, uint64_t n) {
  return R"({"s":")" + symbol + R"(","b":)" + std::to_string(bid) + R"(,"n":)" + std::to_string(n) + "}";
}

}  // namespace tickwire::feed::feed_test
