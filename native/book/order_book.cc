#include "book/order_book.h"

#include <algorithm>

namespace tickwire::book {
namespace {

uint32_t levels_kept(const Policy& policy) noexcept {
  return policy.depth != 0 ? std::min(policy.depth, policy.max_levels) : policy.max_levels;
}

bool venue_cuts(const Policy& policy) noexcept { return policy.depth != 0 && policy.depth <= policy.max_levels; }

// No more than a new snapshot is sure to bring, else none would ever do.
uint32_t least_levels(const Policy& policy) noexcept {
  uint32_t least = std::min(std::max(policy.min_levels, 1u), levels_kept(policy));
  if (policy.snapshot_levels != 0) least = std::min(least, policy.snapshot_levels);
  return std::max(least, 1u);
}

}  // namespace

OrderBook::OrderBook(const Policy& policy)
    : bids_(Side::kBid, levels_kept(policy), venue_cuts(policy), policy.price_scale),
      asks_(Side::kAsk, levels_kept(policy), venue_cuts(policy), policy.price_scale),
      snapshot_levels_(policy.snapshot_levels),
      min_levels_(least_levels(policy)),
      max_event_levels_(policy.max_event_levels) {}

void OrderBook::clear() noexcept {
  bids_.clear();
  asks_.clear();
}

Reason OrderBook::level_scales() noexcept {
  if (bids_.price_scale() == asks_.price_scale()) [[likely]]
    return Reason::kNone;
  const uint8_t scale = std::max(bids_.price_scale(), asks_.price_scale());
  const Reason reason = bids_.raise_price_scale(scale);
  return reason != Reason::kNone ? reason : asks_.raise_price_scale(scale);
}

Reason OrderBook::load(const Event& snapshot) {
  if (snapshot.bids.size() + snapshot.asks.size() > max_event_levels_) return Reason::kEventSize;
  Reason reason = bids_.load(snapshot.bids, snapshot_levels_);
  if (reason != Reason::kNone) return reason;
  reason = asks_.load(snapshot.asks, snapshot_levels_);
  if (reason == Reason::kNone) reason = level_scales();
  if (reason != Reason::kNone) clear();
  return reason;
}

Reason OrderBook::apply(const Event& delta) {
  if (delta.bids.size() + delta.asks.size() > max_event_levels_) return Reason::kEventSize;
  Reason reason = bids_.apply(delta.bids);
  if (reason == Reason::kNone) reason = asks_.apply(delta.asks);
  bids_.trim();
  asks_.trim();
  const Reason scales = level_scales();
  // What is left is still read, and in one scale.
  if (scales != Reason::kNone) clear();
  return reason != Reason::kNone ? reason : scales;
}

}  // namespace tickwire::book
