#include "decode/schema.h"

#include <utility>

#include "decode/book_role.h"
#include "decode/description_reader.h"
#include "decode/layout_reader.h"

namespace tickwire::decode {
namespace {

using Element = DescriptionReader::Element;
using simdjson::dom::array;
using simdjson::dom::object;

constexpr size_t kMaxCases = 4096;
constexpr size_t kMaxSteps = 32;
constexpr size_t kMaxKey = LayoutReader::kMaxKey;
constexpr int64_t kMaxIndex = 1'000'000;

std::string at(const std::string& place, std::string_view key) { return LayoutReader::at(place, key); }
std::string at(const std::string& place, std::string_view key, size_t index) {
  return LayoutReader::at(place, key, index);
}

class Compiler {
 public:
  Result<Schema> compile(std::string_view description);

 private:
  void top(const Element& root);
  void shape(const Element& value, const std::string& place);
  void field(const Element& value, const std::string& place, Shape& shape);
  void orders(const object& from, const std::string& place, Field& made);
  void case_at(const Element& value, const std::string& place);
  void path(const Element& value, const std::string& place, std::vector<PathStep>& out);
  void sequence(const Element& value, const std::string& place, const Shape& shape, SequenceRole& out);

  DescriptionReader reader_;
  LayoutReader layout_{reader_};
  Schema schema_;
};

Result<Schema> Compiler::compile(std::string_view description) {
  simdjson::dom::parser parser;
  Element root;
  if (layout_.open(description, parser, root)) top(root);
  if (!reader_.ok()) return Error{Errc::kSchema, 0, reader_.error()};
  return std::move(schema_);
}

void Compiler::top(const Element& root) {
  object from;
  if (!reader_.object(root, "", {"shapes", "select", "cases", "absent", "otherwise", "maxDepth", "maxRows"}, from))
    return;
  Element value;
  array list;
  if (reader_.member(from, "", "shapes", true, value) &&
      reader_.array(value, "shapes", 1, LayoutReader::kMaxShapes, list)) {
    size_t i = 0;
    for (const Element each : list) shape(each, at("", "shapes", i++));
  }
  if (reader_.member(from, "", "select", false, value)) path(value, "select", schema_.select);
  if (reader_.member(from, "", "cases", false, value) && reader_.array(value, "cases", 0, kMaxCases, list)) {
    size_t i = 0;
    for (const Element each : list) case_at(each, at("", "cases", i++));
  }
  if (!reader_.ok()) return;
  layout_.integer(from, "", "absent", 0, static_cast<int64_t>(schema_.shapes.size()) - 1, schema_.absent_shape);
  if (reader_.member(from, "", "otherwise", false, value)) {
    size_t choice = 0;
    if (reader_.choice(value, "otherwise", {"count", "ignore"}, choice)) {
      schema_.otherwise = choice == 0 ? Otherwise::kCount : Otherwise::kIgnore;
    }
  }
  layout_.integer(from, "", "maxDepth", 1, 1024, schema_.max_depth);
  layout_.integer(from, "", "maxRows", 1, 1'000'000, schema_.max_rows_per_message);
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
  if (!reader_.object(value, place,
                      {"name", "each", "within", "eachAbsent", "words", "groupSlot", "flagsSlot", "keyField", "fields",
                       "book", "sequence", "notice"},
                      from))
    return;
  Shape made;
  layout_.begin_shape(from, place, schema_.shapes, made);
  Element member;
  if (reader_.member(from, place, "each", false, member)) {
    path(member, at(place, "each"), made.each);
    made.for_each = made.each.empty();
  }
  if (reader_.member(from, place, "within", false, member)) {
    path(member, at(place, "within"), made.within);
    if (made.each.empty() || made.within.empty()) reader_.fail(at(place, "within"), "without a path in both");
  }
  if (reader_.member(from, place, "eachAbsent", false, member)) {
    size_t choice = 0;
    if (made.each.empty()) reader_.fail(at(place, "eachAbsent"), "without a path in each");
    if (reader_.choice(member, at(place, "eachAbsent"), {"count", "ignore", "empty"}, choice)) {
      made.each_absent = static_cast<EachAbsent>(choice);
    }
  }
  array list;
  if (reader_.member(from, place, "fields", true, member) &&
      reader_.array(member, at(place, "fields"), 0, LayoutReader::kMaxFields, list)) {
    size_t i = 0;
    for (const Element each : list) field(each, at(place, "fields", i++), made);
  }
  if (!reader_.ok()) return;
  layout_.end_shape(from, place, made);
  if (reader_.member(from, place, "book", false, member)) read_book_role(reader_, member, at(place, "book"), made);
  if (reader_.member(from, place, "sequence", false, member))
    sequence(member, at(place, "sequence"), made, made.sequence);
  layout_.boolean(from, place, "notice", made.notice);
  if (made.notice && made.sequence.mode != SequenceMode::kNone) reader_.fail(at(place, "notice"), "with a sequence");
  schema_.shapes.push_back(std::move(made));
}

void Compiler::sequence(const Element& value, const std::string& place, const Shape& shape, SequenceRole& out) {
  object from;
  if (!reader_.object(value, place, {"mode", "field"}, from)) return;
  Element member;
  size_t mode = 0;
  // In the order of SequenceMode.
  if (!reader_.member(from, place, "mode", true, member) ||
      !reader_.choice(member, at(place, "mode"), {"contiguous", "increasing", "distinct", "leader"}, mode)) {
    return;
  }
  out.mode = static_cast<SequenceMode>(mode + 1);
  const bool numbered = out.mode != SequenceMode::kLeader;
  if (!numbered && reader_.member(from, place, "field", false, member)) {
    reader_.fail(at(place, "field"), "not with a leader");
  }
  if (!numbered) return;
  layout_.integer(from, place, "field", 0, static_cast<int64_t>(shape.fields.size()) - 1, out.field, true);
  if (!reader_.ok()) return;
  const Field& field = shape.fields[static_cast<size_t>(out.field)];
  const bool may_be_text = out.mode == SequenceMode::kDistinct;
  if (field.type != FieldType::kInt64 && !(may_be_text && field.type == FieldType::kText)) {
    reader_.fail(at(place, "field"), may_be_text ? "not an int64 or text field" : "not an int64 field");
  } else if (field.optional) {
    reader_.fail(at(place, "field"), "an optional field");
  }
}

void Compiler::field(const Element& value, const std::string& place, Shape& shape) {
  object from;
  if (!reader_.object(value, place,
                      {"name", "type", "path", "from", "slot", "optional", "bit", "maxLevels", "exact", "priceKey",
                       "sizeKey", "idKey", "timeKey", "actKey", "change", "remove", "maxBytes"},
                      from)) {
    return;
  }
  Field made;
  layout_.field(from, place, shape, made);
  Element member;
  if (reader_.member(from, place, "path", true, member)) path(member, at(place, "path"), made.path);
  size_t origin = 0;
  if (reader_.member(from, place, "from", false, member) &&
      reader_.choice(member, at(place, "from"), {"row", "within", "root"}, origin)) {
    made.origin = static_cast<Origin>(origin);
    if (made.origin == Origin::kWithin && shape.within.empty()) reader_.fail(at(place, "from"), "without within");
  }
  const bool is_orders = made.type == FieldType::kOrders;
  layout_.only_for(made.type == FieldType::kLevels || is_orders, from, place, {"priceKey", "sizeKey"});
  layout_.only_for(is_orders, from, place, {"idKey", "timeKey", "actKey", "change", "remove"});
  layout_.text(from, place, "priceKey", 1, kMaxKey, made.price_key);
  layout_.text(from, place, "sizeKey", 1, kMaxKey, made.size_key);
  if (made.price_key.empty() != made.size_key.empty()) reader_.fail(place, "priceKey and sizeKey belong together");
  if (is_orders) orders(from, place, made);
  shape.fields.push_back(std::move(made));
}

void Compiler::orders(const object& from, const std::string& place, Field& made) {
  layout_.text(from, place, "idKey", 1, kMaxKey, made.id_key, true);
  layout_.text(from, place, "timeKey", 1, kMaxKey, made.time_key);
  layout_.text(from, place, "actKey", 1, kMaxKey, made.act_key);
  layout_.text(from, place, "change", 1, kMaxKey, made.change);
  layout_.text(from, place, "remove", 1, kMaxKey, made.remove);
  if (made.price_key.empty()) reader_.fail(at(place, "priceKey"), "required with orders");
  if (made.act_key.empty() != made.change.empty() || made.act_key.empty() != made.remove.empty())
    reader_.fail(place, "actKey, change and remove belong together");
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
  layout_.text(from, place, "text", made.mode == MatchMode::kExact ? 0 : 1, kMaxKey, made.text, true);
  layout_.integer(from, place, "shape", 0, static_cast<int64_t>(schema_.shapes.size()) - 1, made.shape, true);
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
