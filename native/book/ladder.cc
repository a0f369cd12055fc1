#include "book/ladder.h"

#include <algorithm>
#include <cstring>

namespace tickwire::book {
namespace {

// Levels that are compared together; most changes are within the first block.
constexpr size_t kBlock = 32;
constexpr size_t kMostBlocks = 32;
// So many cut-off levels in front may wait for their memory to be used again.
constexpr size_t kSlack = 1024;

constexpr bool is_scale(int64_t scale) noexcept { return scale >= 0 && scale <= kMaxScale; }

// `value` * 10^digits, if it fits. INT64_MIN is not a price: its negative is none.
bool scale_up(int64_t value, int digits, int64_t& result) noexcept {
  return !__builtin_mul_overflow(value, kPowersOfTen[digits], &result) && result != INT64_MIN;
}

// Takes zeros off the end of a price that has more digits behind the point than `scale`, as far as there are any.
void shorten(int64_t& price, int& price_scale, int scale) noexcept {
  if (price_scale <= scale) return;
  // A venue that pads its prices does so with all of them: as a rule everything behind the scale is zeros.
  if (divides_evenly(price, price_scale - scale, price)) [[likely]] {
    price_scale = scale;
    return;
  }
  while (price_scale > scale && divides_evenly(price, 1, price)) --price_scale;
}

// [from, to) by one place.
template <typename Entry>
void move_up(std::vector<Entry>& entries, size_t from, size_t to) noexcept {
  std::memmove(entries.data() + from + 1, entries.data() + from, (to - from) * sizeof(Entry));
}
template <typename Entry>
void move_down(std::vector<Entry>& entries, size_t from, size_t to) noexcept {
  std::memmove(entries.data() + from - 1, entries.data() + from, (to - from) * sizeof(Entry));
}

}  // namespace

Ladder::Ladder(Side side, uint32_t max_levels, bool venue_cuts, uint8_t price_scale)
    : sign_(side == Side::kBid ? 1 : -1),
      max_levels_(std::max(max_levels, 1u)),
      venue_cuts_(venue_cuts),
      first_price_scale_(std::min<uint8_t>(price_scale, kMaxScale)),
      price_scale_(first_price_scale_) {}

void Ladder::clear() noexcept {
  keys_.clear();
  levels_.clear();
  head_ = 0;
  known_to_ = INT64_MIN;
  cut_ = false;
  touched_ = 0;
  price_scale_ = first_price_scale_;
}

// The price in the ladder's scale, which rises if it must.
inline Reason Ladder::scaled(const RowLevel& level, int64_t& price) {
  if (!is_scale(level.price_scale) || !is_scale(level.size_scale) || level.size < 0) return Reason::kMalformed;
  price = level.price;
  int scale = static_cast<int>(level.price_scale);
  if (scale > price_scale_) {
    shorten(price, scale, price_scale_);
    if (scale > price_scale_) {
      const Reason reason = raise_price_scale(static_cast<uint8_t>(scale));
      if (reason != Reason::kNone) return reason;
    }
  }
  return scale_up(price, price_scale_ - scale, price) ? Reason::kNone : Reason::kPriceRange;
}

Reason Ladder::raise_price_scale(uint8_t scale) noexcept {
  const int digits = scale - price_scale_;
  if (digits <= 0) return Reason::kNone;
  int64_t unused;
  // The largest magnitudes are at the ends.
  if (!empty() && (!scale_up(levels_[head_].price, digits, unused) || !scale_up(best().price, digits, unused)))
    return Reason::kPriceRange;
  int64_t known_to = known_to_;
  if (cut_ && !scale_up(known_to_, digits, known_to)) return Reason::kPriceRange;
  known_to_ = known_to;
  for (size_t i = head_; i < levels_.size(); ++i) {
    levels_[i].price *= kPowersOfTen[digits];
    keys_[i] = key(levels_[i]);
  }
  price_scale_ = scale;
  return Reason::kNone;
}

// Index of the first level that is at least as good as `wanted`. Found by blocks, from the best on: their first keys do
// not wait for each other, and within one block all are compared, so that of the branches only the last one of the
// blocks can be guessed wrong. Halving waits for memory and guesses at every step: it is for what lies far behind.
inline size_t Ladder::find(int64_t wanted) const noexcept {
  const int64_t* const keys = keys_.data();
  size_t end = keys_.size();
  for (size_t blocks = 0; end - head_ >= kBlock; ++blocks, end -= kBlock) {
    if (keys[end - kBlock] >= wanted) {
      if (blocks == kMostBlocks) [[unlikely]]
        return halve(wanted, end - kBlock);
      continue;
    }
    int64_t worse = 0;
    for (size_t i = 0; i < kBlock; ++i) worse += keys[end - kBlock + i] < wanted ? 1 : 0;
    return end - kBlock + static_cast<size_t>(worse);
  }
  size_t at = head_;
  for (size_t i = head_; i < end; ++i) at += keys[i] < wanted ? 1 : 0;
  return at;
}

// The same, when it lies between the head and `end`.
size_t Ladder::halve(int64_t wanted, size_t end) const noexcept {
  const auto from = keys_.begin() + static_cast<std::ptrdiff_t>(head_);
  const auto to = keys_.begin() + static_cast<std::ptrdiff_t>(end);
  return static_cast<size_t>(std::lower_bound(from, to, wanted) - keys_.begin());
}

void Ladder::touch(size_t index) noexcept {
  touched_ = std::min(touched_, static_cast<uint32_t>(levels_.size() - 1 - index));
}

inline Reason Ladder::change(const RowLevel& level) {
  int64_t price;
  const Reason reason = scaled(level, price);
  if (reason != Reason::kNone) [[unlikely]]
    return reason;
  const int64_t wanted = sign_ * price;
  if (cut_ && wanted < known_to_) [[unlikely]] {
    ++beyond_;
    return Reason::kNone;
  }
  size_t at = find(wanted);
  const bool here = is_at(at, wanted);
  if (level.size == 0) {
    if (!here) return Reason::kNone;  // venues remove what one never saw; that is normal
    touch(at);
    take_out(at);
    return Reason::kNone;
  }
  const auto size_scale = static_cast<uint8_t>(level.size_scale);
  if (!here) {
    at = put_in(at);
    keys_[at] = wanted;
    levels_[at].price = price;
    levels_[at].price_value = decimal_to_double(price, price_scale_);
    levels_[at].spare = 0;
  }
  Level& made = levels_[at];
  made.size = level.size;
  made.size_value = decimal_to_double(level.size, size_scale);
  made.price_scale = static_cast<uint8_t>(level.price_scale);
  made.size_scale = size_scale;
  touch(at);
  return Reason::kNone;
}

Reason Ladder::set(const RowLevel& level) { return change(level); }

Reason Ladder::apply(std::span<const RowLevel> levels) {
  for (const RowLevel& level : levels) {
    const Reason reason = change(level);
    if (reason != Reason::kNone) [[unlikely]]
      return reason;
  }
  return Reason::kNone;
}

// What lies on the shorter side of a change is moved: towards the best as a rule, and far down towards the head, where
// room is left by what was there before.
void Ladder::take_out(size_t index) noexcept {
  if (index - head_ < levels_.size() - index) {
    move_up(keys_, head_, index);
    move_up(levels_, head_, index);
    return drop_head(1);
  }
  keys_.erase(keys_.begin() + static_cast<std::ptrdiff_t>(index));
  levels_.erase(levels_.begin() + static_cast<std::ptrdiff_t>(index));
}

size_t Ladder::put_in(size_t index) {
  if (head_ == 0 || index - head_ >= levels_.size() - index) {
    keys_.insert(keys_.begin() + static_cast<std::ptrdiff_t>(index), 0);
    levels_.insert(levels_.begin() + static_cast<std::ptrdiff_t>(index), Level{});
    return index;
  }
  move_down(keys_, head_, index);
  move_down(levels_, head_, index);
  --head_;
  return index - 1;
}

void Ladder::drop_head(size_t count) noexcept {
  head_ += count;
  if (head_ < kSlack && head_ * 2 < levels_.size()) return;
  keys_.erase(keys_.begin(), keys_.begin() + static_cast<std::ptrdiff_t>(head_));
  levels_.erase(levels_.begin(), levels_.begin() + static_cast<std::ptrdiff_t>(head_));
  head_ = 0;
}

Level* Ladder::level_of(const RowLevel& level) noexcept {
  int64_t price = level.price;
  int scale = static_cast<int>(level.price_scale);
  shorten(price, scale, price_scale_);
  if (scale > price_scale_ || !scale_up(price, price_scale_ - scale, price)) return nullptr;
  const size_t at = find(sign_ * price);
  return is_at(at, sign_ * price) ? &levels_[at] : nullptr;
}

void Ladder::trim() noexcept {
  if (size() <= max_levels_) [[likely]]
    return;
  const size_t surplus = size() - max_levels_;
  if (!venue_cuts_) {
    // Everything better than the best one that goes is known; that is not the largest key, better ones stay.
    known_to_ = key(levels_[head_ + surplus - 1]) + 1;
    cut_ = true;
  }
  drop_head(surplus);
  touched_ = std::min(touched_, max_levels_);
}

Reason Ladder::load(std::span<const RowLevel> levels, uint32_t limit) {
  // Nothing of the old contents goes before it is sure that the new ones are good.
  int scale = first_price_scale_;
  for (const RowLevel& level : levels) {
    if (!is_scale(level.price_scale) || !is_scale(level.size_scale) || level.size < 0) return Reason::kMalformed;
    int64_t price = level.price;
    int price_scale = static_cast<int>(level.price_scale);
    if (price_scale <= scale) continue;
    shorten(price, price_scale, scale);
    scale = std::max(scale, price_scale);
  }
  for (const RowLevel& level : levels) {
    int64_t price = level.price;
    int price_scale = static_cast<int>(level.price_scale);
    shorten(price, price_scale, scale);
    if (!scale_up(price, scale - price_scale, price)) return Reason::kPriceRange;
  }
  clear();
  price_scale_ = static_cast<uint8_t>(scale);
  levels_.reserve(levels.size());
  // Worst first, whichever way they come; `spare` remembers the order of the text.
  const bool best_first = levels.size() > 1 && [&] {
    int64_t first = 0;
    int64_t second = 0;
    static_cast<void>(scaled(levels[0], first));
    static_cast<void>(scaled(levels[1], second));
    return sign_ * first > sign_ * second;
  }();
  bool sorted = true;
  for (size_t i = 0; i < levels.size(); ++i) {
    const size_t from = best_first ? levels.size() - 1 - i : i;
    const RowLevel& level = levels[from];
    int64_t price = 0;
    static_cast<void>(scaled(level, price));
    sorted = sorted && (levels_.empty() || key(levels_.back()) < sign_ * price);
    levels_.push_back({decimal_to_double(price, scale),
                       decimal_to_double(level.size, static_cast<int>(level.size_scale)), price, level.size,
                       static_cast<uint8_t>(level.price_scale), static_cast<uint8_t>(level.size_scale),
                       static_cast<uint32_t>(from)});
  }
  if (!sorted) {
    std::sort(levels_.begin(), levels_.end(), [this](const Level& a, const Level& b) {
      return a.price != b.price ? key(a) < key(b) : a.spare < b.spare;
    });
  }
  size_t kept = 0;
  for (size_t i = 0; i < levels_.size(); ++i) {
    if (i + 1 < levels_.size() && levels_[i + 1].price == levels_[i].price) continue;
    if (levels_[i].size == 0) continue;
    levels_[kept] = levels_[i];
    levels_[kept++].spare = 0;
  }
  levels_.resize(kept);
  keys_.resize(kept);
  for (size_t i = 0; i < kept; ++i) keys_[i] = key(levels_[i]);
  if (limit != 0 && levels.size() >= limit) {
    cut_ = true;
    known_to_ = kept != 0 ? key(levels_.front()) : INT64_MAX;
  }
  trim();
  touched_ = 0;
  return Reason::kNone;
}

}  // namespace tickwire::book
