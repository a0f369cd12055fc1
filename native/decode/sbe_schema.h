// How SBE messages (FIX Simple Binary Encoding 1.0) are walked and what of each goes where in the row. Compiled once,
// from the description that the TypeScript side makes of a message schema and a projection (docs/schema-format.md,
// "SBE rows"), checked completely here.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "decode/schema.h"

namespace tickwire::decode {

enum class SbePrimitive : uint8_t { kInt8, kInt16, kInt32, kInt64, kUint8, kUint16, kUint32, kUint64, kFloat, kDouble };

[[nodiscard]] constexpr uint32_t sbe_size(SbePrimitive type) noexcept {
  constexpr uint8_t kSizes[] = {1, 2, 4, 8, 1, 2, 4, 8, 4, 8};
  return kSizes[static_cast<size_t>(type)];
}

// A number at a fixed place.
struct SbeNumber {
  uint32_t offset = 0;
  SbePrimitive type = SbePrimitive::kUint8;
  uint8_t shift = 56;  // bits that it has less than 64

  [[nodiscard]] constexpr uint32_t end() const noexcept { return offset + sbe_size(type); }
  [[nodiscard]] constexpr bool is_float() const noexcept { return type >= SbePrimitive::kFloat; }
  [[nodiscard]] constexpr bool is_signed() const noexcept { return type <= SbePrimitive::kInt64; }
};

// A number in the block of the message, or of the entry that the row is made of.
struct SbeBlockNumber {
  bool in_each = false;
  SbeNumber number;
  uint16_t since = 0;     // version of the schema that added it
  bool nullable = false;  // `null_bits` stand for null
  uint64_t null_bits = 0;
};

// mantissa * 10^exponent.
struct SbeScaled {
  enum class Exponent : uint8_t { kConstant, kRead };
  SbeBlockNumber mantissa;
  Exponent exponent = Exponent::kConstant;
  int32_t constant = 0;
  SbeBlockNumber read;
};

// A text of the schema's, with the bytes behind it that a symbol table may load.
class SbeText {
 public:
  SbeText() : SbeText(std::string_view{}) {}
  explicit SbeText(std::string_view text) : bytes_(text) { bytes_.append(kBehind, '\0'); }
  [[nodiscard]] std::string_view view() const noexcept {
    return std::string_view(bytes_).substr(0, bytes_.size() - kBehind);
  }

 private:
  static constexpr size_t kBehind = 64;
  std::string bytes_;
};

struct SbeName {
  uint64_t bits = 0;  // the value as it is encoded, zero-extended
  SbeText text;
};

// Where a field's value comes from.
struct SbeSource {
  enum class From : uint8_t {
    kNumber,    // number, int64, decimal; symbol and bool by value
    kChars,     // symbol, text: characters in a block, ended by its length or a zero
    kData,      // symbol, text: variable-length data
    kGroup,     // levels
    kConstant,  // any type but levels: `words` and `text`
  };
  From from = From::kNumber;
  SbeScaled number;
  int32_t bit = -1;            // bool: of a set; -1: 0 is false and 1 true
  std::vector<SbeName> names;  // symbol by value; a value without name is its number
  uint32_t length = 0;         // kChars, which stand at number.mantissa
  bool in_each = false;        // kData: of the entry
  uint32_t index = 0;          // kData, kGroup: which
  SbeScaled price, size;       // kGroup: `in_each` says the entry of that group
  std::array<uint64_t, 2> words{};
  SbeText text;
};

struct SbeData {
  SbeNumber length;
  uint32_t start = 0;  // of the data, from the length's composite
  uint16_t since = 0;
};

struct SbeGroup {
  uint32_t dimension = 0;  // bytes
  SbeNumber block_length;
  SbeNumber count;
  uint64_t most = UINT64_MAX;  // entries
  uint16_t since = 0;
  std::vector<SbeGroup> groups;
  std::vector<SbeData> data;
};

struct SbeShape {
  uint64_t template_id = 0;
  int32_t each = -1;  // one row per entry of this group
  std::vector<SbeGroup> groups;
  std::vector<SbeData> data;
  std::vector<SbeSource> sources;  // of the shape's fields, in their order
};

struct SbeSchema {
  Schema rows;  // layout only: paths and cases are empty
  std::vector<SbeShape> shapes;
  bool big_endian = false;
  uint32_t header = 0;  // bytes
  SbeNumber block_length, template_id, schema_id, version;
  uint64_t id = 0;
  Otherwise text = Otherwise::kCount;  // text messages
};

// Fails with kSchema; the text starts with the place in the description.
[[nodiscard]] Result<SbeSchema> compile_sbe_schema(std::string_view description);

}  // namespace tickwire::decode
