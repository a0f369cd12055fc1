// Books against venues that lose, repeat and reorder messages, answer late, with old snapshots or not at all, over one
// path or two that interleave: whenever a book says that it is synced, it is what the venue's book was at that id, it
// never goes back while it is synced, and in the end it is the venue's.
#include <doctest/doctest.h>

#include <deque>

#include "book/connection_sequence.h"
#include "book_venue_sim.h"

using namespace tickwire::book;
using namespace tickwire::book::testing;

namespace {

struct Trouble {
  int paths = 1;
  int lost = 0;  // of 1000 messages
  int repeated = 0;
  int swapped = 0;
  int cut = 0;          // connections that break, per 1000 steps
  bool steady = false;  // but not the first one
  bool caches = false;  // old snapshots
  uint32_t hold = 0;
};

struct Sent {
  Message message;
  int64_t number;  // of the connection
  size_t moment;   // what the venue's book is after it
};

struct Path {
  std::deque<Sent> queue;
  ConnectionSequence sequence;
  int64_t next_number = 0;
  bool up = false;
};

class Model {
 public:
  Model(Venue venue, const Policy& policy, const Trouble& trouble, uint64_t seed)
      : venue_(venue),
        fetched_(policy.seed == Seed::kFetched),
        // Until it shows that ids went back in a message that was lost.
        quiet_(fetched_ && policy.continuity == Continuity::kPrevious ? 1'500 : 400),
        trouble_(trouble),
        sim_(venue, policy, seed),
        sync_(policy),
        paths_(static_cast<size_t>(trouble.paths)) {
    sync_.hold(trouble.hold);
    connect(paths_[0]);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    // Quiet: nothing is lost any more, everything arrives.
    trouble_ = {trouble_.paths};
    for (int i = 0; i < quiet_ || !sync_.synced(); ++i) {
      REQUIRE(i < 5'000);
      step();
    }
    for (Path& path : paths_) {
      while (!path.queue.empty()) deliver(path);
    }
    REQUIRE(sync_.synced());
    matches(sim_.now());
  }

  [[nodiscard]] const BookSync& sync() const { return sync_; }
  [[nodiscard]] size_t times_checked() const { return checked_; }

 private:
  bool chance(int of_thousand) { return sim_.chance(static_cast<uint64_t>(of_thousand), 1000); }

  void step() {
    for (Path& path : paths_) {
      if (!path.up) {
        if (sim_.chance(1, 8)) connect(path);
      } else if (chance(trouble_.cut) && !(trouble_.steady && &path == &paths_[0])) {
        disconnect(path);
      }
    }
    if (sim_.chance(1, 2)) {
      const Message message = sim_.step();
      for (Path& path : paths_) send(path, message);
    }
    Path& path = paths_[static_cast<size_t>(sim_.below(paths_.size()))];
    // One lags while the other does not, and the other way round.
    for (int64_t n = sim_.below(5); n > 0 && !path.queue.empty(); --n) deliver(path);
    if (sync_.held() != 0 && trouble_.lost != 0 && chance(20)) {
      note(sync_.give_up());
      REQUIRE(sync_.state() == State::kStale);
    }
    answer();
  }

  void send(Path& path, const Message& message, bool sure = false) {
    if (!path.up) return;
    const Sent sent{message, path.next_number++, sim_.now()};
    if (!sure && chance(trouble_.lost)) return;
    path.queue.push_back(sent);
    if (sure) return;
    if (chance(trouble_.repeated)) path.queue.push_back(sent);
    if (path.queue.size() > 1 && chance(trouble_.swapped))
      std::swap(path.queue.back(), path.queue[path.queue.size() - 2]);
  }
  void connect(Path& path) {
    path.up = true;
    path.next_number = 0;
    path.sequence.reset();
    path.queue.clear();
    if (fetched_) {
      note(sync_.connected());
    } else {
      send(path, sim_.snapshot());
    }
  }
  void disconnect(Path& path) {
    path.up = false;
    path.queue.clear();
    for (const Path& other : paths_) {
      if (other.up) return;
    }
    note(sync_.disconnected());
    synced_at_ = 0;
  }

  void deliver(Path& path) {
    const Sent sent = path.queue.front();
    path.queue.pop_front();
    if (venue_ == Venue::kCoinbase) {
      const auto seen = path.sequence.see(sent.number);
      if (!seen.ok) note(sync_.lose(Reason::kGap, seen.expected, seen.got));
    }
    const bool was_synced = sync_.synced();
    const Outcome outcome = sync_.on_event(sent.message.event());
    note(outcome);
    check(outcome, was_synced, sent.moment);
  }

  // Questions are answered late, some never, some from a cache; whoever asked tries again after a while.
  void answer() {
    if (sync_.want() != Want::kNothing && ++waited_ > 40) asked_.push_back(sync_.request());
    if (asked_.size() > 6) asked_.pop_front();
    if (waited_ > 40) waited_ = 0;
    if (!fetched_ && !sync_.synced() && sim_.chance(1, 150)) asked_.push_back(sync_.request());  // no snapshot came
    if (asked_.empty() || !sim_.chance(1, 10)) return;
    const uint32_t request = asked_.front();
    asked_.pop_front();
    if (chance(trouble_.lost)) return;
    if (!fetched_) {
      Path& path = paths_[static_cast<size_t>(sim_.below(paths_.size()))];
      return send(path, sim_.snapshot());
    }
    Message message = sim_.snapshot(trouble_.caches && sim_.chance(1, 3) ? static_cast<size_t>(sim_.below(30)) : 0);
    message.request(sim_.chance(1, 2) ? request : 0);
    const bool was_synced = sync_.synced();
    const Outcome outcome = sync_.on_event(message.event());
    if (was_synced) REQUIRE(outcome.action == Action::kIgnored);
    note(outcome);
    check(outcome, was_synced, sim_.now());
  }
  void note(const Outcome& outcome) {
    if (outcome.want == Want::kNothing) return;
    REQUIRE(sync_.want() == outcome.want);
    REQUIRE(sync_.request() == outcome.request);
    asked_.push_back(outcome.request);
    waited_ = 0;
  }

  void check(const Outcome& outcome, bool was_synced, size_t moment) {
    REQUIRE(is_sound(sync_.book().bids()));
    REQUIRE(is_sound(sync_.book().asks()));
    REQUIRE((outcome.action == Action::kStale) == (was_synced && !sync_.synced()));
    REQUIRE(outcome.synced_now == (!was_synced && sync_.synced()));
    REQUIRE((sync_.reason() != Reason::kNone) == (sync_.state() == State::kStale));
    if (!sync_.synced()) return;
    REQUIRE(sync_.want() == Want::kNothing);
    if (!was_synced) synced_at_ = 0;
    if (sync_.last_id() == kAbsent) {  // as of this very message
      if (outcome.action == Action::kApplied) matches(moment);
      return;
    }
    if (outcome.action == Action::kDuplicate || outcome.action == Action::kIgnored ||
        outcome.action == Action::kBuffered)
      return;  // nothing has changed
    // The newest moment with this id: ids that began anew come again.
    size_t at = sim_.now();
    while (at > 0 && (sim_.moments()[at].id != sync_.last_id() || !equal(at))) --at;
    if (at == 0) matches(0);
    REQUIRE(at >= synced_at_);
    synced_at_ = at;
    ++checked_;
  }
  bool equal(size_t moment) {
    const Truth& truth = sim_.moments()[moment].truth;
    return is_true(sync_.book().bids(), truth.side(true)) && is_true(sync_.book().asks(), truth.side(false));
  }
  void matches(size_t moment) {
    const Truth& truth = sim_.moments()[moment].truth;
    REQUIRE(is_true(sync_.book().bids(), truth.side(true)));
    REQUIRE(is_true(sync_.book().asks(), truth.side(false)));
    ++checked_;
  }

  Venue venue_;
  bool fetched_;
  int quiet_;
  Trouble trouble_;
  VenueSim sim_;
  BookSync sync_;
  std::vector<Path> paths_;
  std::deque<uint32_t> asked_;
  int waited_ = 0;
  size_t synced_at_ = 0;
  size_t checked_ = 0;
};

Trouble all_of_it(int paths) { return {paths, 15, 15, 15, 3, false, true}; }

SyncCounters play(Venue venue, const Policy& policy, const Trouble& trouble, int steps = 1'000, uint64_t seeds = 5) {
  SyncCounters sum;
  size_t checked = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    Model model(venue, policy, trouble, seed);
    model.run(steps);
    checked += model.times_checked();
    const SyncCounters& counters = model.sync().counters();
    sum.duplicates += counters.duplicates;
    sum.too_old += counters.too_old;
    sum.healed += counters.healed;
    sum.snapshots += counters.snapshots;
    sum.events += counters.events;
    for (size_t i = 0; i < std::size(sum.stale); ++i) sum.stale[i] += counters.stale[i];
  }
  CHECK(checked > static_cast<size_t>(steps) * seeds / 8);
  return sum;
}

uint64_t stale(const SyncCounters& counters, Reason reason) { return counters.stale[static_cast<size_t>(reason)]; }

}  // namespace

TEST_CASE("book model: nothing goes wrong, nothing is reported") {
  for (const Venue venue :
       {Venue::kBinanceSpot, Venue::kBinanceUsdm, Venue::kBybit, Venue::kOkx, Venue::kKraken, Venue::kCoinbase}) {
    CAPTURE(static_cast<int>(venue));
    const SyncCounters counters = play(venue, rules_of(venue), {}, 1'000, 2);
    for (const uint64_t times : counters.stale) CHECK(times == 0);
    // A fetched snapshot may be newer than what is under way.
    if (rules_of(venue).seed == Seed::kStream) CHECK(counters.duplicates == 0);
  }
}

TEST_CASE("book model: losses, repetitions, disorder, broken connections on one path") {
  for (const Venue venue :
       {Venue::kBinanceSpot, Venue::kBinanceUsdm, Venue::kBybit, Venue::kOkx, Venue::kKraken, Venue::kCoinbase}) {
    CAPTURE(static_cast<int>(venue));
    const Policy policy = rules_of(venue);
    const SyncCounters counters = play(venue, policy, all_of_it(1));
    CHECK(stale(counters, Reason::kDisconnected) > 0);
    CHECK(stale(counters, venue == Venue::kKraken ? Reason::kChecksum : Reason::kGap) > 10);
    // Ids prevent everything that checksums would find.
    if (venue != Venue::kKraken) CHECK(stale(counters, Reason::kChecksum) == 0);
    if (policy.seed == Seed::kFetched) CHECK(counters.too_old > 0);
  }
}

TEST_CASE("book model: Bybit where a jump is no gap") {
  Trouble trouble;
  trouble.repeated = 50;
  trouble.cut = 5;
  Policy policy = rules_of(Venue::kBybit);
  policy.continuity = Continuity::kIncreasing;
  const SyncCounters counters = play(Venue::kBybit, policy, trouble);
  CHECK(counters.duplicates > 100);
  CHECK(stale(counters, Reason::kGap) == 0);
}

TEST_CASE("book model: two paths that interleave, each with its own troubles") {
  for (const Venue venue : {Venue::kBinanceSpot, Venue::kBinanceUsdm, Venue::kBybit, Venue::kOkx}) {
    CAPTURE(static_cast<int>(venue));
    const Policy policy = rules_of(venue);
    const SyncCounters counters = play(venue, policy, all_of_it(2));
    CHECK(counters.duplicates > 1'000);
    CHECK(counters.healed > 10);
    Trouble held = all_of_it(2);
    held.hold = 16;
    CHECK(play(venue, policy, held).healed < counters.healed);
  }
}

TEST_CASE("book model: two good paths, of which one breaks now and then, keep the book") {
  for (const Venue venue : {Venue::kBinanceSpot, Venue::kBinanceUsdm, Venue::kBybit, Venue::kOkx}) {
    CAPTURE(static_cast<int>(venue));
    const Policy policy = rules_of(venue);
    const SyncCounters counters = play(venue, policy, {2, 0, 0, 0, 10, true, false, 64});
    for (const uint64_t times : counters.stale) CHECK(times == 0);
    CHECK(counters.duplicates > 1'000);
  }
}

TEST_CASE("book model: OKX seeded by a request; limits on what is kept and shown") {
  Policy policy = rules_of(Venue::kOkx);
  policy.seed = Seed::kFetched;
  policy.checksum = ChecksumRule::kNone;
  play(Venue::kOkx, policy, all_of_it(1));
  play(Venue::kOkx, policy, all_of_it(2));
  policy = rules_of(Venue::kBinanceSpot);
  policy.max_kept_events = 8;
  policy.max_levels = 12;
  policy.min_levels = 6;
  for (const int paths : {1, 2}) CHECK(stale(play(Venue::kBinanceSpot, policy, all_of_it(paths)), Reason::kDepth) > 0);
}
