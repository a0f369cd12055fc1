// Any bytes as SBE messages: nothing may be read beyond the message and the 64 bytes behind it, whose content may not
// matter; a refused message leaves nothing, an accepted one stays accepted when a newer sender's bytes follow it. The
// first byte chooses the byte order and how symbols can run out; messages follow, each with its length in one byte.
// When its lowest bit is set, header and counts are put right, or the fuzzer would hardly get past them.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../native/sbe_fixture.h"

namespace {

using namespace tickwire::decode;
using testing::Padded;

SbeSchema schema_of(bool big_endian) {
  std::string description = testing::kSbeDescription;
  if (big_endian) description.insert(1, R"("bigEndian":true,)");
  return compile_sbe_schema(description).value();
}

class Side {
 public:
  Side(const SbeSchema& schema, uint32_t max_symbols)
      : memory_(size_t{4} * max_symbols),
        symbols_({reinterpret_cast<uint8_t*>(memory_.data()), memory_.size() * 8}, max_symbols),
        rows_(schema.rows),
        decoder_(make_sbe_decoder(schema, symbols_)) {}

  DecodeOutcome decode(std::string_view message, std::string_view behind) {
    const Padded padded(message, behind);
    batch_.clear_into_own();
    const DecodeOutcome outcome = decoder_->decode(padded.message(), true, batch_);
    if (!outcome.ok && (!batch_.rows().empty() || outcome.why >= Malformed::kCount)) std::abort();
    if (batch_.rows().size() > rows_.max_rows_per_message) std::abort();
    return outcome;
  }
  // Every word, symbols as text.
  std::string dump() {
    std::string text;
    for (const RowBatch::Row& row : batch_.rows()) {
      const Shape& shape = rows_.shapes[row.shape];
      const uint64_t* words = batch_.row_words(row);
      for (uint32_t i = kRowHeaderWords; i < row.word_count; ++i) {
        bool is_symbol = false;
        for (const Field& field : shape.fields) is_symbol |= field.type == FieldType::kSymbol && field.slot == i;
        text += is_symbol ? std::string(symbols_.text(static_cast<uint32_t>(words[i]))) : std::to_string(words[i]);
        text += ' ';
      }
    }
    return text;
  }

 private:
  std::vector<uint64_t> memory_;
  SymbolTable symbols_;
  Schema rows_;
  std::unique_ptr<Decoder> decoder_;
  RowBatch batch_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const SbeSchema schemas[2] = {schema_of(false), schema_of(true)};
  const bool big_endian = (data[0] & 1) != 0;
  const uint32_t max_symbols = (data[0] & 2) != 0 ? 4 : 64;
  Side one(schemas[big_endian ? 1 : 0], max_symbols);
  Side two(schemas[big_endian ? 1 : 0], max_symbols);
  std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  while (!rest.empty()) {
    const auto head = static_cast<uint8_t>(rest[0]);
    std::string message(rest.substr(1, head));
    rest.remove_prefix(1 + message.size());
    if ((head & 1) != 0 && message.size() >= 8) {
      const size_t low = big_endian ? 1 : 0;
      message[low] = static_cast<char>(message[low] & 31);
      message[1 - low] = 0;
      message[2 + low] = static_cast<char>(1 + (message[2 + low] & 1));
      message[3 - low] = 0;
      message[4 + low] = 91;
      message[5 - low] = 0;
      message[6 + low] = static_cast<char>(message[6 + low] & 3);
      message[7 - low] = 0;
    }
    const DecodeOutcome first = one.decode(message, "");
    const DecodeOutcome second = two.decode(message, std::string(64, '\xFF'));
    if (testing::describe(first) != testing::describe(second) || one.dump() != two.dump()) std::abort();
    if (!first.ok) continue;
    const std::string rows = one.dump();
    // Of the schema's version at least, so no part is younger than the message.
    if (one.decode(message + "more", rest).ok && one.dump() != rows) std::abort();
    if (!one.decode(message + "more", rest).ok) std::abort();
    if (!two.decode(message, rest).ok) std::abort();
  }
  return 0;
}
