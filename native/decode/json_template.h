// Layouts of messages that were seen before. Messages of one stream differ in their values only; what stands between
// the values is the same bytes every time. A template holds those bytes and, between them, what to do with each value.
// template_program.h makes it into something that runs.
#pragma once
#include <cstdint>
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
  uint32_t literal_at = 0;  // in Template::pool
  uint32_t literal_length = 0;
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
  std::vector<Step> element;  // of kEach, from one element's first byte to behind its last
  std::vector<uint8_t> pool;
  const Shape* shape = nullptr;  // null: a message that no shape wants
  int shape_index = -1;
  bool many_rows = false;  // has kEach; root fields are copied into each row
  struct Preset {
    uint64_t word;
    uint16_t slot;
  };
  std::vector<Preset> presets;       // words of a row behind its header that no step fills: presence bits, zeros
  std::vector<uint16_t> root_slots;  // words that root fields fill

  [[nodiscard]] std::string_view literal(const Step& step) const noexcept {
    return {reinterpret_cast<const char*>(pool.data()) + step.literal_at, step.literal_length};
  }
};

}  // namespace tickwire::decode
