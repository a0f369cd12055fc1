#include "book/checksum.h"

#include <algorithm>
#include <cstring>

namespace tickwire::book {
namespace {

constexpr size_t kKrakenLevels = 10;
constexpr size_t kOkxLevels = 25;
// Sign, 19 digits, and with a point up to 18 zeros more.
constexpr size_t kNumberBytes = 1 + 20 + 20;
// More than any scale; so many bytes behind a text may be written as well.
constexpr size_t kCopied = 32;

constexpr uint64_t kTens[20] = {0,
                                10,
                                100,
                                1'000,
                                10'000,
                                100'000,
                                1'000'000,
                                10'000'000,
                                100'000'000,
                                1'000'000'000,
                                10'000'000'000,
                                100'000'000'000,
                                1'000'000'000'000,
                                10'000'000'000'000,
                                100'000'000'000'000,
                                1'000'000'000'000'000,
                                10'000'000'000'000'000,
                                100'000'000'000'000'000,
                                1'000'000'000'000'000'000,
                                10'000'000'000'000'000'000u};

constexpr char kPairs[] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

// How many digits `value` has; 0 has one.
size_t digits_of(uint64_t value) noexcept {
  // log10(2) is a little more than 1233 / 4096.
  const auto guess = static_cast<size_t>((64 - __builtin_clzll(value | 1)) * 1233 >> 12);
  return guess + (guess < 20 && value >= kTens[guess] ? 1 : 0);
}

// The digits of `value`, of which the last stands before `end`.
void digits_before(char* end, uint64_t value) noexcept {
  while (value >= 100) {
    end -= 2;
    std::memcpy(end, kPairs + value % 100 * 2, 2);
    value /= 100;
  }
  if (value >= 10) {
    std::memcpy(end - 2, kPairs + value * 2, 2);
  } else {
    end[-1] = static_cast<char>('0' + value);
  }
}

uint64_t magnitude(int64_t value) noexcept {
  return value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
}

class Text {
 public:
  // The room has kCopied bytes more than the text can need.
  explicit Text(char* at) : begin_(at), at_(at) {}
  void digits(int64_t value) noexcept {
    const uint64_t whole = magnitude(value);
    const size_t n = digits_of(whole);
    digits_before(at_ + n, whole);
    at_ += n;
  }
  // With its point: 5 in scale 1 is "0.5".
  void decimal(int64_t mantissa, size_t scale) noexcept {
    if (mantissa < 0) *at_++ = '-';
    const uint64_t value = magnitude(mantissa);
    const size_t n = std::max(digits_of(value), scale + 1);
    std::memset(at_, '0', kCopied);  // those in front, if the number has fewer digits than its scale
    digits_before(at_ + n, value);
    at_ += n;
    if (scale == 0) return;
    char behind[kCopied];  // a length known in advance is copied without a loop
    std::memcpy(behind, at_ - scale, kCopied);
    std::memcpy(at_ - scale + 1, behind, kCopied);
    at_[-static_cast<std::ptrdiff_t>(scale)] = '.';
    ++at_;
  }
  void put(char c) noexcept { *at_++ = c; }
  [[nodiscard]] size_t size() const noexcept { return static_cast<size_t>(at_ - begin_); }
  [[nodiscard]] uint32_t sum(uint32_t before = 0) const noexcept {
    return crc32({reinterpret_cast<const uint8_t*>(begin_), size()}, before);
  }
  // Everything but the last character.
  [[nodiscard]] bool shorten() noexcept {
    if (at_ == begin_) return false;
    --at_;
    return true;
  }

 private:
  char* begin_;
  char* at_;
};

// The price as the venue wrote it. Zeros that did not fit into the ladder's scale are put back.
int64_t written_price(const Level& level, int ladder_scale) noexcept {
  const int digits = ladder_scale - level.price_scale;
  if (digits >= 0) return level.price / kPowersOfTen[digits];
  int64_t price;
  return __builtin_mul_overflow(level.price, kPowersOfTen[-digits], &price) ? level.price : price;
}

}  // namespace

uint32_t kraken_checksum(const OrderBook& book) noexcept {
  char room[2 * kKrakenLevels * 2 * kNumberBytes + kCopied];
  Text text(room);
  for (const Ladder* side : {&book.asks(), &book.bids()}) {
    const size_t count = std::min(side->size(), kKrakenLevels);
    for (size_t i = 0; i < count; ++i) {
      const Level& level = side->at(i);
      text.digits(written_price(level, side->price_scale()));
      text.digits(level.size);
    }
  }
  return text.sum();
}

uint32_t kraken_l3_checksum(const OrderLadder& bids, const OrderLadder& asks) noexcept {
  // There may be any number of orders: the sum is made piece by piece.
  constexpr size_t kPiece = 4096;
  char room[kPiece + 2 * kNumberBytes + kCopied];
  uint32_t sum = 0;
  Text text(room);
  for (const OrderLadder* side : {&asks, &bids}) {
    const size_t count = std::min(side->levels().size(), kKrakenLevels);
    for (size_t i = 0; i < count; ++i) {
      for (uint32_t at = side->first(i); at != OrderLadder::kNoOrder; at = side->order(at).next) {
        text.digits(side->order(at).price);
        text.digits(side->order(at).size);
        if (text.size() < kPiece) continue;
        sum = text.sum(sum);
        text = Text(room);
      }
    }
  }
  return text.sum(sum);
}

int32_t okx_checksum(const OrderBook& book) noexcept {
  char room[2 * kOkxLevels * 2 * (kNumberBytes + 1) + 2 * kCopied];
  Text text(room);
  for (size_t i = 0; i < kOkxLevels; ++i) {
    for (const Ladder* side : {&book.bids(), &book.asks()}) {
      if (i >= side->size()) continue;
      const Level& level = side->at(i);
      text.decimal(written_price(level, side->price_scale()), level.price_scale);
      text.put(':');
      text.decimal(level.size, level.size_scale);
      text.put(':');
    }
  }
  static_cast<void>(text.shorten());
  return static_cast<int32_t>(text.sum());
}

}  // namespace tickwire::book
