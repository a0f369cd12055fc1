// The rules of each venue, step by step: what becomes of an event, what is wanted, and what the book holds.
#include "book/book_sync.h"

#include <doctest/doctest.h>

#include "book/checksum.h"
#include "book/connection_sequence.h"
#include "book_events.h"
#include "book_truth.h"

using namespace tickwire::book;
using namespace tickwire::book::testing;

namespace {

Outcome show(BookSync& sync, const Message& message) { return sync.on_event(message.event()); }

Texts bids(const BookSync& sync) { return texts_of(sync.book().bids()); }

uint64_t times_stale(const BookSync& sync, Reason reason) { return sync.counters().stale[static_cast<size_t>(reason)]; }

}  // namespace

TEST_CASE("book rules: Binance spot, from the first event to a gap and back") {
  BookSync sync(rules_of(Venue::kBinanceSpot));
  CHECK(sync.state() == State::kWaiting);
  Outcome outcome = show(sync, delta("10/1", "11/1").ids(101, 105));
  CHECK(outcome.action == Action::kBuffered);
  CHECK(outcome.want == Want::kSnapshot);
  CHECK(outcome.request == 1);
  outcome = show(sync, delta("10/2", "").ids(106, 110));
  CHECK(outcome.action == Action::kBuffered);
  CHECK(outcome.want == Want::kNothing);  // told once
  CHECK(sync.want() == Want::kSnapshot);
  CHECK(sync.kept_events() == 2);

  // From before the first event: there would be a hole.
  outcome = show(sync, snapshot("9/9", "12/9").last(99).request(1));
  CHECK(outcome.action == Action::kTooOld);
  CHECK(outcome.want == Want::kSnapshot);
  CHECK(outcome.request == 2);
  CHECK(sync.state() == State::kWaiting);
  CHECK(sync.book().bids().empty());
  // An answer to the question before.
  CHECK(show(sync, snapshot("9/9", "12/9").last(104).request(1)).action == Action::kIgnored);

  // Inside of the first event; the second follows.
  outcome = show(sync, snapshot("10/7 9/9", "11/1 12/9").last(103).request(2));
  CHECK(outcome.action == Action::kApplied);
  CHECK(outcome.synced_now);
  CHECK(sync.synced());
  CHECK(sync.last_id() == 110);
  CHECK(sync.want() == Want::kNothing);
  CHECK(bids(sync) == Texts{"10/2", "9/9"});
  CHECK(sync.kept_events() == 0);

  CHECK(show(sync, delta("8/8", "").ids(106, 110)).action == Action::kDuplicate);
  CHECK(show(sync, delta("10/3", "").ids(108, 111)).action == Action::kApplied);   // overlaps what is there
  CHECK(show(sync, snapshot("1/1", "2/1").last(120)).action == Action::kIgnored);  // nobody asked
  CHECK(bids(sync) == Texts{"10/3", "9/9"});

  outcome = show(sync, delta("10/5", "").ids(115, 116));
  CHECK(outcome.action == Action::kStale);
  CHECK(outcome.reason == Reason::kGap);
  CHECK(outcome.expected == 112);
  CHECK(outcome.got == 115);
  CHECK(outcome.want == Want::kSnapshot);
  CHECK(sync.reason() == Reason::kGap);
  CHECK(bids(sync) == Texts{"10/3", "9/9"});  // still readable
  CHECK(sync.kept_events() == 1);
  CHECK(show(sync, snapshot("1/1", "2/1").last(113)).action == Action::kTooOld);
  outcome = show(sync, snapshot("10/4", "12/9").last(114));
  CHECK(outcome.synced_now);
  CHECK(bids(sync) == Texts{"10/5"});
  CHECK(sync.last_id() == 116);
  CHECK(sync.reason() == Reason::kNone);
  CHECK(times_stale(sync, Reason::kGap) == 1);
}

