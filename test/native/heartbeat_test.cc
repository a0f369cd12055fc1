#include "feed/heartbeat.h"

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "feed_fixture.h"

using namespace tickwire;
using namespace tickwire::feed;

namespace {

constexpr int64_t kMs = 1'000'000;

// A session that writes down what it is asked to send.
class FakeSession final : public SessionControl {
 public:
  std::vector<std::vector<uint8_t>> pings;
  bool fails = false;

  void start() override {}
  Result<void> ping(std::span<const uint8_t> payload) override {
    pings.emplace_back(payload.begin(), payload.end());
    if (fails) return Error{Errc::kSendQueueFull, 0, {}};
    return {};
  }
  void close(uint16_t, std::string_view, const Error&) override {}
  void abort(const Error&) override {}
  void resume() override {}
  size_t send_queue_bytes() const noexcept override { return 0; }
};

struct Rig final : HeartbeatListener {
  explicit Rig(Heartbeat o) : options(std::move(o)), loop(test::make_loop()), monitor(*loop, options, *this) {}
  void on_dead(Errc why) override {
    dead.push_back(why);
    died_at = loop->now_ns();
  }
  void on_round_trip(int64_t ns) override { round_trips.push_back(ns); }
  void send_app_ping(std::string_view text) override { texts.emplace_back(text); }

  // Turns the loop for so long, or until `done`.
  bool run(
      int64_t ms, const std::function<bool()>& done = [] { return false; }) {
    const int64_t until = loop->refresh_now() + ms * kMs;
    while (loop->now_ns() < until) {
      if (done()) return true;
      loop->run_once(std::min<int64_t>(until - loop->now_ns(), kMs));
      if (each_turn) each_turn();
    }
    return done();
  }
  bool run_until_dead(int64_t ms) {
    return run(ms, [this] { return !dead.empty(); });
  }
  [[nodiscard]] int64_t now() { return loop->refresh_now(); }

  Heartbeat options;
  std::unique_ptr<Loop> loop;
  FakeSession session;
  HeartbeatMonitor monitor;
  std::vector<Errc> dead;
  std::vector<int64_t> round_trips;
  std::vector<std::string> texts;
  int64_t died_at = 0;
  std::function<void()> each_turn;
};

Heartbeat pings(int64_t interval_ms, int64_t pong_timeout_ms) {
  Heartbeat h;
  h.ping_ns = interval_ms * kMs;
  h.pong_timeout_ns = pong_timeout_ms * kMs;
  return h;
}

Heartbeat idle(int64_t ms) {
  Heartbeat h;
  h.idle_ns = ms * kMs;
  return h;
}

}  // namespace

TEST_CASE("heartbeat: nothing is armed when nothing is asked for") {
  Rig rig({});
  rig.monitor.start(rig.session);
  CHECK(rig.loop->timers().size() == 0);
  rig.monitor.stop();
}

