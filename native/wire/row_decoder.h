// Messages of the wire format in, rows out: in the same form as the rows that are made of JSON (decode/row_batch.h).
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "decode/decoder.h"
#include "decode/row_batch.h"
#include "decode/symbol_table.h"
#include "wire/control.h"
#include "wire/frame_parser.h"
#include "wire/quote_rows.h"
#include "wire/row_schema.h"
#include "wire/row_value.h"
#include "wire/sender_names.h"

namespace tickwire::wire {

// Lives on its feed's loop thread. Allocates nothing per message once warm.
class RowDecoder {
 public:
  // Names are interned into `symbols`, which must outlive the decoder.
  RowDecoder(RowSchema schema, decode::SymbolTable& symbols);

  // A connection begins: what senders called their symbols and topics before means nothing any more.
  void begin_connection() noexcept { names_.forget(); }
  // False when the symbol table is full or a number is too large; those that found place are known.
  [[nodiscard]] bool define(const Symbols& symbols);
  [[nodiscard]] bool define(const Topics& topics);

  // `out` gets the row of one message; what it holds already stays. A message that no shape is for is ignored or
  // counted, as the schema says. Why a message is refused: kSyntax (not as the format says), kUnknownSymbol, kMissing,
  // kWrongType (a user type's field that is no such value), kOutOfRange, kUtf8, kTooLong, kTooManyRows (`out` is full),
  // kTooManySymbols (of the words for sides and such). A refused one adds nothing.
  [[nodiscard]] decode::DecodeOutcome decode(const Frame& frame, decode::RowBatch& out);

  // The same for `count` quotes as FrameSink::on_quotes() gets them, as far as they are good: returns how many rows
  // were added. When that is less than `count`, `outcome` is about the next one: refused or ignored.
  [[nodiscard]] size_t decode_quotes(const uint8_t* frames, size_t count, decode::RowBatch& out,
                                     decode::DecodeOutcome& outcome);

  [[nodiscard]] const decode::Schema& rows() const noexcept { return schema_.rows; }

 private:
  template <class M>
  [[nodiscard]] decode::DecodeOutcome known_type(const Frame& frame, size_t shape, decode::RowBatch& out);
  [[nodiscard]] decode::DecodeOutcome user_type(const Frame& frame, size_t shape, decode::RowBatch& out);
  template <class Value>
  [[nodiscard]] decode::DecodeOutcome fill(const Header& header, size_t shape, Value&& value, decode::RowBatch& out);
  [[nodiscard]] RowValue of_header(const Header& header, Of of) const noexcept;
  // kCount: stored.
  [[nodiscard]] decode::Malformed store(const decode::Field& field, const Source& source, const RowValue& value,
                                        decode::RowBatch& out, uint32_t& cut);
  [[nodiscard]] bool store_levels(const decode::Field& field, const RowValue& value, decode::RowBatch& out,
                                  uint32_t& cut);
  [[nodiscard]] uint32_t receiver_id(const Source& source, const RowValue& value);

  // A user type's fields as they stand in one message.
  struct UserFields {
    std::vector<RowValue> values;                      // one per tag that the shape knows
    std::vector<ValueKind> kinds;                      // likewise
    std::vector<uint16_t> value_of_field;              // per field of the shape; header values: unused
    std::unique_ptr<std::array<uint16_t, 256>> index;  // tag → place in `values`, or kNone
    static constexpr uint16_t kNone = UINT16_MAX;
  };

  static constexpr uint16_t kNoShape = UINT16_MAX;
  RowSchema schema_;
  decode::SymbolTable& symbols_;
  SenderNames names_;
  std::array<uint16_t, 256> shape_of_type_;
  std::array<uint32_t, kWordCount> words_;  // the receiver's ids, interned when first needed
  std::vector<UserFields> user_;            // per shape
  QuoteRows quotes_;
};

}  // namespace tickwire::wire
