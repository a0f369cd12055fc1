#include "decode/layout_reader.h"

#include <bitset>

namespace tickwire::decode {
namespace {

constexpr size_t kMaxName = 255;
constexpr int64_t kFirstSlot = 3;
constexpr int64_t kMaxWords = 4096;

}  // namespace

bool LayoutReader::open(std::string_view description, simdjson::dom::parser& parser, Element& root) {
  if (description.size() > kMaxDescription) {
    reader_.fail("", "longer than 4 MiB");
    return false;
  }
  const auto error = parser.parse(description.data(), description.size()).get(root);
  if (error == simdjson::SUCCESS) return true;
  reader_.fail("", simdjson::error_message(error));
  return false;
}

void LayoutReader::boolean(const Object& from, const std::string& place, std::string_view key, bool& out) {
  Element value;
  if (reader_.member(from, place, key, false, value)) static_cast<void>(reader_.boolean(value, at(place, key), out));
}

void LayoutReader::text(const Object& from, const std::string& place, std::string_view key, size_t min, size_t max,
                        std::string& out, bool required) {
  Element value;
  if (reader_.member(from, place, key, required, value)) {
    static_cast<void>(reader_.text(value, at(place, key), min, max, out));
  }
}

void LayoutReader::begin_shape(const Object& from, const std::string& place, const std::vector<Shape>& others,
                               Shape& out) {
  text(from, place, "name", 1, kMaxName, out.name, true);
  for (const Shape& other : others) {
    if (other.name == out.name) reader_.fail(at(place, "name"), "the name of another shape");
  }
  integer(from, place, "words", kFirstSlot, kMaxWords, out.words, true);
  integer(from, place, "flagsSlot", kFirstSlot, static_cast<int64_t>(out.words) - 1, out.flags_slot);
  integer(from, place, "groupSlot", kFirstSlot, static_cast<int64_t>(out.words) - 1, out.group_slot);
}

void LayoutReader::end_shape(const Object& from, const std::string& place, Shape& shape) {
  integer(from, place, "keyField", 0, static_cast<int64_t>(shape.fields.size()) - 1, shape.key_field);
  if (!reader_.ok()) return;
  if (shape.key_field >= 0 && shape.fields[static_cast<size_t>(shape.key_field)].type != FieldType::kSymbol) {
    reader_.fail(at(place, "keyField"), "not a symbol field");
  }
  check_slots(shape, place);
}

void LayoutReader::field(const Object& from, const std::string& place, const Shape& shape, Field& out) {
  text(from, place, "name", 1, kMaxName, out.name, true);
  for (const Field& other : shape.fields) {
    if (other.name == out.name) reader_.fail(at(place, "name"), "the name of another field of this shape");
  }
  Element member;
  size_t type = 0;
  // In the order of FieldType.
  if (reader_.member(from, place, "type", true, member) &&
      reader_.choice(member, at(place, "type"),
                     {"number", "int64", "decimal", "symbol", "text", "bool", "levels", "orders"}, type)) {
    out.type = static_cast<FieldType>(type);
  }
  integer(from, place, "slot", kFirstSlot, static_cast<int64_t>(shape.words) - 1, out.slot, true);
  boolean(from, place, "optional", out.optional);
  if (out.optional) {
    integer(from, place, "bit", 0, 63, out.presence_bit, true);
  } else if (reader_.member(from, place, "bit", false, member)) {
    reader_.fail(at(place, "bit"), "only optional fields have one");
  }
  only_for(out.type == FieldType::kLevels || out.type == FieldType::kOrders, from, place, {"maxLevels"});
  only_for(out.type == FieldType::kLevels, from, place, {"exact"});
  only_for(out.type == FieldType::kText, from, place, {"maxBytes"});
  integer(from, place, "maxLevels", 1, 100'000, out.max_levels);
  boolean(from, place, "exact", out.exact);
  integer(from, place, "maxBytes", 1, 16 << 20, out.max_bytes);
}

void LayoutReader::only_for(bool right_type, const Object& from, const std::string& place,
                            std::initializer_list<std::string_view> keys) {
  Element member;
  for (const std::string_view key : keys) {
    if (!right_type && reader_.member(from, place, key, false, member)) {
      reader_.fail(at(place, key), "not an option of this type");
    }
  }
}

void LayoutReader::check_slots(const Shape& shape, const std::string& place) {
  std::bitset<static_cast<size_t>(kMaxWords) + 1> taken;
  uint64_t bits = 0;
  bool any_optional = false;
  if (shape.flags_slot >= 0) taken.set(static_cast<size_t>(shape.flags_slot));
  if (shape.group_slot >= 0) {
    if (shape.group_slot == shape.flags_slot) reader_.fail(at(place, "groupSlot"), "is taken");
    taken.set(static_cast<size_t>(shape.group_slot));
  }
  for (size_t i = 0; i < shape.fields.size(); ++i) {
    const Field& field = shape.fields[i];
    const std::string where = at(place, "fields", i);
    const size_t words = field.type == FieldType::kDecimal ? 2 : 1;
    for (size_t word = field.slot; word < field.slot + words; ++word) {
      if (word >= shape.words) {
        reader_.fail(at(where, "slot"), "beyond the row's words");
      } else if (taken.test(word)) {
        reader_.fail(at(where, "slot"), "word " + std::to_string(word) + " is taken");
      } else {
        taken.set(word);
      }
    }
    if (!field.optional) continue;
    any_optional = true;
    const uint64_t bit = uint64_t{1} << field.presence_bit;
    if ((bits & bit) != 0) reader_.fail(at(where, "bit"), "is taken");
    bits |= bit;
  }
  if (any_optional && shape.flags_slot < 0) reader_.fail(at(place, "flagsSlot"), "required with optional fields");
  if (!any_optional && shape.flags_slot >= 0) reader_.fail(at(place, "flagsSlot"), "without optional fields");
}

}  // namespace tickwire::decode
