#include "feed/feed.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <random>
#include <thread>

#include "feed_fixture.h"
#include "loop/loop_thread.h"
#include "ws_server.h"

using namespace tickwire;
using namespace tickwire::feed;
using test::ChannelRig;
using test::Record;
using test::ServerConnection;
using test::StatsMemory;
using test::WsServer;

namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMs;
constexpr uint16_t kHandle = 77;

struct StateSeen {
  State from;
  State to;
  Errc reason;
  int32_t detail;
  uint32_t attempt;
  double delay_ms;
  std::string text;
};

StateSeen state_of(const Record& r) {
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

FeedOptions options_for(uint16_t port) {
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

std::span<const uint8_t> bytes_of(std::string_view s) { return {reinterpret_cast<const uint8_t*>(s.data()), s.size()}; }

// A port where nobody listens.
uint16_t closed_port() { return net_test::Listener().port(); }

decode::Schema ticker_schema() {
  auto schema = decode::compile_schema(R"({"shapes":[{"name":"t","words":6,"keyField":0,"fields":[
    {"name":"symbol","type":"symbol","path":["s"],"slot":3},
    {"name":"bid","type":"number","path":["b"],"slot":4},
    {"name":"n","type":"int64","path":["n"],"slot":5}]}]})");
  REQUIRE_MESSAGE(schema.ok(), schema.error().text);
  return std::move(schema.value());
}

std::string ticker(const std::string& symbol, double bid, uint64_t n) {
  return R"({"s":")" + symbol + R"(","b":)" + std::to_string(bid) + R"(,"n":)" + std::to_string(n) + "}";
}

}  // namespace

TEST_CASE("feed: connects, delivers, closes") {
  std::atomic<bool> closed_well{false};
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    for (const char* text : {"one", "two", "three"}) c.text(text);
    c.frame(ws::test::binary({1, 2, 3}));
    const std::string event = c.receive();
    closed_well = event == "close:1001:bye";
    c.frame(ws::test::close_frame(1001));
    (void)c.receive();
  });
  Rig rig(options_for(server.port()));
  CHECK(rig.feed->send(ws::Opcode::kText, bytes_of("early")).error().code == Errc::kNotOpen);
  CHECK(rig.feed->ping().error().code == Errc::kNotOpen);
  CHECK(rig.feed->send_queue_bytes() == 0);
  CHECK(rig.feed->handle() == kHandle);
  rig.feed->open();
  rig.feed->open();  // nothing happens
  REQUIRE(rig.run([&] { return rig.seen.messages.size() == 4; }));
  CHECK(rig.seen.messages == std::vector<std::string>{"one", "two", "three", "\x01\x02\x03"});
  REQUIRE(rig.seen.states.size() == 2);
  CHECK(rig.seen.states[0].from == State::kDisconnected);
  CHECK(rig.seen.states[0].to == State::kConnecting);
  CHECK(rig.seen.states[0].reason == Errc::kNone);
  CHECK(rig.seen.states[0].attempt == 1);
  CHECK(std::isnan(rig.seen.states[0].delay_ms));
  CHECK(rig.seen.states[1].to == State::kConnected);
  CHECK(rig.seen.states[1].text.find(R"("address":"127.0.0.1")") != std::string::npos);
  CHECK(rig.seen.states[1].text.find(R"("port":)" + std::to_string(server.port())) != std::string::npos);
  CHECK(rig.stats.state() == State::kConnected);
  CHECK(rig.count(Counter::kMessages) == 4);
  CHECK(rig.count(Counter::kRows) == 4);
  CHECK(rig.count(Counter::kPayloadBytes) == 14);
  CHECK(rig.count(Counter::kBytes) > 14);
  CHECK(rig.count(Counter::kReads) >= 1);
  CHECK(rig.count(Counter::kConnects) == 1);
  rig.feed->close(1001, "bye");
  rig.feed->close(1000, "again");  // nothing happens
  REQUIRE(rig.run_until(State::kDisconnected));
  REQUIRE(rig.seen.states.size() == 4);
  CHECK(rig.seen.states[2].to == State::kClosing);
  CHECK(rig.seen.states[3].from == State::kClosing);
  CHECK(rig.seen.states[3].reason == Errc::kWsClosedByUser);
  CHECK(rig.seen.last == RecordKind::kState);
  CHECK(closed_well);
  rig.run_for(30);
  CHECK(rig.seen.states.size() == 4);
  CHECK(rig.stats.state() == State::kDisconnected);
  CHECK(rig.feed->send(ws::Opcode::kText, bytes_of("late")).error().code == Errc::kNotOpen);
  CHECK(rig.count(Counter::kReconnects) == 0);
  CHECK(rig.count(Counter::kFailures) == 0);
}