TEST_CASE("book rules: a snapshot that is newer than everything kept, and a gap behind it") {
  BookSync sync(rules_of(Venue::kBinanceSpot));
  CHECK(sync.connected().want == Want::kSnapshot);  // before any event
  CHECK(sync.connected().want == Want::kNothing);
  CHECK(show(sync, delta("10/1", "").ids(1, 5)).want == Want::kNothing);
  CHECK(show(sync, snapshot("10/8", "").last(50)).synced_now);
  CHECK(show(sync, delta("10/1", "").ids(6, 9)).action == Action::kDuplicate);
  CHECK(show(sync, delta("10/1", "").ids(52, 60)).reason == Reason::kGap);
}

TEST_CASE("book rules: a gap among the kept events") {
  BookSync sync(rules_of(Venue::kBinanceSpot));
  show(sync, delta("10/1", "").ids(1, 5));
  show(sync, delta("10/2", "").ids(8, 9));
  const Outcome outcome = show(sync, snapshot("7/7", "").last(3));
  CHECK(outcome.action == Action::kRefused);
  CHECK(outcome.reason == Reason::kGap);
  CHECK(outcome.expected == 6);
  CHECK(outcome.got == 8);
  CHECK(outcome.want == Want::kSnapshot);
  CHECK(sync.state() == State::kStale);
  CHECK(bids(sync) == Texts{"10/1", "7/7"});
  CHECK(show(sync, snapshot("7/6", "").last(7)).synced_now);
  CHECK(bids(sync) == Texts{"10/2", "7/6"});
}

TEST_CASE("book rules: what was missing comes on a slower path after all") {
  BookSync sync(rules_of(Venue::kBinanceSpot));
  sync.connected();
  show(sync, snapshot("10/1", "").last(10));
  show(sync, delta("10/2", "").ids(11, 11));
  CHECK(show(sync, delta("10/4", "").ids(13, 13)).action == Action::kStale);
  CHECK(show(sync, delta("10/5", "").ids(14, 14)).action == Action::kBuffered);
  CHECK(show(sync, delta("10/2", "").ids(11, 11)).action == Action::kDuplicate);
  CHECK(show(sync, delta("10/7", "").ids(16, 16)).action == Action::kBuffered);
  CHECK(show(sync, delta("10/5", "").ids(14, 14)).action == Action::kDuplicate);
  CHECK(show(sync, delta("9/1", "").ids(12, 12)).action == Action::kBuffered);  // there is another gap
  CHECK(bids(sync) == Texts{"10/5", "9/1"});
  CHECK_FALSE(sync.synced());
  const Outcome outcome = show(sync, delta("10/6", "").ids(15, 15));
  CHECK(outcome.action == Action::kApplied);
  CHECK(outcome.synced_now);
  CHECK(sync.want() == Want::kNothing);
  CHECK(bids(sync) == Texts{"10/7", "9/1"});
  CHECK(sync.counters().healed == 1);
  // The snapshot that had been asked for comes late.
  CHECK(show(sync, snapshot("1/1", "").last(14)).action == Action::kIgnored);
  CHECK(sync.last_id() == 16);
}

