#include "wire/receiver.h"

#include <doctest/doctest.h>

#include "wire/quote_frame.h"
#include "wire_receiver_rig.h"

using namespace tickwire;
using namespace tickwire::wire;
using namespace tickwire::wire::testing;

namespace {

using Names = std::vector<std::string>;
using Gaps = std::vector<GapSeen>;
using Ranges = std::vector<SequenceRange>;

ReceiverOptions recovering(Recover order) {
  ReceiverOptions o;
  o.recover.order = order;
  o.recover.wait_ns = 500;
  return o;
}

}  // namespace

TEST_CASE("wire receiver: messages in order, duplicates dropped, gaps exact") {
  ReceiverRig rig;
  rig.show_all({topic_frame(3, "BTC", 0), message_frame(3, 1), message_frame(3, 2), message_frame(3, 2),
                message_frame(3, 1), message_frame(3, 6), message_frame(3, 7)});
  CHECK(rig.notes.topics == Names{"3=BTC@0"});
  CHECK(rig.notes.messages == Names{"3:1", "3:2", "3:6", "3:7"});
  CHECK(rig.notes.duplicates == 2);
  CHECK(rig.notes.gaps == Gaps{{"BTC", {3, 5}, GapCause::kLost, GapFate::kLost}});
  CHECK(rig.asked.empty());
}

TEST_CASE("wire receiver: topics count for themselves, from where their definition says") {
  ReceiverRig rig;
  rig.show_all({topic_frame(1, "a", 10), topic_frame(2, "b", 0), message_frame(1, 11), message_frame(2, 1),
                message_frame(2, 2), message_frame(1, 12), message_frame(1, 10)});
  CHECK(rig.notes.messages == Names{"1:11", "2:1", "2:2", "1:12"});
  CHECK(rig.notes.duplicates == 1);
  CHECK(rig.notes.gaps.empty());
}

TEST_CASE("wire receiver: numbers end below 2^63, and what claims a larger one is passed over") {
  ReceiverRig rig;
  rig.show_all({topic_frame(1, "a", 0), message_frame(1, 1), message_frame(1, UINT64_MAX), message_frame(1, 1),
                message_frame(1, kMaxSequence + 1), message_frame(1, 2)});
  CHECK(rig.notes.messages == Names{"1:1", "1:2"});
  CHECK(rig.notes.duplicates == 1);
  CHECK(rig.notes.gaps.empty());
  CHECK(rig.notes.unusable == std::vector<Unusable>{Unusable::kMalformed, Unusable::kMalformed});
  rig.show(topic_frame(2, "b", UINT64_MAX));
  CHECK(rig.notes.topics == Names{"1=a@0"});
  CHECK(rig.notes.unusable.size() == 3);
}

TEST_CASE("wire receiver: runs of quotes, in which anything may happen") {
  ReceiverRig rig;
  rig.show(topic_frame(1, "a", 0));
  rig.show(topic_frame(2, "b", 0));
  Bytes stream;
  for (const auto& [source, number] : std::vector<std::pair<uint16_t, uint64_t>>{
           {1, 1}, {1, 2}, {2, 1}, {1, 3}, {1, 3}, {2, 4}, {1, 4}, {9, 1}, {2, 5}, {1, 5}}) {
    append(stream, make_quote(number, 1, source));
  }
  CHECK(rig.show(stream) == Flow::kContinue);
  CHECK(rig.notes.messages == Names{"1:1", "1:2", "2:1", "1:3", "2:4", "1:4", "2:5", "1:5"});
  CHECK(rig.notes.duplicates == 1);
  CHECK(rig.notes.unusable == std::vector<Unusable>{Unusable::kUndefined});
  CHECK(rig.notes.gaps == Gaps{{"b", {2, 3}, GapCause::kLost, GapFate::kLost}});
}