TEST_CASE("feed: may be opened again after it was closed") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    c.text(std::to_string(c.number()));
    c.until_gone();
  });
  Rig rig(options_for(server.port()));
  for (size_t i = 0; i < 3; ++i) {
    rig.feed->open();
    REQUIRE(rig.run([&] { return rig.seen.messages.size() == i + 1; }));
    rig.feed->close(1000, "");
    REQUIRE(rig.run_until(State::kDisconnected, i + 1));
  }
  CHECK(rig.seen.messages == std::vector<std::string>{"0", "1", "2"});
  CHECK(rig.count(Counter::kConnects) == 3);
  CHECK(rig.count(Counter::kReconnects) == 0);  // each was a first one
}

TEST_CASE("feed: rows by schema; bad messages are counted, sampled at a bounded rate, and the stream goes on") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    c.text(ticker("BTC", 1.5, 1));
    for (int i = 0; i < 5; ++i) c.text("{not json");
    c.text(R"({"s":"BTC","b":"x","n":1})");
    c.text(R"({"s":"BTC","n":1})");
    c.text(ticker("ETH", 2.5, 2));
    c.until_gone();
  });
  auto options = options_for(server.port());
  options.schema = ticker_schema();
  options.sample_bytes = 6;
  options.sample_interval_ns = 60 * kSecond;
  Rig rig(options);
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.seen.rows.size() == 2; }));
  CHECK(rig.seen.rows[0].number(4) == 1.5);
  CHECK(rig.seen.rows[0].words.at(5) == 1);
  CHECK(rig.seen.rows[1].number(4) == 2.5);
  CHECK(rig.seen.rows[0].words.at(3) != rig.seen.rows[1].words.at(3));
  CHECK(rig.channel.channel.symbols().text(rig.seen.rows[1].low(3)) == "ETH");
  const auto now = static_cast<double>(rig.channel.loop->refresh_now());
  CHECK(rig.seen.rows[0].number(1) <= now);
  CHECK(rig.seen.rows[0].number(1) > now - 10e9);
  CHECK(rig.count(Counter::kMalformed) == 7);
  CHECK(rig.count(Counter::kSamplesSuppressed) == 6);
  CHECK(rig.count(Counter::kMessages) == 9);
  REQUIRE(rig.seen.malformed.size() == 1);
  CHECK(rig.seen.malformed[0].text(32, 6) == "{not j");
  CHECK(rig.seen.states.size() == 2);
}

TEST_CASE("feed: comes back after RST at once when data had flowed") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    c.text(std::to_string(c.number()));
    if (c.receive() == "text:reset") c.reset();
  });
  Rig rig(options_for(server.port()));
  rig.feed->open();
  for (size_t i = 1; i <= 20; ++i) {
    REQUIRE(rig.run([&] { return rig.seen.messages.size() == i; }));
    CHECK(rig.seen.messages.back() == std::to_string(i - 1));
    REQUIRE(rig.feed->send(ws::Opcode::kText, bytes_of("reset")).ok());
  }
  REQUIRE(rig.run_until(State::kConnected, 21));
  const auto& back = rig.seen.first(State::kReconnecting);
  CHECK(back.from == State::kConnected);
  CHECK(back.reason == Errc::kConnReset);
  CHECK(back.delay_ms == 0);
  CHECK(rig.count(Counter::kReconnects) == 20);
  CHECK(rig.count(Counter::kConnects) == 21);
  CHECK(rig.count(Counter::kFailures) == 0);
  CHECK(rig.count(Counter::kSent) == 20);
  CHECK(rig.count(Counter::kSentBytes) == 100);
}

TEST_CASE("feed: the peer's close code is the reason") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    if (c.number() == 0) c.frame(ws::test::close_frame(1012, "restart"));
    c.until_gone();
  });
  Rig rig(options_for(server.port()));
  rig.feed->open();
  REQUIRE(rig.run_until(State::kConnected, 2));
  const auto& back = rig.seen.first(State::kReconnecting);
  CHECK(back.reason == Errc::kWsClosed);
  CHECK(back.detail == 1012);
  CHECK(back.text == "restart");
  CHECK(back.delay_ms > 0);  // it had carried nothing
}

