// The messages of market data, signals and executions (docs/wire-format.md has their fields). put() writes a payload;
// get() reads one and is false when it is malformed. Views point into the payload. Prices and sizes are mantissas of
// their message's scales.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "wire/quote_frame.h"
#include "wire/raw.h"
#include "wire/tlv.h"

namespace tickwire::wire {

// What each of them may carry besides.
struct ExchangeStamp {
  std::optional<int64_t> time_ns;    // the venue's, ns since the Unix epoch
  std::optional<uint64_t> sequence;  // the venue's
};

enum class Side : uint8_t { kUnknown = 0, kBuy = 1, kSell = 2 };

struct Quote {
  uint32_t symbol = kNoSymbol;
  uint8_t price_scale = 0;
  uint8_t size_scale = 0;
  int64_t bid = kNoPrice;  // kNoPrice: there is no such side
  int64_t ask = kNoPrice;
  int64_t bid_size = 0;
  int64_t ask_size = 0;
  ExchangeStamp exchange;
};

struct Trade {
  uint32_t symbol = kNoSymbol;
  uint8_t price_scale = 0;
  uint8_t size_scale = 0;
  Side side = Side::kUnknown;  // of the aggressor
  int64_t price = 0;
  int64_t size = 0;
  uint64_t id = 0;  // 0: none
  ExchangeStamp exchange;
};

// Price levels as they lie in a payload: i64 price, i64 size each.
class Levels {
 public:
  static constexpr size_t kBytes = 16;
  Levels() = default;
  explicit Levels(std::span<const uint8_t> bytes) noexcept : bytes_(bytes) {}
  [[nodiscard]] size_t size() const noexcept { return bytes_.size() / kBytes; }
  [[nodiscard]] int64_t price(size_t i) const noexcept { return load<int64_t>(bytes_.data() + i * kBytes); }
  [[nodiscard]] int64_t amount(size_t i) const noexcept { return load<int64_t>(bytes_.data() + i * kBytes + 8); }
  [[nodiscard]] std::span<const uint8_t> bytes() const noexcept { return bytes_; }

 private:
  std::span<const uint8_t> bytes_;
};

struct Book {  // a delta or a snapshot
  uint32_t symbol = kNoSymbol;
  uint8_t price_scale = 0;
  uint8_t size_scale = 0;
  uint64_t first_update = 0;  // the venue's ids; 0: none
  uint64_t last_update = 0;
  Levels bids;
  Levels asks;
  ExchangeStamp exchange;
};

struct Signal {
  static constexpr size_t kMaxNote = 65'536;
  uint32_t symbol = kNoSymbol;
  uint32_t name = kNoSymbol;
  double value = 0;
  std::optional<double> confidence;
  std::optional<int64_t> valid_until_ns;  // since the Unix epoch
  std::optional<std::string_view> note;
  ExchangeStamp exchange;
};

struct ScaledNumber {
  uint8_t scale = 0;
  int64_t mantissa = 0;
};

enum class OrderStatus : uint8_t {
  kNew = 1,
  kPartiallyFilled = 2,
  kFilled = 3,
  kCancelled = 4,
  kRejected = 5,
  kExpired = 6,
  kReplaced = 7,
  kPending = 8,
};

struct Execution {
  static constexpr size_t kMaxId = 255;
  static constexpr size_t kMaxReason = 1024;
  uint32_t symbol = kNoSymbol;
  uint8_t price_scale = 0;
  uint8_t size_scale = 0;
  Side side = Side::kUnknown;
  OrderStatus status = OrderStatus::kNew;  // values that are not listed may come
  int64_t last_price = 0;
  int64_t last_size = 0;
  int64_t filled_size = 0;
  int64_t open_size = 0;
  std::string_view order_id;
  std::optional<std::string_view> client_order_id;
  std::optional<std::string_view> execution_id;
  std::optional<ScaledNumber> average_price;
  std::optional<ScaledNumber> fee;  // negative: a rebate
  std::optional<uint32_t> fee_currency;
  std::optional<std::string_view> reason;
  ExchangeStamp exchange;
};

// Compact when the numbers fit, else wide.
void put(TlvWriter& out, const Quote& m) noexcept;
void put(TlvWriter& out, const Trade& m) noexcept;
void put(TlvWriter& out, const Book& m) noexcept;
void put(TlvWriter& out, const Signal& m) noexcept;
void put(TlvWriter& out, const Execution& m) noexcept;

[[nodiscard]] bool get(std::span<const uint8_t> payload, Quote& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Trade& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Book& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Signal& m) noexcept;
[[nodiscard]] bool get(std::span<const uint8_t> payload, Execution& m) noexcept;

}  // namespace tickwire::wire