TEST_CASE("wire receiver: what is refused is offered again, and nothing twice") {
  // Refuses every other time, at whatever place.
  for (const bool quotes : {false, true}) {
    for (size_t every = 1; every < 6; ++every) {
      ReceiverRig rig;
      size_t calls = 0;
      rig.notes.answer = [&] { return ++calls % (every + 1) == 0 ? Flow::kPause : Flow::kContinue; };
      rig.show(topic_frame(1, "a", 0));
      Bytes stream;
      Names expected;
      for (uint64_t n = 1; n <= 40; ++n) {
        if (n % 10 == 0) continue;
        append(stream, quotes ? make_quote(n, 1, 1) : message_frame(1, n));
        expected.push_back("1:" + std::to_string(n));
      }
      Flow flow = rig.show(stream);
      for (int tries = 0; flow == Flow::kPause && tries < 1000; ++tries) flow = rig.show();
      CHECK(rig.notes.messages == expected);
      CHECK(rig.notes.duplicates == 0);
      CHECK(rig.notes.gaps == Gaps{{"a", {10, 10}, GapCause::kLost, GapFate::kLost},
                                   {"a", {20, 20}, GapCause::kLost, GapFate::kLost},
                                   {"a", {30, 30}, GapCause::kLost, GapFate::kLost}});
    }
  }
}

TEST_CASE("wire receiver: unsequenced messages and snapshots stand outside the sequence") {
  ReceiverRig rig;
  rig.show_all({topic_frame(1, "a", 5), message_frame(1, 3, kFlagSnapshot), message_frame(1, 5, kFlagSnapshot),
                message_frame(1, 0), message_frame(0, 0), message_frame(1, 6), message_frame(1, 9, kFlagSnapshot),
                message_frame(1, 9, kFlagSnapshot), message_frame(1, 10)});
  CHECK(rig.notes.messages == Names{"1:3s", "1:5s", "1:0", "0:0", "1:6", "1:9s", "1:9s", "1:10"});
  CHECK(rig.notes.gaps.empty());  // the snapshot contains 7 to 9
  CHECK(rig.notes.duplicates == 0);
}

TEST_CASE("wire receiver: losses at the tail are told by heartbeats and Skipped") {
  ReceiverRig rig;
  rig.show_all(
      {topic_frame(1, "a", 0), topic_frame(2, "b", 0), message_frame(1, 1), heartbeat_frame({{1, 1}, {2, 0}, {9, 4}})});
  CHECK(rig.notes.gaps.empty());
  rig.show_all({heartbeat_frame({{1, 4}}), skipped_frame(2, {1, 7}), skipped_frame(2, {10, 12}),
                skipped_frame(2, {5, 14}), skipped_frame(2, {3, 3}), message_frame(1, 5), message_frame(2, 15)});
  CHECK(rig.notes.messages == Names{"1:1", "1:5", "2:15"});
  CHECK(rig.notes.gaps == Gaps{{"a", {2, 4}, GapCause::kLost, GapFate::kLost},
                               {"b", {1, 7}, GapCause::kSlow, GapFate::kLost},
                               {"b", {8, 9}, GapCause::kLost, GapFate::kLost},
                               {"b", {10, 12}, GapCause::kSlow, GapFate::kLost},
                               {"b", {13, 14}, GapCause::kSlow, GapFate::kLost}});
}

TEST_CASE("wire receiver: what was conflated on purpose is counted and is no gap") {
  ReceiverRig rig;
  rig.show_all({topic_frame(1, "a", 0), message_frame(1, 1), message_frame(1, 5, kFlagConflated),
                skipped_frame(1, {6, 8}, SkippedWhy::kConflated), message_frame(1, 9)});
  CHECK(rig.notes.messages == Names{"1:1", "1:5", "1:9"});
  CHECK(rig.notes.conflated == 6);
  CHECK(rig.notes.gaps.empty());
}