TEST_CASE("feed: a violation is named, and the connection made anew") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    if (c.number() == 0) c.raw("\x85\x01x");  // opcode 5
    c.until_gone();
  });
  Rig rig(options_for(server.port()));
  rig.feed->open();
  REQUIRE(rig.run_until(State::kConnected, 2));
  CHECK(rig.seen.first(State::kReconnecting).reason == Errc::kWsOpcode);
}

TEST_CASE("feed: gives up") {
  SUBCASE("when nobody listens") {
    auto options = options_for(closed_port());
    options.reconnect.retries = 2;
    Rig rig(options);
    rig.feed->open();
    REQUIRE(rig.run_until(State::kDisconnected));
    const auto& end = rig.seen.states.back();
    CHECK(end.reason == Errc::kRetriesExhausted);
    CHECK(end.detail == static_cast<int32_t>(Errc::kConnRefused));
    CHECK(end.text.find("ECONNREFUSED") != std::string::npos);
    CHECK(rig.count(Counter::kFailures) == 3);
    CHECK(rig.count(Counter::kConnects) == 0);
    CHECK(end.attempt == 3);
    rig.feed->open();  // and may be asked again
    REQUIRE(rig.run_until(State::kDisconnected, 2));
    CHECK(rig.count(Counter::kFailures) == 6);
  }
  SUBCASE("when it may not try again") {
    WsServer server([&](ServerConnection& c) {
      if (c.read_request()) c.raw("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    });
    auto options = options_for(server.port());
    options.reconnect.enabled = false;
    Rig rig(options);
    rig.feed->open();
    REQUIRE(rig.run_until(State::kDisconnected));
    CHECK(rig.seen.states.back().reason == Errc::kHandshakeStatus);
    CHECK(rig.seen.states.back().detail == 403);
    CHECK(server.accepted() == 1);
  }
  SUBCASE("when the handshake stalls") {
    WsServer server([&](ServerConnection& c) {
      if (c.read_request()) (void)c.receive();
    });
    auto options = options_for(server.port());
    options.session.handshake_timeout_ns = 50 * kMs;
    options.reconnect.retries = 0;
    Rig rig(options);
    rig.feed->open();
    REQUIRE(rig.run_until(State::kDisconnected));
    CHECK(rig.seen.states.back().detail == static_cast<int32_t>(Errc::kHandshakeTimeout));
  }
}

TEST_CASE("feed: data gives all retries back") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    if (c.number() % 2 == 1) c.text("data");
    c.reset();
  });
  auto options = options_for(server.port());
  options.reconnect.retries = 1;
  Rig rig(options);
  rig.feed->open();
  // A reset may overtake the message, so that it is not always seen; when it is, the feed goes on.
  REQUIRE(rig.run([&] { return rig.seen.reached(State::kDisconnected) || rig.seen.messages.size() >= 5; }));
  if (rig.seen.reached(State::kDisconnected)) CHECK(rig.seen.states.back().reason == Errc::kRetriesExhausted);
}

TEST_CASE("feed: a silent peer is left") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    c.text("hello");
    if (c.number() > 0) return c.until_gone();
    while (!c.receive().empty()) {  // answers no ping
    }
  });
  SUBCASE("by silence") {
    auto options = options_for(server.port());
    options.heartbeat.idle_ns = 60 * kMs;
    Rig rig(options);
    rig.feed->open();
    REQUIRE(rig.run_until(State::kConnected, 2));
    CHECK(rig.seen.first(State::kReconnecting).reason == Errc::kIdle);
  }
  SUBCASE("by a pong that stays out") {
    auto options = options_for(server.port());
    options.heartbeat.ping_ns = 10 * kMs;
    options.heartbeat.pong_timeout_ns = 60 * kMs;
    Rig rig(options);
    rig.feed->open();
    REQUIRE(rig.run_until(State::kConnected, 2));
    CHECK(rig.seen.first(State::kReconnecting).reason == Errc::kPongTimeout);
  }
}

