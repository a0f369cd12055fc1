#include "decode/json_general.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "decode/json_text.h"

namespace tickwire::decode {
namespace {

Malformed from_scan(ScanError error) noexcept {
  switch (error) {
    case ScanError::kTruncated:
      return Malformed::kTruncated;
    case ScanError::kDepth:
      return Malformed::kDepth;
    case ScanError::kUtf8:
      return Malformed::kUtf8;
    default:
      return Malformed::kSyntax;
  }
}

Malformed from_number(NumberError error) noexcept {
  switch (error) {
    case NumberError::kNone:
      return Malformed::kCount;
    case NumberError::kWrongType:
      return Malformed::kWrongType;
    case NumberError::kOutOfRange:
      return Malformed::kOutOfRange;
  }
  return Malformed::kWrongType;
}

bool has_variable_data(FieldType type) noexcept {
  return type == FieldType::kText || type == FieldType::kLevels || type == FieldType::kOrders;
}

constexpr size_t kMaxMessage = size_t{1} << 30;  // offsets on the tape are 32 bits

}  // namespace

DecodeOutcome GeneralEngine::decode(std::span<const uint8_t> message, RowBatch& out) {
  outcome_ = {};
  message_ = message;
  each_ = {};
  within_ = {};
  Malformed why = Malformed::kCount;
  if (message.size() > kMaxMessage) {
    why = Malformed::kTooLong;
  } else if (const ScanError scan = tape_.parse(message, schema_.max_depth); scan != ScanError::kNone) {
    why = from_scan(scan);
  } else {
    choice_ = selector_.choose(tape_, message, scratch_);
    if (choice_.shape == ShapeSelector::kBadText) {
      why = Malformed::kUtf8;
    } else if (choice_.shape == ShapeSelector::kNone) {
      outcome_.ignored = schema_.otherwise == Otherwise::kIgnore;
      if (!outcome_.ignored) why = Malformed::kUnknownShape;
    } else {
      outcome_.shape = static_cast<uint8_t>(choice_.shape);
      writer_.start(out);
      why = rows(schema_.shapes[outcome_.shape]);
      if (why == kFine && !writer_.finish()) why = Malformed::kTooManySymbols;
    }
  }
  if (why != kFine) {
    outcome_.ok = false;
    outcome_.why = why;
    out.clear();
  } else {
    outcome_.field = -1;
  }
  return outcome_;
}

Malformed GeneralEngine::rows(const Shape& shape) {
  root_found_.clear();
  within_found_.clear();
  lists_.clear();
  group_ = 0;
  if (!shape.many_rows()) return row(shape, 0);
  if (const Malformed why = find_lists(shape); why != kFine || outcome_.ignored) return why;
  size_t count = 0;
  if (const Malformed why = count_rows(shape, count); why != kFine || count == 0) return why;
  if (const Malformed why = root_fields(shape); why != kFine) return why;
  for (const List& list : lists_) {
    if (const Malformed why = rows_of(shape, list); why != kFine) return why;
    ++group_;
  }
  return kFine;
}

Malformed GeneralEngine::find_lists(const Shape& shape) {
  if (shape.within.empty()) return find_list(shape, 0);
  within_ = find_path(tape_, message_, 0, shape.within, scratch_);
  if (within_.value == kNotThere || is_null(within_.value)) {
    if (shape.each_absent == EachAbsent::kCount) return Malformed::kMissing;
    outcome_.ignored = shape.each_absent == EachAbsent::kIgnore;
    return kFine;
  }
  const TapeEntry& array = tape_[within_.value];
  if (array.kind != ValueKind::kArray) return Malformed::kWrongType;
  const bool has_elements = array.next > within_.value + 1;
  for (uint32_t at = within_.value + 1; at < array.next; at = tape_[at].next) {
    if (const Malformed why = find_list(shape, at); why != kFine) return why;
  }
  // Left out is a message that has elements, but no list in any of them.
  outcome_.ignored = has_elements && lists_.empty();
  return kFine;
}

Malformed GeneralEngine::find_list(const Shape& shape, uint32_t owner) {
  each_ = find_path(tape_, message_, owner, shape.each, scratch_);
  if (each_.value == kNotThere || is_null(each_.value)) return no_list(shape, owner);
  if (tape_[each_.value].kind != ValueKind::kArray) return Malformed::kWrongType;
  lists_.push_back({owner, each_.value});
  return kFine;
}

Malformed GeneralEngine::no_list(const Shape& shape, uint32_t owner) {
  switch (shape.each_absent) {
    case EachAbsent::kCount:
      return Malformed::kMissing;
    case EachAbsent::kIgnore:
      outcome_.ignored = shape.within.empty();
      return kFine;
    case EachAbsent::kEmpty:
      lists_.push_back({owner, kNotThere});
      return kFine;
  }
  return Malformed::kMissing;
}

Malformed GeneralEngine::count_rows(const Shape& shape, size_t& count) const noexcept {
  for (const List& list : lists_) {
    const size_t before = count;
    const uint32_t end = list.array == kNotThere ? 0 : tape_[list.array].next;
    for (uint32_t at = list.array + 1; at < end; at = tape_[at].next) {
      if (++count > schema_.max_rows_per_message) return Malformed::kTooManyRows;
    }
    // An empty one counts as a row where it is to be told.
    if (count == before && shape.group_slot >= 0 && ++count > schema_.max_rows_per_message)
      return Malformed::kTooManyRows;
  }
  return kFine;
}

Malformed GeneralEngine::root_fields(const Shape& shape) {
  if (const Malformed why = find(shape, 0, Origin::kRoot, root_found_); why != kFine) return why;
  std::sort(root_found_.begin(), root_found_.end(),
            [](const Found& a, const Found& b) { return a.value != b.value ? a.value < b.value : a.field < b.field; });
  for (const Found& found : root_found_) {
    if (const Malformed why = root_field(shape, found); why != kFine) return why;
  }
  std::erase_if(root_found_, [&](const Found& found) {
    return !has_variable_data(shape.fields[static_cast<size_t>(found.field)].type);
  });
  return kFine;
}

Malformed GeneralEngine::rows_of(const Shape& shape, const List& list) {
  const uint32_t end = list.array == kNotThere ? 0 : tape_[list.array].next;
  const bool empty = list.array == kNotThere || end == list.array + 1;
  if (empty && shape.group_slot < 0) return kFine;
  within_found_.clear();
  if (!shape.within.empty()) {
    if (const Malformed why = find(shape, list.owner, Origin::kWithin, within_found_); why != kFine) return why;
  }
  if (empty) {
    outcome_.blank = true;
    return row(shape, kNotThere);
  }
  for (uint32_t at = list.array + 1; at < end; at = tape_[at].next) {
    if (const Malformed why = row(shape, at); why != kFine) return why;
  }
  return kFine;
}

Malformed GeneralEngine::find(const Shape& shape, uint32_t root, Origin origin, std::vector<Found>& found) {
  const bool many_rows = shape.many_rows();
  for (size_t i = 0; i < shape.fields.size(); ++i) {
    const Field& field = shape.fields[i];
    // In a shape with one row per message both kinds of root are the same.
    if (many_rows && field.origin != origin) continue;
    const PathResult at = find_path(tape_, message_, root, field.path, scratch_);
    if (at.value == kNotThere || is_null(at.value)) {
      if (field.optional) continue;
      outcome_.field = static_cast<int16_t>(i);
      return Malformed::kMissing;
    }
    found.push_back({at.value, static_cast<int16_t>(i)});
  }
  return kFine;
}

Malformed GeneralEngine::row(const Shape& shape, uint32_t root) {
  found_.assign(root_found_.begin(), root_found_.end());
  found_.insert(found_.end(), within_found_.begin(), within_found_.end());
  if (root != kNotThere) {
    if (const Malformed why = find(shape, root, Origin::kRow, found_); why != kFine) return why;
  }
  std::sort(found_.begin(), found_.end(),
            [](const Found& a, const Found& b) { return a.value != b.value ? a.value < b.value : a.field < b.field; });
  if (writer_.begin_row(shape.words) == nullptr) return Malformed::kTooManyRows;
  if (shape.group_slot >= 0) writer_.row()[shape.group_slot] = group_ | (root == kNotThere ? uint64_t{1} << 32 : 0);
  for (const Found& found : found_) {
    if (const Malformed why = field(shape, found); why != kFine) {
      outcome_.field = found.field;
      return why;
    }
    const Field& f = shape.fields[static_cast<size_t>(found.field)];
    if (f.optional) writer_.row()[shape.flags_slot] |= uint64_t{1} << f.presence_bit;
  }
  writer_.end_row(outcome_.shape);
  return kFine;
}

Malformed GeneralEngine::root_field(const Shape& shape, const Found& found) {
  const Field& field = shape.fields[static_cast<size_t>(found.field)];
  if (has_variable_data(field.type)) return kFine;
  outcome_.field = found.field;
  if (field.optional) writer_.root_flag(static_cast<uint16_t>(shape.flags_slot), uint64_t{1} << field.presence_bit);
  const TapeEntry& entry = tape_[found.value];
  if (field.type == FieldType::kSymbol) {
    std::string_view name;
    bool copied = false;
    if (const Malformed why = symbol_text(entry, name, copied); why != kFine) return why;
    const bool key = shape.key_field == found.field;
    if (copied) {
      writer_.root_symbol_copy(field.slot, name, key);
    } else {
      writer_.root_symbol(field.slot, name, key);
    }
    return kFine;
  }
  uint64_t words[2] = {};
  if (const Malformed why = fixed(field.type, entry, words); why != kFine) return why;
  writer_.root_word(field.slot, words[0]);
  if (field.type == FieldType::kDecimal) writer_.root_word(static_cast<uint16_t>(field.slot + 1), words[1]);
  return kFine;
}

Malformed GeneralEngine::field(const Shape& shape, const Found& found) {
  const Field& field = shape.fields[static_cast<size_t>(found.field)];
  const TapeEntry& entry = tape_[found.value];
  switch (field.type) {
    case FieldType::kSymbol: {
      std::string_view name;
      bool copied = false;
      if (const Malformed why = symbol_text(entry, name, copied); why != kFine) return why;
      const bool key = shape.key_field == found.field;
      if (copied) {
        writer_.symbol_copy(field.slot, name, key);
      } else {
        writer_.symbol(field.slot, name, key);
      }
      return kFine;
    }
    case FieldType::kText:
      return text(field, entry);
    case FieldType::kLevels:
      return levels(field, found.value);
    case FieldType::kOrders:
      return orders(field, found.value);
    default: {
      uint64_t words[2] = {};
      if (const Malformed why = fixed(field.type, entry, words); why != kFine) return why;
      writer_.row()[field.slot] = words[0];
      if (field.type == FieldType::kDecimal) writer_.row()[field.slot + 1] = words[1];
      return kFine;
    }
  }
}

Malformed GeneralEngine::fixed(FieldType type, const TapeEntry& entry, uint64_t (&words)[2]) {
  if (type == FieldType::kBool) {
    if (entry.kind != ValueKind::kTrue && entry.kind != ValueKind::kFalse) return Malformed::kWrongType;
    words[0] = std::bit_cast<uint64_t>(entry.kind == ValueKind::kTrue ? 1.0 : 0.0);
    return kFine;
  }
  NumberText text;
  std::string_view from;
  if (const Malformed why = number(entry, text, from); why != kFine) return why;
  if (type == FieldType::kInt64) {
    int64_t value = 0;
    const NumberError error = to_int64(text, value);
    words[0] = static_cast<uint64_t>(value);
    return from_number(error);
  }
  if (type == FieldType::kDecimal) {
    Decimal value;
    const NumberError error = to_decimal(text, value);
    words[0] = static_cast<uint64_t>(value.mantissa);
    words[1] = static_cast<uint64_t>(value.scale);
    return from_number(error);
  }
  double value = 0;
  const auto* begin = reinterpret_cast<const uint8_t*>(from.data());
  const NumberError error = to_double(text, begin, begin + from.size(), value);
  words[0] = std::bit_cast<uint64_t>(value);
  return from_number(error);
}

Malformed GeneralEngine::number(const TapeEntry& entry, NumberText& number, std::string_view& text) {
  if (entry.kind == ValueKind::kString) {
    if (!string_text(entry, text)) return Malformed::kWrongType;
  } else if (entry.kind == ValueKind::kNumber) {
    text = raw(entry);
  } else {
    return Malformed::kWrongType;
  }
  const auto* begin = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t* end = begin + text.size();
  return scan_number(begin, end, number) == end && begin != end ? kFine : Malformed::kWrongType;
}

Malformed GeneralEngine::symbol_text(const TapeEntry& entry, std::string_view& text, bool& copied) {
  if (entry.kind == ValueKind::kString) {
    if (!string_text(entry, text)) return Malformed::kUtf8;
    copied = entry.escaped;
  } else if (entry.kind == ValueKind::kNumber) {
    text = raw(entry);
  } else {
    return Malformed::kWrongType;
  }
  return text.size() <= kMaxSymbol ? kFine : Malformed::kTooLong;
}

Malformed GeneralEngine::text(const Field& field, const TapeEntry& entry) {
  std::string_view text;
  if (entry.kind != ValueKind::kString) {
    text = raw(entry);
  } else if (!string_text(entry, text)) {
    return Malformed::kUtf8;
  }
  if (text.size() > field.max_bytes) return Malformed::kTooLong;
  return writer_.text(field.slot, text) ? kFine : Malformed::kTooManyRows;
}

Malformed GeneralEngine::level_part(const Field& field, uint32_t value, uint64_t* to) {
  if (value == kNotThere || is_null(value)) return Malformed::kMissing;
  uint64_t words[2] = {};
  const FieldType type = field.exact ? FieldType::kDecimal : FieldType::kNumber;
  if (const Malformed why = fixed(type, tape_[value], words); why != kFine) return why;
  to[0] = words[0];
  if (field.exact) to[1] = words[1];
  return kFine;
}

Malformed GeneralEngine::levels(const Field& field, uint32_t value) {
  const TapeEntry& array = tape_[value];
  if (array.kind != ValueKind::kArray) return Malformed::kWrongType;
  const bool keyed = !field.price_key.empty();
  const uint32_t part_words = field.exact ? 2 : 1;
  const uint32_t begin = writer_.open_words();
  uint32_t count = 0;
  for (uint32_t at = value + 1; at < array.next; at = tape_[at].next) {
    if (count == field.max_levels) {
      ++outcome_.cut_levels;
      continue;
    }
    if (tape_[at].kind != (keyed ? ValueKind::kObject : ValueKind::kArray)) return Malformed::kWrongType;
    if (count % RowWriter::kLevelsAtOnce == 0 && !writer_.reserve_levels(part_words * 2))
      return Malformed::kTooManyRows;
    uint64_t* to = writer_.row() + writer_.open_words();
    const uint32_t price =
        keyed ? find_member(tape_, message_, at, field.price_key, scratch_) : find_element(tape_, at, 0);
    if (const Malformed why = level_part(field, price, to); why != kFine) return why;
    const uint32_t size =
        keyed ? find_member(tape_, message_, at, field.size_key, scratch_) : find_element(tape_, at, 1);
    if (const Malformed why = level_part(field, size, to + part_words); why != kFine) return why;
    writer_.grown(part_words * 2);
    ++count;
  }
  writer_.end_levels(field.slot, begin, count);
  return kFine;
}

bool GeneralEngine::string_text(const TapeEntry& entry, std::string_view& text) {
  const uint8_t* begin = message_.data() + entry.start + 1;
  const uint8_t* end = message_.data() + entry.end - 1;
  if (!entry.escaped) {
    text = {reinterpret_cast<const char*>(begin), static_cast<size_t>(end - begin)};
    return true;
  }
  scratch_.clear();
  if (!unescape(begin, end, scratch_)) return false;
  text = {reinterpret_cast<const char*>(scratch_.data()), scratch_.size()};
  return true;
}

std::string_view GeneralEngine::raw(const TapeEntry& entry) const noexcept {
  return {reinterpret_cast<const char*>(message_.data() + entry.start), entry.end - entry.start};
}

}  // namespace tickwire::decode
