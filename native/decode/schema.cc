#include "decode/schema.h"

#include <bitset>
#include <utility>

#include "decode/description_reader.h"

namespace tickwire::decode {
namespace {

using Element = DescriptionReader::Element;
using simdjson::dom::array;
using simdjson::dom::object;

constexpr size_t kMaxDescription = 4u << 20;
constexpr size_t kMaxShapes = 255;
constexpr size_t kMaxFields = 512;
constexpr size_t kMaxCases = 4096;
constexpr size_t kMaxSteps = 32;
constexpr size_t kMaxKey = 1024;
constexpr size_t kMaxName = 255;
constexpr int64_t kMaxIndex = 1'000'000;
constexpr int64_t kFirstSlot = 3;
constexpr int64_t kMaxWords = 4096;

class Compiler {
 public:
  Result<Schema> compile(std::string_view description);

 private:
  void top(const Element& root);
  void shape(const Element& value, const std::string& place);
  void field(const Element& value, const std::string& place, Shape& shape);
  void field_options(const object& from, const std::string& place, Field& field);
  void check_slots(const Shape& shape, const std::string& place);
  void case_at(const Element& value, const std::string& place);
  void path(const Element& value, const std::string& place, std::vector<PathStep>& out);

  // Members that may be left out keep what `out` holds.
  template <class T>
  void integer(const object& from, const std::string& place, std::string_view key, int64_t min, int64_t max, T& out,
               bool required = false) {
    Element value;
    int64_t got = 0;
    if (reader_.member(from, place, key, required, value) && reader_.integer(value, at(place, key), min, max, got)) {
      out = static_cast<T>(got);
    }
  }
  void boolean(const object& from, const std::string& place, std::string_view key, bool& out) {
    Element value;
    if (reader_.member(from, place, key, false, value)) static_cast<void>(reader_.boolean(value, at(place, key), out));
  }
  void text(const object& from, const std::string& place, std::string_view key, size_t min, size_t max,
            std::string& out, bool required = false) {
    Element value;
    if (reader_.member(from, place, key, required, value)) {
      static_cast<void>(reader_.text(value, at(place, key), min, max, out));
    }
  }
  static std::string at(const std::string& place, std::string_view key) {
    return place.empty() ? std::string(key) : place + "." + std::string(key);
  }
  static std::string at(const std::string& place, std::string_view key, size_t index) {
    return at(place, key) + "[" + std::to_string(index) + "]";
  }

