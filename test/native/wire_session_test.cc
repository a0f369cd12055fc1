#include "wire/session.h"

#include <doctest/doctest.h>

#include <random>

#include "wire_session_rig.h"

using namespace tickwire;
using namespace tickwire::wire;
using namespace tickwire::wire::testing;

namespace {

using Names = std::vector<std::string>;
using Gaps = std::vector<GapSeen>;

constexpr int64_t kMs = 1'000'000;

SessionOptions named() {
  SessionOptions o;
  o.token = "secret";
  o.name = "me";
  return o;
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) append(all, part);
  return all;
}

}  // namespace

TEST_CASE("wire session: says hello and what it wants, then delivers") {
  SessionRig rig(named(), {}, {"BTC", "ETH"});
  rig.session->start();
  REQUIRE(rig.pump_sent(2));
  CHECK(rig.sent.lines == Names{"hello secret me 0", "subscribe BTC ETH"});
  CHECK(rig.notes.opens.empty());
  rig.put(joined({welcome_frame(9, 0), topic_frame(1, "BTC", 0, rig.sent.last_request), message_frame(1, 1),
                  make_quote(2), make_quote(3)}));
  REQUIRE(rig.pump_messages(3));
  CHECK(rig.notes.opens == Names{"hub 9"});
  CHECK(rig.notes.messages == Names{"1:1", "1:2", "1:3"});
  CHECK(rig.notes.bytes > 200);
  CHECK(rig.notes.batches > 0);
  CHECK(rig.session->send_queue_bytes() == 0);
  CHECK(rig.notes.closed.empty());
}

TEST_CASE("wire session: an answer that is no Welcome") {
  struct Case {
    Bytes answer;
    Errc reason;
    int32_t detail;
  };
  Header bad_header;
  bad_header.type = static_cast<uint8_t>(Type::kWelcome);
  const uint8_t short_payload[] = {1, 2, 0, 0};
  const std::vector<Case> cases = {
      {error_frame(ErrorCode::kUnauthorized, "no", true), Errc::kWireUnauthorized, 2},
      {error_frame(ErrorCode::kOverloaded, "full", false), Errc::kWireHandshake, 0},
      {bye_frame(ErrorCode::kShuttingDown), Errc::kWireShuttingDown, 13},
      {bye_frame(static_cast<ErrorCode>(999)), Errc::kWireClosed, 999},
      {message_frame(1, 1), Errc::kWireHandshake, 21},
      {make_quote(1), Errc::kWireHandshake, 1},
      {topic_frame(1, "a", 0), Errc::kWireHandshake, 9},
      {make_frame(bad_header, short_payload), Errc::kWireHandshake, 11},
      {welcome_frame(0), Errc::kWireHandshake, 11},
      {welcome_frame(1, 0, 2), Errc::kWireVersion, 2},
  };
  for (const Case& c : cases) {
    SessionRig rig(named());
    rig.session->start();
    rig.put(c.answer);
    REQUIRE(rig.pump_closed());
    CHECK(rig.notes.closed[0].error.code == c.reason);
    CHECK(rig.notes.closed[0].error.detail == c.detail);
    CHECK(rig.notes.opens.empty());
    CHECK(rig.notes.messages.empty());
    rig.pump_for(5);
    CHECK(rig.notes.closed.size() == 1);
  }
}

TEST_CASE("wire session: a peer that speaks something else") {
  SessionRig rig(named());
  rig.session->start();
  Bytes strange(40'000, 'x');
  rig.put(strange);
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.closed[0].error.code == Errc::kWireHandshake);
}

TEST_CASE("wire session: a peer that says nothing") {
  auto options = named();
  options.handshake_timeout_ns = 20 * kMs;
  SessionRig rig(options);
  rig.session->start();
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.closed[0].error.code == Errc::kHandshakeTimeout);
  REQUIRE(rig.pump([&] { return rig.peer_saw_reset || rig.peer_saw_end; }));
}

