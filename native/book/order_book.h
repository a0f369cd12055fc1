// Both sides of a book in one price scale.
#pragma once
#include <cstdint>

#include "book/event.h"
#include "book/ladder.h"
#include "book/policy.h"
#include "book/reason.h"

namespace tickwire::book {

class OrderBook {
 public:
  explicit OrderBook(const Policy& policy);

  void clear() noexcept;
  // Replaces the contents. On a fault they are as they were.
  [[nodiscard]] Reason load(const Event& snapshot);
  // Applies changes. After a fault some of them are in and some not: the contents are not to be trusted until load().
  [[nodiscard]] Reason apply(const Event& delta);

  // Best level first: bids().at(0).
  [[nodiscard]] const Ladder& bids() const noexcept { return bids_; }
  [[nodiscard]] const Ladder& asks() const noexcept { return asks_; }
  // Of the prices of both sides: value = price / 10^price_scale(). It may rise with any event; only load() and clear()
  // lower it.
  [[nodiscard]] uint8_t price_scale() const noexcept { return bids_.price_scale(); }
  // The best bid is not below the best ask.
  [[nodiscard]] bool crossed() const noexcept {
    return !bids_.empty() && !asks_.empty() && bids_.best().price >= asks_.best().price;
  }
  // Whether a side that was cut off has fewer than Policy::min_levels left.
  [[nodiscard]] bool too_short() const noexcept { return too_short(bids_) || too_short(asks_); }
  // Depth (0 = best) of the best level that changed since it was asked; kUntouched if none.
  [[nodiscard]] uint32_t take_touched(Side side) noexcept {
    return side == Side::kBid ? bids_.take_touched() : asks_.take_touched();
  }

 private:
  [[nodiscard]] bool too_short(const Ladder& side) const noexcept { return side.cut() && side.size() < min_levels_; }
  [[nodiscard]] Reason level_scales() noexcept;

  Ladder bids_;
  Ladder asks_;
  uint32_t snapshot_levels_;
  uint32_t min_levels_;
  uint32_t max_event_levels_;
};

}  // namespace tickwire::book
