#include "feed/feed.h"

#include <doctest/doctest.h>

#include <cmath>

#include "feed_rig.h"

using namespace tickwire;
using namespace tickwire::feed;
using namespace tickwire::feed::feed_test;

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
