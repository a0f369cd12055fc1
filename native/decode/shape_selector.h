// Which shape a message has, by the value at the schema's `select` path.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "decode/path.h"
#include "decode/schema.h"

namespace tickwire::decode {

class ShapeSelector {
 public:
  static constexpr int kNone = -1;     // no case matched
  static constexpr int kBadText = -2;  // the selecting text is not UTF-8 once its escapes are resolved

  explicit ShapeSelector(const Schema& schema);

  struct Choice {
    int shape = kNone;
    PathResult at;            // where the selecting value stands
    bool by_pattern = false;  // other texts of this shape are to be expected: a prefix, a suffix, or many exact cases
  };
  [[nodiscard]] Choice choose(const JsonTape& tape, std::span<const uint8_t> message,
                              std::vector<uint8_t>& scratch) const;

  // The shape for a text, kNone when no case matches.
  [[nodiscard]] int match(std::string_view text) const { return case_shape(find_case(text)); }

 private:
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  [[nodiscard]] size_t find_case(std::string_view text) const;
  [[nodiscard]] int case_shape(size_t index) const { return index < cases_.size() ? cases_[index].shape : kNone; }

  std::vector<PathStep> path_;
  std::vector<ShapeCase> cases_;
  int absent_;
  bool many_;
  std::unordered_map<std::string, size_t, TextHash, std::equal_to<>> exact_;  // text -> first case
  std::vector<size_t> patterns_;                                              // the other cases, in order
};

}  // namespace tickwire::decode