  DescriptionReader reader_;
  Schema schema_;
};

Result<Schema> Compiler::compile(std::string_view description) {
  simdjson::dom::parser parser;
  Element root;
  if (description.size() > kMaxDescription) {
    reader_.fail("", "longer than 4 MiB");
  } else if (const auto error = parser.parse(description.data(), description.size()).get(root);
             error != simdjson::SUCCESS) {
    reader_.fail("", simdjson::error_message(error));
  } else {
    top(root);
  }
  if (!reader_.ok()) return Error{Errc::kSchema, 0, reader_.error()};
  return std::move(schema_);
}

void Compiler::top(const Element& root) {
  object from;
  if (!reader_.object(root, "", {"shapes", "select", "cases", "absent", "otherwise", "maxDepth", "maxRows"}, from))
    return;
  Element value;
  array list;
  if (reader_.member(from, "", "shapes", true, value) && reader_.array(value, "shapes", 1, kMaxShapes, list)) {
    size_t i = 0;
    for (const Element each : list) shape(each, at("", "shapes", i++));
  }
  if (reader_.member(from, "", "select", false, value)) path(value, "select", schema_.select);
  if (reader_.member(from, "", "cases", false, value) && reader_.array(value, "cases", 0, kMaxCases, list)) {
    size_t i = 0;
    for (const Element each : list) case_at(each, at("", "cases", i++));
  }
  if (!reader_.ok()) return;
  integer(from, "", "absent", 0, static_cast<int64_t>(schema_.shapes.size()) - 1, schema_.absent_shape);
  if (reader_.member(from, "", "otherwise", false, value)) {
    size_t choice = 0;
    if (reader_.choice(value, "otherwise", {"count", "ignore"}, choice)) {
      schema_.otherwise = choice == 0 ? Otherwise::kCount : Otherwise::kIgnore;
    }
  }
  integer(from, "", "maxDepth", 1, 1024, schema_.max_depth);
  integer(from, "", "maxRows", 1, 1'000'000, schema_.max_rows_per_message);
  if (schema_.select.empty()) {
    if (schema_.shapes.size() != 1) reader_.fail("select", "required with more than one shape");
    if (!schema_.cases.empty()) reader_.fail("cases", "without select");
    if (schema_.absent_shape >= 0) reader_.fail("absent", "without select");
  } else if (schema_.cases.empty()) {
    reader_.fail("cases", "required with select");
  }
}

void Compiler::shape(const Element& value, const std::string& place) {
  object from;
  if (!reader_.object(value, place, {"name", "each", "words", "flagsSlot", "keyField", "fields"}, from)) return;
  Shape made;
  text(from, place, "name", 1, kMaxName, made.name, true);
  for (const Shape& other : schema_.shapes) {
    if (other.name == made.name) reader_.fail(at(place, "name"), "the name of another shape");
  }
  Element member;
  if (reader_.member(from, place, "each", false, member)) {
    path(member, at(place, "each"), made.each);
    made.for_each = made.each.empty();
  }
  integer(from, place, "words", kFirstSlot, kMaxWords, made.words, true);
  integer(from, place, "flagsSlot", kFirstSlot, static_cast<int64_t>(made.words) - 1, made.flags_slot);
  array list;
  if (reader_.member(from, place, "fields", true, member) &&
      reader_.array(member, at(place, "fields"), 0, kMaxFields, list)) {
    size_t i = 0;
    for (const Element each : list) field(each, at(place, "fields", i++), made);
  }
  if (!reader_.ok()) return;
  integer(from, place, "keyField", 0, static_cast<int64_t>(made.fields.size()) - 1, made.key_field);
  if (!reader_.ok()) return;
  if (made.key_field >= 0 && made.fields[static_cast<size_t>(made.key_field)].type != FieldType::kSymbol) {
    reader_.fail(at(place, "keyField"), "not a symbol field");
  }
  check_slots(made, place);
  schema_.shapes.push_back(std::move(made));
}

void Compiler::field(const Element& value, const std::string& place, Shape& shape) {
  object from;
  if (!reader_.object(value, place,
                      {"name", "type", "path", "from", "slot", "optional", "bit", "maxLevels", "exact", "priceKey",
                       "sizeKey", "maxBytes"},
                      from)) {
    return;
  }
  Field made;
  text(from, place, "name", 1, kMaxName, made.name, true);
  for (const Field& other : shape.fields) {
    if (other.name == made.name) reader_.fail(at(place, "name"), "the name of another field of this shape");
  }
  Element member;
  size_t type = 0;
  // In the order of FieldType.
  if (reader_.member(from, place, "type", true, member) &&
      reader_.choice(member, at(place, "type"), {"number", "int64", "decimal", "symbol", "text", "bool", "levels"},
                     type)) {
    made.type = static_cast<FieldType>(type);
  }
  if (reader_.member(from, place, "path", true, member)) path(member, at(place, "path"), made.path);
  size_t origin = 0;
  if (reader_.member(from, place, "from", false, member) &&
      reader_.choice(member, at(place, "from"), {"row", "root"}, origin)) {
    made.from_root = origin == 1;
  }
  integer(from, place, "slot", kFirstSlot, static_cast<int64_t>(shape.words) - 1, made.slot, true);
  boolean(from, place, "optional", made.optional);
  if (made.optional) {
    integer(from, place, "bit", 0, 63, made.presence_bit, true);
  } else if (reader_.member(from, place, "bit", false, member)) {
    reader_.fail(at(place, "bit"), "only optional fields have one");
  }
  field_options(from, place, made);
  shape.fields.push_back(std::move(made));
}

void Compiler::field_options(const object& from, const std::string& place, Field& field) {
  Element member;
  const auto only_for = [&](bool right_type, std::initializer_list<std::string_view> keys) {
    for (const std::string_view key : keys) {
      if (!right_type && reader_.member(from, place, key, false, member)) {
        reader_.fail(at(place, key), "not an option of this type");
      }
    }
  };
  only_for(field.type == FieldType::kLevels, {"maxLevels", "exact", "priceKey", "sizeKey"});
  only_for(field.type == FieldType::kText, {"maxBytes"});
  integer(from, place, "maxLevels", 1, 100'000, field.max_levels);
  boolean(from, place, "exact", field.exact);
  text(from, place, "priceKey", 1, kMaxKey, field.price_key);
  text(from, place, "sizeKey", 1, kMaxKey, field.size_key);
  if (field.price_key.empty() != field.size_key.empty()) reader_.fail(place, "priceKey and sizeKey belong together");
  integer(from, place, "maxBytes", 1, 16 << 20, field.max_bytes);
}

void Compiler::check_slots(const Shape& shape, const std::string& place) {
  std::bitset<static_cast<size_t>(kMaxWords) + 1> taken;
  uint64_t bits = 0;
  bool any_optional = false;
  if (shape.flags_slot >= 0) taken.set(static_cast<size_t>(shape.flags_slot));
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

void Compiler::case_at(const Element& value, const std::string& place) {
  object from;
  if (!reader_.object(value, place, {"text", "mode", "shape"}, from)) return;
  ShapeCase made;
  Element member;
  size_t mode = 0;
  if (reader_.member(from, place, "mode", false, member) &&
      reader_.choice(member, at(place, "mode"), {"exact", "prefix", "suffix"}, mode)) {
    made.mode = static_cast<MatchMode>(mode);
  }
  text(from, place, "text", made.mode == MatchMode::kExact ? 0 : 1, kMaxKey, made.text, true);
  integer(from, place, "shape", 0, static_cast<int64_t>(schema_.shapes.size()) - 1, made.shape, true);
  schema_.cases.push_back(std::move(made));
}

void Compiler::path(const Element& value, const std::string& place, std::vector<PathStep>& out) {
  array steps;
  if (!reader_.array(value, place, 0, kMaxSteps, steps)) return;
  size_t i = 0;
  for (const Element step : steps) {
    const std::string where = place + "[" + std::to_string(i++) + "]";
    PathStep made;
    if (step.is_string()) {
      if (!reader_.text(step, where, 0, kMaxKey, made.key)) return;
    } else {
      int64_t index = 0;
      if (!step.is_int64()) {
        reader_.fail(where, "expected a key or an index");
        return;
      }
      if (!reader_.integer(step, where, 0, kMaxIndex, index)) return;
      made.index = static_cast<int32_t>(index);
    }
    out.push_back(std::move(made));
  }
}

}  // namespace

Result<Schema> compile_schema(std::string_view description) { return Compiler().compile(description); }

}  // namespace tickwire::decode