TEST_CASE("book rules: two paths, of which one is ahead") {
  BookSync sync(rules_of(Venue::kBinanceSpot));
  sync.hold(2);
  sync.connected();
  show(sync, snapshot("10/1", "").last(10));
  CHECK(show(sync, delta("10/3", "").ids(13, 13)).action == Action::kBuffered);
  CHECK(sync.synced());  // as of 10
  CHECK(sync.held() == 1);
  CHECK(bids(sync) == Texts{"10/1"});
  CHECK(show(sync, delta("10/2", "").ids(11, 11)).action == Action::kApplied);
  CHECK(show(sync, delta("10/3", "").ids(13, 13)).action == Action::kDuplicate);
  CHECK(show(sync, delta("9/2", "").ids(12, 12)).action == Action::kApplied);
  CHECK(sync.last_id() == 13);
  CHECK(sync.held() == 0);
  CHECK(bids(sync) == Texts{"10/3", "9/2"});
  SUBCASE("more than are held back") {
    show(sync, delta("10/5", "").ids(15, 15));
    show(sync, delta("10/6", "").ids(16, 16));
    CHECK(show(sync, delta("10/7", "").ids(17, 17)).reason == Reason::kGap);
    CHECK(sync.kept_events() == 3);
  }
  SUBCASE("longer than the feeder waits") {
    CHECK(sync.give_up().action == Action::kIgnored);
    show(sync, delta("10/5", "").ids(15, 15));
    const Outcome outcome = sync.give_up();
    CHECK(outcome.action == Action::kStale);
    CHECK(outcome.expected == 14);
    CHECK(outcome.got == 15);
    CHECK(outcome.want == Want::kSnapshot);
  }
  CHECK(show(sync, snapshot("10/4", "").last(14)).synced_now);
}

TEST_CASE("book rules: after a disconnection nothing of before counts") {
  BookSync sync(rules_of(Venue::kBinanceSpot));
  CHECK(sync.disconnected().action == Action::kIgnored);
  CHECK(sync.state() == State::kWaiting);
  const uint32_t first = sync.connected().request;
  show(sync, snapshot("10/1 9/1", "").last(10).request(first));
  CHECK(sync.disconnected().action == Action::kStale);
  CHECK(sync.reason() == Reason::kDisconnected);
  CHECK(sync.last_id() == kAbsent);
  CHECK(bids(sync) == Texts{"10/1", "9/1"});
  const uint32_t second = sync.connected().request;
  CHECK(second != first);
  CHECK(show(sync, snapshot("10/1 9/1", "").last(10).request(first)).action == Action::kIgnored);
  CHECK(show(sync, delta("8/1", "").ids(3, 4)).action == Action::kBuffered);  // smaller ids than before: a new life
  CHECK(show(sync, snapshot("7/1", "").last(2).request(second)).synced_now);
  CHECK(bids(sync) == Texts{"8/1", "7/1"});  // no ghosts
  CHECK(sync.book().asks().empty());
  sync.reset();
  CHECK(sync.state() == State::kWaiting);
  CHECK(sync.book().bids().empty());
}

TEST_CASE("book rules: Binance USD-M") {
  BookSync sync(rules_of(Venue::kBinanceUsdm));
  show(sync, delta("10/1", "").ids(100, 105, 99));
  show(sync, delta("10/2", "").ids(108, 110, 105));
  show(sync, delta("10/3", "").ids(112, 115, 110));
  CHECK(show(sync, snapshot("1/1", "").last(98)).action == Action::kTooOld);
  SUBCASE("the snapshot lies inside of an event") { CHECK(show(sync, snapshot("10/9 1/1", "").last(109)).synced_now); }
  SUBCASE("the snapshot is where an event ends") { CHECK(show(sync, snapshot("10/9 1/1", "").last(110)).synced_now); }
  SUBCASE("the snapshot lies between two events") { CHECK(show(sync, snapshot("10/9 1/1", "").last(111)).synced_now); }
  CHECK(sync.last_id() == 115);
  CHECK(bids(sync) == Texts{"10/3", "1/1"});
  CHECK(show(sync, delta("10/3", "").ids(112, 115, 110)).action == Action::kDuplicate);
  CHECK(show(sync, delta("10/4", "").ids(120, 125, 115)).action == Action::kApplied);
  const Outcome outcome = show(sync, delta("10/6", "").ids(130, 135, 127));
  CHECK(outcome.reason == Reason::kGap);
  CHECK(outcome.expected == 125);
  CHECK(outcome.got == 127);
}

