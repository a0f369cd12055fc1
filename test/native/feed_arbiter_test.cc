// Feeds that share an arbiter: rows of both under its handle, each once, whatever the reader and the connections do.
#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <set>

#include "arbiter_rig.h"
#include "feed_rig.h"

namespace tickwire::feed::feed_test {

using arbiter_test::arbiter_schema;

namespace {

constexpr uint16_t kArbiter = 55;

// Two feeds and their arbiter on one channel.
struct Pair {
  Pair(std::vector<uint16_t> ports, size_t ring) : channel(ring) {
    ArbiterOptions options;
    options.schema = arbiter_schema();
    options.paths = 2;
    options.window = 1u << 16;
    options.ring_window = 32 << 10;
    memory.resize(Arbiter::stats_bytes(2) / 8);
    options.stats = {reinterpret_cast<uint8_t*>(memory.data()), memory.size() * 8};
    auto made = Arbiter::create(channel.channel, std::move(options), kArbiter);
    REQUIRE(made.ok());
    arbiter = made.value();
    for (size_t i = 0; i < ports.size(); ++i) {
      auto o = options_for(ports[i]);
      o.schema = arbiter_schema();
      o.arbiter = arbiter;
      o.path = static_cast<uint32_t>(i % 2);
      o.stats = stats[i].span();
      auto feed = Feed::create(channel.channel, std::move(o), static_cast<uint16_t>(100 + i));
      REQUIRE(feed.ok());
      feeds.push_back(std::move(feed.value()));
    }
  }
  void read(size_t limit = SIZE_MAX) {
    Record r;
    for (size_t n = 0; n < limit && channel.reader.next(r); ++n) {
      if (r.kind == RecordKind::kRow) {
        REQUIRE(r.feed == kArbiter);
        ++rows[static_cast<int64_t>(r.words.at(4))];
      } else if (r.kind == RecordKind::kState && r.feed >= 100) {
        if (state_of(r).to == State::kDisconnected) ended.insert(r.feed);
      } else {
        ++others[r.kind];
      }
    }
    if (channel.reader.free()) channel.channel.on_nudge();
  }
  bool run(const std::function<bool()>& done, size_t limit = SIZE_MAX, int64_t ms = 20'000) {
    const int64_t until = channel.loop->refresh_now() + ms * kMs;
    while (!done()) {
      if (channel.loop->refresh_now() > until) return false;
      channel.loop->run_once(kMs);
      read(limit);
    }
    return true;
  }
  std::vector<uint64_t> memory;
  StatsMemory stats[4];
  ChannelRig channel;
  std::shared_ptr<Arbiter> arbiter;
  std::vector<std::unique_ptr<Feed>> feeds;
  std::map<int64_t, int> rows;
  std::map<RecordKind, int> others;
  std::set<uint16_t> ended;
};

std::string trade(int64_t n) { return R"({"e":"trades","s":"A","n":)" + std::to_string(n) + "}"; }

}  // namespace

TEST_CASE("feed, arbiter: each row once, also when the reader is slow and connections break in the middle") {
  constexpr int64_t kRows = 6'000;
  std::atomic<int64_t> sent[2] = {0, 0};
  const auto script = [&](size_t which) {
    return [&, which](ServerConnection& c) {
      if (!c.accept()) return;
      // Each connection goes on a little before where the last one broke off.
      int64_t n = std::max<int64_t>(0, sent[which].load() - 20);
      for (int i = 0; n < kRows; ++i) {
        std::string burst;
        for (int k = 0; k < 50 && n < kRows; ++k, ++n) {
          const auto frame = ws::test::text(trade(n));
          burst.append(frame.begin(), frame.end());
        }
        c.raw(burst);
        sent[which] = n;
        // Path 0 breaks now and then, never both at one place.
        if (which == 0 && i == 17) {
          c.reset();
          return;
        }
      }
      c.until_gone();
    };
  };
  WsServer first(script(0));
  WsServer second(script(1));
  Pair pair({first.port(), second.port()}, EventRing::kMinCapacity);
  for (auto& feed : pair.feeds) feed->open();
  // A few records at a time: the feeds run into the end of the ring again and again.
  REQUIRE(pair.run([&] { return pair.rows.size() == kRows; }, 40));
  pair.run([] { return false; }, SIZE_MAX, 100);
  for (const auto& [n, times] : pair.rows) REQUIRE_MESSAGE(times == 1, n);
  CHECK(pair.stats[0].get(Counter::kPauses) + pair.stats[1].get(Counter::kPauses) > 0);
  CHECK(pair.stats[0].get(Counter::kReconnects) > 0);
  CHECK(pair.others[RecordKind::kSequenceGap] == 0);
  CHECK(pair.memory[Arbiter::kCountersOffset / 8 + static_cast<size_t>(ArbiterCounter::kPassed)] == kRows);
  CHECK(pair.stats[0].get(Counter::kDuplicates) + pair.stats[1].get(Counter::kDuplicates) > 0);
}

TEST_CASE("feed, arbiter: a feed that is closed gives first what it has won") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    for (int64_t n = 0; n < 3'000; ++n) c.text(trade(n));
    c.until_gone();
  });
  Pair pair({server.port()}, EventRing::kMinCapacity);
  pair.feeds[0]->open();
  REQUIRE(pair.run([&] { return pair.stats[0].get(Counter::kPauses) > 0; }, 0));
  pair.feeds[0]->close(1000, "");
  for (int i = 0; i < 50; ++i) pair.channel.loop->run_once(kMs);
  CHECK_MESSAGE(pair.stats[0].state() == State::kClosing, "rows wait");
  const uint64_t passed = pair.memory[Arbiter::kCountersOffset / 8 + static_cast<size_t>(ArbiterCounter::kPassed)];
  REQUIRE(pair.run([&] { return !pair.ended.empty(); }));
  CHECK(pair.rows.size() >= passed);
  CHECK(pair.rows.size() == pair.memory[Arbiter::kCountersOffset / 8 + static_cast<size_t>(ArbiterCounter::kPassed)]);
}