TEST_CASE("feed: pings are answered both ways") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    c.frame(ws::test::ping("are you there"));
    for (int pings = 0; pings < 3;) {
      const std::string event = c.receive();
      if (event.empty()) return;
      if (event == "pong:are you there") c.text("it is");
      if (event.rfind("ping:", 0) == 0) {
        ++pings;
        c.frame(ws::test::pong(event.substr(5)));
      }
    }
    c.until_gone();
  });
  auto options = options_for(server.port());
  options.heartbeat.ping_ns = 10 * kMs;
  options.heartbeat.pong_timeout_ns = 5 * kSecond;
  Rig rig(options);
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.seen.pongs.size() >= 3 && !rig.seen.messages.empty(); }));
  CHECK(rig.seen.messages[0] == "it is");
  CHECK(rig.count(Counter::kPings) == 1);
  CHECK(rig.count(Counter::kPongs) >= 3);
  for (const double ns : rig.seen.pongs) {
    CHECK(ns > 0);
    CHECK(ns < 5e9);
  }
}

TEST_CASE("feed: the greeting is what the peer hears first, on every connection") {
  std::atomic<int> wrong{0};
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    if (c.receive() != "text:{\"subscribe\":1}") ++wrong;
    if (c.receive() != std::string("binary:\x00\xFF", 9)) ++wrong;
    if (c.receive() != "text:first of the user") ++wrong;
    c.text("go on");
    c.reset();
  });
  auto options = options_for(server.port());
  options.greeting = {{ws::Opcode::kText, R"({"subscribe":1})"}, {ws::Opcode::kBinary, std::string("\x00\xFF", 2)}};
  Rig rig(options);
  rig.feed->open();
  for (size_t i = 1; i <= 5; ++i) {
    REQUIRE(rig.run_until(State::kConnected, i));
    // Whoever hears that it is connected may send.
    REQUIRE(rig.feed->send(ws::Opcode::kText, bytes_of("first of the user")).ok());
  }
  rig.feed->abort();
  CHECK(wrong == 0);
}

TEST_CASE("feed: batches go out in order") {
  std::vector<std::string> got;
  std::atomic<bool> done{false};
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    for (int i = 0; i < 3; ++i) got.push_back(c.receive());
    done = true;
    c.until_gone();
  });
  Rig rig(options_for(server.port()));
  rig.open();
  const ws::Message messages[] = {
      {ws::Opcode::kText, bytes_of("a")}, {ws::Opcode::kBinary, bytes_of("bb")}, {ws::Opcode::kText, {}}};
  REQUIRE(rig.feed->send_batch(messages).ok());
  REQUIRE(rig.run([&] { return done.load(); }));
  CHECK(got == std::vector<std::string>{"text:a", "binary:bb", "text:"});
  CHECK(rig.count(Counter::kSent) == 3);
  CHECK(rig.count(Counter::kSentBytes) == 3);
  CHECK(rig.feed->ping().ok());
}

TEST_CASE("feed: reconnect() and abort()") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    c.text("data");
    c.until_gone();
  });
  Rig rig(options_for(server.port()));
  rig.feed->reconnect();  // nothing to drop
  rig.feed->abort();
  CHECK(rig.stats.state() == State::kDisconnected);
  rig.open();
  REQUIRE(rig.run([&] { return rig.seen.messages.size() == 1; }));
  rig.feed->reconnect();
  REQUIRE(rig.run_until(State::kConnected, 2));
  CHECK(rig.seen.first(State::kReconnecting).reason == Errc::kAborted);
  REQUIRE(rig.run([&] { return rig.seen.messages.size() == 2; }));
  rig.feed->abort();
  rig.read();
  CHECK(rig.stats.state() == State::kDisconnected);  // before abort() returned
  CHECK(rig.seen.states.back().reason == Errc::kAborted);
  CHECK(rig.seen.states.back().from == State::kClosing);
}