TEST_CASE("wire receiver: with a filter only Skipped tells of losses") {
  ReceiverRig rig;
  rig.receiver.set_filtered("a", true);
  rig.show_all({topic_frame(1, "a", 0), message_frame(1, 4), message_frame(1, 9), heartbeat_frame({{1, 20}}),
                skipped_frame(1, {25, 27}), message_frame(1, 30), message_frame(1, 30)});
  CHECK(rig.notes.messages == Names{"1:4", "1:9", "1:30"});
  CHECK(rig.notes.gaps == Gaps{{"a", {25, 27}, GapCause::kSlow, GapFate::kLost}});
  CHECK(rig.notes.duplicates == 1);
}

TEST_CASE("wire receiver: a reconnect goes on in the same epoch and starts over in another") {
  ReceiverRig rig;
  rig.show_all({topic_frame(1, "a", 0), message_frame(1, 1), message_frame(1, 2)});
  rig.reconnect(ReceiverRig::kEpoch);
  rig.show(message_frame(1, 3));  // not defined on this connection
  CHECK(rig.notes.unusable == std::vector<Unusable>{Unusable::kUndefined});
  // The same topic under another number.
  rig.show_all({topic_frame(5, "a", 6), message_frame(5, 7), message_frame(5, 2)});
  CHECK(rig.notes.gaps == Gaps{{"a", {3, 6}, GapCause::kAway, GapFate::kLost}});
  CHECK(rig.notes.duplicates == 1);
  rig.reconnect(ReceiverRig::kEpoch + 1);
  rig.show_all({topic_frame(1, "a", 3), message_frame(1, 4)});
  CHECK(rig.notes.messages == Names{"1:1", "1:2", "5:7", "1:4"});
  CHECK(rig.notes.gaps.size() == 1);
}

TEST_CASE("wire receiver: what was sent while a topic was not followed is not missing") {
  ReceiverRig rig;
  rig.show_all({topic_frame(1, "a", 0), message_frame(1, 1)});
  rig.receiver.unfollow("a");
  rig.receiver.unfollow("never heard of");
  rig.show_all({message_frame(1, 2), topic_frame(1, "a", 9), message_frame(1, 10)});
  CHECK(rig.notes.messages == Names{"1:1", "1:2", "1:10"});
  CHECK(rig.notes.gaps.empty());
}

TEST_CASE("wire receiver: a number that goes to another topic") {
  ReceiverRig rig;
  rig.show_all({topic_frame(1, "a", 0), message_frame(1, 1), topic_frame(1, "b", 4), message_frame(1, 5),
                topic_frame(2, "a", 1), message_frame(2, 2), topic_frame(3, "a", 2), message_frame(3, 3)});
  rig.show(message_frame(2, 3));  // "a" has moved on
  CHECK(rig.notes.messages == Names{"1:1", "1:5", "2:2", "3:3"});
  CHECK(rig.notes.unusable == std::vector<Unusable>{Unusable::kUndefined});
  CHECK(rig.notes.gaps.empty());
}

TEST_CASE("wire receiver: what is kept back is passed on before its topic's number means another, or never") {
  for (const bool taken : {true, false}) {
    for (const bool moves : {true, false}) {
      ReceiverRig rig(recovering(Recover::kOrdered));
      rig.show_all({topic_frame(1, "a", 0), message_frame(1, 2), message_frame(1, 3)});
      CHECK(rig.notes.messages.empty());
      rig.notes.answer = [&] {
        CHECK(rig.notes.topics.size() == 1);  // "b", or the new number, has not been told yet
        return taken ? Flow::kContinue : Flow::kPause;
      };
      rig.show(moves ? topic_frame(2, "a", 3) : topic_frame(1, "b", 0));
      CHECK(rig.notes.messages == (taken ? Names{"1:2", "1:3"} : Names{}));
      CHECK(rig.notes.discarded == (taken ? 0 : 2));
      CHECK(rig.notes.gaps == Gaps{{"a", {1, 1}, GapCause::kLost, GapFate::kRequested},
                                   {"a", {1, 1}, GapCause::kLost, GapFate::kExpired}});
      CHECK_FALSE(rig.receiver.blocked());
      rig.notes.answer = [] { return Flow::kContinue; };
      rig.show(moves ? message_frame(2, 4) : message_frame(1, 1));
      CHECK(rig.notes.messages.back() == (moves ? "2:4" : "1:1"));
    }
  }
}

