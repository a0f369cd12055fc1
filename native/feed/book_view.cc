#include "feed/book_view.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <iterator>
#include <limits>

#include "decode/number.h"

namespace tickwire::feed {
namespace {

constexpr double kPowers[book::kMaxScale + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                                 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
constexpr int64_t kExact = int64_t{1} << 53;

[[nodiscard]] constexpr uint64_t halves(uint64_t low, uint64_t high) noexcept {
  return (low & UINT32_MAX) | high << 32;
}

[[nodiscard]] uint64_t count(uint64_t n) noexcept { return std::bit_cast<uint64_t>(static_cast<double>(n)); }

// Beyond 2^53 the division of two doubles would round twice.
[[gnu::cold]] double rounded(int64_t value, uint32_t scale) noexcept {
  char text[64];
  char* end = std::to_chars(std::begin(text), std::end(text), value).ptr;
  *end++ = 'e';
  *end++ = '-';
  end = std::to_chars(end, std::end(text), scale).ptr;
  const auto* const from = reinterpret_cast<const uint8_t*>(text);
  const auto* const to = reinterpret_cast<const uint8_t*>(end);
  decode::NumberText number;
  double out = 0;
  if (decode::scan_number(from, to, number) != to) return 0;
  return decode::to_double(number, from, to, out) == decode::NumberError::kNone ? out : 0;
}

struct Written {
  int64_t value;
  uint32_t scale;
};

// The price with as many decimals as the venue wrote. Where zeros behind it find no room, in the scale of the book.
Written as_written(const book::Level& level, uint32_t price_scale) noexcept {
  const uint32_t scale = level.price_scale;
  if (scale == price_scale) return {level.price, scale};
  if (scale < price_scale) return {level.price / book::kPowersOfTen[price_scale - scale], scale};
  int64_t value = 0;
  if (__builtin_mul_overflow(level.price, book::kPowersOfTen[scale - price_scale], &value)) {
    return {level.price, price_scale};
  }
  return {value, scale};
}

uint32_t write_side(uint64_t* to, uint32_t depth, const book::Ladder& side, bool shown) noexcept {
  const auto n = shown ? static_cast<uint32_t>(std::min<size_t>(depth, side.size())) : 0;
  const uint32_t price_scale = side.price_scale();
  for (uint32_t i = 0; i < n; ++i, to += kBookLevelWords) {
    const book::Level& level = side.at(i);
    to[0] = std::bit_cast<uint64_t>(decimal_to_double(level.price, price_scale));
    to[1] = std::bit_cast<uint64_t>(decimal_to_double(level.size, level.size_scale));
    const Written price = as_written(level, price_scale);
    to[2] = static_cast<uint64_t>(price.value);
    to[3] = static_cast<uint64_t>(level.size);
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
  const bool exact = id >= 0 && id <= kExact;
  return std::bit_cast<uint64_t>(exact ? static_cast<double>(id) : std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

double decimal_to_double(int64_t value, uint32_t scale) noexcept {
  // Both operands are exact, so the one rounding is that of the division.
  if (value <= kExact && value >= -kExact) [[likely]]
    return static_cast<double>(value) / kPowers[scale];
  return rounded(value, scale);
}

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
