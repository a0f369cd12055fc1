// What is done for each row of a message that has everything where this schema says: the same as field by field, but
// with all questions that do not depend on the message answered beforehand.
#pragma once
#include <cstdint>
#include <vector>

#include "decode/sbe_schema.h"

namespace tickwire::decode {

struct SbeStep {
  enum class Kind : uint8_t {
    kWord,     // int64
    kScaled,   // number by an exponent that stands in the message
    kDecimal,  // the same as decimal
    kSymbol,   // from the message's variable-length data
    kField,    // by the general way
  };
  Kind kind = Kind::kField;
  bool in_each = false;
  bool exponent_in_each = false;
  bool key = false;
  uint16_t slot = 0;
  uint16_t field = 0;  // index
  SbeNumber number;
  SbeNumber exponent;
  uint32_t index = 0;  // of data
};

struct SbeSteps {
  std::vector<SbeStep> steps;
  // They may be taken for messages of at least these lengths and this version.
  uint64_t root_bytes = 0;
  uint64_t each_bytes = 0;
  uint64_t version = 0;
  bool fill = false;  // every word of a row behind its header is written
};

[[nodiscard]] SbeSteps make_sbe_steps(const SbeShape& shape, const Shape& layout);

}  // namespace tickwire::decode
