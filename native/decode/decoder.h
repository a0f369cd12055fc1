// A message in, rows out.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decode/row_batch.h"
#include "decode/sbe_schema.h"
#include "decode/schema.h"
#include "decode/symbol_table.h"

namespace tickwire::decode {

// Why a message (or a row of it) was not delivered. Counted per kind; append only (TypeScript knows the order).
enum class Malformed : uint8_t {
  kSyntax,     // not JSON
  kTruncated,  // JSON that ends too early
  kDepth,      // nested deeper than max_depth
  kUtf8,
  kWrongType,
  kOutOfRange,  // a number that int64, decimal or double cannot hold
  kMissing,     // a required field is missing or null
  kUnknownShape,
  kTooLong,  // text over max_bytes
  kTooManyRows,
  kTooManySymbols,
  kNotText,        // a binary message for a JSON decoder
  kUnknownSymbol,  // a symbol or topic by a number that its sender has not defined
  kChecksum,       // wire format: of a frame
  kResync,         // bytes that begin no frame were passed over
  kUnsupported,    // a frame whose flags hide its payload
  kUnexpected,     // a frame that is none of a subscriber's business
  kTooManyTopics,
  kNotBinary,    // a text message for an SBE decoder
  kWrongSchema,  // SBE: of another schema
  kCount
};

struct DecodeOutcome {
  bool ok = true;
  bool ignored = false;                // ok, but no shape wanted it (Otherwise::kIgnore)
  Malformed why = Malformed::kSyntax;  // when !ok
  uint8_t shape = 0;                   // of the rows, even if there are none; of the failing one when field is known
  int16_t field = -1;                  // index in that shape, -1 when it is not about one field
  bool blank = false;                  // some row stands for an empty list (Shape::is_blank)
  uint32_t cut_levels = 0;             // levels left out because of max_levels
};

// Rows that stand for empty lists are for books alone.
inline void drop_blank_rows(RowBatch& batch, const std::vector<Shape>& shapes) {
  batch.keep_if([&](const RowBatch::Row& row) { return !shapes[row.shape].is_blank(batch.row_words(row)); });
}

class Decoder {
 public:
  virtual ~Decoder() = default;
  // `out` was cleared. On failure its content is of no meaning and no row of the message counts. 64 bytes behind the
  // message may be loaded. Allocates nothing once warm.
  [[nodiscard]] virtual DecodeOutcome decode(std::span<const uint8_t> message, bool binary, RowBatch& out) = 0;
};

// kGeneral leaves out the engine that learns layouts: for comparisons in tests and benchmarks. Results are the same.
enum class JsonEngines : uint8_t { kBoth, kGeneral };

// JSON by projection. Symbols are interned into `symbols`, which must outlive the decoder.
[[nodiscard]] std::unique_ptr<Decoder> make_json_decoder(Schema schema, SymbolTable& symbols,
                                                         JsonEngines engines = JsonEngines::kBoth);

// SBE messages by a program made of their schema. Symbols are interned into `symbols`, which must outlive the decoder.
[[nodiscard]] std::unique_ptr<Decoder> make_sbe_decoder(SbeSchema schema, SymbolTable& symbols);

}  // namespace tickwire::decode