TEST_CASE("feed, block: a slow reader stops the socket; nothing is lost or repeated; patience is put off") {
  constexpr uint64_t kMessages = 20'000;
  for (const bool by_schema : {false, true}) {
    CAPTURE(by_schema);
    WsServer server([&](ServerConnection& c) {
      if (!c.accept()) return;
      std::string burst;
      for (uint64_t n = 0; n < kMessages; ++n) {
        const auto frame = ws::test::text(by_schema ? ticker("S" + std::to_string(n % 10), 1.0, n) : std::to_string(n));
        burst.append(frame.begin(), frame.end());
      }
      c.raw(burst);
      c.until_gone();
    });
    auto options = options_for(server.port());
    options.ring_window = 8 << 10;
    options.heartbeat.idle_ns = 800 * kMs;
    options.heartbeat.ping_ns = 20 * kMs;
    options.heartbeat.pong_timeout_ns = 800 * kMs;
    options.target.socket.recv_buffer = 16 << 10;
    if (by_schema) options.schema = ticker_schema();
    Rig rig(options);
    rig.reading = false;
    rig.feed->open();
    REQUIRE(rig.run([&] { return rig.count(Counter::kPauses) > 0; }));
    rig.run_for(1'200);  // longer than any patience
    CHECK(rig.stats.state() == State::kConnected);
    CHECK(rig.channel.reader.unread() <= EventRing::kMinCapacity);
    const auto got = [&] { return by_schema ? rig.seen.rows.size() : rig.seen.messages.size(); };
    std::mt19937_64 random(1);
    REQUIRE(rig.run(
        [&] {
          rig.read(random() % 300);
          return got() == kMessages;
        },
        30'000));
    for (uint64_t n = 0; n < kMessages; ++n) {
      if (by_schema) {
        REQUIRE(rig.seen.rows[n].words.at(5) == n);
      } else {
        REQUIRE(rig.seen.messages[n] == std::to_string(n));
      }
    }
    CHECK(rig.count(Counter::kMessages) == kMessages);
    CHECK(rig.count(Counter::kDropped) == 0);
    CHECK(rig.count(Counter::kPauses) > 10);
    CHECK(rig.count(Counter::kReconnects) == 0);
    CHECK(rig.seen.states.size() == 2);
  }
}

TEST_CASE("feed, block: ends although the reader never comes back") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    for (int n = 0; n < 5000; ++n) c.text(std::string(100, 'x'));
    c.until_gone();
  });
  for (const bool abort : {false, true}) {
    auto options = options_for(server.port());
    options.session.close_timeout_ns = 100 * kMs;
    Rig rig(options);
    rig.reading = false;
    rig.feed->open();
    REQUIRE(rig.run([&] { return rig.count(Counter::kPauses) > 0; }));
    abort ? rig.feed->abort() : rig.feed->close(1000, "");
    REQUIRE(rig.run([&] { return rig.stats.state() == State::kDisconnected; }));
    rig.reading = true;
    REQUIRE(rig.run_until(State::kDisconnected));
    CHECK(rig.seen.last == RecordKind::kState);
  }
}

TEST_CASE("feed, block: a message that was half published with a connection that broke does not shorten the next") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    std::string list = "[";
    for (int n = 0; n < 3000; ++n)
      list += (n == 0 ? "" : ",") + ticker("S", 1, static_cast<uint64_t>(c.number() * 10'000 + n));
    c.text(list + "]");
    c.until_gone();
  });
  auto options = options_for(server.port());
  auto schema = decode::compile_schema(R"({"shapes":[{"name":"t","each":[],"words":4,"fields":[
    {"name":"n","type":"int64","path":["n"],"slot":3}]}]})");
  REQUIRE(schema.ok());
  options.schema = schema.value();
  Rig rig(options);
  rig.reading = false;
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.count(Counter::kPauses) > 0; }));
  rig.feed->reconnect();
  rig.reading = true;
  REQUIRE(rig.run([&] { return !rig.seen.rows.empty() && rig.seen.rows.back().words.at(3) == 12'999; }));
  size_t second = 0;
  for (const auto& row : rig.seen.rows) {
    if (row.words.at(3) >= 10'000) REQUIRE(row.words.at(3) == 10'000 + second++);
  }
  CHECK(second == 3000);
  CHECK(rig.count(Counter::kReconnects) == 1);
}

TEST_CASE("feed, conflate: the newest of every key after any delay") {
  constexpr uint64_t kMessages = 20'000;
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    std::string burst;
    for (uint64_t n = 0; n < kMessages; ++n) {
      const auto frame = ws::test::text(ticker("S" + std::to_string(n % 7), 1.0, n));
      burst.append(frame.begin(), frame.end());
    }
    c.raw(burst);
    c.until_gone();
  });
  auto options = options_for(server.port());
  options.schema = ticker_schema();
  options.overflow = Overflow::kConflate;
  options.ring_window = 0;
  std::vector<uint64_t> memory(TripleSlot::stride(48) * 8 / 8);
  options.conflate_memory = {reinterpret_cast<uint8_t*>(memory.data()), memory.size() * 8};
  options.conflate_regions = {{0, 48, 8}};
  Rig rig(options);
  rig.reading = false;
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.count(Counter::kMessages) == kMessages; }));
  rig.read();
  CHECK(rig.seen.others.size() == 7);
  std::map<std::string, uint64_t> newest;
  for (const auto& r : rig.seen.others) {
    REQUIRE(r.kind == RecordKind::kConflated);
    TripleSlotReader reader(options.conflate_memory.data() + TripleSlot::stride(48) * r.low(1), 48);
    REQUIRE(reader.take());
    uint64_t row[6];
    std::memcpy(row, reader.value(), sizeof row);
    newest[std::string(rig.channel.channel.symbols().text(static_cast<uint32_t>(row[3])))] = row[5];
  }
  CHECK(newest.size() == 7);
  for (uint64_t n = kMessages - 7; n < kMessages; ++n) CHECK(newest["S" + std::to_string(n % 7)] == n);
  CHECK(rig.count(Counter::kConflated) == kMessages - 7);
}

