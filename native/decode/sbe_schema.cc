#include "decode/sbe_schema.h"

#include <bit>
#include <charconv>
#include <utility>

#include "decode/decimal.h"
#include "decode/description_reader.h"
#include "decode/layout_reader.h"
#include "decode/number.h"
#include "decode/symbol_table.h"

namespace tickwire::decode {
namespace {

constexpr int64_t kMaxBlock = 65'535 * 16;
constexpr int64_t kMaxParts = 1'024;
constexpr int kMaxNesting = 8;
constexpr int64_t kMaxExponent = 127;
constexpr size_t kMaxConstant = 1'024;

class SbeCompiler {
 public:
  using Element = DescriptionReader::Element;
  using Object = simdjson::dom::object;
  using Array = simdjson::dom::array;

  Result<SbeSchema> compile(std::string_view description) {
    simdjson::dom::parser parser;
    Element root;
    if (layout_.open(description, parser, root)) top(root);
    if (!reader_.ok()) return Error{Errc::kSchema, 0, reader_.error()};
    return std::move(schema_);
  }

 private:
  static std::string at(const std::string& place, std::string_view key) { return LayoutReader::at(place, key); }
  static std::string at(const std::string& place, std::string_view key, size_t index) {
    return LayoutReader::at(place, key, index);
  }

  void top(const Element& root);
  void header(const Element& value);
  void shape(const Element& value, const std::string& place);
  void field(const Element& value, const std::string& place, const SbeShape& made, Shape& rows, SbeSource& out);
  void value_of(const Object& from, const std::string& place, const SbeShape& made, const Field& field, SbeSource& out);
  void constant(const Object& from, const std::string& place, const Field& field, SbeSource& out);
  void names(const Element& value, const std::string& place, std::vector<SbeName>& out);
  void groups(const Object& from, const std::string& place, int depth, std::vector<SbeGroup>& out);
  void data(const Object& from, const std::string& place, std::vector<SbeData>& out);
  void number(const Object& from, const std::string& place, std::string_view key, bool integer, SbeNumber& out);
  void block_number(const Element& value, const std::string& place, bool has_each, SbeBlockNumber& out);
  void scaled(const Object& from, const std::string& place, std::string_view key, bool has_each, SbeScaled& out);
  void origin(const Object& from, const std::string& place, bool has_each, bool& out);
  void bits(const Object& from, const std::string& place, std::string_view key, bool& there, uint64_t& out);
  void otherwise(const Object& from, std::string_view key, Otherwise& out);

