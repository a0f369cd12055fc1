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
  duplicates_in_a_row_ = 0;
  joining_ = resumable_ = false;
  return outcome;
}

void BookSync::reset() {
  static_cast<void>(disconnected());
  book_.clear();
  state_ = State::kWaiting;
  reason_ = Reason::kNone;
}

Outcome BookSync::lose(Reason reason, int64_t expected, int64_t got) {
  if (state_ != State::kWaiting) return lost(reason, expected, got);
  Outcome outcome;
  ++counters_.ignored;
  return outcome;
}

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
    if (state_ == State::kSynced && levels == restart_levels_ && (recent_.guarded() || last_id_ == event.last_id))
      return duplicate();
    restart_levels_ = levels;
    kept_.clear();  // ids of before
    forgotten_id_ = kAbsent;
  } else if (fetched && ids_follow() && !reaches_kept(event)) {
    ++counters_.too_old;
    snapshot_failed();
    outcome.action = Action::kTooOld;
    ask(outcome);
    return outcome;
  } else if (state_ == State::kSynced && policy_.continuity != Continuity::kNone && event.last_id < last_id_) {
    // A path that lags shows where the book has been. Anything else means that ids went back unseen.
    if (recent_.has_last(event.last_id)) return duplicate();
    return lost(Reason::kGap, last_id_, event.last_id);
  }
  return take_snapshot(event, fetched);
}

Outcome BookSync::take_snapshot(const Event& event, bool fetched) {
  const Reason refused = book_.load(event);
  want_ = Want::kNothing;
  resumable_ = false;
  forgotten_id_ = kAbsent;
  if (refused != Reason::kNone) return lost(refused, 0, 0);
  ++counters_.snapshots;
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
    if (is_old(event)) return duplicate();
    if (state_ != State::kSynced) return keep(event);
    const bool previous = policy_.continuity == Continuity::kPrevious;
    const int64_t got = previous                                       ? event.prev_id
                        : policy_.continuity == Continuity::kIncrement ? event.last_id
                                                                       : event.first_id;
    const Outcome outcome = lost(Reason::kGap, previous ? last_id_ : last_id_ + 1, got);
    resumable_ = true;
    const Outcome kept = keep(event);
    static_cast<void>(kept);  // nothing is wanted beyond what `outcome` says
    return outcome;
  }
  // A jump is allowed, but shortly after ids began anew it looks the same when a slower path brings what was before.
  if (policy_.continuity == Continuity::kIncreasing && recent_.guarded() && event.last_id != last_id_ + 1) {
    if (recent_.has(event.last_id, event.prev_id)) return duplicate();
    return lost(Reason::kGap, last_id_ + 1, event.last_id);
  }
  return take_news(event);
}

// An event that continues a book which is synced or waits for just that.
Outcome BookSync::take_news(const Event& event) {
  Verdict verdict = apply(event);
  const bool healing = state_ != State::kSynced;
  if (verdict.reason == Reason::kNone && healing) verdict = apply_kept();
  Outcome outcome;
  if (verdict.reason == Reason::kGap) {  // more is missing
    outcome.action = Action::kBuffered;
    ++counters_.buffered;
  } else if (verdict.reason != Reason::kNone) {
    outcome = lost(verdict.reason, verdict.expected, verdict.got);
  } else {
    outcome.action = Action::kApplied;
    if (healing) {
      ++counters_.healed;
      now_synced(outcome);
    } else {
      outcome.crossed = book_.crossed();
    }
  }
  report_touched(outcome);
  return outcome;
}

Outcome BookSync::keep(const Event& event) {
  if (kept_.has(event)) return duplicate();
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

Outcome BookSync::duplicate() {
  ++counters_.duplicates;
  if (state_ == State::kSynced && policy_.max_duplicates != 0 && ++duplicates_in_a_row_ >= policy_.max_duplicates)
    return lost(Reason::kNoProgress, 0, 0);
  Outcome outcome;
  outcome.action = Action::kDuplicate;
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
  duplicates_in_a_row_ = 0;
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
  duplicates_in_a_row_ = snapshots_failed_ = 0;
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

BookSync::Verdict BookSync::apply(const Event& delta) {
  const Reason reason = book_.apply(delta);
  if (reason != Reason::kNone) [[unlikely]]
    return {reason};
  ++counters_.events;
  counters_.changes += delta.bids.size() + delta.asks.size();
  duplicates_in_a_row_ = 0;
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
  const Event first = kept_.at(0);
  verdict.reason = Reason::kGap;
  verdict.expected = policy_.continuity == Continuity::kPrevious ? last_id_ : last_id_ + 1;
  verdict.got = policy_.continuity == Continuity::kPrevious    ? first.prev_id
                : policy_.continuity == Continuity::kIncrement ? first.last_id
                                                               : first.first_id;
  return verdict;
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
