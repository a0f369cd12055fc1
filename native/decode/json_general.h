// The engine for any JSON: indexes the whole message (json_tape.h), then takes the fields out.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "decode/decimal.h"
#include "decode/decoder.h"
#include "decode/json_tape.h"
#include "decode/path.h"
#include "decode/row_writer.h"
#include "decode/schema.h"
#include "decode/shape_selector.h"

namespace tickwire::decode {

class GeneralEngine {
 public:
  GeneralEngine(const Schema& schema, const ShapeSelector& selector, RowWriter& writer)
      : schema_(schema), selector_(selector), writer_(writer) {}

  [[nodiscard]] DecodeOutcome decode(std::span<const uint8_t> message, RowBatch& out);

  // Of the last message that was decoded well.
  [[nodiscard]] const JsonTape& tape() const noexcept { return tape_; }
  [[nodiscard]] const ShapeSelector::Choice& choice() const noexcept { return choice_; }
  // The last list of rows, and what the lists stand in.
  [[nodiscard]] const PathResult& each() const noexcept { return each_; }
  [[nodiscard]] const PathResult& within() const noexcept { return within_; }

 private:
  struct Found {
    uint32_t value;
    int16_t field;
  };
  // The rows of a message, or of one element of `within`.
  struct List {
    uint32_t owner;  // where `each` was looked for
    uint32_t array;  // kNotThere: there is none, which is taken for an empty one
  };
  static constexpr Malformed kFine = Malformed::kCount;

  [[nodiscard]] Malformed rows(const Shape& shape);
  [[nodiscard]] Malformed find_lists(const Shape& shape);
  [[nodiscard]] Malformed find_list(const Shape& shape, uint32_t owner);
  [[nodiscard]] Malformed no_list(const Shape& shape, uint32_t owner);
  [[nodiscard]] Malformed count_rows(const Shape& shape, size_t& count) const noexcept;
  [[nodiscard]] Malformed root_fields(const Shape& shape);
  [[nodiscard]] Malformed rows_of(const Shape& shape, const List& list);
  // `root`: kNotThere for the row of an empty list.
  [[nodiscard]] Malformed row(const Shape& shape, uint32_t root);
  [[nodiscard]] Malformed find(const Shape& shape, uint32_t root, Origin origin, std::vector<Found>& found);
  [[nodiscard]] Malformed root_field(const Shape& shape, const Found& found);
  [[nodiscard]] Malformed field(const Shape& shape, const Found& found);
  [[nodiscard]] Malformed fixed(FieldType type, const TapeEntry& entry, uint64_t (&words)[2]);
  [[nodiscard]] Malformed symbol_text(const TapeEntry& entry, std::string_view& text, bool& copied);
  [[nodiscard]] Malformed text(const Field& field, const TapeEntry& entry);
  [[nodiscard]] Malformed levels(const Field& field, uint32_t value);
  // json_orders.cc
  [[nodiscard]] Malformed orders(const Field& field, uint32_t value);
  [[nodiscard]] Malformed order(const Field& field, uint32_t value, uint64_t* to);
  [[nodiscard]] Malformed order_time(uint32_t value, uint64_t& to);
  [[nodiscard]] Malformed level_part(const Field& field, uint32_t value, uint64_t* to);
  [[nodiscard]] Malformed number(const TapeEntry& entry, NumberText& number, std::string_view& text);
  // A string's text with escapes resolved (in scratch_ when it has any); false when it has no UTF-8 form.
  [[nodiscard]] bool string_text(const TapeEntry& entry, std::string_view& text);
  [[nodiscard]] std::string_view raw(const TapeEntry& entry) const noexcept;
  [[nodiscard]] bool is_null(uint32_t value) const noexcept { return tape_[value].kind == ValueKind::kNull; }

  const Schema& schema_;
  const ShapeSelector& selector_;
  RowWriter& writer_;
  JsonTape tape_;
  std::span<const uint8_t> message_;
  ShapeSelector::Choice choice_;
  PathResult each_;
  PathResult within_;
  std::vector<List> lists_;
  uint32_t group_ = 0;  // number of the list at hand
  DecodeOutcome outcome_;
  std::vector<Found> found_;
  std::vector<Found> root_found_;    // root fields with variable data: written into each row
  std::vector<Found> within_found_;  // fields of what the list at hand stands in
  std::vector<uint8_t> scratch_;
};

}  // namespace tickwire::decode
