// Levels as decoded rows bring them, written as text: "45285.2/0.00100000 45286.4/1.5".
#pragma once
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "book/level.h"

namespace tickwire::book::testing {

using Rows = std::vector<RowLevel>;

// Through no code of the core: mantissa and scale from the text.
inline void read_decimal(const std::string& text, int64_t& mantissa, int64_t& scale) {
  const size_t point = text.find('.');
  scale = point == std::string::npos ? 0 : static_cast<int64_t>(text.size() - point - 1);
  std::string digits = text;
  if (point != std::string::npos) digits.erase(point, 1);
  mantissa = std::stoll(digits);
}

inline RowLevel row(const std::string& level) {
  RowLevel made{};
  const size_t slash = level.find('/');
  read_decimal(level.substr(0, slash), made.price, made.price_scale);
  read_decimal(level.substr(slash + 1), made.size, made.size_scale);
  return made;
}

inline Rows rows(const std::vector<std::string>& levels) {
  Rows made;
  for (const std::string& level : levels) made.push_back(row(level));
  return made;
}

inline Rows rows(const std::string& levels) {
  std::istringstream in(levels);
  std::vector<std::string> parts;
  for (std::string part; in >> part;) parts.push_back(part);
  return rows(parts);
}

inline Rows rows(const char* levels) { return rows(std::string(levels)); }

// value / 10^scale with its point.
inline std::string text_of(int64_t value, int scale) {
  std::string digits = std::to_string(value < 0 ? -value : value);
  if (scale != 0) {
    if (digits.size() <= static_cast<size_t>(scale))
      digits.insert(0, static_cast<size_t>(scale) + 1 - digits.size(), '0');
    digits.insert(digits.size() - static_cast<size_t>(scale), 1, '.');
  }
  return value < 0 ? "-" + digits : digits;
}

}  // namespace tickwire::book::testing
