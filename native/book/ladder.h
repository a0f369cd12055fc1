// One side of a book: its levels in one piece of memory, the best at the end, because that is where changes are and
// what lies behind a change has to move.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "book/level.h"
#include "book/reason.h"

namespace tickwire::book {

enum class Side : uint8_t { kBid, kAsk };

// No level was touched.
inline constexpr uint32_t kUntouched = UINT32_MAX;

class Ladder {
 public:
  // `max_levels` are kept, at least 1; `cut` says what becomes of those beyond: with `venue_cuts` they are simply gone
  // (the venue sends them again when they matter), otherwise what is behind them is unknown from then on.
  Ladder(Side side, uint32_t max_levels, bool venue_cuts, uint8_t price_scale);

  // No levels, all of them known, the first price scale again.
  void clear() noexcept;
  // Replaces everything. Any order; of one price the last counts; zero sizes are passed over. With `limit` not 0 and as
  // many levels or more, what is beyond the worst of them is unknown. On a fault the ladder is as it was.
  [[nodiscard]] Reason load(std::span<const RowLevel> levels, uint32_t limit);
  // Sets or removes one level. On a fault nothing has changed, except that the price scale may have risen.
  [[nodiscard]] Reason set(const RowLevel& level);
  // The same with several, up to the first fault.
  [[nodiscard]] Reason apply(std::span<const RowLevel> levels);
  // The level with this price, or null; its `spare` may be written and stays while the level is there. `level` has been
  // accepted by set() before, or has its scales in range.
  [[nodiscard]] Level* level_of(const RowLevel& level) noexcept;
  // Cuts off what max_levels says, after an event's changes.
  void trim() noexcept;

  [[nodiscard]] Side side() const noexcept { return sign_ > 0 ? Side::kBid : Side::kAsk; }
  [[nodiscard]] size_t size() const noexcept { return levels_.size() - head_; }
  [[nodiscard]] bool empty() const noexcept { return levels_.size() == head_; }
  // From the best; i < size().
  [[nodiscard]] const Level& at(size_t i) const noexcept { return levels_[levels_.size() - 1 - i]; }
  [[nodiscard]] const Level& best() const noexcept { return levels_.back(); }
  // Of all prices here: value = price / 10^price_scale. Rises when a finer price comes; only clear() and load() lower
  // it.
  [[nodiscard]] uint8_t price_scale() const noexcept { return price_scale_; }
  // So that both sides of a book have the same. Not lower than price_scale(). kPriceRange when a price does not fit.
  [[nodiscard]] Reason raise_price_scale(uint8_t scale) noexcept;

  // Whether levels exist that are not here: max_levels or a snapshot's limit cut them off.
  [[nodiscard]] bool cut() const noexcept { return cut_; }
  // The worst price about which everything is known, when cut().
  [[nodiscard]] int64_t known_to() const noexcept { return sign_ * known_to_; }
  // Changes that were passed over because they lay beyond known_to(), so far.
  [[nodiscard]] uint64_t beyond() const noexcept { return beyond_; }
  // Of the level nearest to the best that changed since take_touched(), as it lay then; kUntouched if none.
  [[nodiscard]] uint32_t touched() const noexcept { return touched_; }
  uint32_t take_touched() noexcept {
    const uint32_t touched = touched_;
    touched_ = kUntouched;
    return touched;
  }
  // Room for levels, so that growing to so many allocates nothing.
  void reserve(size_t levels) {
    keys_.reserve(levels);
    levels_.reserve(levels);
  }

 private:
  // Levels are kept by key, ascending: the price of bids, its negative of asks.
  [[nodiscard]] int64_t key(const Level& level) const noexcept { return sign_ * level.price; }
  [[nodiscard]] bool is_at(size_t index, int64_t key) const noexcept {
    return index < keys_.size() && keys_[index] == key;
  }
  [[nodiscard]] Reason scaled(const RowLevel& level, int64_t& price);
  [[nodiscard]] size_t find(int64_t key) const noexcept;
  [[nodiscard]] size_t halve(int64_t key, size_t end) const noexcept;
  [[nodiscard]] Reason change(const RowLevel& level);
  void touch(size_t index) noexcept;
  void take_out(size_t index) noexcept;
  // Makes room before `index`; returns where it is.
  size_t put_in(size_t index);
  void drop_head(size_t count) noexcept;

  std::vector<int64_t> keys_;  // of the levels, side by side, to search in
  std::vector<Level> levels_;
  size_t head_ = 0;  // of both; what lies before is room
  int64_t sign_;
  int64_t known_to_ = INT64_MIN;  // a key
  uint64_t beyond_ = 0;
  uint32_t max_levels_;
  uint32_t touched_ = kUntouched;
  bool venue_cuts_;
  bool cut_ = false;
  uint8_t first_price_scale_;
  uint8_t price_scale_;
};

}  // namespace tickwire::book
