#include "decode/template_engine.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "decode/template_values.h"

namespace tickwire::decode {
namespace {

constexpr size_t kMaxSymbol = 255;

inline uint64_t load8(const uint8_t* from) noexcept {
  uint64_t word;
  std::memcpy(&word, from, 8);
  return word;
}

// The literal's bytes behind the first eight; the last word overlaps the one before.
inline bool rest_fits(const uint8_t* at, const uint8_t* literal, uint32_t length) noexcept {
  uint64_t different = load8(at + length - 8) ^ load8(literal + length - 8);
  for (uint32_t i = 8; i + 8 < length; i += 8) different |= load8(at + i) ^ load8(literal + i);
  return different == 0;
}

inline std::string_view view(const uint8_t* begin, const uint8_t* end) noexcept {
  return {reinterpret_cast<const char*>(begin), static_cast<size_t>(end - begin)};
}

}  // namespace

TemplateEngine::TemplateEngine(const Schema& schema, const ShapeSelector& selector, RowWriter& writer)
    : schema_(schema), selector_(selector), writer_(writer) {
  templates_.reserve(kMaxTemplates);
  root_texts_.reserve(16);
  size_t words = 0;
  for (const Shape& shape : schema.shapes) words = std::max<size_t>(words, shape.words);
  root_cells_.resize(words);
}

bool TemplateEngine::wants_to_learn() noexcept {
  credit_ = std::min(credit_ + 1, kMaxCredit);
  if (credit_ < kLearnCost) return false;
  credit_ -= kLearnCost;
  return true;
}

void TemplateEngine::add(Template&& made) {
  made.used = messages_;
  if (templates_.size() < kMaxTemplates) {
    made.follower = static_cast<uint32_t>(templates_.size());
    templates_.push_back(std::move(made));
    return;
  }
  auto oldest = std::min_element(templates_.begin(), templates_.end(),
                                 [](const Template& a, const Template& b) { return a.used < b.used; });
  made.follower = static_cast<uint32_t>(oldest - templates_.begin());
  *oldest = std::move(made);
}

inline bool TemplateEngine::first_literal_fits(const Template& made, std::span<const uint8_t> message) const noexcept {
  const Step& step = made.steps.front();
  if (step.literal_length > message.size()) return false;
  if (((load8(message.data()) ^ step.literal) & step.mask) != 0) return false;
  return step.literal_length <= 8 || rest_fits(message.data(), made.pool.data() + step.literal_at, step.literal_length);
}

bool TemplateEngine::decode(std::span<const uint8_t> message, RowBatch& out, DecodeOutcome& outcome) {
  ++messages_;
  const size_t count = templates_.size();
  if (count == 0) return false;
  begin_ = message.data();
  end_ = begin_ + message.size();
  size_t wasted = 0;
  // Streams repeat themselves: the one that followed last time is the best guess.
  const size_t previous = current_;
  size_t guess = templates_[previous].follower;
  if (guess >= count) guess = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t at = i == 0 ? guess : (i <= guess ? i - 1 : i);
    Template& made = templates_[at];
    if (i != 0 && !first_literal_fits(made, message)) continue;
    if (try_template(made, out, outcome)) {
      made.used = messages_;
      templates_[previous].follower = static_cast<uint32_t>(at);
      current_ = at;
      credit_ = std::min(credit_ + 1, kMaxCredit);
      return true;
    }
    out.clear();
    wasted += static_cast<size_t>(reached_ - begin_);
    if (wasted > kWastedBytes) break;
  }
  return false;
}

bool TemplateEngine::try_template(const Template& made, RowBatch& out, DecodeOutcome& outcome) {
  cut_levels_ = 0;
  reached_ = begin_;
  writer_.start(out);
  uint64_t* cells = nullptr;
  if (made.many_rows) {
    cells = root_cells_.data();
    root_texts_.clear();
  } else if (made.shape != nullptr) {
    if (!open_row(made)) return false;
    cells = writer_.row();
  }
  const uint8_t* after = run(made, made.steps.data(), begin_, cells);
  if (after != end_) return false;
  if (made.many_rows) {
    for (const uint16_t slot : made.root_slots) writer_.root_word(slot, root_cells_[slot]);
  } else if (made.shape != nullptr) {
    writer_.end_row(static_cast<uint8_t>(made.shape_index));
  }
  if (!writer_.finish()) return false;
  outcome = {};
  outcome.ignored = made.shape == nullptr;
  outcome.shape = static_cast<uint8_t>(made.shape == nullptr ? 0 : made.shape_index);
  outcome.cut_levels = cut_levels_;
  return true;
}

inline bool TemplateEngine::open_row(const Template& made) {
  uint64_t* row = writer_.begin_row_unset(made.shape->words);
  if (row == nullptr) return false;
  for (const uint16_t slot : made.zero_slots) row[slot] = 0;
  if (made.shape->flags_slot >= 0) row[made.shape->flags_slot] = made.flags;
  return true;
}

