// What a sender's numbers for symbols and topics mean here: they hold for one connection, the receiver's symbol table
// for the whole feed.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "decode/symbol_table.h"

namespace tickwire::wire {

class SenderNames {
 public:
  static constexpr uint32_t kUnknown = UINT32_MAX;
  // Senders number from 0 or 1 upwards; a number beyond this is refused, since memory is taken for all below it.
  static constexpr uint32_t kMaxSymbol = (16u << 20) + 16;

  // Another connection: nothing is defined. Memory is kept.
  void forget() noexcept {
    symbols_.clear();
    topics_.clear();
  }
  // False when the number is too large or the symbol table full. A number may be defined anew.
  [[nodiscard]] bool define_symbol(uint32_t id, std::string_view text, decode::SymbolTable& table) {
    return id <= kMaxSymbol && define(symbols_, id, text, table);
  }
  [[nodiscard]] bool define_topic(uint16_t source, std::string_view name, decode::SymbolTable& table) {
    return define(topics_, source, name, table);
  }
  // The receiver's id, or kUnknown.
  [[nodiscard]] uint32_t symbol(uint32_t id) const noexcept { return id < symbols_.size() ? symbols_[id] : kUnknown; }
  [[nodiscard]] uint32_t topic(uint16_t source) const noexcept {
    return source < topics_.size() ? topics_[source] : kUnknown;
  }

 private:
  static bool define(std::vector<uint32_t>& ids, uint32_t id, std::string_view text, decode::SymbolTable& table) {
    const uint32_t known = table.intern(text);
    if (known == decode::SymbolTable::kFull) return false;
    if (id >= ids.size()) ids.resize(size_t{id} + 1, kUnknown);
    ids[id] = known;
    return true;
  }
  std::vector<uint32_t> symbols_;
  std::vector<uint32_t> topics_;
};

}  // namespace tickwire::wire
