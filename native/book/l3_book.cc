#include "book/l3_book.h"

#include "book/checksum.h"

namespace tickwire::book {
namespace {

Reason apply_all(OrderLadder& side, std::span<const OrderChange> changes) {
  for (const OrderChange& change : changes) {
    Reason reason = Reason::kNone;
    switch (change.act) {
      case OrderAct::kAdd:
        reason = side.add(change.row);
        break;
      case OrderAct::kChange:
        reason = side.change(change.row);
        break;
      case OrderAct::kRemove:
        reason = side.remove(change.row.id);
        break;
    }
    if (reason != Reason::kNone) return reason;
  }
  side.trim();
  return Reason::kNone;
}

}  // namespace

Outcome L3Book::on_event(const OrderEvent& event) {
  Outcome outcome;
  if (event.kind == Kind::kSnapshot) {
    bids_.clear();
    asks_.clear();
    wants_ = false;
  } else if (state_ != State::kSynced) {
    return outcome;
  }
  const Verdict verdict = apply(event);
  if (verdict.reason != Reason::kNone) {
    if (state_ == State::kWaiting) state_ = State::kStale;  // a snapshot is half in
    outcome = lost(verdict, true);
  } else {
    ++counters_.applied;
    outcome.action = Action::kApplied;
    outcome.synced_now = state_ != State::kSynced;
    state_ = State::kSynced;
    reason_ = Reason::kNone;
    outcome.crossed = !bids_.levels().empty() && !asks_.levels().empty() && crossed();
  }
  outcome.touched_bids = bids_.take_touched();
  outcome.touched_asks = asks_.take_touched();
  return outcome;
}

// The sides have price scales of their own.
bool L3Book::crossed() const noexcept {
  const auto wide = [](const Ladder& side) {
    return static_cast<__int128>(side.best().price) * kPowersOfTen[kMaxScale - side.price_scale()];
  };
  return wide(bids_.levels()) >= wide(asks_.levels());
}

L3Book::Verdict L3Book::apply(const OrderEvent& event) {
  Reason reason = apply_all(bids_, event.bids);
  if (reason == Reason::kNone) reason = apply_all(asks_, event.asks);
  if (reason != Reason::kNone) return {reason};
  if (!checksum_ || event.checksum == kAbsent) return {};
  const int64_t sum = kraken_l3_checksum(bids_, asks_);
  if (sum == event.checksum) return {};
  return {Reason::kChecksum, event.checksum, sum};
}

Outcome L3Book::lost(const Verdict& verdict, bool asks) {
  Outcome outcome;
  const bool was_synced = state_ == State::kSynced;
  if (verdict.reason == Reason::kGap) ++counters_.gaps;
  if (state_ != State::kWaiting || asks) {
    outcome.action = was_synced ? Action::kStale : Action::kRefused;
    outcome.reason = verdict.reason;
    outcome.expected = verdict.expected;
    outcome.got = verdict.got;
  }
  if (state_ != State::kWaiting) {
    state_ = State::kStale;
    reason_ = verdict.reason;
  }
  if (!asks) {
    wants_ = false;  // a new connection subscribes anyway
  } else if (!wants_) {
    wants_ = true;
    outcome.request = ++request_;
    outcome.want = Want::kResubscribe;
  }
  return outcome;
}

}  // namespace tickwire::book
