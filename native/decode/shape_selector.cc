#include "decode/shape_selector.h"

#include "decode/json_text.h"

namespace tickwire::decode {

// With more exact cases than this, remembering every text as a layout of its own would not pay.
static constexpr size_t kManyCases = 8;

ShapeSelector::ShapeSelector(const Schema& schema)
    : path_(schema.select),
      cases_(schema.cases),
      absent_(schema.absent_shape),
      many_(schema.cases.size() > kManyCases) {
  for (size_t i = 0; i < cases_.size(); ++i) {
    if (cases_[i].mode == MatchMode::kExact) {
      exact_.try_emplace(cases_[i].text, i);
    } else {
      patterns_.push_back(i);
    }
  }
}

size_t ShapeSelector::find_case(std::string_view text) const {
  size_t found = cases_.size();
  if (const auto exact = exact_.find(text); exact != exact_.end()) found = exact->second;
  for (const size_t index : patterns_) {
    if (index >= found) break;
    const ShapeCase& pattern = cases_[index];
    const bool matches =
        pattern.mode == MatchMode::kPrefix ? text.starts_with(pattern.text) : text.ends_with(pattern.text);
    if (matches) return index;
  }
  return found;
}

ShapeSelector::Choice ShapeSelector::choose(const JsonTape& tape, std::span<const uint8_t> message,
                                            std::vector<uint8_t>& scratch) const {
  Choice choice;
  if (path_.empty()) {
    choice.shape = 0;
    choice.at = {kNotThere, 0};
    return choice;
  }
  choice.at = find_path(tape, message, 0, path_, scratch);
  if (choice.at.value == kNotThere || tape[choice.at.value].kind == ValueKind::kNull) {
    choice.shape = absent_;
    return choice;
  }
  const TapeEntry& entry = tape[choice.at.value];
  if (entry.kind == ValueKind::kObject || entry.kind == ValueKind::kArray) return choice;
  const uint8_t* begin = message.data() + entry.start;
  const uint8_t* end = message.data() + entry.end;
  if (entry.kind == ValueKind::kString) {
    ++begin;
    --end;
  }
  std::string_view text(reinterpret_cast<const char*>(begin), static_cast<size_t>(end - begin));
  if (entry.escaped) {
    scratch.clear();
    if (!unescape(begin, end, scratch)) {
      choice.shape = kBadText;
      return choice;
    }
    text = {reinterpret_cast<const char*>(scratch.data()), scratch.size()};
  }
  const size_t index = find_case(text);
  choice.shape = case_shape(index);
  choice.by_pattern = many_ || index >= cases_.size() || cases_[index].mode != MatchMode::kExact;
  return choice;
}

}  // namespace tickwire::decode
