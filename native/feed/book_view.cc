#include "feed/book_view.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <limits>

namespace tickwire::feed {
namespace {

[[nodiscard]] constexpr uint64_t halves(uint64_t low, uint64_t high) noexcept {
  return (low & UINT32_MAX) | high << 32;
}

[[nodiscard]] uint64_t count(uint64_t n) noexcept { return std::bit_cast<uint64_t>(static_cast<double>(n)); }

struct Written {
  int64_t value;
  uint32_t scale;
};

// The price with as many decimals as the venue wrote. Where zeros behind it find no room, in the scale of the book.
Written as_written(const book::Level& level, uint32_t price_scale) noexcept {
  const uint32_t scale = level.price_scale;
  if (scale == price_scale) return {level.price, scale};
  if (scale < price_scale) return {level.price / book::kPowersOfTen[static_cast<int>(price_scale - scale)], scale};
  int64_t value = 0;
  if (__builtin_mul_overflow(level.price, book::kPowersOfTen[static_cast<int>(scale - price_scale)], &value)) {
    return {level.price, price_scale};
  }
  return {value, scale};
}

// A level of the book begins with what the view says of it.
static_assert(offsetof(book::Level, price_value) == 0 && offsetof(book::Level, size_value) == 8 &&
              offsetof(book::Level, price) == 16 && offsetof(book::Level, size) == 24);

uint32_t write_side(uint64_t* to, uint32_t depth, const book::Ladder& side, bool shown) noexcept {
  const auto n = shown ? static_cast<uint32_t>(std::min<size_t>(depth, side.size())) : 0;
  const uint32_t price_scale = side.price_scale();
  for (uint32_t i = 0; i < n; ++i, to += kBookLevelWords) {
    const book::Level& level = side.at(i);
    std::memcpy(to, &level, 32);
    to[4] = halves(level.size_scale, level.price_scale);
    if (level.price_scale == price_scale) [[likely]]
      continue;
    const Written price = as_written(level, price_scale);
    to[2] = static_cast<uint64_t>(price.value);
    to[4] = halves(level.size_scale, price.scale);
  }
  // What is not there reads as nothing, so that who reads need not ask.
  for (uint32_t i = n; i < depth; ++i, to += kBookLevelWords) {
    to[0] = std::bit_cast<uint64_t>(std::numeric_limits<double>::quiet_NaN());
    to[1] = to[2] = to[3] = to[4] = 0;
  }
  return n;
}

// Of levels that are not there the price is NaN, and so is what is made of it.
void write_prices(uint64_t* to, const uint64_t* best_bid, const uint64_t* best_ask) noexcept {
  const auto number = [](const uint64_t* word) { return std::bit_cast<double>(*word); };
  const double bid = number(best_bid);
  const double bid_size = number(best_bid + 1);
  const double ask = number(best_ask);
  const double ask_size = number(best_ask + 1);
  to[0] = std::bit_cast<uint64_t>((bid + ask) / 2);
  to[1] = std::bit_cast<uint64_t>(ask - bid);
  to[2] = std::bit_cast<uint64_t>((bid * ask_size + ask * bid_size) / (bid_size + ask_size));
  to[3] = 0;
}

[[nodiscard]] uint64_t id_as_double(int64_t id) noexcept {
  const bool exact = id >= 0 && id <= book::decimal::kExact;
  return std::bit_cast<uint64_t>(exact ? static_cast<double>(id) : std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

void write_book_view(uint8_t* to, uint32_t depth, const book::Ladder& bids, const book::Ladder& asks,
                     const BookHead& head, const BookNumbers& numbers) noexcept {
  auto* const words = reinterpret_cast<uint64_t*>(to);
  uint64_t* const levels = words + kBookViewWords;
  const bool shown = head.state == book::State::kSynced;
  const uint32_t shown_bids = write_side(levels, depth, bids, shown);
  const uint32_t shown_asks = write_side(levels + size_t{depth} * kBookLevelWords, depth, asks, shown);
  write_prices(words + 12, levels, levels + size_t{depth} * kBookLevelWords);
  words[0] = halves(static_cast<uint64_t>(head.state), static_cast<uint64_t>(head.reason));
  words[1] = halves(numbers.epoch, static_cast<uint64_t>(head.want));
  words[2] = halves(head.request, numbers.fetched);
  words[3] = id_as_double(head.last_id);
  words[4] = std::bit_cast<uint64_t>(static_cast<double>(numbers.rx_ns));
  words[5] = halves(shown_bids, shown_asks);
  words[6] = shown ? halves(bids.size(), asks.size()) : 0;
  words[7] = count(head.updates);
  words[8] = count(head.duplicates);
  words[9] = count(head.gaps);
  words[10] = count(numbers.resyncs);
  words[11] = halves(bids.price_scale(), static_cast<uint64_t>(numbers.last_reason));
}

void write_book_view(uint8_t* to, uint32_t depth, const book::BookSync& sync, const BookNumbers& numbers) noexcept {
  const book::SyncCounters& counters = sync.counters();
  const BookHead head{sync.state(),        sync.reason(),
                      sync.want(),         sync.request(),
                      sync.last_id(),      counters.events + counters.snapshots,
                      counters.duplicates, counters.stale[static_cast<size_t>(book::Reason::kGap)]};
  write_book_view(to, depth, sync.book().bids(), sync.book().asks(), head, numbers);
}

}  // namespace tickwire::feed
