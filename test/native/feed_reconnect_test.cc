#include "feed/feed.h"

#include <doctest/doctest.h>

#include "base/clock.h"
#include "feed_rig.h"

using namespace tickwire;
using namespace tickwire::feed;
using namespace tickwire::feed::feed_test;

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

TEST_CASE("feed: who refuses it says when it may come again, for all feeds of the same limit") {
  const char* refusal = "";
  SUBCASE("itself") { refusal = "HTTP/1.1 429 Too Many\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"; }
  SUBCASE("by its status") { refusal = "HTTP/1.1 403 Too Many\r\nContent-Length: 0\r\n\r\n"; }
  WsServer server([&](ServerConnection& c) {
    if (c.number() == 0) {
      if (c.read_request()) c.raw(refusal);
      return;
    }
    if (c.accept()) c.until_gone();
  });
  auto options = options_for(server.port());
  options.reconnect.max_ns = 5 * kMs;
  options.connect_limit = {"refused", 100, 1'000 * kMs, {{429, 60'000 * kMs}, {403, 1'000 * kMs}}};
  Rig rig(options);
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.seen.reached(State::kReconnecting); }));
  const auto& back = rig.seen.first(State::kReconnecting);
  CHECK(back.reason == Errc::kHandshakeStatus);
  CHECK(back.delay_ms == 1'000);
  const int64_t now = mono_ns();
  const auto gate = ConnectGate::of(options.connect_limit);
  CHECK(gate->is_held(now));
  CHECK(gate->take(now) > now + 900 * kMs);
  REQUIRE(rig.run_until(State::kConnected));
  CHECK_FALSE(gate->is_held(mono_ns()));
  CHECK(server.accepted() == 2);
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
