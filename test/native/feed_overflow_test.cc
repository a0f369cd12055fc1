#include "feed/feed.h"

#include <doctest/doctest.h>

#include <map>
#include <random>

#include "feed_rig.h"

using namespace tickwire;
using namespace tickwire::feed;
using namespace tickwire::feed::feed_test;

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
