// One value of a message on its way into a row, whatever it was in the message.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "wire/market.h"
#include "wire/raw.h"
#include "wire/row_schema.h"

namespace tickwire::wire {

// The words that kWord values stand for; a row holds them as symbols.
inline constexpr std::string_view kWords[] = {"unknown", "buy",       "sell",     "new",     "partiallyFilled",
                                              "filled",  "cancelled", "rejected", "expired", "replaced",
                                              "pending", "json",      "text",     "bytes"};
inline constexpr uint32_t kSideWords = 0;
inline constexpr uint32_t kStatusWords = 3;
inline constexpr uint32_t kContentWords = 11;
inline constexpr uint32_t kWordCount = 14;

struct RowValue {
  bool present = false;
  bool out_of_range = false;  // an unsigned number beyond what a row can hold
  uint8_t scale = 0;          // of a decimal, or of levels' prices
  uint8_t size_scale = 0;     // of levels' sizes
  int64_t integer = 0;        // integer, mantissa, symbol id, bool, word
  double number = 0;
  std::span<const uint8_t> bytes;  // text, levels

  static RowValue of_int(int64_t value) noexcept {
    RowValue v;
    v.present = true;
    v.integer = value;
    return v;
  }
  static RowValue of_unsigned(uint64_t value) noexcept {
    RowValue v = of_int(static_cast<int64_t>(value));
    v.out_of_range = v.integer < 0;
    return v;
  }
  static RowValue of_number(double value) noexcept {
    RowValue v;
    v.present = true;
    v.number = value;
    return v;
  }
  static RowValue of_decimal(int64_t mantissa, uint8_t scale) noexcept {
    RowValue v = of_int(mantissa);
    v.scale = scale;
    return v;
  }
  static RowValue of_symbol(uint32_t id) noexcept { return id == kNoSymbol ? RowValue{} : of_int(id); }
  static RowValue of_text(std::string_view text) noexcept {
    RowValue v;
    v.present = true;
    v.bytes = {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
    return v;
  }
  static RowValue of_levels(std::span<const uint8_t> bytes, uint8_t price_scale, uint8_t size_scale) noexcept {
    RowValue v;
    v.present = true;
    v.bytes = bytes;
    v.scale = price_scale;
    v.size_scale = size_scale;
    return v;
  }
};

// The value `of` a message; absent when the message has none of the kind.
[[nodiscard]] RowValue pick(const Quote& m, Of of) noexcept;
[[nodiscard]] RowValue pick(const Trade& m, Of of) noexcept;
[[nodiscard]] RowValue pick(const Book& m, Of of) noexcept;
[[nodiscard]] RowValue pick(const Signal& m, Of of) noexcept;
[[nodiscard]] RowValue pick(const Execution& m, Of of) noexcept;
[[nodiscard]] RowValue pick(const Raw& m, Of of) noexcept;

// A user type's field of this kind; absent when the bytes are no such value.
[[nodiscard]] RowValue read_value(ValueKind kind, std::span<const uint8_t> bytes) noexcept;

}  // namespace tickwire::wire
