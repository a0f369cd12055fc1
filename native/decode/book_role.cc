#include "decode/book_role.h"

#include <cstddef>
#include <utility>

#include "decode/layout_reader.h"

namespace tickwire::decode {
namespace {

using simdjson::dom::object;

class RoleReader {
 public:
  RoleReader(DescriptionReader& reader, const object& from, const std::string& place, const Shape& shape)
      : reader_(reader), layout_(reader), from_(from), place_(place), shape_(shape) {}

  // The index of a field of this type.
  void field(std::string_view key, FieldType type, bool may_be_absent, int16_t& out) {
    layout_.integer(from_, place_, key, 0, static_cast<int64_t>(shape_.fields.size()) - 1, out);
    if (!reader_.ok() || out == BookRole::kNone) return;
    const Field& named = shape_.fields[static_cast<size_t>(out)];
    const bool orders = type == FieldType::kLevels && named.type == FieldType::kOrders;
    if (named.type != type && !orders) reader_.fail(at(key), "not a field of the right type");
    if (orders) type = named.type;
    if (type == FieldType::kLevels && !named.exact) reader_.fail(at(key), "levels must be exact");
    if (named.optional && !may_be_absent) reader_.fail(at(key), "must not be optional");
  }
  void needs(std::string_view key, bool given, bool wanted, std::string_view why) {
    if (given != wanted) reader_.fail(at(key), wanted ? "required " + std::string(why) : "not " + std::string(why));
  }
  void text(std::string_view key, std::string& out) { layout_.text(from_, place_, key, 1, 255, out); }
  [[nodiscard]] std::string at(std::string_view key) const { return LayoutReader::at(place_, key); }

 private:
  DescriptionReader& reader_;
  LayoutReader layout_;
  const object& from_;
  const std::string& place_;
  const Shape& shape_;
};

[[nodiscard]] bool given(int16_t field) { return field != BookRole::kNone; }

}  // namespace

void read_book_role(DescriptionReader& reader, const DescriptionReader::Element& value, const std::string& place,
                    Shape& shape) {
  object from;
  if (!reader.object(value, place,
                     {"kind", "kindField", "snapshot", "symbol", "bids", "asks", "side", "bid", "price", "size",
                      "firstId", "lastId", "prevId", "checksum", "sequence"},
                     from)) {
    return;
  }
  BookRole role;
  DescriptionReader::Element member;
  size_t kind = 0;
  if (reader.member(from, place, "kind", false, member) &&
      reader.choice(member, LayoutReader::at(place, "kind"), {"delta", "snapshot", "field"}, kind)) {
    role.kind = static_cast<BookRole::Kind>(kind);
  }
  RoleReader read(reader, from, place, shape);
  read.field("kindField", FieldType::kSymbol, false, role.kind_field);
  read.text("snapshot", role.snapshot);
  read.field("symbol", FieldType::kSymbol, false, role.symbol);
  read.field("bids", FieldType::kLevels, true, role.bids);
  read.field("asks", FieldType::kLevels, true, role.asks);
  read.field("side", FieldType::kSymbol, false, role.side);
  read.text("bid", role.bid);
  read.field("price", FieldType::kDecimal, false, role.price);
  read.field("size", FieldType::kDecimal, false, role.size);
  read.field("firstId", FieldType::kInt64, true, role.first_id);
  read.field("lastId", FieldType::kInt64, true, role.last_id);
  read.field("prevId", FieldType::kInt64, true, role.prev_id);
  read.field("checksum", FieldType::kInt64, true, role.checksum);
  read.field("sequence", FieldType::kInt64, true, role.sequence);
  if (!reader.ok()) return;

  const bool by_field = role.kind == BookRole::Kind::kByField;
  read.needs("kindField", given(role.kind_field), by_field, "with kind \"field\"");
  read.needs("snapshot", !role.snapshot.empty(), by_field, "with kind \"field\"");
  const bool by_level = given(role.side);
  read.needs("bid", !role.bid.empty(), by_level, "with side");
  read.needs("price", given(role.price), by_level, "with side");
  read.needs("size", given(role.size), by_level, "with side");
  if (by_level) {
    if (given(role.bids)) reader.fail(read.at("bids"), "not with side");
    if (given(role.asks)) reader.fail(read.at("asks"), "not with side");
    if (shape.each.empty() && !shape.for_each) reader.fail(read.at("side"), "needs one row per level: each");
  } else if (given(role.bids) != given(role.asks)) {
    reader.fail(place, "bids and asks belong together");
  } else if (given(role.bids) &&
             shape.fields[static_cast<size_t>(role.bids)].type != shape.fields[static_cast<size_t>(role.asks)].type) {
    reader.fail(place, "bids and asks must be both levels or both orders");
  } else if (!given(role.bids) && !given(role.sequence)) {
    reader.fail(place, "bids and asks, or side, or sequence required");
  }
  shape.book = std::move(role);
}

}  // namespace tickwire::decode
