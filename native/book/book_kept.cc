// Events that are kept, because what is before them is not there: a snapshot, or others on a slower path.
#include <algorithm>

#include "book/book_sync.h"

namespace tickwire::book {
namespace {

// So many fetched snapshots in a row that do not fit what was kept.
constexpr uint32_t kMaxSnapshotsFailed = 8;

}  // namespace

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

// A fetched snapshot did not fit what was kept. When that goes on, it is what was kept that cannot be right, such as an
// event of ids before the venue's numbers began anew.
void BookSync::snapshot_failed() noexcept {
  if (++snapshots_failed_ < kMaxSnapshotsFailed) return;
  snapshots_failed_ = 0;
  kept_.clear();
  forgotten_id_ = kAbsent;
}

}  // namespace tickwire::book
