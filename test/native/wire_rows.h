// A row decoder with its symbol table, and rows made readable.
#pragma once
#include <bit>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "wire/row_decoder.h"
#include "wire_stream.h"

namespace tickwire::wire::testing {

inline RowSchema row_schema(const std::string& description) {
  auto schema = compile_row_schema(description);
  if (!schema.ok()) std::abort();
  return std::move(schema.value());
}

class Rows {
 public:
  explicit Rows(const std::string& description, uint32_t max_symbols = 64, bool define = true)
      : memory_(4 * max_symbols + 64),
        symbols_({reinterpret_cast<uint8_t*>(memory_.data()), memory_.size() * 8}, max_symbols),
        decoder_(row_schema(description), symbols_) {
    if (define) {
      this->define(1, "BTC");
      this->define(2, "ETH");
      topic(1, "quotes");
      topic(7, "others");
    }
  }

  bool define(uint32_t id, std::string_view text) {
    const SymbolEntry entries[] = {{id, text}};
    Bytes payload(300);
    TlvWriter out(payload);
    put(out, std::span<const SymbolEntry>(entries));
    Symbols m;
    return get({payload.data(), out.size()}, m) && decoder_.define(m);
  }
  bool topic(uint16_t source, std::string_view name) {
    const TopicEntry entries[] = {{source, 0, name}};
    Bytes payload(300);
    TlvWriter out(payload);
    put(out, 0, std::span<const TopicEntry>(entries));
    Topics m;
    return get({payload.data(), out.size()}, m) && decoder_.define(m);
  }

  decode::DecodeOutcome decode(const Header& header, std::span<const uint8_t> payload) {
    const Bytes exact(payload.begin(), payload.end());
    return decoder_.decode({header, exact}, batch_);
  }
  decode::DecodeOutcome decode(const Header& header, const Bytes& payload) {
    return decode(header, std::span<const uint8_t>(payload));
  }
  template <class M>
  decode::DecodeOutcome encode(const Header& header, const M& m) {
    Bytes payload(70'000);
    TlvWriter out(payload);
    put(out, m);
    return decode(header, {payload.data(), out.size()});
  }

  RowDecoder& decoder() { return decoder_; }
  decode::RowBatch& batch() { return batch_; }

  // Every row as "shape name=value …", fields in their order, and its key.
  std::string dump() {
    std::string text;
    for (const auto& row : batch_.rows()) {
      const decode::Shape& shape = decoder_.rows().shapes[row.shape];
      const uint64_t* words = batch_.row_words(row);
      text += shape.name;
      for (const decode::Field& field : shape.fields) {
        text += " " + field.name + "=";
        const bool there = !field.optional || (words[shape.flags_slot] >> field.presence_bit & 1) != 0;
        text += there ? value(field, words) : words[field.slot] == 0 ? "-" : "dirty";
      }
      text += row.key == decode::RowBatch::kNoKey ? " key=none" : " key=" + std::string(symbols_.text(row.key));
      text += '\n';
    }
    return text;
  }

 private:
  static std::string number(double value) {
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", value);
    double back = 0;
    for (int digits = 6; digits < 17; ++digits) {
      char shorter[40];
      std::snprintf(shorter, sizeof shorter, "%.*g", digits, value);
      std::sscanf(shorter, "%lf", &back);
      if (back == value) return shorter;
    }
    return text;
  }
  static std::string decimal(const uint64_t* words) {
    return std::to_string(static_cast<int64_t>(words[0])) + "e-" + std::to_string(words[1]);
  }
  std::string value(const decode::Field& field, const uint64_t* words) {
    const uint64_t word = words[field.slot];
    const auto* bytes = reinterpret_cast<const char*>(words) + static_cast<uint32_t>(word);
    const auto length = static_cast<uint32_t>(word >> 32);
    switch (field.type) {
      case decode::FieldType::kNumber:
        return number(std::bit_cast<double>(word));
      case decode::FieldType::kBool:
        return std::bit_cast<double>(word) != 0 ? "true" : "false";
      case decode::FieldType::kInt64:
        return std::to_string(static_cast<int64_t>(word));
      case decode::FieldType::kDecimal:
        return decimal(words + field.slot);
      case decode::FieldType::kSymbol:
        return std::string(symbols_.text(static_cast<uint32_t>(word)));
      case decode::FieldType::kText:
        return "'" + std::string(bytes, length) + "'";
      case decode::FieldType::kOrders:
        break;
      case decode::FieldType::kLevels: {
        std::string text = "[";
        const uint64_t* at = words + static_cast<uint32_t>(word) / 8;
        for (uint32_t i = 0; i < length; ++i) {
          text += field.exact ? decimal(at) + ":" + decimal(at + 2)
                              : number(std::bit_cast<double>(at[0])) + ":" + number(std::bit_cast<double>(at[1]));
          text += ";";
          at += field.exact ? 4 : 2;
        }
        return text + "]";
      }
    }
    return "?";
  }

  std::vector<uint64_t> memory_;
  decode::SymbolTable symbols_;
  RowDecoder decoder_;
  decode::RowBatch batch_;
};

}  // namespace tickwire::wire::testing
