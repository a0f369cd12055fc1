// What to take out of each message and where to put it in the row. Compiled once, from the description that the
// TypeScript side writes (JSON, documented in docs/schema-format.md), checked completely here.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace tickwire::decode {

enum class FieldType : uint8_t { kNumber, kInt64, kDecimal, kSymbol, kText, kBool, kLevels, kOrders };

// A step into an object (key) or an array (index).
struct PathStep {
  std::string key;
  int32_t index = -1;  // >= 0: array index, key unused
};

// Where a field's path starts: at the row, at the element of `within` that its list stands in, or at the message.
enum class Origin : uint8_t { kRow, kWithin, kRoot };

struct Field {
  std::string name;
  FieldType type = FieldType::kNumber;
  std::vector<PathStep> path;    // from its origin
  Origin origin = Origin::kRow;  // in shapes with several rows per message
  bool optional = false;     // missing or null leaves the presence bit clear; otherwise the row is refused and counted
  uint16_t slot = 0;         // 8-byte word in the row, counted from the record's start
  uint8_t presence_bit = 0;  // in the flags word; optional fields only
  // kLevels, kOrders
  uint32_t max_levels = 1000;  // further ones are left out; Stats count the cut
  bool exact = false;          // price and size as decimals (mantissa, scale) instead of doubles
  std::string price_key;       // "" = element 0 of an inner array, otherwise the key of an inner object
  std::string size_key;        // "" = element 1
  // kOrders, whose elements are objects; price_key and size_key are theirs, too
  std::string id_key;
  std::string time_key;  // "" = orders have no time
  std::string act_key;   // "" = all are added
  std::string change;    // texts at act_key; any other adds the order
  std::string remove;
  // kText
  uint32_t max_bytes = 65'536;  // longer text refuses the row (kTooLong)
};

// What a shape's rows are to an order book: indices of its fields, kNone where it has none. Either a row is an event
// with both sides, or (`side` given) each row is one level of its message's event. A role of `sequence` alone is that
// of messages which only count in the sequence of their connection.
struct BookRole {
  static constexpr int16_t kNone = -1;
  enum class Kind : uint8_t { kDelta, kSnapshot, kByField };
  Kind kind = Kind::kDelta;
  int16_t kind_field = kNone;  // kByField: a symbol field; its text is `snapshot` in snapshots
  int16_t symbol = kNone;
  int16_t bids = kNone;  // levels, exact; or orders, as asks
  int16_t asks = kNone;
  int16_t side = kNone;  // a symbol field; its text is `bid` for bids
  int16_t price = kNone;
  int16_t size = kNone;
  int16_t first_id = kNone;  // int64, as all below
  int16_t last_id = kNone;
  int16_t prev_id = kNone;
  int16_t checksum = kNone;
  int16_t sequence = kNone;  // one more with every message of a connection
  std::string snapshot;
  std::string bid;
};

// How rows that come over several connections are told apart (feed/arbiter.h).
enum class SequenceMode : uint8_t { kNone, kContiguous, kIncreasing, kDistinct, kLeader };

struct SequenceRole {
  SequenceMode mode = SequenceMode::kNone;
  int32_t field = -1;  // index of the field that holds the number; -1 for kLeader
};

// Messages that have nothing, or null, where a list of rows should be.
enum class EachAbsent : uint8_t { kCount, kIgnore, kEmpty };

struct Shape {
  std::string name;
  std::vector<PathStep> each;    // not empty: one row per element of the array found there
  bool for_each = false;         // true with an empty `each`: the message itself is the array
  std::vector<PathStep> within;  // not empty: an array; `each` is looked for in each of its elements
  EachAbsent each_absent = EachAbsent::kCount;
  std::vector<Field> fields;
  uint16_t words = 0;       // fixed part of a row, including the record header and times; variable data follows
  int32_t flags_slot = -1;  // word of presence bits, when any field is optional
  // Word that tells the lists of a message apart: u32 number of the list | u32 1 for a row that stands for an empty one
  // (its own fields are zeros). -1: nobody wants to know, and an empty list gives no row.
  int32_t group_slot = -1;
  int32_t key_field = -1;  // index of the symbol field that conflation goes by; -1 = one key for the whole shape
  std::optional<BookRole> book;
  SequenceRole sequence;
  bool notice = false;  // rows are about the connection: each is delivered, whatever the overflow policy

  [[nodiscard]] bool many_rows() const noexcept { return for_each || !each.empty(); }
  // Whether a row of this shape stands for an empty list.
  [[nodiscard]] bool is_blank(const uint64_t* row) const noexcept {
    return group_slot >= 0 && (row[group_slot] >> 32) != 0;
  }
};

enum class MatchMode : uint8_t { kExact, kPrefix, kSuffix };

struct ShapeCase {
  std::string text;  // strings match by text; numbers and booleans by their JSON text
  MatchMode mode = MatchMode::kExact;
  uint8_t shape = 0;
};

enum class Otherwise : uint8_t { kCount, kIgnore };  // no case matched: count as kUnknownShape, or as ignored

struct Schema {
  std::vector<Shape> shapes;     // 1..255
  std::vector<PathStep> select;  // empty = the only shape
  std::vector<ShapeCase> cases;  // first match wins; none when select is empty
  int32_t absent_shape = -1;     // when nothing stands at `select`
  Otherwise otherwise = Otherwise::kCount;
  uint32_t max_depth = 64;
  uint32_t max_rows_per_message = 10'000;
};

// Fails with kSchema; the text starts with the place in the description ("shapes[0].fields[2].slot: ...").
[[nodiscard]] Result<Schema> compile_schema(std::string_view description);

}  // namespace tickwire::decode