TEST_CASE("book rules: Bybit") {
  Policy policy = rules_of(Venue::kBybit);
  SUBCASE("u grows, by policy") {
    policy.continuity = Continuity::kIncreasing;
    BookSync sync(policy);
    CHECK(sync.connected().want == Want::kNothing);  // subscribing brings a snapshot
    CHECK(show(sync, delta("10/1", "").last(5)).action == Action::kIgnored);
    CHECK(show(sync, snapshot("10/2 9/1", "11/1").last(7)).synced_now);
    CHECK(show(sync, delta("10/3", "").last(9)).action == Action::kApplied);  // no rule says that this is a gap
    CHECK(show(sync, delta("10/4", "").last(9)).action == Action::kDuplicate);
    CHECK(show(sync, delta("10/4", "").last(8)).action == Action::kDuplicate);
    // The same id again, as level 1 books send it when nothing happens.
    CHECK(show(sync, snapshot("10/3 9/1", "11/1").last(9)).action == Action::kApplied);
    // The service restarts, whatever type it says.
    CHECK(show(sync, delta("3/1", "4/1").last(1)).action == Action::kApplied);
    CHECK(bids(sync) == Texts{"3/1"});
    CHECK(sync.last_id() == 1);
    CHECK(sync.book().asks().size() == 1);
    CHECK(show(sync, delta("3/2", "").last(2)).action == Action::kApplied);
    // A jump so soon after ids began anew may be a slower path that still tells of before.
    CHECK(show(sync, delta("10/9", "").last(9)).action == Action::kDuplicate);
    const Outcome outcome = show(sync, delta("10/9", "").last(8));
    CHECK(outcome.reason == Reason::kGap);
    CHECK(outcome.want == Want::kResubscribe);
    CHECK(show(sync, snapshot("3/5", "").last(4)).synced_now);
  }
  SUBCASE("u grows by one: a jump is a gap") {
    BookSync sync(policy);
    CHECK(show(sync, snapshot("10/2 9/1", "11/1").last(7)).synced_now);
    CHECK(show(sync, delta("10/3", "").last(8)).action == Action::kApplied);
    const Outcome outcome = show(sync, delta("10/4", "").last(10));
    CHECK(outcome.reason == Reason::kGap);
    CHECK(outcome.expected == 9);
    CHECK(outcome.got == 10);
    CHECK(outcome.want == Want::kResubscribe);
    CHECK(show(sync, snapshot("10/5", "11/1").last(11)).synced_now);
  }
  SUBCASE("u grows by one; two paths through a restart") {
    BookSync sync(policy);
    for (int64_t u = 5; u <= 9; ++u) show(sync, u == 5 ? snapshot("10/5", "").last(5) : delta("10/7", "").last(u));
    show(sync, snapshot("3/1", "4/1").last(1));
    show(sync, delta("3/2", "").last(2));
    show(sync, delta("3/3", "").last(3));
    CHECK(show(sync, delta("10/7", "").last(8)).action == Action::kDuplicate);
    CHECK(show(sync, delta("10/7", "").last(9)).action == Action::kDuplicate);
    CHECK(show(sync, snapshot("3/1", "4/1").last(1)).action == Action::kDuplicate);
    CHECK(show(sync, delta("3/2", "").last(2)).action == Action::kDuplicate);
    CHECK(show(sync, delta("3/4", "").last(4)).action == Action::kApplied);
    CHECK(bids(sync) == Texts{"3/4"});
    CHECK(show(sync, snapshot("2/1", "4/1").last(1)).action == Action::kApplied);  // another restart
    CHECK(bids(sync) == Texts{"2/1"});
    CHECK(show(sync, delta("3/3", "").last(3)).action == Action::kDuplicate);
    const Outcome outcome = show(sync, delta("3/3", "").last(60));
    CHECK(outcome.reason == Reason::kGap);
    CHECK(outcome.expected == 2);
    CHECK(outcome.got == 60);
  }
}

