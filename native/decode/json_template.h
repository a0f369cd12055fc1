// Layouts of messages that were seen before. Messages of one stream differ in their values only; what stands between
// the values is the same bytes every time. A template holds those bytes and, between them, what to do with each value.
// A message that fits is read in one pass at the speed of comparing memory; any other is left to the general engine,
// which then shows its layout to learn from.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "decode/schema.h"

namespace tickwire::decode {

enum class StepKind : uint8_t {
  kEnd,  // the end of the message, or of an element
  // Values that go to a slot. Of strings the quotes belong to the literals around.
  kNumber,
  kInt64,
  kDecimal,
  kBool,
  kSymbol,
  kSymbolNumber,  // a number's text as symbol
  kText,
  kTextRaw,  // the JSON text of a value that is neither string nor null
  kLevels,
  // Values that nobody wants, checked and passed over.
  kSkipString,
  kSkipNumber,
  kSkipBool,
  kSkipValue,
  kArrayTail,  // the elements behind the last one that matters, and the bracket
  kSelect,     // a string that must choose the template's shape
  kEach,       // the array of rows
};

// First a literal must stand there, then the value.
struct Step {
  uint64_t literal = 0;  // its first 8 bytes
  uint64_t mask = 0;     // which of them count
  uint32_t literal_length = 0;
  uint32_t literal_at = 0;  // in Template::pool, when longer than 8
  StepKind kind = StepKind::kEnd;
  bool rewind = false;  // the next step reads the same value once more
  bool root = false;    // a field of the message in a shape with several rows
  bool key = false;
  uint16_t slot = 0;
  int16_t field = -1;
  uint32_t depth = 0;  // containers that may still be opened here
};

struct Template {
  std::vector<Step> steps;
  std::vector<Step> element;     // of kEach, from one element's first byte to behind its last
  std::vector<uint8_t> pool;     // 8 bytes longer than its content
  const Shape* shape = nullptr;  // null: a message that no shape wants
  int shape_index = -1;
  bool many_rows = false;            // has kEach; root fields are copied into each row
  uint64_t flags = 0;                // presence bits of a row
  std::vector<uint16_t> zero_slots;  // words of a row that no step and nothing else fills
  std::vector<uint16_t> root_slots;  // words that root fields fill
  uint64_t used = 0;                 // when it last fitted, in messages
  uint32_t follower = 0;             // which template fitted the message after this one's last
};

}  // namespace tickwire::decode
