// The gap rules of BookSync: what an event is to the book, by its ids.
#include "book/book_sync.h"

namespace tickwire::book {
namespace {

constexpr bool is_id(int64_t id) noexcept { return id >= 0 && id < INT64_MAX; }

}  // namespace

bool BookSync::ids_follow() const noexcept {
  return policy_.continuity != Continuity::kNone && policy_.continuity != Continuity::kIncreasing;
}

bool BookSync::has_ids(const Event& event) const noexcept {
  if (policy_.continuity == Continuity::kNone) return true;
  if (!is_id(event.last_id)) return false;
  if (event.kind == Kind::kSnapshot) return true;
  if (policy_.continuity == Continuity::kRange) return is_id(event.first_id) && event.first_id <= event.last_id;
  return policy_.continuity != Continuity::kPrevious || event.prev_id != kAbsent;
}

bool BookSync::continues(const Event& event) const noexcept {
  switch (policy_.continuity) {
    case Continuity::kNone:
      return true;
    case Continuity::kIncreasing:
      return event.last_id > last_id_;
    case Continuity::kIncrement:
      return event.last_id == last_id_ + 1;
    case Continuity::kRange:
      return event.first_id <= last_id_ + 1 && event.last_id > last_id_;
    case Continuity::kPrevious:
      // What is between prev and last is in the event; sizes are absolute, so it does no harm that the snapshot has a
      // part of it already.
      return event.prev_id == last_id_ || (joining_ && event.prev_id < last_id_ && event.last_id > last_id_);
  }
  return false;
}

bool BookSync::is_old(const Event& event) const noexcept {
  return event.last_id <= last_id_ || (recent_.guarded() && recent_.has(event.last_id, event.prev_id));
}

bool BookSync::reaches_kept(const Event& snapshot) const noexcept {
  const int64_t has = snapshot.last_id;
  if (forgotten_id_ != kAbsent && has < forgotten_id_) return false;
  bool newer = false;
  for (size_t i = 0; i < kept_.size(); ++i) {
    const Event event = kept_.at(i);
    if (event.last_id <= has) continue;
    newer = true;
    const bool joins = policy_.continuity == Continuity::kRange       ? event.first_id <= has + 1
                       : policy_.continuity == Continuity::kIncrement ? event.last_id == has + 1
                                                                      : event.prev_id <= has;
    if (joins) return true;
  }
  return !newer;
}

}  // namespace tickwire::book