TEST_CASE("book rules: OKX") {
  BookSync sync(rules_of(Venue::kOkx));
  const Message begin = snapshot("10/1 9/1", "11/1").chain(-1, 100);
  CHECK(show(sync, begin).synced_now);
  CHECK(show(sync, delta("", "").chain(100, 100)).action == Action::kApplied);  // nothing has happened
  CHECK(show(sync, delta("10/2", "").chain(100, 107)).action == Action::kApplied);
  CHECK(show(sync, delta("10/2", "").chain(100, 107)).action == Action::kDuplicate);
  CHECK(show(sync, delta("", "").chain(100, 100)).action == Action::kDuplicate);
  CHECK(show(sync, begin).action == Action::kDuplicate);  // a second path joins late
  // Maintenance: ids go back, and the chain holds.
  CHECK(show(sync, delta("10/3", "").chain(107, 3)).action == Action::kApplied);
  CHECK(show(sync, delta("10/4", "").chain(3, 5)).action == Action::kApplied);
  CHECK(show(sync, delta("10/2", "").chain(100, 107)).action == Action::kDuplicate);  // the slower path
  CHECK(show(sync, delta("10/3", "").chain(107, 3)).action == Action::kDuplicate);
  CHECK(bids(sync) == Texts{"10/4", "9/1"});
  const Outcome outcome = show(sync, delta("10/9", "").chain(6, 8));
  CHECK(outcome.reason == Reason::kGap);
  CHECK(outcome.expected == 5);
  CHECK(outcome.got == 6);
  CHECK(outcome.want == Want::kResubscribe);
  CHECK(show(sync, delta("10/9", "").chain(8, 10)).action == Action::kBuffered);
  CHECK(show(sync, snapshot("1/1", "").chain(-1, 12)).synced_now);
  CHECK(sync.kept_events() == 0);
  // A smaller id than what the book has, which it has never had: ids went back and nobody saw how.
  CHECK(show(sync, snapshot("2/1", "").chain(-1, 11)).reason == Reason::kGap);
  CHECK(show(sync, snapshot("2/1", "").chain(-1, 11)).synced_now);
}