  DescriptionReader reader_;
  LayoutReader layout_{reader_};
  SbeSchema schema_;
};

void SbeCompiler::top(const Element& root) {
  Object from;
  if (!reader_.object(root, "", {"schema", "bigEndian", "header", "shapes", "otherwise", "text", "maxRows"}, from))
    return;
  layout_.integer(from, "", "schema", 0, UINT32_MAX, schema_.id, true);
  layout_.boolean(from, "", "bigEndian", schema_.big_endian);
  Element value;
  if (reader_.member(from, "", "header", true, value)) header(value);
  otherwise(from, "otherwise", schema_.rows.otherwise);
  otherwise(from, "text", schema_.text);
  layout_.integer(from, "", "maxRows", 1, 1'000'000, schema_.rows.max_rows_per_message);
  Array list;
  if (reader_.member(from, "", "shapes", true, value) &&
      reader_.array(value, "shapes", 1, LayoutReader::kMaxShapes, list)) {
    size_t i = 0;
    for (const Element each : list) shape(each, at("", "shapes", i++));
  }
}

void SbeCompiler::header(const Element& value) {
  Object from;
  if (!reader_.object(value, "header", {"size", "blockLength", "templateId", "schemaId", "version"}, from)) return;
  layout_.integer(from, "header", "size", 1, 256, schema_.header, true);
  number(from, "header", "blockLength", true, schema_.block_length);
  number(from, "header", "templateId", true, schema_.template_id);
  number(from, "header", "schemaId", true, schema_.schema_id);
  number(from, "header", "version", true, schema_.version);
  for (const SbeNumber* each : {&schema_.block_length, &schema_.template_id, &schema_.schema_id, &schema_.version}) {
    if (each->end() > schema_.header) reader_.fail("header", "a number beyond its size");
  }
}

void SbeCompiler::otherwise(const Object& from, std::string_view key, Otherwise& out) {
  Element value;
  size_t choice = 0;
  if (reader_.member(from, "", key, false, value) && reader_.choice(value, key, {"count", "ignore"}, choice)) {
    out = choice == 0 ? Otherwise::kCount : Otherwise::kIgnore;
  }
}

void SbeCompiler::shape(const Element& value, const std::string& place) {
  Object from;
  if (!reader_.object(value, place,
                      {"name", "template", "each", "words", "flagsSlot", "keyField", "fields", "groups", "data"},
                      from)) {
    return;
  }
  Shape rows;
  SbeShape made;
  layout_.begin_shape(from, place, schema_.rows.shapes, rows);
  layout_.integer(from, place, "template", 0, UINT32_MAX, made.template_id, true);
  for (const SbeShape& other : schema_.shapes) {
    if (other.template_id == made.template_id) reader_.fail(at(place, "template"), "that of another shape");
  }
  groups(from, place, 0, made.groups);
  data(from, place, made.data);
  layout_.integer(from, place, "each", 0, static_cast<int64_t>(made.groups.size()) - 1, made.each);
  Element member;
  Array list;
  if (reader_.member(from, place, "fields", true, member) &&
      reader_.array(member, at(place, "fields"), 0, LayoutReader::kMaxFields, list)) {
    size_t i = 0;
    for (const Element each : list) {
      SbeSource source;
      field(each, at(place, "fields", i++), made, rows, source);
      made.sources.push_back(std::move(source));
    }
  }
  if (!reader_.ok()) return;
  layout_.end_shape(from, place, rows);
  schema_.rows.shapes.push_back(std::move(rows));
  schema_.shapes.push_back(std::move(made));
}

void SbeCompiler::groups(const Object& from, const std::string& place, int depth, std::vector<SbeGroup>& out) {
  Element member;
  Array list;
  if (!reader_.member(from, place, "groups", false, member) ||
      !reader_.array(member, at(place, "groups"), 0, kMaxParts, list)) {
    return;
  }
  if (depth == kMaxNesting) {
    reader_.fail(at(place, "groups"), "nested too deeply");
    return;
  }
  size_t i = 0;
  for (const Element each : list) {
    const std::string where = at(place, "groups", i++);
    Object object;
    if (!reader_.object(each, where, {"size", "blockLength", "count", "most", "since", "groups", "data"}, object))
      return;
    SbeGroup made;
    layout_.integer(object, where, "size", 1, 256, made.dimension, true);
    number(object, where, "blockLength", true, made.block_length);
    number(object, where, "count", true, made.count);
    if (made.block_length.end() > made.dimension || made.count.end() > made.dimension) {
      reader_.fail(where, "a number beyond its size");
    }
    layout_.integer(object, where, "most", 0, INT64_MAX, made.most);
    layout_.integer(object, where, "since", 0, UINT16_MAX, made.since);
    groups(object, where, depth + 1, made.groups);
    data(object, where, made.data);
    out.push_back(std::move(made));
  }
}

void SbeCompiler::data(const Object& from, const std::string& place, std::vector<SbeData>& out) {
  Element member;
  Array list;
  if (!reader_.member(from, place, "data", false, member) ||
      !reader_.array(member, at(place, "data"), 0, kMaxParts, list)) {
    return;
  }
  size_t i = 0;
  for (const Element each : list) {
    const std::string where = at(place, "data", i++);
    Object object;
    if (!reader_.object(each, where, {"length", "start", "since"}, object)) return;
    SbeData made;
    number(object, where, "length", true, made.length);
    layout_.integer(object, where, "start", made.length.end(), 256, made.start, true);
    layout_.integer(object, where, "since", 0, UINT16_MAX, made.since);
    out.push_back(made);
  }
}

void SbeCompiler::number(const Object& from, const std::string& place, std::string_view key, bool unsigned_integer,
                         SbeNumber& out) {
  Element value;
  if (!reader_.member(from, place, key, true, value)) return;
  const std::string where = at(place, key);
  Object object;
  if (!reader_.object(value, where, {"offset", "type"}, object)) return;
  layout_.integer(object, where, "offset", 0, kMaxBlock, out.offset, true);
  Element member;
  size_t type = 0;
  // In the order of SbePrimitive.
  if (reader_.member(object, where, "type", true, member) &&
      reader_.choice(member, at(where, "type"),
                     {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float", "double"},
                     type)) {
    out.type = static_cast<SbePrimitive>(type);
    out.shift = static_cast<uint8_t>(64 - 8 * sbe_size(out.type));
  }
  if (unsigned_integer && (out.is_float() || out.is_signed())) reader_.fail(where, "expected an unsigned integer");
}

void SbeCompiler::origin(const Object& from, const std::string& place, bool has_each, bool& out) {
  Element value;
  size_t choice = 0;
  if (!reader_.member(from, place, "in", false, value) ||
      !reader_.choice(value, at(place, "in"), {"root", "each"}, choice)) {
    return;
  }
  out = choice == 1 && has_each;
  if (choice == 1 && !has_each) reader_.fail(at(place, "in"), "the shape has no rows of entries");
}

void SbeCompiler::bits(const Object& from, const std::string& place, std::string_view key, bool& there, uint64_t& out) {
  Element value;
  std::string text;
  if (!reader_.member(from, place, key, false, value) || !reader_.text(value, at(place, key), 1, 16, text)) return;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, 16);
  if (error != std::errc{} || end != text.data() + text.size()) reader_.fail(at(place, key), "expected hex digits");
  there = true;
}

void SbeCompiler::block_number(const Element& value, const std::string& place, bool has_each, SbeBlockNumber& out) {
  Object from;
  if (!reader_.object(value, place, {"in", "at", "since", "null"}, from)) return;
  origin(from, place, has_each, out.in_each);
  number(from, place, "at", false, out.number);
  layout_.integer(from, place, "since", 0, UINT16_MAX, out.since);
  bits(from, place, "null", out.nullable, out.null_bits);
}

void SbeCompiler::scaled(const Object& from, const std::string& place, std::string_view key, bool has_each,
                         SbeScaled& out) {
  Element value;
  if (!reader_.member(from, place, key, true, value)) return;
  const std::string where = at(place, key);
  Object object;
  if (!reader_.object(value, where, {"mantissa", "exponent"}, object)) return;
  Element member;
  if (reader_.member(object, where, "mantissa", true, member)) {
    block_number(member, at(where, "mantissa"), has_each, out.mantissa);
  }
  if (!reader_.member(object, where, "exponent", false, member)) return;
  if (out.mantissa.number.is_float()) reader_.fail(at(where, "exponent"), "of a floating-point number");
  int64_t constant = 0;
  if (member.is_int64()) {
    if (reader_.integer(member, at(where, "exponent"), -kMaxExponent, kMaxExponent, constant)) {
      out.constant = static_cast<int32_t>(constant);
    }
    return;
  }
  out.exponent = SbeScaled::Exponent::kRead;
  block_number(member, at(where, "exponent"), has_each, out.read);
  if (out.read.number.is_float()) reader_.fail(at(where, "exponent"), "expected an integer");
}

void SbeCompiler::field(const Element& value, const std::string& place, const SbeShape& made, Shape& rows,
                        SbeSource& out) {
  Object from;
  if (!reader_.object(value, place,
                      {"name", "type", "slot", "optional", "bit", "maxLevels", "exact", "maxBytes", "number", "flag",
                       "names", "chars", "length", "data", "in", "group", "price", "size", "constant"},
                      from)) {
    return;
  }
  Field field;
  layout_.field(from, place, rows, field);
  if (field.type == FieldType::kOrders) reader_.fail(at(place, "type"), "not of SBE messages");
  value_of(from, place, made, field, out);
  rows.fields.push_back(std::move(field));
}

void SbeCompiler::value_of(const Object& from, const std::string& place, const SbeShape& made, const Field& field,
                           SbeSource& out) {
  const bool has_each = made.each >= 0;
  const bool is_text = field.type == FieldType::kSymbol || field.type == FieldType::kText;
  const bool is_levels = field.type == FieldType::kLevels;
  Element member;
  if (is_levels) {
    out.from = SbeSource::From::kGroup;
    layout_.integer(from, place, "group", 0, static_cast<int64_t>(made.groups.size()) - 1, out.index, true);
    scaled(from, place, "price", true, out.price);
    scaled(from, place, "size", true, out.size);
    for (const SbeScaled* part : {&out.price, &out.size}) {
      if (field.exact && part->mantissa.number.is_float())
        reader_.fail(place, "exact levels of floating-point numbers");
    }
    if (made.each == static_cast<int32_t>(out.index)) reader_.fail(at(place, "group"), "the one that makes rows");
  } else if (reader_.member(from, place, "constant", false, member)) {
    constant(from, place, field, out);
  } else if (is_text && reader_.member(from, place, "chars", false, member)) {
    out.from = SbeSource::From::kChars;
    block_number(member, at(place, "chars"), has_each, out.number.mantissa);
    layout_.integer(from, place, "length", 1, kMaxBlock, out.length, true);
  } else if (is_text && reader_.member(from, place, "data", false, member)) {
    out.from = SbeSource::From::kData;
    origin(from, place, has_each, out.in_each);
    const size_t count = out.in_each ? made.groups[static_cast<size_t>(made.each)].data.size() : made.data.size();
    layout_.integer(from, place, "data", 0, static_cast<int64_t>(count) - 1, out.index);
  } else if (field.type == FieldType::kText) {
    reader_.fail(place, "text without chars, data or constant");
  } else {
    scaled(from, place, "number", has_each, out.number);
    const bool is_float = out.number.mantissa.number.is_float();
    const bool is_scaled = out.number.exponent == SbeScaled::Exponent::kRead || out.number.constant != 0;
    if (is_float && field.type != FieldType::kNumber) reader_.fail(at(place, "number"), "floating point for this type");
    if (is_scaled && field.type != FieldType::kNumber && field.type != FieldType::kDecimal) {
      reader_.fail(at(place, "number"), "an exponent for this type");
    }
    if (field.type == FieldType::kBool) layout_.integer(from, place, "flag", 0, 63, out.bit);
    if (field.type == FieldType::kSymbol && reader_.member(from, place, "names", true, member)) {
      names(member, at(place, "names"), out.names);
    }
  }
}

void SbeCompiler::names(const Element& value, const std::string& place, std::vector<SbeName>& out) {
  Array list;
  if (!reader_.array(value, place, 0, kMaxParts, list)) return;
  size_t i = 0;
  for (const Element each : list) {
    const std::string where = place + "[" + std::to_string(i++) + "]";
    Object object;
    if (!reader_.object(each, where, {"bits", "text"}, object)) return;
    SbeName made;
    bool there = false;
    bits(object, where, "bits", there, made.bits);
    if (!there) reader_.fail(at(where, "bits"), "missing");
    std::string text;
    layout_.text(object, where, "text", 0, kMaxSymbol, text, true);
    made.text = SbeText(text);
    out.push_back(std::move(made));
  }
}

void SbeCompiler::constant(const Object& from, const std::string& place, const Field& field, SbeSource& out) {
  out.from = SbeSource::From::kConstant;
  const bool is_symbol = field.type == FieldType::kSymbol;
  std::string given;
  layout_.text(from, place, "constant", 0, is_symbol ? kMaxSymbol : kMaxConstant, given, true);
  out.text = SbeText(given);
  if (is_symbol || field.type == FieldType::kText) return;
  const std::string where = at(place, "constant");
  if (field.type == FieldType::kBool) {
    if (given != "true" && given != "false") reader_.fail(where, "expected true or false");
    out.words[0] = std::bit_cast<uint64_t>(given == "true" ? 1.0 : 0.0);
    return;
  }
  const auto* begin = reinterpret_cast<const uint8_t*>(given.data());
  const uint8_t* end = begin + given.size();
  NumberText text;
  NumberError error = NumberError::kWrongType;
  if (begin != end && scan_number(begin, end, text) == end) {
    if (field.type == FieldType::kNumber) {
      double value = 0;
      error = to_double(text, begin, end, value);
      out.words[0] = std::bit_cast<uint64_t>(value);
    } else if (field.type == FieldType::kInt64) {
      int64_t value = 0;
      error = to_int64(text, value);
      out.words[0] = static_cast<uint64_t>(value);
    } else {
      Decimal value;
      error = to_decimal(text, value);
      out.words = {static_cast<uint64_t>(value.mantissa), static_cast<uint64_t>(value.scale)};
    }
  }
  if (error != NumberError::kNone) reader_.fail(where, "no number of this type");
}

}  // namespace

Result<SbeSchema> compile_sbe_schema(std::string_view description) { return SbeCompiler().compile(description); }

}  // namespace tickwire::decode
