#include "book/ladder.h"

#include <algorithm>
#include <cstring>

namespace tickwire::book {
namespace {

// Most changes are this near to the best; further down, halving is quicker.
constexpr size_t kProbe = 8;
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
  const int64_t power = kPowersOfTen[price_scale - scale];
  if (const int64_t whole = price / power; whole * power == price) {
    price = whole;
    price_scale = scale;
    return;
  }
  while (price_scale > scale && price % 10 == 0) {
    price /= 10;
    --price_scale;
  }
}

}  // namespace

Ladder::Ladder(Side side, uint32_t max_levels, bool venue_cuts, uint8_t price_scale)
    : sign_(side == Side::kBid ? 1 : -1),
      max_levels_(std::max(max_levels, 1u)),
      venue_cuts_(venue_cuts),
      first_price_scale_(std::min<uint8_t>(price_scale, kMaxScale)),
      price_scale_(first_price_scale_) {}

void Ladder::clear() noexcept {
  levels_.clear();
  head_ = 0;
  known_to_ = INT64_MIN;
  cut_ = false;
  touched_ = 0;
  price_scale_ = first_price_scale_;
}

// The price in the ladder's scale, which rises if it must.
Reason Ladder::scaled(const RowLevel& level, int64_t& price) {
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
  for (size_t i = head_; i < levels_.size(); ++i) levels_[i].price *= kPowersOfTen[digits];
  price_scale_ = scale;
  return Reason::kNone;
}

// Index of the first level that is at least as good as `key`.
size_t Ladder::find(int64_t wanted) const noexcept {
  size_t end = levels_.size();
  const size_t near = end - head_ > kProbe ? end - kProbe : head_;
  while (end > near && key(levels_[end - 1]) >= wanted) --end;
  if (end > near || near == head_) return end;
  const Level* from = levels_.data() + head_;
  size_t count = near - head_;
  while (count != 0) {
    const size_t half = count / 2;
    if (key(from[half]) < wanted) {
      from += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return static_cast<size_t>(from - levels_.data());
}

void Ladder::touch(size_t index) noexcept {
  touched_ = std::min(touched_, static_cast<uint32_t>(levels_.size() - 1 - index));
}

Reason Ladder::set(const RowLevel& level) {
  int64_t price;
  const Reason reason = scaled(level, price);
  if (reason != Reason::kNone) [[unlikely]]
    return reason;
  const int64_t wanted = sign_ * price;
  if (cut_ && wanted < known_to_) [[unlikely]] {
    ++beyond_;
    return Reason::kNone;
  }
  const size_t at = find(wanted);
  const bool here = at < levels_.size() && levels_[at].price == price;
  if (level.size == 0) {
    if (!here) return Reason::kNone;  // venues remove what one never saw; that is normal
    touch(at);
    take_out(at);
    return Reason::kNone;
  }
  Level made{price, level.size, static_cast<uint8_t>(level.price_scale), static_cast<uint8_t>(level.size_scale)};
  if (here) {
    made.spare = levels_[at].spare;
    levels_[at] = made;
    touch(at);
  } else {
    touch(put_in(at, made));
  }
  return Reason::kNone;
}

// What lies on the shorter side of a change is moved: towards the best as a rule, and far down towards the head, where
// room is left by what was there before.
void Ladder::take_out(size_t index) noexcept {
  Level* const at = levels_.data() + index;
  if (index - head_ < levels_.size() - index) {
    std::memmove(levels_.data() + head_ + 1, levels_.data() + head_, (index - head_) * sizeof(Level));
    return drop_head(1);
  }
  std::memmove(at, at + 1, (levels_.size() - 1 - index) * sizeof(Level));
  levels_.pop_back();
}

size_t Ladder::put_in(size_t index, const Level& level) {
  if (head_ == 0 || index - head_ >= levels_.size() - index) {
    levels_.insert(levels_.begin() + static_cast<std::ptrdiff_t>(index), level);
    return index;
  }
  --head_;
  std::memmove(levels_.data() + head_, levels_.data() + head_ + 1, (index - 1 - head_) * sizeof(Level));
  levels_[index - 1] = level;
  return index - 1;
}

void Ladder::drop_head(size_t count) noexcept {
  head_ += count;
  if (head_ < kSlack && head_ * 2 < levels_.size()) return;
  levels_.erase(levels_.begin(), levels_.begin() + static_cast<std::ptrdiff_t>(head_));
  head_ = 0;
}

Level* Ladder::level_of(const RowLevel& level) noexcept {
  int64_t price = level.price;
  int scale = static_cast<int>(level.price_scale);
  shorten(price, scale, price_scale_);
  if (scale > price_scale_ || !scale_up(price, price_scale_ - scale, price)) return nullptr;
  const size_t at = find(sign_ * price);
  return at < levels_.size() && levels_[at].price == price ? &levels_[at] : nullptr;
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
    levels_.push_back({price, level.size, static_cast<uint8_t>(level.price_scale),
                       static_cast<uint8_t>(level.size_scale), static_cast<uint32_t>(from)});
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
  if (limit != 0 && levels.size() >= limit) {
    cut_ = true;
    known_to_ = kept != 0 ? key(levels_.front()) : INT64_MAX;
  }
  trim();
  touched_ = 0;
  return Reason::kNone;
}

}  // namespace tickwire::book
