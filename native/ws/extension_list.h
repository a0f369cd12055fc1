// The grammar of Sec-WebSocket-Extensions (RFC 6455 section 9.1) and the numbers in permessage-deflate's parameters.
#pragma once
#include <optional>
#include <string_view>

#include "ws/http_syntax.h"

namespace tickwire::ws {

inline constexpr std::string_view kDeflateName = "permessage-deflate";

// 8 to 15, decimal, no sign and no leading zero (RFC 7692 section 7.1.2.1).
[[nodiscard]] constexpr std::optional<int> window_bits(std::string_view text) noexcept {
  if (text.size() == 1 && (text[0] == '8' || text[0] == '9')) return text[0] - '0';
  if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5') return 10 + (text[1] - '0');
  return std::nullopt;
}

// One "; name" or "; name=value" (the value perhaps quoted) cut off the front of `rest`, which begins with ';'.
struct ExtensionParameter {
  std::string_view name;
  std::optional<std::string_view> value;
};

[[nodiscard]] constexpr std::optional<ExtensionParameter> next_parameter(std::string_view& rest) noexcept {
  rest = trim(rest.substr(1));
  ExtensionParameter p;
  p.name = take_token(rest);
  if (p.name.empty()) return std::nullopt;
  rest = trim(rest);
  if (!rest.starts_with('=')) return p;
  rest = trim(rest.substr(1));
  if (rest.starts_with('"')) {
    const size_t close = rest.find('"', 1);
    if (close == std::string_view::npos) return std::nullopt;
    p.value = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
    // Quoted or not, the value must be a token (RFC 6455 section 9.1).
    if (!is_token(*p.value)) return std::nullopt;
  } else {
    p.value = take_token(rest);
  }
  if (p.value->empty()) return std::nullopt;
  rest = trim(rest);
  return p;
}

}  // namespace tickwire::ws