TEST_CASE("wire receiver: topics are limited") {
  ReceiverOptions options;
  options.max_topics = 2;
  ReceiverRig rig(options);
  rig.show_all({topic_frame(1, "a", 0), topic_frame(2, "b", 0), topic_frame(3, "c", 0), topic_frame(4, "a", 0),
                message_frame(4, 1), message_frame(3, 1)});
  CHECK(rig.notes.messages == Names{"4:1"});
  CHECK(rig.notes.unusable == std::vector<Unusable>{Unusable::kTooMany, Unusable::kUndefined});
}

TEST_CASE("wire receiver: control frames that are malformed, or nothing for us") {
  ReceiverRig rig;
  for (const Type type : {Type::kTopic, Type::kSymbol, Type::kHeartbeat, Type::kSkipped, Type::kResendRefused}) {
    Header h;
    h.type = static_cast<uint8_t>(type);
    const uint8_t bad[] = {2, 9, 1};
    rig.show(make_frame(h, bad));
  }
  CHECK(rig.notes.unusable == std::vector<Unusable>(5, Unusable::kMalformed));
  rig.notes.unusable.clear();
  for (const Type type : {Type::kHello, Type::kSubscribe, Type::kUnsubscribe, Type::kResend, Type::kWelcome}) {
    Header h;
    h.type = static_cast<uint8_t>(type);
    rig.show(make_frame(h, {}));
  }
  CHECK(rig.notes.unusable == std::vector<Unusable>(5, Unusable::kUnexpected));
  rig.notes.unusable.clear();
  rig.show(skipped_frame(8, {1, 2}));
  rig.show(refused_frame(8, {1, 2}));  // of a topic that nobody knows any more
  CHECK(rig.notes.unusable == std::vector<Unusable>{Unusable::kUndefined});
  CHECK(rig.notes.messages.empty());
}

