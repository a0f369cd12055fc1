// What a venue's book really is: an independent reference, slow and simple. Prices are 128-bit numbers made from text,
// a side is a std::map, levels are remembered as they were written.
#pragma once
#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "book/order_book.h"
#include "book_rows.h"

namespace tickwire::book::testing {

using Wide = __int128;

// price * 10^18.
inline Wide wide(const std::string& text) {
  const bool negative = text[0] == '-';
  Wide value = 0;
  int behind = -1;
  for (const char c : text.substr(negative ? 1 : 0)) {
    if (c == '.') {
      behind = 0;
    } else {
      value = value * 10 + (c - '0');
      if (behind >= 0) ++behind;
    }
  }
  for (int i = std::max(behind, 0); i < 18; ++i) value *= 10;
  return negative ? -value : value;
}

struct Change {
  bool bid;
  std::string price;
  std::string size;
};

// A side's levels as "price/size", best first.
using Texts = std::vector<std::string>;

class Truth {
 public:
  void set(const Change& change) {
    auto& side = change.bid ? bids_ : asks_;
    const Wide key = change.bid ? -wide(change.price) : wide(change.price);
    if (wide(change.size) == 0) {
      side.erase(key);
    } else {
      side[key] = change.price + "/" + change.size;
    }
  }
  void clear() {
    bids_.clear();
    asks_.clear();
  }
  [[nodiscard]] Texts side(bool bid, size_t most = SIZE_MAX) const {
    Texts texts;
    for (const auto& [key, text] : bid ? bids_ : asks_) {
      if (texts.size() == most) break;
      texts.push_back(text);
    }
    return texts;
  }
  [[nodiscard]] size_t size(bool bid) const { return (bid ? bids_ : asks_).size(); }
  [[nodiscard]] bool operator==(const Truth&) const = default;

 private:
  std::map<Wide, std::string> bids_;  // by the negative of the price
  std::map<Wide, std::string> asks_;
};

// A ladder's levels as they were written.
inline Texts texts_of(const Ladder& ladder) {
  Texts texts;
  for (size_t i = 0; i < ladder.size(); ++i) {
    const Level& level = ladder.at(i);
    std::string price = text_of(level.price, ladder.price_scale());
    // To as many digits behind the point as were written.
    int digits = ladder.price_scale();
    if (digits < level.price_scale && digits == 0) price += '.';
    for (; digits < level.price_scale; ++digits) price += '0';
    for (; digits > level.price_scale; --digits) {
      if (price.back() != '0') return {"digits were lost: " + price};
      price.pop_back();
    }
    if (price.back() == '.') price.pop_back();
    texts.push_back(price + "/" + text_of(level.size, level.size_scale));
  }
  return texts;
}

// Sorted, nothing twice, no size of zero, values that are the numbers; and of a side that was cut off nothing beyond
// what is known.
inline bool is_sound(const Ladder& ladder) {
  const int64_t sign = ladder.side() == Side::kBid ? 1 : -1;
  for (size_t i = 0; i < ladder.size(); ++i) {
    const Level& level = ladder.at(i);
    if (level.size <= 0) return false;
    if (level.price_value != decimal_to_double(level.price, ladder.price_scale())) return false;
    if (level.size_value != decimal_to_double(level.size, level.size_scale)) return false;
    if (i != 0 && sign * ladder.at(i).price >= sign * ladder.at(i - 1).price) return false;
    if (ladder.cut() && sign * ladder.at(i).price < sign * ladder.known_to()) return false;
  }
  return true;
}

// Whether the ladder is the truth's side as far as it claims to know it.
inline bool is_true(const Ladder& ladder, const Texts& truth) {
  if (!is_sound(ladder)) return false;
  Texts known = truth;
  if (ladder.cut()) {
    const Wide limit = wide(text_of(ladder.known_to(), ladder.price_scale()));
    std::erase_if(known, [&](const std::string& text) {
      const Wide price = wide(text.substr(0, text.find('/')));
      return ladder.side() == Side::kBid ? price < limit : price > limit;
    });
  }
  return texts_of(ladder) == known;
}

}  // namespace tickwire::book::testing