TEST_CASE("heartbeat: pings that are answered, round trips that are measured") {
  Rig rig(pings(5, 1'000));
  rig.monitor.start(rig.session);
  size_t answered = 0;
  REQUIRE(rig.run(5'000, [&] {
    while (answered < rig.session.pings.size()) {
      CHECK(rig.session.pings[answered].size() == 8);
      rig.monitor.on_pong(rig.session.pings[answered++]);
    }
    return answered >= 5;
  }));
  CHECK(rig.dead.empty());
  CHECK(rig.round_trips.size() == 5);
  for (const int64_t ns : rig.round_trips) {
    CHECK(ns >= 0);
    CHECK(ns < 1'000 * kMs);
  }
  rig.monitor.stop();
  CHECK(rig.loop->timers().size() == 0);
}

TEST_CASE("heartbeat: a pong that stays out ends it once, and no second ping is sent while one is due") {
  Rig rig(pings(5, 40));
  rig.monitor.start(rig.session);
  const int64_t from = rig.now();
  REQUIRE(rig.run_until_dead(5'000));
  CHECK(rig.dead == std::vector<Errc>{Errc::kPongTimeout});
  CHECK(rig.died_at - from >= 45 * kMs);
  CHECK(rig.session.pings.size() == 1);
  CHECK(rig.loop->timers().size() == 0);  // stopped before it told
  rig.run(20);
  CHECK(rig.dead.size() == 1);
}

TEST_CASE("heartbeat: pongs that are not ours prove nothing") {
  Rig rig(pings(5, 40));
  rig.monitor.start(rig.session);
  rig.each_turn = [&] {
    rig.monitor.on_pong({});
    const uint8_t other[8] = {1, 2, 3};
    rig.monitor.on_pong(other);
    rig.monitor.on_pong({other, 7});
    const std::vector<uint8_t> large(125);
    rig.monitor.on_pong(large);
  };
  REQUIRE(rig.run_until_dead(5'000));
  CHECK(rig.dead.at(0) == Errc::kPongTimeout);
  CHECK(rig.round_trips.empty());
}

TEST_CASE("heartbeat: a pong counts once") {
  Rig rig(pings(5, 1'000));
  rig.monitor.start(rig.session);
  REQUIRE(rig.run(5'000, [&] { return !rig.session.pings.empty(); }));
  rig.monitor.on_pong(rig.session.pings[0]);
  rig.monitor.on_pong(rig.session.pings[0]);
  CHECK(rig.round_trips.size() == 1);
  rig.monitor.stop();
}

TEST_CASE("heartbeat: a ping that cannot be sent is no proof of death; the next one is tried") {
  Rig rig(pings(5, 20));
  rig.session.fails = true;
  rig.monitor.start(rig.session);
  REQUIRE(rig.run(5'000, [&] { return rig.session.pings.size() >= 3; }));
  rig.run(30);
  CHECK(rig.dead.empty());
  rig.monitor.stop();
}

TEST_CASE("heartbeat: without a deadline pings go on although none is answered") {
  Rig rig(pings(5, 0));
  rig.monitor.start(rig.session);
  CHECK(rig.run(5'000, [&] { return rig.session.pings.size() >= 3; }));
  CHECK(rig.dead.empty());
  rig.monitor.stop();
}

TEST_CASE("heartbeat: silence") {
  Rig rig(idle(40));
  rig.monitor.start(rig.session);
  const int64_t from = rig.now();
  REQUIRE(rig.run_until_dead(5'000));
  CHECK(rig.dead == std::vector<Errc>{Errc::kIdle});
  CHECK(rig.died_at - from >= 39 * kMs);
  CHECK(rig.loop->timers().size() == 0);
}

TEST_CASE("heartbeat: data puts the end of patience off, pongs do not") {
  Rig rig(idle(60));
  const int64_t from = rig.now();
  int64_t last = from;
  rig.monitor.start(rig.session);
  rig.each_turn = [&] {
    rig.monitor.on_pong({});
    if (rig.loop->now_ns() - from < 150 * kMs) rig.monitor.on_data(last = rig.loop->now_ns());
  };
  REQUIRE(rig.run_until_dead(5'000));
  CHECK(rig.dead.at(0) == Errc::kIdle);
  CHECK(rig.died_at - last >= 60 * kMs);
}

TEST_CASE("heartbeat: while paused neither silence nor a missing pong proves anything") {
  Heartbeat both = pings(5, 20);
  both.idle_ns = 30 * kMs;
  Rig rig(both);
  rig.monitor.start(rig.session);
  REQUIRE(rig.run(5'000, [&] { return rig.session.pings.size() == 1; }));
  rig.monitor.set_paused(true);
  rig.monitor.set_paused(true);
  rig.run(150);
  CHECK(rig.dead.empty());
  CHECK(rig.session.pings.size() == 1);
  // Afterwards both deadlines are whole again.
  const int64_t from = rig.now();
  rig.monitor.set_paused(false);
  REQUIRE(rig.run_until_dead(5'000));
  CHECK(rig.died_at - from >= 19 * kMs);
}

TEST_CASE("heartbeat: what was read before a pause and is delivered after it is no sign of silence") {
  Rig rig(idle(80));
  rig.monitor.start(rig.session);
  const int64_t before = rig.now();
  rig.monitor.set_paused(true);
  rig.run(150);
  const int64_t from = rig.now();
  rig.monitor.set_paused(false);
  rig.monitor.on_data(before);
  REQUIRE(rig.run_until_dead(5'000));
  CHECK(rig.died_at - from >= 79 * kMs);
}

TEST_CASE("heartbeat: a pong that was unread during a pause still counts") {
  Rig rig(pings(5, 40));
  rig.monitor.start(rig.session);
  REQUIRE(rig.run(5'000, [&] { return rig.session.pings.size() == 1; }));
  rig.monitor.set_paused(true);
  rig.run(110);
  rig.monitor.set_paused(false);
  rig.monitor.on_pong(rig.session.pings[0]);
  CHECK(rig.round_trips.size() == 1);
  CHECK(rig.dead.empty());
  rig.monitor.stop();
}

TEST_CASE("heartbeat: the application's own ping") {
  Heartbeat h;
  h.app_ping = R"({"op":"ping"})";
  h.app_ping_ns = 5 * kMs;
  Rig rig(h);
  rig.monitor.start(rig.session);
  REQUIRE(rig.run(5'000, [&] { return rig.texts.size() >= 3; }));
  for (const auto& text : rig.texts) CHECK(text == h.app_ping);
  rig.monitor.stop();
  const size_t sent = rig.texts.size();
  rig.run(20);
  CHECK(rig.texts.size() == sent);
}

TEST_CASE("heartbeat: starts anew with the next connection") {
  Rig rig(pings(5, 30));
  rig.monitor.start(rig.session);
  REQUIRE(rig.run(5'000, [&] { return rig.session.pings.size() == 1; }));
  rig.monitor.set_paused(true);
  rig.monitor.stop();
  FakeSession next;
  rig.monitor.start(next);
  rig.monitor.on_pong(rig.session.pings[0]);  // of the connection before
  CHECK(rig.round_trips.empty());
  REQUIRE(rig.run_until_dead(5'000));
  CHECK(rig.dead.at(0) == Errc::kPongTimeout);
  CHECK(next.pings.size() == 1);
}
