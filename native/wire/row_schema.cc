#include "wire/row_schema.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "decode/layout_reader.h"
#include "wire/header.h"

namespace tickwire::wire {
namespace {

using decode::DescriptionReader;
using decode::Field;
using decode::FieldType;
using decode::LayoutReader;
using Element = DescriptionReader::Element;
using simdjson::dom::array;
using simdjson::dom::object;

struct Known {
  std::string_view name;
  Of of;
  ValueKind kind;
};

constexpr Known kOfEvery[] = {
    {"sequence", Of::kSequence, ValueKind::kInt64}, {"sendTime", Of::kSendTime, ValueKind::kInt64},
    {"topic", Of::kTopic, ValueKind::kSymbol},      {"snapshot", Of::kSnapshot, ValueKind::kBool},
    {"resent", Of::kResent, ValueKind::kBool},      {"conflated", Of::kConflated, ValueKind::kBool},
};
constexpr Known kExchange[] = {
    {"exchangeTime", Of::kExchangeTime, ValueKind::kInt64},
    {"exchangeSequence", Of::kExchangeSequence, ValueKind::kInt64},
    {"symbol", Of::kSymbol, ValueKind::kSymbol},
};
constexpr Known kQuote[] = {
    {"bid", Of::kBid, ValueKind::kDecimal},
    {"ask", Of::kAsk, ValueKind::kDecimal},
    {"bidSize", Of::kBidSize, ValueKind::kDecimal},
    {"askSize", Of::kAskSize, ValueKind::kDecimal},
};
constexpr Known kTrade[] = {
    {"price", Of::kPrice, ValueKind::kDecimal},
    {"size", Of::kSize, ValueKind::kDecimal},
    {"side", Of::kSide, ValueKind::kWord},
    {"tradeId", Of::kTradeId, ValueKind::kInt64},
};
constexpr Known kBook[] = {
    {"firstUpdateId", Of::kFirstUpdateId, ValueKind::kInt64},
    {"lastUpdateId", Of::kLastUpdateId, ValueKind::kInt64},
    {"bids", Of::kBids, ValueKind::kLevels},
    {"asks", Of::kAsks, ValueKind::kLevels},
};
constexpr Known kSignal[] = {
    {"name", Of::kName, ValueKind::kSymbol},
    {"value", Of::kValue, ValueKind::kNumber},
    {"confidence", Of::kConfidence, ValueKind::kNumber},
    {"validUntil", Of::kValidUntil, ValueKind::kInt64},
    {"note", Of::kNote, ValueKind::kText},
};
constexpr Known kExecution[] = {
    {"side", Of::kSide, ValueKind::kWord},
    {"status", Of::kStatus, ValueKind::kWord},
    {"lastPrice", Of::kLastPrice, ValueKind::kDecimal},
    {"lastSize", Of::kLastSize, ValueKind::kDecimal},
    {"filledSize", Of::kFilledSize, ValueKind::kDecimal},
    {"openSize", Of::kOpenSize, ValueKind::kDecimal},
    {"orderId", Of::kOrderId, ValueKind::kText},
    {"clientOrderId", Of::kClientOrderId, ValueKind::kText},
    {"executionId", Of::kExecutionId, ValueKind::kText},
    {"averagePrice", Of::kAveragePrice, ValueKind::kDecimal},
    {"fee", Of::kFee, ValueKind::kDecimal},
    {"feeCurrency", Of::kFeeCurrency, ValueKind::kSymbol},
    {"reason", Of::kReason, ValueKind::kText},
};
constexpr Known kRaw[] = {
    {"symbol", Of::kSymbol, ValueKind::kSymbol},
    {"kind", Of::kKind, ValueKind::kWord},
    {"content", Of::kContent, ValueKind::kText},
};

std::span<const Known> own_values(uint8_t type) {
  switch (static_cast<Type>(type)) {
    case Type::kQuote:
      return kQuote;
    case Type::kTrade:
      return kTrade;
    case Type::kBookDelta:
    case Type::kBookSnapshot:
      return kBook;
    case Type::kSignal:
      return kSignal;
    case Type::kExecution:
      return kExecution;
    case Type::kRaw:
      return kRaw;
    default:
      return {};
  }
}

const Known* find(std::span<const Known> among, std::string_view name) {
  for (const Known& each : among) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

const Known* find_value(uint8_t type, std::string_view name) {
  if (const Known* found = find(kOfEvery, name)) return found;
  if (const Known* found = find(own_values(type), name)) return found;
  return type <= static_cast<uint8_t>(Type::kExecution) ? find(kExchange, name) : nullptr;
}

// Whether a row's field can hold what a message has.
bool converts(ValueKind from, FieldType to) {
  switch (to) {
    case FieldType::kNumber:
      return from == ValueKind::kNumber || from == ValueKind::kDecimal || from == ValueKind::kInt64;
    case FieldType::kInt64:
      return from == ValueKind::kInt64;
    case FieldType::kDecimal:
      return from == ValueKind::kDecimal;
    case FieldType::kSymbol:
      return from == ValueKind::kSymbol || from == ValueKind::kWord;
    case FieldType::kText:
      return from == ValueKind::kText;
    case FieldType::kBool:
      return from == ValueKind::kBool;
    case FieldType::kLevels:
      return from == ValueKind::kLevels;
    case FieldType::kOrders:
      return false;
  }
  return false;
}

std::string at(const std::string& place, std::string_view key) { return LayoutReader::at(place, key); }

class Compiler {
 public:
  Result<RowSchema> compile(std::string_view description);

 private:
  void top(const Element& root);
  void shape(const Element& value, const std::string& place);
  void field(const Element& value, const std::string& place, decode::Shape& shape, RowSchema::Shape& from);
  void source(const object& from, const std::string& place, uint8_t type, Source& out);

  DescriptionReader reader_;
  LayoutReader layout_{reader_};
  RowSchema schema_;
};

Result<RowSchema> Compiler::compile(std::string_view description) {
  simdjson::dom::parser parser;
  Element root;
  if (layout_.open(description, parser, root)) top(root);
  if (!reader_.ok()) return Error{Errc::kSchema, 0, reader_.error()};
  return std::move(schema_);
}

void Compiler::top(const Element& root) {
  object from;
  if (!reader_.object(root, "", {"shapes", "otherwise"}, from)) return;
  Element value;
  array list;
  if (reader_.member(from, "", "shapes", true, value) &&
      reader_.array(value, "shapes", 1, LayoutReader::kMaxShapes, list)) {
    size_t i = 0;
    for (const Element each : list) shape(each, LayoutReader::at("", "shapes", i++));
  }
  size_t choice = 0;
  if (reader_.member(from, "", "otherwise", false, value) &&
      reader_.choice(value, "otherwise", {"count", "ignore"}, choice)) {
    schema_.rows.otherwise = choice == 0 ? decode::Otherwise::kCount : decode::Otherwise::kIgnore;
  }
}

void Compiler::shape(const Element& value, const std::string& place) {
  object from;
  if (!reader_.object(value, place, {"name", "type", "words", "flagsSlot", "keyField", "fields"}, from)) return;
  decode::Shape made;
  RowSchema::Shape sources;
  layout_.begin_shape(from, place, schema_.rows.shapes, made);
  layout_.integer(from, place, "type", 1, 255, sources.type, true);
  if (sources.type < kFirstUserType && own_values(sources.type).empty()) {
    reader_.fail(at(place, "type"), "no type that rows are made of");
  }
  for (const RowSchema::Shape& other : schema_.shapes) {
    if (other.type == sources.type) reader_.fail(at(place, "type"), "the type of another shape");
  }
  Element member;
  array list;
  if (reader_.member(from, place, "fields", true, member) &&
      reader_.array(member, at(place, "fields"), 0, LayoutReader::kMaxFields, list)) {
    size_t i = 0;
    for (const Element each : list) field(each, LayoutReader::at(place, "fields", i++), made, sources);
  }
  if (!reader_.ok()) return;
  layout_.end_shape(from, place, made);
  schema_.rows.shapes.push_back(std::move(made));
  schema_.shapes.push_back(std::move(sources));
}

void Compiler::field(const Element& value, const std::string& place, decode::Shape& shape, RowSchema::Shape& sources) {
  object from;
  if (!reader_.object(
          value, place,
          {"name", "type", "of", "tag", "kind", "slot", "optional", "bit", "maxLevels", "exact", "maxBytes"}, from)) {
    return;
  }
  Field made;
  layout_.field(from, place, shape, made);
  Source origin;
  source(from, place, sources.type, origin);
  if (reader_.ok() && !converts(origin.kind, made.type))
    reader_.fail(at(place, "type"), "not what this value can become");
  for (const Source& other : sources.sources) {
    if (origin.of == Of::kTag && other.of == Of::kTag && other.tag == origin.tag && other.kind != origin.kind) {
      reader_.fail(at(place, "kind"), "another kind than that of the same tag before");
    }
  }
  shape.fields.push_back(std::move(made));
  sources.sources.push_back(origin);
}

void Compiler::source(const object& from, const std::string& place, uint8_t type, Source& out) {
  Element member;
  std::string name;
  layout_.text(from, place, "of", 1, LayoutReader::kMaxKey, name);
  if (!name.empty()) {
    layout_.only_for(false, from, place, {"tag", "kind"});
    const Known* found = find_value(type, name);
    if (found == nullptr) {
      reader_.fail(at(place, "of"), "no value of this message");
    } else {
      out = {found->of, found->kind, 0};
    }
    return;
  }
  if (type < kFirstUserType) {
    reader_.fail(at(place, "of"), "missing");
    return;
  }
  layout_.integer(from, place, "tag", 1, 254, out.tag, true);
  size_t kind = 0;
  // In the order of ValueKind.
  if (reader_.member(from, place, "kind", true, member) &&
      reader_.choice(member, at(place, "kind"), {"number", "int64", "decimal", "symbol", "text", "bool", "levels"},
                     kind)) {
    out.kind = static_cast<ValueKind>(kind);
  }
}

}  // namespace

Result<RowSchema> compile_row_schema(std::string_view description) { return Compiler().compile(description); }

}  // namespace tickwire::wire
