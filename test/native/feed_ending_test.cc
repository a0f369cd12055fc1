#include "feed/feed.h"

#include <doctest/doctest.h>

#include <random>
#include <thread>

#include "feed_rig.h"

using namespace tickwire;
using namespace tickwire::feed;
using namespace tickwire::feed::feed_test;

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
