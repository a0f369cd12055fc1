#include "book/book_sync.h"

#include <algorithm>

#include "book/checksum.h"

namespace tickwire::book {
namespace {

uint64_t mixed(uint64_t hash, uint64_t word) noexcept {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 29;
}

uint64_t mixed(uint64_t hash, std::span<const RowLevel> levels) noexcept {
  for (const RowLevel& level : levels) {
    hash = mixed(hash, static_cast<uint64_t>(level.price));
    hash = mixed(hash, static_cast<uint64_t>(level.size));
    hash = mixed(hash, static_cast<uint64_t>(level.price_scale << 8 ^ level.size_scale));
  }
  return mixed(hash, levels.size());
}

// So many fetched snapshots in a row that do not fit what was kept.
constexpr uint32_t kMaxSnapshotsFailed = 8;

// Never 0.
uint64_t hash_of_levels(const Event& event) noexcept { return mixed(mixed(1, event.bids), event.asks) | 1; }

}  // namespace

BookSync::BookSync(const Policy& policy)
    : policy_(policy), book_(policy), kept_(policy.max_kept_events, policy.max_kept_bytes) {}

Outcome BookSync::connected() {
  Outcome outcome;
  if (policy_.seed == Seed::kFetched && state_ != State::kSynced && want_ == Want::kNothing) ask(outcome);
  return outcome;
}

Outcome BookSync::disconnected() {
  Outcome outcome;
  if (state_ == State::kSynced) {
    outcome.action = Action::kStale;
    outcome.reason = Reason::kDisconnected;
    ++counters_.stale[static_cast<size_t>(Reason::kDisconnected)];
  }
  if (state_ != State::kWaiting) {
    state_ = State::kStale;
    reason_ = Reason::kDisconnected;
  }
  want_ = Want::kNothing;
  last_id_ = forgotten_id_ = kAbsent;
  kept_.clear();
  recent_.clear();
  restart_levels_ = 0;
  duplicates_in_a_row_ = unknown_in_a_row_ = 0;
  joining_ = resumable_ = false;
  return outcome;
}

void BookSync::reset() {
  static_cast<void>(disconnected());
  book_.clear();
  state_ = State::kWaiting;
  reason_ = Reason::kNone;
}

Outcome BookSync::lose(Reason reason, int64_t expected, int64_t got) { return lost(reason, expected, got); }

Outcome BookSync::on_event(const Event& event) {
  const bool restart = policy_.restart_id != kAbsent && event.last_id == policy_.restart_id;
  return restart || event.kind == Kind::kSnapshot ? on_snapshot(event, restart) : on_delta(event);
}

Outcome BookSync::on_snapshot(const Event& event, bool restart) {
  const bool fetched = policy_.seed == Seed::kFetched && !restart;
  Outcome outcome;
  if (fetched && (want_ != Want::kSnapshot || (event.request != 0 && event.request != request_))) {
    ++counters_.ignored;
    return outcome;
  }
  if (!has_ids(event)) {
    want_ = Want::kNothing;  // this was the answer
    return lost(Reason::kMalformed, 0, 0);
  }
  if (restart) {
    const uint64_t levels = hash_of_levels(event);
    // A second path tells of the same restart; of another one the levels would be others.
    if (state_ == State::kSynced && levels == restart_levels_ && recent_.has_last(event.last_id))
      return duplicate(event);
    restart_levels_ = levels;
    kept_.clear();  // ids of before
    forgotten_id_ = kAbsent;
  } else if (fetched && ids_follow() && !reaches_kept(event)) {
    ++counters_.too_old;
    snapshot_failed();
    outcome.action = Action::kTooOld;
    ask(outcome);
    return outcome;
  } else if (state_ == State::kSynced && policy_.continuity != Continuity::kNone &&
             (event.last_id < last_id_ || recent_.guarded())) {
    // A path that lags shows where the book has been. Any other smaller id means that ids went back unseen.
    if (event.last_id != last_id_ && recent_.has_last(event.last_id)) return duplicate(event);
    if (event.last_id < last_id_) return lost(Reason::kGap, last_id_, event.last_id);
  }
  return take_snapshot(event, fetched);
}

Outcome BookSync::take_snapshot(const Event& event, bool fetched) {
  const Reason reason = book_.load(event);
  want_ = Want::kNothing;
  if (reason != Reason::kNone) {
    const Verdict why = refused(reason, event);
    return lost(why.reason, why.expected, why.got);
  }
  ++counters_.snapshots;
  forgotten_id_ = kAbsent;
  if (policy_.continuity != Continuity::kNone) {
    if (last_id_ != kAbsent && event.last_id < last_id_) recent_.went_back();
    last_id_ = event.last_id;
    recent_.add(event.last_id, event.prev_id);
  }
  joining_ = fetched;
  Verdict verdict = verify(event);
  if (verdict.reason == Reason::kNone) verdict = apply_kept();
  if (verdict.reason == Reason::kGap && !fetched) {
    // The connection that brought the snapshot goes on from it: what another one brought and does not fit comes again.
    kept_.clear();
    verdict = {};
  }
  Outcome outcome;
  if (verdict.reason != Reason::kNone) {
    if (state_ == State::kWaiting) state_ = State::kStale;  // there are contents now
    outcome = lost(verdict.reason, verdict.expected, verdict.got);
    resumable_ = verdict.reason == Reason::kGap;
    if (resumable_) snapshot_failed();
    report_touched(outcome);
    return outcome;
  }
  outcome.action = Action::kApplied;
  now_synced(outcome);
  report_touched(outcome);
  return outcome;
}

Outcome BookSync::on_delta(const Event& event) {
  if (state_ != State::kSynced && !ids_follow()) {
    ++counters_.ignored;
    return {};
  }
  if (!has_ids(event)) [[unlikely]]
    return lost(Reason::kMalformed, 0, 0);
  if (state_ != State::kSynced && !resumable_) return keep(event);
  if (!continues(event)) {
    if (is_old(event)) return duplicate(event);
    return state_ == State::kSynced ? ahead(event) : keep(event);
  }
  // A jump is allowed, but shortly after ids began anew it looks the same when a slower path brings what was before.
  if (policy_.continuity == Continuity::kIncreasing && recent_.guarded() && event.last_id != last_id_ + 1) {
    if (recent_.has(event.last_id, event.prev_id)) return duplicate(event);
    return lost(Reason::kGap, last_id_ + 1, event.last_id);
  }
  return take_news(event);
}

// Events are missing before this one: they may be on their way on a slower path, or there is a gap.
Outcome BookSync::ahead(const Event& event) {
  if (ids_follow() && kept_.size() < hold_) {
    if (kept_.has(event)) return duplicate(event);
    if (kept_.add(event)) {
      Outcome outcome;
      outcome.action = Action::kBuffered;
      ++counters_.buffered;
      return outcome;
    }
  }
  const Outcome outcome = gap(event);
  const Outcome kept = keep(event);
  static_cast<void>(kept);  // nothing is wanted beyond what `outcome` says
  return outcome;
}

// The book is right as of last_id_, and `event` is not what follows.
Outcome BookSync::gap(const Event& event) {
  const Verdict verdict = gap_before(event);
  const Outcome outcome = lost(verdict.reason, verdict.expected, verdict.got);
  resumable_ = ids_follow();
  return outcome;
}

Outcome BookSync::give_up() {
  if (state_ != State::kSynced || kept_.empty()) return {};
  return gap(kept_.at(0));
}

// An event that continues a book which is synced or waits for just that.
Outcome BookSync::take_news(const Event& event) {
  const bool healing = state_ != State::kSynced;
  Verdict verdict = apply(event);
  if (verdict.reason == Reason::kNone && !kept_.empty()) verdict = apply_kept();
  const bool more_missing = verdict.reason == Reason::kGap;
  Outcome outcome;
  if (healing && more_missing) {
    outcome.action = Action::kBuffered;
    ++counters_.buffered;
  } else if (verdict.reason != Reason::kNone && !more_missing) {
    outcome = lost(verdict.reason, verdict.expected, verdict.got);
  } else {
    outcome.action = Action::kApplied;
    outcome.crossed = book_.crossed();
    if (healing) {
      ++counters_.healed;
      now_synced(outcome);
    }
  }
  report_touched(outcome);
  return outcome;
}

Outcome BookSync::keep(const Event& event) {
  if (kept_.has(event)) return duplicate(event);
  Outcome outcome;
  outcome.action = Action::kBuffered;
  ++counters_.buffered;
  if (policy_.continuity == Continuity::kPrevious && event.last_id < event.prev_id) {
    // Ids go back here: no snapshot from now on goes with those before.
    kept_.clear();
    forgotten_id_ = kAbsent;
    resumable_ = false;
  }
  if (!kept_.add(event)) {
    ++counters_.overflows;
    for (size_t i = 0; i < kept_.size(); ++i) forgotten_id_ = std::max(forgotten_id_, kept_.at(i).last_id);
    kept_.clear();
    resumable_ = false;
    if (!kept_.add(event)) forgotten_id_ = event.last_id;
  }
  if (policy_.seed == Seed::kFetched && want_ == Want::kNothing) ask(outcome);
  return outcome;
}

Outcome BookSync::duplicate(const Event& event) {
  ++counters_.duplicates;
  Outcome outcome;
  outcome.action = Action::kDuplicate;
  if (state_ != State::kSynced) return outcome;
  // Ids that go back in an event which was lost make everything that follows look old.
  const bool known = policy_.continuity != Continuity::kPrevious || recent_.has(event.last_id, event.prev_id);
  if (++duplicates_in_a_row_ == policy_.max_duplicates) return lost(Reason::kNoProgress, 0, 0);
  if (!known && ++unknown_in_a_row_ == RecentEvents::kCount) return lost(Reason::kNoProgress, 0, 0);
  return outcome;
}

Outcome BookSync::lost(Reason reason, int64_t expected, int64_t got) {
  Outcome outcome;
  outcome.action = state_ == State::kSynced ? Action::kStale : Action::kRefused;
  outcome.reason = reason;
  outcome.expected = expected;
  outcome.got = got;
  if (state_ == State::kSynced) {
    state_ = State::kStale;
    ++counters_.stale[static_cast<size_t>(reason)];
  }
  if (state_ == State::kStale) reason_ = reason;
  resumable_ = false;
  duplicates_in_a_row_ = unknown_in_a_row_ = 0;
  if (want_ == Want::kNothing) ask(outcome);
  return outcome;
}

void BookSync::now_synced(Outcome& outcome) noexcept {
  outcome.synced_now = state_ != State::kSynced;
  outcome.crossed = book_.crossed();
  state_ = State::kSynced;
  reason_ = Reason::kNone;
  want_ = Want::kNothing;
  resumable_ = false;
  duplicates_in_a_row_ = unknown_in_a_row_ = snapshots_failed_ = 0;
}

// A fetched snapshot did not fit what was kept. When that goes on, it is what was kept that cannot be right, such as an
// event of ids before the venue's numbers began anew.
void BookSync::snapshot_failed() noexcept {
  if (++snapshots_failed_ < kMaxSnapshotsFailed) return;
  snapshots_failed_ = 0;
  kept_.clear();
  forgotten_id_ = kAbsent;
}

void BookSync::ask(Outcome& outcome) noexcept {
  want_ = policy_.seed == Seed::kFetched ? Want::kSnapshot : Want::kResubscribe;
  if (++request_ == 0) ++request_;
  outcome.want = want_;
  outcome.request = request_;
}

void BookSync::report_touched(Outcome& outcome) noexcept {
  outcome.touched_bids = book_.take_touched(Side::kBid);
  outcome.touched_asks = book_.take_touched(Side::kAsk);
}

BookSync::Verdict BookSync::refused(Reason reason, const Event& event) const noexcept {
  if (reason != Reason::kEventSize) return {reason};
  return {reason, static_cast<int64_t>(policy_.max_event_levels),
          static_cast<int64_t>(event.bids.size() + event.asks.size())};
}

BookSync::Verdict BookSync::apply(const Event& delta) {
  const Reason reason = book_.apply(delta);
  if (reason != Reason::kNone) [[unlikely]]
    return refused(reason, delta);
  ++counters_.events;
  counters_.changes += delta.bids.size() + delta.asks.size();
  duplicates_in_a_row_ = unknown_in_a_row_ = 0;
  joining_ = false;
  if (policy_.continuity != Continuity::kNone) {
    if (delta.last_id < last_id_) [[unlikely]]
      recent_.went_back();
    last_id_ = delta.last_id;
    recent_.add(delta.last_id, delta.prev_id);
  }
  return verify(delta);
}

// What of the kept events follows the book; a second path may have brought them in another order than that of the
// venue. kGap when some are left that do not follow.
BookSync::Verdict BookSync::apply_kept() {
  Verdict verdict;
  for (bool more = true; more && !kept_.empty();) {
    more = false;
    kept_.remove_if([&](size_t i) {
      if (verdict.reason != Reason::kNone) return false;
      const Event event = kept_.at(i);
      if (continues(event)) {
        verdict = apply(event);
        more = true;
        return true;
      }
      return is_old(event);
    });
    if (verdict.reason != Reason::kNone) return verdict;
  }
  if (kept_.empty()) return verdict;
  return gap_before(kept_.at(0));
}

BookSync::Verdict BookSync::gap_before(const Event& event) const noexcept {
  switch (policy_.continuity) {
    case Continuity::kPrevious:
      return {Reason::kGap, last_id_, event.prev_id};
    case Continuity::kRange:
      return {Reason::kGap, last_id_ + 1, event.first_id};
    default:
      return {Reason::kGap, last_id_ + 1, event.last_id};
  }
}

BookSync::Verdict BookSync::verify(const Event& event) {
  if (book_.too_short()) [[unlikely]]
    return {Reason::kDepth, static_cast<int64_t>(policy_.min_levels),
            static_cast<int64_t>(std::min(book_.bids().size(), book_.asks().size()))};
  if (policy_.crossed == CrossedRule::kStale && book_.crossed()) return {Reason::kCrossed};
  const bool given = event.checksum != kAbsent && (event.checksum != 0 || policy_.checksum != ChecksumRule::kOkx);
  if (policy_.checksum == ChecksumRule::kNone || !given) return {};
  ++counters_.checksums;
  const int64_t got =
      policy_.checksum == ChecksumRule::kOkx ? int64_t{okx_checksum(book_)} : int64_t{kraken_checksum(book_)};
  if (got == event.checksum) return {};
  return {Reason::kChecksum, event.checksum, got};
}

}  // namespace tickwire::book