// ---- life cycle
// ---------------------------------------------------------------------------------------------------------------

namespace {

// Whatever a peer may do, one after the other.
void misbehave(ServerConnection& c) {
  switch (c.number() % 7) {
    case 0:
      return c.reset();
    case 1:
      if (c.read_request()) c.raw("HTTP/1.1 500 No\r\n\r\n");
      return;
    case 2:
      if (c.accept()) c.reset();
      return;
    case 3:
      if (!c.accept()) return;
      for (int i = 0; i < 300; ++i) c.text(std::string(200, 'x'));
      return;
    case 4:
      if (c.accept()) c.frame(ws::test::close_frame(1001));
      return;
    case 5:
      if (!c.accept()) return;
      c.text("x");
      c.frame(ws::test::ping());
      c.raw("\x8F");
      return;
    default:
      if (!c.accept()) return;
      c.text("x");
      return c.reset();
  }
}

FeedOptions hectic(uint16_t port) {
  auto options = options_for(port);
  options.reconnect.first_ns = 0;
  options.reconnect.max_ns = kMs;
  options.session.close_timeout_ns = 5 * kMs;
  options.session.handshake_timeout_ns = 20 * kMs;
  options.heartbeat.ping_ns = kMs;
  options.heartbeat.pong_timeout_ns = 3 * kMs;
  options.heartbeat.idle_ns = 5 * kMs;
  options.greeting = {{ws::Opcode::kText, "hello"}};
  options.ring_window = 4096;
  return options;
}

}  // namespace

