#include "decode/template_learner.h"

#include <algorithm>

namespace tickwire::decode {

std::optional<Template> TemplateLearner::learn(std::span<const uint8_t> message) {
  message_ = message;
  made_ = {};
  flags_ = 0;
  marks_.clear();
  frozen_.clear();
  on_path_.clear();
  into_ = &made_.steps;
  literal_begin_ = 0;
  in_element_ = false;
  each_done_ = false;
  const ShapeSelector::Choice& choice = engine_.choice();
  made_.shape_index = choice.shape;
  if (choice.at.value != kNotThere) {
    note_path(choice.at.value);
    // Any object here selects nothing; a string in its place would.
    const ValueKind kind = engine_.tape()[choice.at.value].kind;
    if (kind == ValueKind::kObject || kind == ValueKind::kArray) frozen_.push_back(choice.at.value);
  } else if (!schema_.select.empty()) {
    frozen_.push_back(choice.at.deepest);
    note_path(choice.at.deepest);
  }
  if (choice.shape >= 0) {
    made_.shape = &schema_.shapes[static_cast<size_t>(choice.shape)];
    const Shape& shape = *made_.shape;
    made_.many_rows = shape.many_rows();
    if (made_.many_rows) {
      const uint32_t array = engine_.each().value;
      // Left out for want of rows: such messages are few, and nothing in their layout is wanted.
      if (array == kNotThere || engine_.tape()[array].kind == ValueKind::kNull) return std::nullopt;
      note_path(array);
      if (!shape.within.empty()) {
        // One list is what messages have nearly always: their number becomes part of the layout.
        const uint32_t outer = engine_.within().value;
        if (engine_.tape()[outer + 1].next != engine_.tape()[outer].next) return std::nullopt;
        note_path(outer);
        frozen_.push_back(outer);
      }
      // An empty list is a row there, which no layout gives.
      if (shape.group_slot >= 0 && engine_.tape()[array].next == array + 1) return std::nullopt;
      // Without an element there is nothing to learn about rows.
      if (engine_.tape()[array].next == array + 1) frozen_.push_back(array);
    }
    if (!mark_paths(shape, 0, Origin::kRoot)) return std::nullopt;
    if (!shape.within.empty() && !mark_paths(shape, engine_.within().value + 1, Origin::kWithin)) return std::nullopt;
  }
  if (!value(0, 0)) return std::nullopt;
  step(StepKind::kEnd, static_cast<uint32_t>(message.size()), static_cast<uint32_t>(message.size()), false, nullptr, 0);
  if (made_.steps.size() + made_.element.size() > kMaxSteps || made_.pool.size() > kMaxPool) return std::nullopt;
  if (made_.shape != nullptr) find_presets();
  return std::move(made_);
}

void TemplateLearner::find_presets() {
  std::vector<bool> filled(made_.shape->words, false);
  for (const std::vector<Step>* steps : {&made_.steps, &made_.element}) {
    for (const Step& made : *steps) {
      if (made.field < 0) continue;
      filled[made.slot] = true;
      if (made.kind == StepKind::kDecimal) filled[made.slot + 1u] = true;
    }
  }
  for (uint16_t slot = kRowHeaderWords; slot < made_.shape->words; ++slot) {
    if (filled[slot]) continue;
    made_.presets.push_back({slot == made_.shape->flags_slot ? flags_ : 0, slot});
  }
}

void TemplateLearner::note_path(uint32_t value) { on_path_.push_back(value); }

bool TemplateLearner::mark_paths(const Shape& shape, uint32_t root, Origin origin) {
  std::vector<uint8_t> scratch;
  for (size_t i = 0; i < shape.fields.size(); ++i) {
    const Field& field = shape.fields[i];
    if (made_.many_rows && field.origin != origin) continue;
    const PathResult at = find_path(engine_.tape(), message_, root, field.path, scratch);
    if (at.value == kNotThere) {
      frozen_.push_back(at.deepest);
      note_path(at.deepest);
      continue;
    }
    note_path(at.value);
    if (engine_.tape()[at.value].kind == ValueKind::kNull) continue;  // null stays a literal
    marks_.push_back({at.value, static_cast<int16_t>(i)});
    if (field.optional) flags_ |= uint64_t{1} << field.presence_bit;
  }
  std::sort(marks_.begin(), marks_.end(),
            [](const Mark& a, const Mark& b) { return a.value != b.value ? a.value < b.value : a.field < b.field; });
  return true;
}

bool TemplateLearner::touched(uint32_t begin, uint32_t end) const noexcept {
  return std::any_of(on_path_.begin(), on_path_.end(), [=](uint32_t at) { return at >= begin && at < end; });
}

bool TemplateLearner::is_frozen(uint32_t at) const noexcept {
  return std::find(frozen_.begin(), frozen_.end(), at) != frozen_.end();
}

void TemplateLearner::step(StepKind kind, uint32_t begin, uint32_t end, bool rewind, const Mark* mark, uint32_t depth) {
  Step made;
  made.kind = kind;
  made.rewind = rewind;
  made.depth = depth;
  made.literal_at = static_cast<uint32_t>(made_.pool.size());
  made.literal_length = begin - literal_begin_;
  const uint8_t* literal = message_.data() + literal_begin_;
  made_.pool.insert(made_.pool.end(), literal, literal + made.literal_length);
  if (mark != nullptr) {
    made.field = mark->field;
    made.slot = made_.shape->fields[static_cast<size_t>(mark->field)].slot;
    made.key = made_.shape->key_field == mark->field;
    made.root = made_.many_rows && !in_element_;
  }
  into_->push_back(made);
  literal_begin_ = rewind ? begin : end;
}

bool TemplateLearner::value(uint32_t at, uint32_t open) {
  if (into_->size() > kMaxSteps || made_.pool.size() > kMaxPool) return false;
  const ValueKind kind = engine_.tape()[at].kind;
  return kind == ValueKind::kObject || kind == ValueKind::kArray ? container(at, open) : scalar(at, open);
}

bool TemplateLearner::scalar(uint32_t at, uint32_t open) {
  const TapeEntry& entry = engine_.tape()[at];
  const bool string = entry.kind == ValueKind::kString;
  const uint32_t begin = entry.start + (string ? 1 : 0);
  const uint32_t end = entry.end - (string ? 1 : 0);
  const uint32_t left = schema_.max_depth - open;
  const bool selects = !in_element_ && engine_.choice().at.value == at;
  // A selecting text of which few are expected stays part of the literal, so that it need not be looked up.
  bool literal = entry.kind == ValueKind::kNull || (selects && (!string || !engine_.choice().by_pattern));
  const auto [first, last] = std::equal_range(marks_.begin(), marks_.end(), Mark{at, 0},
                                              [](const Mark& a, const Mark& b) { return a.value < b.value; });
  if (selects && !literal) {
    if (entry.escaped) return false;
    step(StepKind::kSelect, begin, end, first != last, nullptr, left);
    if (first == last) return true;
  }
  for (auto mark = first; mark != last; ++mark) {
    if (!field_step(at, *mark, literal || mark + 1 != last, open)) return false;
  }
  if (literal || first != last) return true;
  switch (entry.kind) {
    case ValueKind::kString:
      step(StepKind::kSkipString, begin, end, false, nullptr, left);
      break;
    case ValueKind::kNumber:
      step(StepKind::kSkipNumber, begin, end, false, nullptr, left);
      break;
    default:
      step(StepKind::kSkipBool, begin, end, false, nullptr, left);
      break;
  }
  return true;
}

bool TemplateLearner::field_step(uint32_t at, const Mark& mark, bool rewind, uint32_t open) {
  const TapeEntry& entry = engine_.tape()[at];
  const Field& field = made_.shape->fields[static_cast<size_t>(mark.field)];
  const bool string = entry.kind == ValueKind::kString;
  const uint32_t left = schema_.max_depth - open;
  if (entry.escaped) return false;
  StepKind kind = StepKind::kEnd;
  switch (field.type) {
    case FieldType::kNumber:
      kind = StepKind::kNumber;
      break;
    case FieldType::kInt64:
      kind = StepKind::kInt64;
      break;
    case FieldType::kDecimal:
      kind = StepKind::kDecimal;
      break;
    case FieldType::kBool:
      kind = StepKind::kBool;
      break;
    case FieldType::kSymbol:
      kind = string ? StepKind::kSymbol : StepKind::kSymbolNumber;
      break;
    case FieldType::kText:
      kind = string ? StepKind::kText : StepKind::kTextRaw;
      break;
    case FieldType::kLevels:
      if (left < 2) return false;  // levels that come later could be too deep
      kind = StepKind::kLevels;
      break;
    case FieldType::kOrders:
      return false;  // the general engine reads them
  }
  if (made_.many_rows && !in_element_) {
    // The rows are not open yet, or closed already.
    if (field.type == FieldType::kLevels || (field.type == FieldType::kText && each_done_)) return false;
    if (field.type != FieldType::kText && field.type != FieldType::kSymbol) {
      made_.root_slots.push_back(field.slot);
      if (field.type == FieldType::kDecimal) made_.root_slots.push_back(static_cast<uint16_t>(field.slot + 1));
    }
  }
  const uint32_t quote = string ? 1 : 0;
  step(kind, entry.start + quote, entry.end - quote, rewind, &mark, left);
  return true;
}

bool TemplateLearner::container(uint32_t at, uint32_t open) {
  const TapeEntry& entry = engine_.tape()[at];
  if (made_.many_rows && !in_element_ && engine_.each().value == at && entry.next > at + 1) return each(at, open);
  const bool descend = is_frozen(at) || touched(at + 1, entry.next) ||
                       (entry.kind == ValueKind::kObject && entry.next - at <= kMaxSkippedEntries);
  const auto [first, last] = std::equal_range(marks_.begin(), marks_.end(), Mark{at, 0},
                                              [](const Mark& a, const Mark& b) { return a.value < b.value; });
  const bool inside = is_frozen(at) || touched(at + 1, entry.next);
  for (auto mark = first; mark != last; ++mark) {
    if (!field_step(at, *mark, inside || mark + 1 != last, open)) return false;
  }
  if (first != last && !inside) return true;
  if (!descend) {
    step(StepKind::kSkipValue, entry.start, entry.end, false, nullptr, schema_.max_depth - open);
    return true;
  }
  return entry.kind == ValueKind::kObject ? members(at, open + 1) : elements(at, open + 1);
}

bool TemplateLearner::members(uint32_t at, uint32_t open) {
  const JsonTape& tape = engine_.tape();
  for (uint32_t key = at + 1; key < tape[at].next; key = tape[key + 1].next) {
    if (!value(key + 1, open)) return false;
  }
  return true;
}

bool TemplateLearner::elements(uint32_t at, uint32_t open) {
  const JsonTape& tape = engine_.tape();
  // Where a path found nothing, one element more would change that: then the length is part of the layout.
  const bool fixed_length = is_frozen(at);
  for (uint32_t element = at + 1; element < tape[at].next; element = tape[element].next) {
    if (!value(element, open)) return false;
    if (!fixed_length && !touched(tape[element].next, tape[at].next)) {
      step(StepKind::kArrayTail, tape[element].end, tape[at].end, false, nullptr, schema_.max_depth - open);
      return true;
    }
  }
  return true;
}

bool TemplateLearner::each(uint32_t at, uint32_t open) {
  const TapeEntry& array = engine_.tape()[at];
  // One path for rows and another, from the root, into a certain row: too rare to be fast.
  if (touched(at + 1, array.next) || is_frozen(at)) return false;
  if (std::any_of(marks_.begin(), marks_.end(), [at](const Mark& mark) { return mark.value == at; })) return false;
  step(StepKind::kEach, array.start, array.end, false, nullptr, schema_.max_depth - open);
  const uint32_t after = literal_begin_;
  root_marks_.swap(marks_);
  marks_.clear();
  into_ = &made_.element;
  in_element_ = true;
  const uint32_t first = at + 1;
  literal_begin_ = engine_.tape()[first].start;
  const uint32_t end = engine_.tape()[first].end;
  const bool good = mark_paths(*made_.shape, first, Origin::kRow) && value(first, open + 1);
  if (good) step(StepKind::kEnd, end, end, false, nullptr, 0);
  in_element_ = false;
  each_done_ = true;
  into_ = &made_.steps;
  literal_begin_ = after;
  marks_.swap(root_marks_);
  return good;
}

}  // namespace tickwire::decode
