// A venue's id of an order in 128 bits, exactly: two ids are equal when their texts are.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tickwire::decode {

struct OrderId {
  uint64_t high = 0;
  uint64_t low = 0;
  [[nodiscard]] bool operator==(const OrderId&) const noexcept = default;
};

// Of ids made of digits, capital letters and '-', as "OTCFZG-YOE2Q-LQKNM3" or a number: up to 24 of them, as a number
// in base 38. False when the text is empty, longer, or has another character. 1 is the smallest digit, so that "0" and
// "00" are two.
[[nodiscard]] constexpr bool read_order_id(std::string_view text, OrderId& id) noexcept {
  constexpr size_t kMost = 24;  // 38^24 < 2^127
  if (text.empty() || text.size() > kMost) return false;
  unsigned __int128 value = 0;
  for (const char c : text) {
    unsigned digit = 0;
    if (c >= '0' && c <= '9') {
      digit = 1u + static_cast<unsigned>(c - '0');
    } else if (c >= 'A' && c <= 'Z') {
      digit = 11u + static_cast<unsigned>(c - 'A');
    } else if (c == '-') {
      digit = 37;
    } else {
      return false;
    }
    value = value * 38 + digit;
  }
  id = {static_cast<uint64_t>(value >> 64), static_cast<uint64_t>(value)};
  return true;
}

}  // namespace tickwire::decode