TEST_CASE("feed: destroyed at any moment it leaves nothing behind that runs") {
  WsServer server(misbehave);
  std::mt19937_64 random(123);
  ChannelRig channel;
  StatsMemory stats;
  for (int i = 0; i < 300; ++i) {
    auto options = hectic(server.port());
    options.overflow = i % 2 == 0 ? Overflow::kBlock : Overflow::kDropOldest;
    options.stats = stats.span();
    std::fill(stats.words.begin(), stats.words.end(), 0);
    auto made = Feed::create(channel.channel, options, kHandle);
    REQUIRE(made.ok());
    std::shared_ptr<Feed> feed = std::move(made.value());
    feed->open();
    for (uint64_t turns = random() % 40; turns > 0; --turns) {
      channel.loop->run_once(static_cast<int64_t>(random() % 500'000));
      if (random() % 4 == 0) (void)feed->send(ws::Opcode::kText, bytes_of("x"));
      if (random() % 16 == 0) feed->close(1000, "");
      if (random() % 16 == 0) feed->open();
      if (random() % 3 != 0) continue;
      (void)channel.reader.drain();
      channel.channel.on_nudge();
    }
    // As the addon does it, inside a turn, or outside of one.
    if (random() % 2 == 0) {
      channel.loop->post([moved = std::move(feed)]() mutable { moved.reset(); });
    } else {
      feed.reset();
    }
    for (int turns = 0; turns < 3; ++turns) channel.loop->run_once(0);
    CHECK(channel.loop->timers().size() == 0);
    (void)channel.reader.drain();
  }
}

TEST_CASE("feed: closed at any moment it ends with exactly one `disconnected`, which comes last") {
  WsServer server(misbehave);
  std::mt19937_64 random(321);
  for (int i = 0; i < 150; ++i) {
    Rig rig(hectic(server.port()));
    rig.feed->open();
    for (uint64_t turns = random() % 30; turns > 0; --turns) {
      rig.channel.loop->run_once(static_cast<int64_t>(random() % 500'000));
      if (random() % 2 == 0) rig.read();
    }
    random() % 2 == 0 ? rig.feed->close(1000, "x") : rig.feed->abort();
    REQUIRE(rig.run_until(State::kDisconnected));
    rig.run_for(3);
    REQUIRE(rig.seen.last == RecordKind::kState);
    size_t ends = 0;
    State state = State::kDisconnected;
    for (const auto& s : rig.seen.states) {
      REQUIRE(s.from == state);  // no transition is missing or told twice
      state = s.to;
      ends += s.to == State::kDisconnected ? 1 : 0;
    }
    CHECK(ends == 1);
    CHECK(rig.channel.loop->timers().size() == 0);
  }
}

TEST_CASE("feed: a loop thread, senders in two others, connections that break") {
  WsServer server([](ServerConnection& c) {
    if (!c.accept()) return;
    c.text("data");
    for (int i = 0; i < 50 + c.number() % 7 * 30; ++i) {
      if (c.receive().empty()) return;
    }
    c.number() % 2 == 0 ? c.reset() : c.frame(ws::test::close_frame(1001));
  });
  test::RingMemory memory;
  auto ring = EventRing::format(memory.span());
  REQUIRE(ring.ok());
  std::vector<uint64_t> symbols(2048);
  test::CountingWaker waker;
  StatsMemory stats;
  auto thread = LoopThread::start({});
  REQUIRE(thread.ok());
  Loop& loop = thread.value()->loop();
  Channel channel(loop, ring.value(), {reinterpret_cast<uint8_t*>(symbols.data()), symbols.size() * 8}, 256, &waker);
  auto options = options_for(server.port());
  options.stats = stats.span();
  auto made = Feed::create(channel, options, kHandle);
  REQUIRE(made.ok());
  std::shared_ptr<Feed> feed = std::move(made.value());
  loop.post([feed] { feed->open(); });

  std::atomic<bool> stop{false};
  std::atomic<uint64_t> sent{0};
  std::vector<std::thread> senders;
  for (int i = 0; i < 2; ++i) {
    senders.emplace_back([&, i] {
      const ws::Message batch[] = {{ws::Opcode::kText, bytes_of("one")}, {ws::Opcode::kBinary, bytes_of("two")}};
      for (uint64_t n = 0; !stop; ++n) {
        if (feed->send(ws::Opcode::kText, bytes_of("message")).ok()) sent += 1;
        if (i == 1 && n % 8 == 0 && feed->send_batch(batch).ok()) sent += 2;
        if (i == 1 && n % 16 == 0) (void)feed->ping();
        (void)feed->send_queue_bytes();
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
    });
  }
  test::RingReader reader(memory.span());
  Seen seen;
  Record r;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto read = [&] {
    while (reader.next(r)) seen.take(r);
    if (reader.free()) loop.post([&] { channel.on_nudge(); });
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    return std::chrono::steady_clock::now() < until;
  };
  while (!seen.reached(State::kConnected, 12) && read()) {
  }
  CHECK(seen.reached(State::kConnected, 12));
  stop = true;
  for (auto& sender : senders) sender.join();
  loop.post([&feed] { feed->close(1000, ""); });
  while (!seen.reached(State::kDisconnected) && read()) {
  }
  CHECK(seen.reached(State::kDisconnected));
  std::atomic<bool> gone{false};
  loop.post([&feed, &gone] {
    feed.reset();
    gone = true;
  });
  while (!gone) std::this_thread::yield();
  CHECK(stats.get(Counter::kSent) == sent);
  CHECK_FALSE(reader.corrupt());
}

TEST_CASE("feed: no feed can be made when its policy lacks what it needs") {
  ChannelRig channel;
  StatsMemory stats;
  auto options = options_for(1);
  options.stats = stats.span();
  options.overflow = Overflow::kConflate;
  CHECK(Feed::create(channel.channel, options, 1).error().code == Errc::kSchema);
}

TEST_CASE("feed: samples are cut to what the ring can carry") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    c.text(std::string(60'000, '{'));
    c.until_gone();
  });
  auto options = options_for(server.port());
  options.schema = ticker_schema();
  options.sample_bytes = UINT32_MAX;
  Rig rig(options);
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.count(Counter::kMalformed) == 1 && !rig.seen.malformed.empty(); }));
  CHECK(rig.seen.malformed[0].low(3) > 30'000);
  CHECK(rig.count(Counter::kControlLost) == 0);
}