TEST_CASE("wire session: pings are answered, pongs passed on, from any thread") {
  SessionRig rig;
  rig.open();
  rig.put(ping_frame(77));
  REQUIRE(rig.pump_sent(3));
  CHECK(rig.sent.lines.back() == "pong 77");
  CHECK(rig.notes.pings == 1);
  const uint8_t token[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  std::thread([&] { CHECK(rig.session->ping(token).ok()); }).join();
  REQUIRE(rig.pump_sent(4));
  CHECK(rig.sent.last_ping == 0x0807060504030201);
  CHECK(rig.session->ping(token).ok());
  CHECK(rig.session->ping({token, 3}).error().code == Errc::kWireMalformed);
  rig.put(control_frame(Type::kPong, [](TlvWriter& out) { put(out, Pong{0x4443424144434241}); }));
  REQUIRE(rig.pump([&] { return !rig.notes.pongs.empty(); }));
  CHECK(rig.notes.pongs[0] == "ABCDABCD");
}

TEST_CASE("wire session: a flood of pings ends it") {
  SessionOptions options;
  options.max_pings_per_second = 10;
  SessionRig rig(options);
  rig.open();
  for (uint64_t i = 0; i < 11; ++i) rig.put(ping_frame(i));
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.closed[0].error.code == Errc::kWireFlood);
  CHECK(rig.notes.pings == 10);
}

TEST_CASE("wire session: subscriptions change while it is open") {
  SessionRig rig;
  const Names later{"b", "c"};
  CHECK(rig.session->subscribe(later).error().code == Errc::kNotOpen);
  rig.open();
  TopicFilter filter;
  filter.keys = {"K1", "K2"};
  filter.snapshot = false;
  rig.subscriptions.add(later, filter);
  REQUIRE(rig.session->subscribe(later).ok());
  REQUIRE(rig.pump_sent(3));
  CHECK(rig.sent.lines.back() == "subscribe-live b c /K1 /K2");
  rig.put(error_frame(ErrorCode::kForbidden, "not yours", false, rig.sent.last_request));
  rig.put(error_frame(ErrorCode::kTooMany, "what?", false, 4711));
  REQUIRE(rig.pump([&] { return rig.notes.refused.size() == 2; }));
  CHECK(rig.notes.refused == Names{"3:not yours:b,c,", "5:what?:"});
  rig.subscriptions.remove(later);
  REQUIRE(rig.session->unsubscribe(later).ok());
  REQUIRE(rig.pump_sent(4));
  CHECK(rig.sent.lines.back() == "unsubscribe b c");
  CHECK(rig.notes.closed.empty());
}