TEST_CASE("wire receiver: symbols are handed on") {
  ReceiverRig rig;
  const SymbolEntry entries[] = {{0, "BTCUSDT"}, {4'000'000'000, "ETH"}};
  rig.show(control_frame(Type::kSymbol, [&](TlvWriter& out) { put(out, entries); }));
  CHECK(rig.notes.symbols == Names{"0=BTCUSDT", "4000000000=ETH"});
}

// ---- recovery

TEST_CASE("wire receiver: late recovery passes on what comes, flagged, and tells how it ended") {
  ReceiverRig rig(recovering(Recover::kLate));
  rig.show_all({topic_frame(1, "a", 0), message_frame(1, 1), message_frame(1, 6)});
  CHECK(rig.notes.gaps == Gaps{{"a", {2, 5}, GapCause::kLost, GapFate::kRequested}});
  CHECK(rig.take_asked(1) == Ranges{{2, 5}});
  rig.notes.gaps.clear();
  rig.show_all({message_frame(1, 7), refused_frame(1, {2, 3}), message_frame(1, 4, kFlagResent), message_frame(1, 8),
                message_frame(1, 5, kFlagResent), message_frame(1, 5, kFlagResent)});
  CHECK(rig.notes.messages == Names{"1:1", "1:6", "1:7", "1:4r", "1:8", "1:5r"});
  CHECK(rig.notes.gaps ==
        Gaps{{"a", {2, 3}, GapCause::kLost, GapFate::kRefused}, {"a", {4, 5}, GapCause::kLost, GapFate::kRecovered}});
  CHECK(rig.notes.duplicates == 1);
  CHECK(rig.receiver.next_deadline_ns() == INT64_MAX);
}

TEST_CASE("wire receiver: ordered recovery keeps back what is behind the gap") {
  ReceiverRig rig(recovering(Recover::kOrdered));
  rig.show_all({topic_frame(1, "a", 0), topic_frame(2, "b", 0), message_frame(1, 1), message_frame(1, 4),
                message_frame(2, 1), message_frame(1, 5), message_frame(1, 8)});
  CHECK(rig.notes.messages == Names{"1:1", "2:1"});  // other topics go on
  CHECK(rig.take_asked(1) == Ranges{{2, 3}, {6, 7}});
  rig.show(message_frame(1, 2, kFlagResent));
  CHECK(rig.notes.messages == Names{"1:1", "2:1", "1:2r"});
  rig.show(message_frame(1, 7, kFlagResent));  // out of order
  CHECK(rig.notes.messages == Names{"1:1", "2:1", "1:2r"});
  rig.show(message_frame(1, 3, kFlagResent));
  CHECK(rig.notes.messages == Names{"1:1", "2:1", "1:2r", "1:3r", "1:4", "1:5"});
  rig.show(message_frame(1, 6, kFlagResent));
  rig.show(message_frame(1, 9));
  CHECK(rig.notes.messages == Names{"1:1", "2:1", "1:2r", "1:3r", "1:4", "1:5", "1:6r", "1:7r", "1:8", "1:9"});
  CHECK(rig.notes.gaps == Gaps{{"a", {2, 3}, GapCause::kLost, GapFate::kRequested},
                               {"a", {6, 7}, GapCause::kLost, GapFate::kRequested},
                               {"a", {2, 2}, GapCause::kLost, GapFate::kRecovered},
                               {"a", {7, 7}, GapCause::kLost, GapFate::kRecovered},
                               {"a", {3, 3}, GapCause::kLost, GapFate::kRecovered},
                               {"a", {6, 6}, GapCause::kLost, GapFate::kRecovered}});
}

TEST_CASE("wire receiver: the wait is bounded in time") {
  for (const Recover order : {Recover::kLate, Recover::kOrdered}) {
    ReceiverRig rig(recovering(order));
    rig.show_all({topic_frame(1, "a", 0), message_frame(1, 1), message_frame(1, 4)});
    CHECK(rig.receiver.next_deadline_ns() == 1'500);
    CHECK(rig.receiver.on_time(1'499) == Flow::kContinue);
    rig.show(message_frame(1, 2, kFlagResent));
    CHECK(rig.receiver.on_time(1'500) == Flow::kContinue);
    CHECK(rig.receiver.next_deadline_ns() == INT64_MAX);
    rig.show(message_frame(1, 3, kFlagResent));  // too late
    rig.show(message_frame(1, 5));
    if (order == Recover::kOrdered) {
      CHECK(rig.notes.messages == Names{"1:1", "1:2r", "1:4", "1:5"});
    } else {
      CHECK(rig.notes.messages == Names{"1:1", "1:4", "1:2r", "1:5"});
    }
    CHECK(rig.notes.duplicates == 1);
    CHECK(rig.notes.gaps == Gaps{{"a", {2, 3}, GapCause::kLost, GapFate::kRequested},
                                 {"a", {3, 3}, GapCause::kLost, GapFate::kExpired},
                                 {"a", {2, 2}, GapCause::kLost, GapFate::kRecovered}});
  }
}

TEST_CASE("wire receiver: and in memory") {
  auto options = recovering(Recover::kOrdered);
  options.recover.hold_bytes = 1'000;
  ReceiverRig rig(options);
  rig.show_all({topic_frame(1, "a", 0), message_frame(1, 1)});
  Names expected{"1:1"};
  for (uint64_t n = 3; n < 20; ++n) {
    rig.show(message_frame(1, n));
    expected.push_back("1:" + std::to_string(n));
  }
  CHECK(rig.notes.messages == expected);
  CHECK(rig.notes.gaps ==
        Gaps{{"a", {2, 2}, GapCause::kLost, GapFate::kRequested}, {"a", {2, 2}, GapCause::kLost, GapFate::kExpired}});
}

TEST_CASE("wire receiver: what was kept back may be refused, and waits in front of all others") {
  ReceiverRig rig(recovering(Recover::kOrdered));
  rig.show_all(
      {topic_frame(1, "a", 0), topic_frame(2, "b", 0), message_frame(1, 2), message_frame(1, 3), message_frame(1, 4)});
  int room = 2;
  rig.notes.answer = [&] { return room-- > 0 ? Flow::kContinue : Flow::kPause; };
  rig.show(message_frame(1, 1, kFlagResent));
  CHECK(rig.receiver.blocked());
  CHECK(rig.notes.messages == Names{"1:1r", "1:2"});
  room = 0;
  CHECK(rig.show(message_frame(2, 1)) == Flow::kPause);
  CHECK(rig.show(message_frame(1, 5)) == Flow::kPause);
  room = 1;
  CHECK(rig.show() == Flow::kPause);
  room = 100;
  CHECK(rig.show() == Flow::kContinue);
  CHECK(rig.notes.messages == Names{"1:1r", "1:2", "1:3", "1:4", "2:1", "1:5"});
  CHECK_FALSE(rig.receiver.blocked());
}

TEST_CASE("wire receiver: what the sender left out for our slowness is asked for only on demand") {
  for (const bool slow : {false, true}) {
    auto options = recovering(Recover::kOrdered);
    options.recover.slow = slow;
    ReceiverRig rig(options);
    rig.show_all({topic_frame(1, "a", 0), skipped_frame(1, {1, 3}), message_frame(1, 4)});
    CHECK(rig.take_asked(1) == (slow ? Ranges{{1, 3}} : Ranges{}));
    CHECK(rig.notes.gaps == Gaps{{"a", {1, 3}, GapCause::kSlow, slow ? GapFate::kRequested : GapFate::kLost}});
    CHECK(rig.notes.messages == (slow ? Names{} : Names{"1:4"}));
  }
}

TEST_CASE("wire receiver: the end of a connection releases what was kept back; the next asks again") {
  ReceiverRig rig(recovering(Recover::kOrdered));
  rig.show_all({topic_frame(1, "a", 0), message_frame(1, 3), message_frame(1, 4)});
  CHECK(rig.take_asked(1) == Ranges{{1, 2}});
  rig.reconnect(ReceiverRig::kEpoch);
  CHECK(rig.notes.messages == Names{"1:3", "1:4"});
  rig.show(topic_frame(7, "a", 6));
  CHECK(rig.take_asked(7) == Ranges{{1, 2}, {5, 6}});
  rig.show_all({message_frame(7, 7), message_frame(7, 1, kFlagResent), message_frame(7, 2, kFlagResent),
                message_frame(7, 5, kFlagResent), message_frame(7, 6, kFlagResent)});
  CHECK(rig.notes.messages == Names{"1:3", "1:4", "7:1r", "7:2r", "7:5r", "7:6r", "7:7"});
  CHECK(rig.notes.gaps == Gaps{{"a", {1, 2}, GapCause::kLost, GapFate::kRequested},
                               {"a", {5, 6}, GapCause::kAway, GapFate::kRequested},
                               {"a", {1, 2}, GapCause::kAway, GapFate::kRecovered},
                               {"a", {5, 6}, GapCause::kAway, GapFate::kRecovered}});
}

TEST_CASE("wire receiver: another epoch ends all hope") {
  ReceiverRig rig(recovering(Recover::kOrdered));
  rig.show_all({topic_frame(1, "a", 0), message_frame(1, 3)});
  rig.reconnect(ReceiverRig::kEpoch + 5);
  CHECK(rig.notes.gaps ==
        Gaps{{"a", {1, 2}, GapCause::kLost, GapFate::kRequested}, {"a", {1, 2}, GapCause::kLost, GapFate::kExpired}});
  rig.show_all({topic_frame(1, "a", 0), message_frame(1, 1)});
  CHECK(rig.notes.messages == Names{"1:3", "1:1"});
}

TEST_CASE("wire receiver: what cannot be passed on when the connection ends counts as never received") {
  ReceiverRig rig(recovering(Recover::kOrdered));
  rig.show_all(
      {topic_frame(1, "a", 0), message_frame(1, 1), message_frame(1, 3), message_frame(1, 4), message_frame(1, 7)});
  int room = 1;
  rig.notes.answer = [&] { return room-- > 0 ? Flow::kContinue : Flow::kPause; };
  rig.reconnect(ReceiverRig::kEpoch);
  room = 100;
  CHECK(rig.notes.discarded == 2);
  rig.asked.clear();
  rig.notes.gaps.clear();
  rig.show(topic_frame(1, "a", 8));
  CHECK(rig.take_asked(1) == Ranges{{2, 2}, {4, 8}});
  CHECK(rig.notes.gaps == Gaps{{"a", {4, 8}, GapCause::kAway, GapFate::kRequested}});
  CHECK(rig.notes.messages == Names{"1:1", "1:3"});
}

TEST_CASE("wire receiver: what was passed on already does not come again for what could not be") {
  ReceiverRig rig(recovering(Recover::kOrdered));
  rig.show_all({topic_frame(1, "a", 0), message_frame(1, 1), message_frame(1, 3), message_frame(1, 5)});
  rig.reconnect(ReceiverRig::kEpoch);  // 2 and 4 are still missing
  CHECK(rig.notes.messages == Names{"1:1", "1:3", "1:5"});
  rig.notes.answer = [] { return Flow::kPause; };
  rig.show(topic_frame(1, "a", 5));
  rig.show(message_frame(1, 4, kFlagResent));  // kept back for 2, and then never taken
  rig.show(message_frame(1, 3, kFlagSnapshot));
  rig.reconnect(ReceiverRig::kEpoch);
  CHECK(rig.notes.discarded == 2);
  rig.notes.answer = [] { return Flow::kContinue; };
  rig.asked.clear();
  rig.show(topic_frame(1, "a", 5));
  CHECK(rig.take_asked(1) == Ranges{{2, 2}, {4, 4}});
  rig.show_all({message_frame(1, 2, kFlagResent), message_frame(1, 3, kFlagResent), message_frame(1, 4, kFlagResent),
                message_frame(1, 5, kFlagResent), message_frame(1, 6)});
  CHECK(rig.notes.messages == Names{"1:1", "1:3", "1:5", "1:2r", "1:4r", "1:6"});
  CHECK(rig.notes.duplicates == 2);
}

TEST_CASE("wire receiver: no more is asked for at once than the limits say") {
  ReceiverRig rig(recovering(Recover::kLate));
  rig.show(topic_frame(1, "a", 0));
  for (uint64_t n = 2; n < 2'000; n += 2) rig.show(message_frame(1, n));
  size_t requested = 0;
  size_t lost = 0;
  for (const GapSeen& gap : rig.notes.gaps) (gap.fate == GapFate::kRequested ? requested : lost) += 1;
  CHECK(requested == 64);
  CHECK(requested + lost == 999);
  for (uint16_t source = 2; source < 30; ++source) {
    rig.show(topic_frame(source, "t" + std::to_string(source), 0));
    for (uint64_t n = 2; n < 40; n += 2) rig.show(message_frame(source, n));
  }
  CHECK(rig.asked.size() == Receiver::kMaxRequests);
}
