// What the decoder tests share: messages with hostile bytes behind them, and rows made comparable.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/decoder.h"

namespace tickwire::decode::testing {

// A copy of a message with exactly the 64 bytes behind it that may be loaded, filled with `behind`: nothing there may
// matter, and the address sanitizer sees what is read beyond.
class Padded {
 public:
  explicit Padded(std::string_view text, std::string_view behind = {})
      : bytes_(new uint8_t[text.size() + 64]), size_(text.size()) {
    std::memset(bytes_.get() + size_, ' ', 64);
    if (!text.empty()) std::memcpy(bytes_.get(), text.data(), size_);
    const size_t n = std::min<size_t>(64, behind.size());
    if (n != 0) std::memcpy(bytes_.get() + size_, behind.data(), n);
  }
  [[nodiscard]] std::span<const uint8_t> message() const noexcept { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_;
};

// A decoder with its symbol table and output.
class Bench {
 public:
  explicit Bench(const Schema& schema, JsonEngines engines = JsonEngines::kBoth, uint32_t max_symbols = 4096)
      : memory_(4 * max_symbols),
        symbols_({reinterpret_cast<uint8_t*>(memory_.data()), memory_.size() * 8}, max_symbols),
        schema_(schema),
        decoder_(make_json_decoder(schema, symbols_, engines)),
        in_place_(engines == JsonEngines::kBoth) {}

  DecodeOutcome decode(std::string_view text, std::string_view behind = {}) {
    const Padded padded(text, behind);
    // Rows in memory that is given and often too small, as on their way to the ring, or in memory of their own.
    if (in_place_) {
      batch_.clear_into(place_.data(), static_cast<uint32_t>(place_.size()));
    } else {
      batch_.clear_into_own();
    }
    return decoder_->decode(padded.message(), false, batch_);
  }
  RowBatch& batch() noexcept { return batch_; }
  SymbolTable& symbols() noexcept { return symbols_; }
  Decoder& decoder() noexcept { return *decoder_; }

  // Bit patterns of every word, symbols as text: equal texts mean equal rows.
  std::string dump() {
    std::string text;
    for (const RowBatch::Row& row : batch_.rows()) {
      const Shape& shape = schema_.shapes[row.shape];
      text += "row " + std::to_string(row.shape) + " words " + std::to_string(row.word_count) + " key ";
      if (row.key == RowBatch::kNoKey)
        text += "none";
      else
        text += std::string(symbols_.text(row.key));
      const uint64_t* words = batch_.row_words(row);
      for (uint32_t i = kRowHeaderWords; i < row.word_count; ++i) {
        const auto is_symbol = [&](const Field& field) { return field.type == FieldType::kSymbol && field.slot == i; };
        const auto symbol = std::find_if(shape.fields.begin(), shape.fields.end(), is_symbol);
        // The row of an empty list has no fields of its own.
        const bool own = symbol != shape.fields.end() && symbol->origin == Origin::kRow;
        const bool present = symbol == shape.fields.end() ||
                             (!(own && shape.is_blank(words)) &&
                              (!symbol->optional || (words[shape.flags_slot] >> symbol->presence_bit & 1) != 0));
        if (symbol != shape.fields.end() && present && i < shape.words) {
          text += " '" + std::string(symbols_.text(static_cast<uint32_t>(words[i]))) + "'";
        } else {
          char hex[24];
          std::snprintf(hex, sizeof hex, " %llx", static_cast<unsigned long long>(words[i]));
          text += hex;
        }
      }
      text += '\n';
    }
    return text;
  }

 private:
  std::vector<uint64_t> memory_;
  SymbolTable symbols_;
  Schema schema_;
  std::unique_ptr<Decoder> decoder_;
  bool in_place_;
  std::vector<uint64_t> place_ = std::vector<uint64_t>(40);
  RowBatch batch_;
};

inline std::string describe(const DecodeOutcome& outcome) {
  if (outcome.ok) return std::string(outcome.ignored ? "ignored" : "ok") + " cut " + std::to_string(outcome.cut_levels);
  return "why " + std::to_string(static_cast<int>(outcome.why)) + " shape " + std::to_string(outcome.shape) +
         " field " + std::to_string(outcome.field);
}

}  // namespace tickwire::decode::testing
