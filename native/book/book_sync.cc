#include "book/book_sync.h"

#include <algorithm>

#include "book/checksum.h"

namespace tickwire::book {
namespace {

// Old events in a row that the book has not had lately. A fetched snapshot may be far ahead of the stream.
constexpr uint32_t kMaxUnknown = 64;
constexpr uint32_t kMaxUnknownFetched = 512;

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
    if (event.last_id != last_id_ && (recent_.has_last(event.last_id) || event.behind)) return duplicate(event);
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

Outcome BookSync::duplicate(const Event& event) {
  ++counters_.duplicates;
  Outcome outcome;
  outcome.action = Action::kDuplicate;
  if (state_ != State::kSynced) return outcome;
  if (++duplicates_in_a_row_ == policy_.max_duplicates) return lost(Reason::kNoProgress, 0, 0);
  // Ids that go back in an event which was lost make everything that follows look old.
  if (policy_.continuity == Continuity::kPrevious && !recent_.has(event.last_id, event.prev_id) &&
      ++unknown_in_a_row_ == (policy_.seed == Seed::kStream ? kMaxUnknown : kMaxUnknownFetched))
    return lost(Reason::kNoProgress, 0, 0);
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