TEST_CASE("wire session: thousands of topics go in many requests") {
  Names topics;
  for (int i = 0; i < 3'000; ++i) topics.push_back("a rather long name of a topic, number " + std::to_string(i));
  SessionRig rig({}, {}, topics);
  rig.open();
  REQUIRE(rig.pump([&] { return rig.session->send_queue_bytes() == 0; }));
  rig.pump_for(20);
  std::set<std::string> named_topics;
  for (const std::string& line : rig.sent.lines) {
    for (size_t at = line.find(" a rather"); at != std::string::npos; at = line.find(" a rather", at + 1)) {
      named_topics.insert(line.substr(at + 1, line.find(" a rather", at + 1) - at - 1));
    }
  }
  CHECK(named_topics.size() == 3'000);
  CHECK(rig.sent.lines.size() > 5);
  REQUIRE(rig.session->unsubscribe(topics).ok());
  const size_t before = rig.sent.lines.size();
  REQUIRE(rig.pump([&] { return rig.session->send_queue_bytes() == 0 && rig.sent.lines.size() > before + 5; }));
}

TEST_CASE("wire session: what the sender does not take is limited") {
  SessionOptions options;
  options.max_send_queue = 40'000;
  SessionRig rig(options);
  rig.open();
  rig.faults->write_most = 0;
  const uint8_t token[8] = {};
  Result<void> result;
  for (int i = 0; i < 10'000 && result.ok(); ++i) result = rig.session->ping(token);
  CHECK(result.error().code == Errc::kSendQueueFull);
  CHECK(rig.session->send_queue_bytes() <= 40'000);
  CHECK(rig.session->send_queue_bytes() > 30'000);
  // Answers are dropped, and the session lives.
  rig.put(ping_frame(5));
  rig.put(joined({topic_frame(1, "a", 0), message_frame(1, 1)}));
  REQUIRE(rig.pump_messages(1));
  rig.faults->write_most = 7;  // a trickle
  CHECK(rig.session->subscribe(Names{"a"}).ok());
  rig.faults->write_most = SIZE_MAX;
  REQUIRE(rig.pump([&] {
    (void)rig.session->ping(token).ok();  // makes it try again: the spoiled stream raises no edge
    return rig.session->send_queue_bytes() == 0;
  }));
}

TEST_CASE("wire session: subscriptions that do not fit end it before it begins") {
  SessionOptions options;
  options.max_send_queue = 1'000;
  SessionRig rig(options);
  rig.session->start();
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.closed[0].error.code == Errc::kSendQueueFull);
}

TEST_CASE("wire session: a goodbye and its reasons") {
  struct Case {
    Bytes frame;
    Errc reason;
    int32_t detail;
    int64_t retry_ns;
  };
  const std::vector<Case> cases = {
      {bye_frame(ErrorCode::kShuttingDown, "maintenance", 1'500), Errc::kWireShuttingDown, 13, 1'500 * kMs},
      {bye_frame(ErrorCode::kTooSlow, "", UINT32_MAX), Errc::kWireTooSlow, 12, 3'600'000 * kMs},
      {error_frame(ErrorCode::kRateLimit, "slow down", true), Errc::kWireRateLimit, 6, 0},
      {error_frame(ErrorCode::kTimedOut, "", true), Errc::kWireTimedOut, 14, 0},
  };
  for (const Case& c : cases) {
    SessionRig rig;
    rig.open();
    // What stands in front of it is delivered, what stands behind it is not looked at.
    rig.put(joined({topic_frame(1, "a", 0), message_frame(1, 1), c.frame, message_frame(1, 2)}));
    REQUIRE(rig.pump_closed());
    CHECK(rig.notes.closed[0].error.code == c.reason);
    CHECK(rig.notes.closed[0].error.detail == c.detail);
    CHECK(rig.notes.closed[0].retry_after_ns == c.retry_ns);
    CHECK(rig.notes.messages == Names{"1:1"});
  }
}

TEST_CASE("wire session: takes leave, and still takes what comes meanwhile") {
  SessionRig rig;
  rig.open();
  rig.put(topic_frame(1, "a", 0));
  rig.session->close(13, "enough", {Errc::kClosedByUser, 13, {}});
  rig.session->close(13, "again", {Errc::kAborted, 0, {}});  // nothing happens
  REQUIRE(rig.pump([&] { return rig.peer_saw_end; }));
  CHECK(rig.sent.lines.back() == "bye 13 enough");
  rig.put(message_frame(1, 1));
  REQUIRE(rig.pump_messages(1));
  CHECK(rig.notes.closed.empty());
  rig.peer_end();
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.closed[0].error.code == Errc::kClosedByUser);
  CHECK(rig.notes.closed.size() == 1);
  CHECK(rig.session->subscribe(Names{"a"}).error().code == Errc::kNotOpen);
}

TEST_CASE("wire session: does not wait for ever for the sender's end") {
  SessionOptions options;
  options.close_timeout_ns = 20 * kMs;
  SessionRig rig(options);
  rig.open();
  rig.session->close(13, "", {Errc::kClosedByUser, 0, {}});
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.closed[0].error.code == Errc::kClosedByUser);
}

TEST_CASE("wire session: before it is open there is nobody to take leave of") {
  SessionRig rig;
  rig.session->start();
  rig.session->close(13, "", {Errc::kClosedByUser, 0, {}});
  CHECK(rig.notes.closed.size() == 1);
}

TEST_CASE("wire session: broken connections") {
  {
    SessionRig rig;
    rig.open();
    rig.put(joined({topic_frame(1, "a", 0), message_frame(1, 1)}));
    rig.peer_end();
    REQUIRE(rig.pump_closed());
    CHECK(rig.notes.closed[0].error.code == Errc::kEof);
    CHECK(rig.notes.messages == Names{"1:1"});
  }
  {
    SessionRig rig;
    rig.open();
    rig.peer_reset();
    REQUIRE(rig.pump_closed());
    CHECK(rig.notes.closed[0].error.code == Errc::kConnReset);
  }
  {
    SessionRig rig;
    rig.open();
    rig.faults->write_error = EPIPE;
    rig.put(joined({topic_frame(1, "a", 0), ping_frame(1), message_frame(1, 1)}));
    REQUIRE(rig.pump_closed());
    CHECK(rig.notes.closed[0].error.code == Errc::kBrokenPipe);
    CHECK(rig.notes.messages == Names{"1:1"});
  }
  {
    SessionRig rig;
    rig.open();
    rig.session->abort({Errc::kPongTimeout, 0, {}});
    CHECK(rig.notes.closed.size() == 1);
    CHECK(rig.notes.closed[0].error.code == Errc::kPongTimeout);
    REQUIRE(rig.pump([&] { return rig.peer_saw_reset; }));
  }
}

TEST_CASE("wire session: silence is measured by any byte, and not while it is paused") {
  SessionRig rig;
  rig.open(1, 10);  // 30 ms
  for (int i = 0; i < 8; ++i) {
    rig.put(heartbeat_frame({}));
    rig.pump_for(10);
  }
  CHECK(rig.notes.closed.empty());
  CHECK(rig.notes.heartbeats == 8);
  rig.notes.answer = [] { return Flow::kPause; };
  rig.put(joined({topic_frame(1, "a", 0), message_frame(1, 1)}));
  rig.pump_for(100);
  CHECK(rig.notes.closed.empty());
  rig.notes.answer = [] { return Flow::kContinue; };
  rig.session->resume();
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.closed[0].error.code == Errc::kWireSilent);
  CHECK(rig.notes.messages == Names{"1:1"});
}

TEST_CASE("wire session: refused messages wait, whole and in order, and the sender feels it") {
  SessionOptions options;
  options.recv_buffer = 64u << 10;
  SessionRig rig(options);
  rig.open();
  rig.notes.answer = [] { return Flow::kPause; };
  Bytes stream = topic_frame(1, "a", 0);
  constexpr uint64_t kMessages = 50'000;
  for (uint64_t n = 1; n <= kMessages; ++n) append(stream, n % 3 == 0 ? message_frame(1, n) : make_quote(n));
  rig.put(stream);
  rig.pump_for(50);
  CHECK(rig.outgoing.size() > stream.size() / 2);  // it is not read on
  std::mt19937 random(3);
  uint32_t room = 0;
  rig.notes.answer = [&] { return room > 0 ? (--room, Flow::kContinue) : Flow::kPause; };
  REQUIRE(rig.pump(
      [&] {
        room += random() % 700;
        rig.session->resume();
        return rig.notes.messages.size() == kMessages;
      },
      30'000));
  for (uint64_t n = 1; n <= kMessages; ++n) REQUIRE(rig.notes.messages[n - 1] == "1:" + std::to_string(n));
  CHECK(rig.notes.duplicates == 0);
  CHECK(rig.notes.gaps.empty());
}

TEST_CASE("wire session: the end behind refused messages is noticed when they are taken") {
  SessionRig rig;
  rig.open();
  rig.notes.answer = [] { return Flow::kPause; };
  rig.put(joined({topic_frame(1, "a", 0), message_frame(1, 1), message_frame(1, 2)}));
  rig.peer_end();
  rig.pump_for(30);
  CHECK(rig.notes.closed.empty());
  rig.notes.answer = [] { return Flow::kContinue; };
  rig.session->resume();
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.messages == Names{"1:1", "1:2"});
}

TEST_CASE("wire session: damage is skipped and told, and the numbers say what was lost") {
  SessionRig rig;
  rig.open();
  Bytes broken = message_frame(1, 2);
  broken[36] ^= 0x10;
  Bytes unsupported = message_frame(1, 5);
  unsupported[5] |= kFlagCompressed;
  store(unsupported.data() + 12, frame_crc(unsupported.data(), unsupported.size() - kHeaderBytes));
  rig.put(joined({topic_frame(1, "a", 0), message_frame(1, 1), broken, message_frame(1, 3), Bytes(100, 0x54),
                  message_frame(1, 4), unsupported, message_frame(1, 6)}));
  REQUIRE(rig.pump_messages(4));
  CHECK(rig.notes.messages == Names{"1:1", "1:3", "1:4", "1:6"});
  CHECK(rig.notes.damage.of(Damage::kChecksum) == 1);
  CHECK(rig.notes.damage.skipped_bytes == broken.size() + 100);
  CHECK(rig.notes.damage.unsupported == 1);
  CHECK(rig.notes.gaps ==
        Gaps{{"a", {2, 2}, GapCause::kLost, GapFate::kLost}, {"a", {5, 5}, GapCause::kLost, GapFate::kLost}});
}

TEST_CASE("wire session: a frame that never gets whole is given up when nothing comes") {
  SessionOptions options;
  options.stall_ns = 20 * kMs;
  SessionRig rig(options);
  rig.open();
  Bytes torn = message_frame(1, 1);
  store(torn.data() + 8, uint32_t{60'000});
  rig.put(joined({topic_frame(1, "a", 0), torn}));
  REQUIRE(rig.pump([&] { return rig.notes.damage.of(Damage::kGivenUp) == 1; }));
  rig.put(message_frame(1, 2));
  REQUIRE(rig.pump_messages(1));
  CHECK(rig.notes.messages == Names{"1:2"});
}

TEST_CASE("wire session: a whole frame that comes slowly is not given up") {
  SessionOptions options;
  options.stall_ns = 40 * kMs;
  SessionRig rig(options);
  rig.open();
  const Bytes frame = message_frame(1, 1);
  rig.put(topic_frame(1, "a", 0));
  for (const uint8_t byte : frame) {
    rig.put({byte});
    rig.pump_for(2);
  }
  REQUIRE(rig.pump_messages(1));
  CHECK(rig.notes.damage.skipped_bytes == 0);
}

TEST_CASE("wire session: asks again for what is missing, and keeps order") {
  ReceiverOptions receiving;
  receiving.recover.order = Recover::kOrdered;
  SessionRig rig({}, receiving);
  rig.open();
  rig.put(joined({topic_frame(1, "a", 0), message_frame(1, 1), message_frame(1, 4), message_frame(1, 7)}));
  REQUIRE(rig.pump_sent(3));
  CHECK(rig.sent.lines.back() == "resend 1:2-3 1:5-6");
  rig.put(message_frame(1, 9));  // soon after: waits a little
  REQUIRE(rig.pump_sent(4));
  CHECK(rig.sent.lines.back() == "resend 1:8-8");
  rig.put(joined({message_frame(1, 2, kFlagResent), message_frame(1, 3, kFlagResent), refused_frame(1, {5, 6}),
                  message_frame(1, 8, kFlagResent)}));
  REQUIRE(rig.pump_messages(7));
  CHECK(rig.notes.messages == Names{"1:1", "1:2r", "1:3r", "1:4", "1:7", "1:8r", "1:9"});
}

TEST_CASE("wire session: the wait for what is missing ends by itself") {
  ReceiverOptions receiving;
  receiving.recover.order = Recover::kOrdered;
  receiving.recover.wait_ns = 30 * kMs;
  SessionRig rig({}, receiving);
  rig.open();
  rig.put(joined({topic_frame(1, "a", 0), message_frame(1, 2)}));
  REQUIRE(rig.pump_messages(1));
  CHECK(rig.notes.gaps ==
        Gaps{{"a", {1, 1}, GapCause::kLost, GapFate::kRequested}, {"a", {1, 1}, GapCause::kLost, GapFate::kExpired}});
}

TEST_CASE("wire session: the next connection goes on in the same epoch") {
  ReceiverOptions receiving;
  receiving.recover.order = Recover::kLate;
  SessionRig rig({}, receiving);
  rig.open(5);
  rig.put(joined({topic_frame(1, "a", 0), message_frame(1, 1)}));
  REQUIRE(rig.pump_messages(1));
  rig.peer_reset();
  REQUIRE(rig.pump_closed());
  rig.sent.lines.clear();
  rig.received.clear();
  rig.connect({});
  rig.open(5);
  CHECK(rig.sent.lines[0] == "hello   5");
  CHECK(rig.notes.opens == Names{"hub 5", "hub 5 resumed"});
  rig.put(joined({topic_frame(4, "a", 3), message_frame(4, 4)}));
  REQUIRE(rig.pump_messages(2));
  REQUIRE(rig.pump([&] { return rig.sent.lines.back() == "resend 4:2-3"; }));
  CHECK(rig.notes.gaps == Gaps{{"a", {2, 3}, GapCause::kAway, GapFate::kRequested}});
}

TEST_CASE("wire session: a missing definition on a damaged connection makes it anew") {
  for (const bool damaged : {false, true}) {
    SessionRig rig;
    rig.open();
    if (damaged) rig.put(Bytes(10, 'x'));
    rig.put(joined({topic_frame(1, "a", 0), message_frame(1, 1)}));
    REQUIRE(rig.pump_messages(1));
    rig.notes.answer = [&] {
      rig.session->definition_missing();
      return Flow::kContinue;
    };
    rig.put(joined({message_frame(1, 2), message_frame(1, 3)}));
    if (damaged) {
      REQUIRE(rig.pump_closed());
      CHECK(rig.notes.closed[0].error.code == Errc::kWireDefinitions);
      CHECK(rig.notes.messages == Names{"1:1", "1:2"});
    } else {
      REQUIRE(rig.pump_messages(3));
      CHECK(rig.notes.closed.empty());
    }
  }
}

TEST_CASE("wire session: closed and destroyed from inside any callback") {
  for (const bool destroy : {false, true}) {
    for (int where = 0; where < 4; ++where) {
      SessionRig rig;
      const auto act = [&] {
        rig.session->abort({Errc::kAborted, 0, {}});
        return Flow::kStop;
      };
      if (destroy) rig.notes.ended = [&] { rig.loop->defer_delete(std::move(rig.session)); };
      if (where == 0) rig.notes.opened = [&] { (void)act(); };
      if (where == 1) rig.notes.answer = act;
      rig.session->start();
      rig.put(joined({welcome_frame(1), topic_frame(1, "a", 0)}));
      if (where == 2) {
        for (uint64_t n = 1; n < 5; ++n) rig.put(make_quote(n));
        rig.notes.answer = act;
      }
      if (where == 3) rig.put(bye_frame(ErrorCode::kInternal));
      rig.put(joined({message_frame(1, 1), message_frame(1, 2)}));
      REQUIRE(rig.pump_closed());
      rig.pump_for(5);
      CHECK(rig.notes.closed.size() == 1);
      CHECK(rig.notes.messages.size() <= 1);
    }
  }
}

TEST_CASE("wire session: byte by byte, or however reads fall") {
  for (const size_t most : {size_t{1}, size_t{3}, size_t{63}, size_t{65}, size_t{1000}}) {
    auto faults = std::make_shared<SpoiledStream::Faults>();
    faults->read_most = most;
    faults->full_duplex = false;  // or a short read would say that there is no more
    SessionRig rig({}, {}, {"a"}, faults);
    rig.open();
    Bytes stream = topic_frame(1, "a", 0);
    for (uint64_t n = 1; n <= 200; ++n) append(stream, n % 5 == 0 ? message_frame(1, n) : make_quote(n));
    rig.put(stream);
    REQUIRE(rig.pump_messages(200));
    CHECK(rig.notes.gaps.empty());
    CHECK(rig.notes.damage.skipped_bytes == 0);
  }
}