TEST_CASE("feed: attempts wait for the gate; a feed that waits can be closed") {
  WsServer server([&](ServerConnection& c) {
    if (c.accept()) c.until_gone();
  });
  auto options = options_for(server.port());
  options.connect_limit = {"feed test", 1, 200 * kMs, {}};
  Rig rig(options);
  rig.open();
  const int64_t opened = rig.channel.loop->refresh_now();
  rig.feed->reconnect();
  REQUIRE(rig.run_until(State::kConnected, 2));
  CHECK(rig.channel.loop->refresh_now() - opened >= 150 * kMs);
  rig.feed->reconnect();
  REQUIRE(rig.run_until(State::kConnecting, 3));
  rig.feed->close(1000, "");
  REQUIRE(rig.run_until(State::kDisconnected));
  rig.run_for(250);
  CHECK(server.accepted() == 2);
}

TEST_CASE(
    "feed: rows about the connection are delivered at once and under its own handle, however slow the reader is") {
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    for (int n = 0; n < 200; ++n) c.text(R"({"e":"answer","id":)" + std::to_string(n) + "}");
    for (int n = 0; n < 20; ++n) c.text(R"({"e":"row","id":1})");
    c.until_gone();
  });
  auto options = options_for(server.port());
  auto schema =
      decode::compile_schema(R"({"select":["e"],"cases":[{"text":"answer","shape":0},{"text":"row","shape":1}],
    "shapes":[{"name":"answer","words":4,"notice":true,"fields":[{"name":"id","type":"int64","path":["id"],"slot":3}]},
    {"name":"row","words":4,"fields":[{"name":"id","type":"int64","path":["id"],"slot":3}]}]})");
  REQUIRE_MESSAGE(schema.ok(), schema.error().text);
  options.schema = schema.value();
  options.overflow = Overflow::kConflate;
  options.ring_window = 0;
  std::vector<uint64_t> memory(TripleSlot::stride(32) * 2 / 8);
  options.conflate_memory = {reinterpret_cast<uint8_t*>(memory.data()), memory.size() * 8};
  options.conflate_regions = {{0, 32, 1}, {TripleSlot::stride(32), 32, 1}};
  Rig rig(options);
  rig.reading = false;
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.count(Counter::kMessages) == 220; }));
  rig.read();
  REQUIRE(rig.seen.rows.size() == 200);
  for (size_t n = 0; n < 200; ++n) CHECK(rig.seen.rows[n].words.at(3) == n);
  CHECK(rig.seen.others.size() == 1);
}

TEST_CASE("feed: a greeting can be changed; the statistics say which one a connection got") {
  std::atomic<int> heard = 0;
  WsServer server([&](ServerConnection& c) {
    if (!c.accept()) return;
    const std::string got = c.receive();
    if (got == (c.number() == 0 ? "text:one" : "text:two")) ++heard;
    c.until_gone();
  });
  auto options = options_for(server.port());
  options.greeting = {{ws::Opcode::kText, "one"}};
  Rig rig(options);
  rig.open();
  const auto* words = reinterpret_cast<const uint32_t*>(rig.stats.words.data());
  CHECK(words[2] == 0);
  rig.feed->set_greeting({{ws::Opcode::kText, "two"}}, 5);
  CHECK(words[2] == 0);
  rig.feed->reconnect();
  REQUIRE(rig.run_until(State::kConnected, 2));
  CHECK(words[2] == 5);
  REQUIRE(rig.run([&] { return heard == 2; }));
}

}  // namespace tickwire::feed::feed_test
