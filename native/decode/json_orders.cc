// Orders of a book of orders: an array of objects, each one order.
#include "decode/json_general.h"
#include "decode/order_id.h"
#include "decode/timestamp.h"

namespace tickwire::decode {
namespace {

constexpr uint32_t kWords = 8;  // see row_batch.h
enum : uint64_t { kAdded, kChanged, kRemoved };

}  // namespace

Malformed GeneralEngine::orders(const Field& field, uint32_t value) {
  const TapeEntry& array = tape_[value];
  if (array.kind != ValueKind::kArray) return Malformed::kWrongType;
  const uint32_t begin = writer_.open_words();
  uint32_t count = 0;
  for (uint32_t at = value + 1; at < array.next; at = tape_[at].next) {
    if (count == field.max_levels) {
      ++outcome_.cut_levels;
      continue;
    }
    if (tape_[at].kind != ValueKind::kObject) return Malformed::kWrongType;
    if (count % RowWriter::kLevelsAtOnce == 0 && !writer_.reserve_levels(kWords)) return Malformed::kTooManyRows;
    if (const Malformed why = order(field, at, writer_.row() + writer_.open_words()); why != kFine) return why;
    writer_.grown(kWords);
    ++count;
  }
  writer_.end_levels(field.slot, begin, count);
  return kFine;
}

Malformed GeneralEngine::order(const Field& field, uint32_t value, uint64_t* to) {
  const auto member = [&](const std::string& key) {
    const uint32_t found = key.empty() ? kNotThere : find_member(tape_, message_, value, key, scratch_);
    return found == kNotThere || is_null(found) ? kNotThere : found;
  };
  to[0] = kAdded;
  if (const uint32_t act = member(field.act_key); act != kNotThere) {
    std::string_view name;
    bool copied = false;
    if (const Malformed why = symbol_text(tape_[act], name, copied); why != kFine) return why;
    if (name == field.change) to[0] = kChanged;
    if (name == field.remove) to[0] = kRemoved;
  }
  const uint32_t id = member(field.id_key);
  if (id == kNotThere) return Malformed::kMissing;
  std::string_view text;
  bool copied = false;
  if (const Malformed why = symbol_text(tape_[id], text, copied); why != kFine) return why;
  OrderId number;
  if (!read_order_id(text, number)) return Malformed::kWrongType;
  to[1] = number.high;
  to[2] = number.low;
  uint64_t* part = to + 3;
  for (const std::string* key : {&field.price_key, &field.size_key}) {
    uint64_t words[2] = {};
    const uint32_t found = member(*key);
    if (found == kNotThere) {
      // Who takes an order out need not say how large it was.
      if (to[0] != kRemoved) return Malformed::kMissing;
    } else if (const Malformed why = fixed(FieldType::kDecimal, tape_[found], words); why != kFine) {
      return why;
    }
    *part++ = words[0];
    *part++ = words[1];
  }
  *part = 0;
  const uint32_t time = member(field.time_key);
  return time == kNotThere ? kFine : order_time(time, *part);
}

// A text is a point in time; a number, quoted or not, is what it is.
Malformed GeneralEngine::order_time(uint32_t value, uint64_t& to) {
  const TapeEntry& entry = tape_[value];
  std::string_view text;
  int64_t ns = 0;
  if (entry.kind == ValueKind::kString) {
    if (!string_text(entry, text)) return Malformed::kUtf8;
    if (read_timestamp(text, ns)) {
      to = static_cast<uint64_t>(ns);
      return kFine;
    }
  }
  uint64_t words[2] = {};
  const Malformed why = fixed(FieldType::kInt64, entry, words);
  to = words[0];
  return why;
}

}  // namespace tickwire::decode
