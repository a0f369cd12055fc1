// Any levels into an order book: whatever scales and magnitudes they have, what is not refused is exactly what a map of
// 128-bit prices holds, as far as the book claims to know it; sorted, without sizes of zero; and both checksums can
// be made of it. Input: limits, then messages of at most 15 levels a side.
#include <cstdint>
#include <cstdlib>
#include <map>
#include <span>
#include <vector>

#include "book/checksum.h"
#include "book/order_book.h"

namespace {

using namespace tickwire::book;
using Wide = __int128;

class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}
  [[nodiscard]] bool empty() const { return at_ == end_; }
  uint8_t byte() { return at_ == end_ ? 0 : *at_++; }
  int64_t number() {
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return static_cast<int64_t>(value);
  }
  // Small ones that meet each other, or anything.
  int64_t price() {
    const uint8_t kind = byte();
    if (kind < 200) return kind % 32;
    if (kind < 240) return static_cast<int64_t>(kind % 32) * 1'000;
    return number();
  }
  int64_t scale() {
    const uint8_t kind = byte();
    return kind < 250 ? kind % 19 : static_cast<int8_t>(byte());
  }
  int64_t amount() {
    const uint8_t kind = byte();
    return kind < 250 ? kind % 4 : number();
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

void require(bool condition) {
  if (!condition) std::abort();
}

Wide wide(int64_t price, int64_t scale) {
  Wide value = price;
  for (int64_t i = scale; i < kMaxScale; ++i) value *= 10;
  return value;
}

// By the key that is best when smallest.
using SideMap = std::map<Wide, RowLevel>;

void set(SideMap& side, const RowLevel& level, bool bid) {
  const Wide key = wide(level.price, level.price_scale) * (bid ? -1 : 1);
  if (level.size == 0) {
    side.erase(key);
  } else {
    side[key] = level;
  }
}

void compare(const Ladder& ladder, const SideMap& truth, uint32_t most) {
  const bool bid = ladder.side() == Side::kBid;
  require(ladder.size() <= most);
  const Wide limit = ladder.cut() ? wide(ladder.known_to(), ladder.price_scale()) * (bid ? -1 : 1) : 0;
  size_t i = 0;
  for (const auto& [key, level] : truth) {
    if (ladder.cut() && key > limit) break;
    require(i < ladder.size());
    const Level& here = ladder.at(i++);
    require(wide(here.price, ladder.price_scale()) * (bid ? -1 : 1) == key);
    require(here.size == level.size && here.size > 0);
    require(here.size_scale == level.size_scale && here.price_scale == level.price_scale);
  }
  require(i == ladder.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  Policy policy;
  policy.max_levels = 1 + input.byte() % 24;
  policy.snapshot_levels = input.byte() % 12;
  policy.price_scale = input.byte() % 19;
  OrderBook book(policy);
  SideMap bids;
  SideMap asks;
  bool good = true;
  uint32_t sum = 0;
  while (!input.empty()) {
    const uint8_t head = input.byte();
    const bool snapshot = head % 8 == 0 || !good;
    std::vector<RowLevel> levels[2];
    const uint8_t counts = input.byte();
    for (int side = 0; side < 2; ++side) {
      for (int n = side == 0 ? counts & 15 : counts >> 4; n > 0; --n) {
        RowLevel level{};
        level.price = input.price();
        level.price_scale = input.scale();
        level.size = input.amount();
        level.size_scale = input.scale();
        levels[side].push_back(level);
      }
    }
    Event event;
    event.bids = levels[0];
    event.asks = levels[1];
    const Reason reason = snapshot ? book.load(event) : book.apply(event);
    require(book.bids().price_scale() == book.asks().price_scale());
    if (reason == Reason::kNone) {
      if (snapshot) {
        bids.clear();
        asks.clear();
        good = true;
      }
      for (const RowLevel& level : levels[0]) set(bids, level, true);
      for (const RowLevel& level : levels[1]) set(asks, level, false);
      compare(book.bids(), bids, policy.max_levels);
      compare(book.asks(), asks, policy.max_levels);
    } else {
      require(reason == Reason::kMalformed || reason == Reason::kPriceRange);
      good = false;
    }
    sum ^= kraken_checksum(book) ^ static_cast<uint32_t>(okx_checksum(book));
    static_cast<void>(book.crossed());
  }
  return sum == 0x12345678u ? -1 : 0;  // so that the sums are made
}