const uint8_t* TemplateEngine::run_each(const Template& made, const uint8_t* at) {
  if (at >= end_ || *at != '[') return nullptr;
  at = skip_space(at + 1, end_);
  if (*at == ']') return at + 1;
  for (;;) {
    if (writer_.rows() == schema_.max_rows_per_message || !open_row(made)) return nullptr;
    for (const RootText& root : root_texts_) {
      if (!writer_.text(root.slot, root.text)) return nullptr;
    }
    at = run(made, made.element.data(), at, writer_.row());
    if (at == nullptr) return nullptr;
    writer_.end_row(static_cast<uint8_t>(made.shape_index));
    at = skip_space(at, end_);
    if (*at == ']') return at + 1;
    if (*at != ',') return nullptr;
    at = skip_space(at + 1, end_);
  }
}

const uint8_t* TemplateEngine::run(const Template& made, const Step* step, const uint8_t* at, uint64_t* cells) {
  const uint8_t* const end = end_;
  const uint8_t* const pool = made.pool.data();
  for (;; ++step) {
    // Bytes behind the message may look like more of it: whatever was read, the next literal must end inside.
    const uint32_t length = step->literal_length;
    if (end - at < static_cast<ptrdiff_t>(length) || ((load8(at) ^ step->literal) & step->mask) != 0 ||
        (length > 8 && !rest_fits(at, pool + step->literal_at, length))) [[unlikely]] {
      reached_ = std::min(at, end);
      return nullptr;
    }
    at += length;
    const uint8_t* after = nullptr;
    switch (step->kind) {
      case StepKind::kEnd:
        return at;
      case StepKind::kNumber: {
        double value = 0;
        after = read_double(at, end, value);
        cells[step->slot] = std::bit_cast<uint64_t>(value);
        break;
      }
      case StepKind::kInt64: {
        int64_t value = 0;
        after = read_int64(at, end, value);
        cells[step->slot] = static_cast<uint64_t>(value);
        break;
      }
      case StepKind::kDecimal: {
        Decimal value;
        after = read_decimal(at, end, value);
        cells[step->slot] = static_cast<uint64_t>(value.mantissa);
        cells[step->slot + 1] = static_cast<uint64_t>(value.scale);
        break;
      }
      case StepKind::kSymbol:
      case StepKind::kSymbolNumber: {
        after = step->kind == StepKind::kSymbol ? read_plain_string(at, end, false) : pass_number(at, end);
        if (after == nullptr || after > end || static_cast<size_t>(after - at) > kMaxSymbol) {
          after = nullptr;
          break;
        }
        if (step->root) {
          writer_.root_symbol(step->slot, view(at, after), step->key);
        } else {
          writer_.symbol(step->slot, view(at, after), step->key);
        }
        break;
      }
      case StepKind::kBool:
      case StepKind::kSkipBool: {
        const bool is_true = std::memcmp(at, "true", 4) == 0;
        if (is_true || std::memcmp(at, "false", 5) == 0) after = at + (is_true ? 4 : 5);
        if (step->kind == StepKind::kBool) cells[step->slot] = std::bit_cast<uint64_t>(is_true ? 1.0 : 0.0);
        break;
      }
      case StepKind::kText:
      case StepKind::kTextRaw: {
        if (step->kind == StepKind::kText) {
          after = read_plain_string(at, end, false);
        } else if (*at != '"' && *at != 'n') {
          after = pass_value(at, end, step->depth);
        }
        const Field& field = made.shape->fields[static_cast<size_t>(step->field)];
        if (after == nullptr || static_cast<size_t>(after - at) > field.max_bytes) {
          after = nullptr;
        } else if (step->root) {
          root_texts_.push_back({step->slot, view(at, after)});
        } else if (writer_.text(step->slot, view(at, after))) {
          cells = writer_.row();
        } else {
          after = nullptr;
        }
        break;
      }
      case StepKind::kLevels:
        after = read_levels(at, end, step->depth, made.shape->fields[static_cast<size_t>(step->field)], writer_,
                            cut_levels_);
        cells = writer_.row();
        break;
      case StepKind::kSkipString:
        after = read_plain_string(at, end, true);
        break;
      case StepKind::kSkipNumber:
        after = pass_number(at, end);
        break;
      case StepKind::kSkipValue:
        after = pass_value(at, end, step->depth);
        break;
      case StepKind::kArrayTail:
        after = pass_array_tail(at, end, step->depth);
        break;
      case StepKind::kSelect:
        after = read_plain_string(at, end, false);
        if (after != nullptr && selector_.match(view(at, after)) != made.shape_index) after = nullptr;
        break;
      case StepKind::kEach:
        after = run_each(made, at);
        break;
    }
    if (after == nullptr) [[unlikely]] {
      reached_ = std::max(reached_, std::min(at, end));
      return nullptr;
    }
    if (!step->rewind) at = after;
  }
}

}  // namespace tickwire::decode
