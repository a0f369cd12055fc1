// Which messages become rows, and what of each goes where in the row. Compiled once, from the description that the
// TypeScript side writes (docs/schema-format.md, "Wire rows"), checked completely here.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "decode/schema.h"

namespace tickwire::wire {

// How a value stands in a message.
enum class ValueKind : uint8_t {
  kNumber,   // f64
  kInt64,    // 64-bit integer
  kDecimal,  // integer and scale
  kSymbol,   // the sender's symbol id
  kText,
  kBool,
  kLevels,
  kWord,  // one of a few words, numbered: a side, a status
};

// The values that messages have. kTag: a field of a user type.
enum class Of : uint8_t {
  kTag,
  // of every message
  kSequence,
  kSendTime,
  kTopic,
  kSnapshot,
  kResent,
  kConflated,
  // of market data, signals and executions
  kExchangeTime,
  kExchangeSequence,
  kSymbol,
  // of some
  kBid,
  kAsk,
  kBidSize,
  kAskSize,
  kPrice,
  kSize,
  kSide,
  kTradeId,
  kFirstUpdateId,
  kLastUpdateId,
  kBids,
  kAsks,
  kName,
  kValue,
  kConfidence,
  kValidUntil,
  kNote,
  kStatus,
  kLastPrice,
  kLastSize,
  kFilledSize,
  kOpenSize,
  kOrderId,
  kClientOrderId,
  kExecutionId,
  kAveragePrice,
  kFee,
  kFeeCurrency,
  kReason,
  kKind,
  kContent,
};

struct Source {
  Of of = Of::kTag;
  ValueKind kind = ValueKind::kNumber;
  uint8_t tag = 0;  // kTag only
};

struct RowSchema {
  // Shapes, their fields and places, as for JSON; paths, `select` and `cases` are empty.
  decode::Schema rows;
  // Per shape: the message type that it is made of, and per field where its value comes from.
  struct Shape {
    uint8_t type = 0;
    std::vector<Source> sources;
  };
  std::vector<Shape> shapes;
};

// Fails with kSchema; the text starts with the place in the description ("shapes[0].fields[2].of: ...").
[[nodiscard]] Result<RowSchema> compile_row_schema(std::string_view description);

}  // namespace tickwire::wire