TEST_CASE("book rules: OKX, where ids went back in an event that was lost") {
  BookSync sync(rules_of(Venue::kOkx));
  show(sync, snapshot("10/1", "").chain(-1, 1'000));
  // Each looks old. That is no second path, which would bring what the book has had.
  int shown = 0;
  while (sync.synced() && shown < 1'000) {
    show(sync, delta("10/2", "").chain(10 + shown, 11 + shown));
    ++shown;
  }
  CHECK(sync.reason() == Reason::kNoProgress);
  CHECK(shown < 100);
  CHECK(sync.want() == Want::kResubscribe);
}

TEST_CASE("book rules: OKX without the stream's snapshot") {
  Policy policy = rules_of(Venue::kOkx);
  policy.seed = Seed::kFetched;
  BookSync sync(policy);
  sync.connected();
  show(sync, delta("10/1", "").chain(90, 95));
  show(sync, delta("10/2", "").chain(95, 99));
  CHECK(show(sync, snapshot("10/7 2/2", "").last(97)).synced_now);
  CHECK(bids(sync) == Texts{"10/2", "2/2"});
  CHECK(show(sync, delta("10/3", "").chain(98, 103)).reason == Reason::kGap);  // only the first may begin earlier
}

TEST_CASE("book rules: checksums of OKX") {
  BookSync sync(rules_of(Venue::kOkx));
  const Message begin = snapshot("10.5/1", "11.0/0.250").chain(-1, 1);
  show(sync, begin);
  const int64_t sum = okx_checksum(sync.book());
  show(sync, Message(begin).checksum(sum));
  CHECK(sync.counters().checksums == 1);
  CHECK(show(sync, delta("", "").chain(1, 1).checksum(sum)).action == Action::kApplied);
  CHECK(show(sync, delta("10.4/1", "").chain(1, 2).checksum(0)).action == Action::kApplied);  // 0 is none
  CHECK(sync.counters().checksums == 2);
  const Outcome outcome = show(sync, delta("10.4/0", "").chain(2, 3).checksum(sum + 1));
  CHECK(outcome.action == Action::kStale);
  CHECK(outcome.reason == Reason::kChecksum);
  CHECK(outcome.expected == sum + 1);
  CHECK(outcome.got == sum);
  CHECK(show(sync, delta("10.4/0", "").chain(3, 4)).action == Action::kBuffered);  // there is no healing that
  Policy off = rules_of(Venue::kOkx);
  off.checksum = ChecksumRule::kNone;
  BookSync unchecked(off);
  CHECK(show(unchecked, Message(begin).checksum(sum + 1)).synced_now);
}

TEST_CASE("book rules: Kraken") {
  Policy policy = rules_of(Venue::kKraken);
  policy.depth = 2;
  BookSync sync(policy);
  OrderBook expected(policy);
  const auto sum_of = [](const char* bids, const char* asks) {
    OrderBook book{Policy{}};
    REQUIRE(book.load(snapshot(bids, asks).event()) == Reason::kNone);
    return int64_t{kraken_checksum(book)};
  };
  CHECK(show(sync, delta("10.0/1", "")).action == Action::kIgnored);
  CHECK(
      show(sync, snapshot("10.0/1.5 9.0/1.0", "11.0/2.0").checksum(sum_of("10.0/1.5 9.0/1.0", "11.0/2.0"))).synced_now);
  // One message may change one price more than once, and pushes the last level out.
  CHECK(show(sync, delta("9.5/3.0 9.5/2.0", "").checksum(sum_of("10.0/1.5 9.5/2.0", "11.0/2.0"))).action ==
        Action::kApplied);
  CHECK(bids(sync) == Texts{"10.0/1.5", "9.5/2.0"});
  CHECK_FALSE(sync.book().bids().cut());  // the venue tells of 9.0 again when it matters
  CHECK(show(sync, delta("9.5/0 9.0/1.0", "").checksum(sum_of("10.0/1.5 9.0/1.0", "11.0/2.0"))).action ==
        Action::kApplied);
  const Outcome outcome = show(sync, delta("9.0/1.1", "").checksum(sum_of("10.0/1.5 9.0/1.2", "11.0/2.0")));
  CHECK(outcome.reason == Reason::kChecksum);
  CHECK(outcome.want == Want::kResubscribe);
  CHECK(show(sync, delta("9.0/1.2", "")).action == Action::kIgnored);
}

TEST_CASE("book rules: Coinbase, whose numbers count a connection's messages") {
  ConnectionSequence sequence;
  BookSync btc(rules_of(Venue::kCoinbase));
  BookSync eth(rules_of(Venue::kCoinbase));
  CHECK(sequence.see(0).ok);
  show(btc, snapshot("10/1", "11/1"));
  CHECK(sequence.see(1).ok);
  show(eth, snapshot("1/1", "2/1"));
  CHECK(sequence.see(2).ok);  // another channel's
  const ConnectionSequence::Seen seen = sequence.see(5);
  CHECK_FALSE(seen.ok);
  CHECK(seen.expected == 3);
  CHECK(seen.got == 5);
  for (BookSync* sync : {&btc, &eth}) {
    const Outcome outcome = sync->lose(Reason::kGap, seen.expected, seen.got);
    CHECK(outcome.action == Action::kStale);
    CHECK(outcome.want == Want::kResubscribe);
    CHECK(sync->lose(Reason::kGap).want == Want::kNothing);
  }
  CHECK(show(btc, delta("10/2", "")).action == Action::kIgnored);
  CHECK(sequence.see(6).ok);
  CHECK(show(btc, snapshot("10/3", "11/1")).synced_now);
  CHECK(eth.state() == State::kStale);
  CHECK_FALSE(sequence.see(6).ok);
  CHECK_FALSE(sequence.see(-1).ok);
  CHECK(sequence.gaps() == 3);
  sequence.reset();
  CHECK(sequence.see(1'000).ok);
  // A book that never had anything: its snapshot may be what was missed.
  BookSync waiting(rules_of(Venue::kCoinbase));
  const Outcome outcome = waiting.lose(Reason::kLost);
  CHECK(outcome.action == Action::kRefused);
  CHECK(outcome.want == Want::kResubscribe);
  CHECK(waiting.state() == State::kWaiting);
}

TEST_CASE("book rules: what is kept is bounded") {
  Policy policy = rules_of(Venue::kBinanceSpot);
  policy.max_kept_events = 4;
  BookSync sync(policy);
  for (int64_t id = 1; id <= 5; ++id) CHECK(show(sync, delta("10/1", "").ids(id, id)).action == Action::kBuffered);
  CHECK(sync.kept_events() == 1);
  CHECK(sync.counters().overflows == 1);
  CHECK(sync.want() == Want::kSnapshot);
  CHECK(show(sync, snapshot("1/1", "").last(3)).action == Action::kTooOld);
  CHECK(show(sync, snapshot("1/1", "").last(4)).synced_now);
  CHECK(sync.last_id() == 5);

  policy.max_kept_bytes = 300;
  BookSync small(policy);
  CHECK(show(small, delta("1/1 2/1 3/1 4/1 5/1 6/1 7/1 8/1 9/1", "").ids(1, 7)).action == Action::kBuffered);
  CHECK(small.kept_events() == 0);  // alone it is too much: the snapshot has to have it
  CHECK(show(small, snapshot("1/1", "").last(6)).action == Action::kTooOld);
  CHECK(show(small, snapshot("1/1", "").last(7)).synced_now);
}

TEST_CASE("book rules: snapshots that never fit end with a new beginning") {
  BookSync sync(rules_of(Venue::kBinanceSpot));
  show(sync, delta("10/1", "").ids(1'000'000, 1'000'001));  // ids of another time
  int tries = 0;
  while (!sync.synced() && tries < 20) {
    show(sync, snapshot("1/1", "").last(10 + ++tries));
  }
  CHECK(sync.synced());
  CHECK(tries < 20);
  CHECK(bids(sync) == Texts{"1/1"});
}

TEST_CASE("book rules: bad events make a synced book stale and change nothing that is shown as good") {
  const auto synced = [](Policy policy) {
    BookSync sync(policy);
    sync.connected();
    show(sync, snapshot("10/1 9/1", "11/1").last(10));
    REQUIRE(sync.synced());
    return sync;
  };
  Policy policy = rules_of(Venue::kBinanceSpot);
  SUBCASE("ids") {
    for (const Message& bad :
         {delta("1/1", "").last(11), delta("1/1", "").ids(12, 11), delta("1/1", "").ids(11, kAbsent),
          delta("1/1", "").ids(-5, 11), delta("1/1", "").ids(11, INT64_MAX)}) {
      BookSync sync = synced(policy);
      CHECK(show(sync, bad).reason == Reason::kMalformed);
      CHECK(sync.want() == Want::kSnapshot);
      CHECK(bids(sync) == Texts{"10/1", "9/1"});
      CHECK(show(sync, snapshot("1/1", "")).action == Action::kRefused);  // a snapshot without its id
      CHECK(sync.want() == Want::kSnapshot);
      CHECK(show(sync, snapshot("1/1", "").last(12)).synced_now);
    }
  }
  SUBCASE("levels: half of an event is in") {
    BookSync sync = synced(policy);
    const Message bad(Kind::kDelta, Rows{{10, 0, 5, 0}, {9, 0, -1, 0}}, {});
    CHECK(show(sync, Message(bad).ids(11, 11)).reason == Reason::kMalformed);
    CHECK(sync.state() == State::kStale);
    CHECK(show(sync, delta("8/1", "").ids(11, 11)).action == Action::kBuffered);  // no healing of that
    CHECK(show(sync, snapshot("1/1", "").last(11)).synced_now);
    CHECK(bids(sync) == Texts{"1/1"});
  }
  SUBCASE("a snapshot that does not fit into 64 bits") {
    BookSync sync = synced(policy);
    sync.lose(Reason::kLost);
    const Message bad(Kind::kSnapshot, Rows{{INT64_MAX, 0, 5, 0}, {1, 1, 1, 0}}, {});
    const Outcome outcome = show(sync, Message(bad).last(20));
    CHECK(outcome.action == Action::kRefused);
    CHECK(outcome.reason == Reason::kPriceRange);
    CHECK(outcome.want == Want::kSnapshot);
    CHECK(bids(sync) == Texts{"10/1", "9/1"});
  }
  SUBCASE("an event that is too large") {
    policy.max_event_levels = 3;
    BookSync sync = synced(policy);
    const Outcome outcome = show(sync, delta("1/1 2/1 3/1", "4/1").ids(11, 11));
    CHECK(outcome.reason == Reason::kEventSize);
    CHECK(outcome.expected == 3);
    CHECK(outcome.got == 4);
  }
  SUBCASE("crossed, where the policy does not allow it") {
    BookSync allowed = synced(policy);
    CHECK(show(allowed, delta("11/1", "").ids(11, 11)).crossed);
    policy.crossed = CrossedRule::kStale;
    BookSync sync = synced(policy);
    CHECK(show(sync, delta("11/1", "").ids(11, 11)).reason == Reason::kCrossed);
  }
  SUBCASE("old events only") {
    policy.max_duplicates = 5;
    BookSync sync = synced(policy);
    for (int i = 0; i < 4; ++i) CHECK(show(sync, delta("1/1", "").ids(5, 6)).action == Action::kDuplicate);
    CHECK(show(sync, delta("10/2", "").ids(11, 11)).action == Action::kApplied);
    for (int i = 0; i < 4; ++i) CHECK(show(sync, delta("1/1", "").ids(5, 6)).action == Action::kDuplicate);
    CHECK(show(sync, delta("1/1", "").ids(5, 6)).reason == Reason::kNoProgress);
    CHECK(sync.want() == Want::kSnapshot);
  }
  SUBCASE("what is left of a limited snapshot becomes too little") {
    policy.snapshot_levels = 2;
    policy.min_levels = 2;
    BookSync sync = synced(policy);
    CHECK(show(sync, delta("8/1", "").ids(11, 11)).action == Action::kApplied);
    CHECK(bids(sync) == Texts{"10/1", "9/1"});
    CHECK(sync.book().bids().beyond() == 1);
    const Outcome outcome = show(sync, delta("10/0", "").ids(12, 12));
    CHECK(outcome.reason == Reason::kDepth);
    CHECK(outcome.expected == 2);
    CHECK(outcome.got == 1);
    CHECK(outcome.want == Want::kSnapshot);
  }
}

TEST_CASE("book rules: how near to the best an event was") {
  BookSync sync(rules_of(Venue::kOkx));
  Outcome outcome = show(sync, snapshot("10/1 9/1 8/1", "11/1").chain(-1, 1));
  CHECK(outcome.touched_bids == 0);
  CHECK(outcome.touched_asks == 0);
  outcome = show(sync, delta("8/2 9/2", "").chain(1, 2));
  CHECK(outcome.touched_bids == 1);
  CHECK(outcome.touched_asks == kUntouched);
}

TEST_CASE("book rules: reasons have names") {
  CHECK(std::string(reason_name(Reason::kGap)) == "ERR_BOOK_GAP");
  CHECK(std::string(reason_name(Reason::kLost)) == "ERR_BOOK_LOST");
}
