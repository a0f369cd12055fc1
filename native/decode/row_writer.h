// Fills the rows of one message. Symbols are interned when the whole message has turned out good: a guess that failed,
// or a refused message, must not use up the symbol table.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "decode/row_batch.h"
#include "decode/symbol_table.h"

namespace tickwire::decode {

class RowWriter {
 public:
  explicit RowWriter(SymbolTable& symbols) : symbols_(symbols) {
    pending_.reserve(64);
    root_symbols_.reserve(16);
  }

  void start(RowBatch& out) noexcept {
    out_ = &out;
    if (rare_) [[unlikely]] {
      pending_.clear();
      root_symbols_.clear();
      root_words_.clear();
      root_flags_ = 0;
      copies_.clear();
      rare_ = false;
    }
  }

  // Null when the message's rows would become too large; otherwise the row's words, good until the next call that adds
  // some.
  [[nodiscard]] uint64_t* begin_row(uint32_t words) {
    if (!out_->fits(words)) [[unlikely]]
      return nullptr;
    key_ = RowBatch::kNoKey;
    return row_ = out_->begin(words);
  }
  [[nodiscard]] uint64_t* begin_row_unset(uint32_t words) {
    if (!out_->fits(words)) [[unlikely]]
      return nullptr;
    key_ = RowBatch::kNoKey;
    return row_ = out_->begin_unset(words);
  }
  [[nodiscard]] const SymbolTable& symbols() const noexcept { return symbols_; }
  [[nodiscard]] uint64_t* row() const noexcept { return row_; }
  void end_row(uint8_t shape) { out_->commit(shape, key_); }
  [[nodiscard]] size_t rows() const noexcept { return out_->rows().size(); }

  // 64 bytes behind the text may be loaded until finish(), and the text stays where it is.
  void symbol(uint16_t slot, std::string_view text, bool key) {
    if (const uint32_t id = symbols_.find(text); id != SymbolTable::kFull) [[likely]] {
      row_[slot] = id;
      if (key) key_ = id;
      return;
    }
    rare_ = true;
    pending_.push_back({out_->open_offset() + slot, static_cast<uint32_t>(out_->rows().size()), text.data(),
                        static_cast<uint32_t>(text.size()), key, false});
  }
  // Only a text that the table holds, perhaps known from elsewhere to be good; false for any other.
  [[nodiscard]] bool known_symbol(uint16_t slot, std::string_view text, bool key) noexcept {
    const uint32_t id = symbols_.find(text);
    if (id == SymbolTable::kFull) return false;
    row_[slot] = id;
    if (key) key_ = id;
    return true;
  }
  // A text that will be gone by then.
  void symbol_copy(uint16_t slot, std::string_view text, bool key);

  // The same value in every row of the message.
  void root_word(uint16_t slot, uint64_t word) {
    rare_ = true;
    root_words_.push_back({slot, word});
  }
  void root_flag(uint16_t slot, uint64_t bit) {
    rare_ = true;
    root_flags_slot_ = slot;
    root_flags_ |= bit;
  }
  void root_symbol(uint16_t slot, std::string_view text, bool key) {
    rare_ = true;
    root_symbols_.push_back({slot, 0, text.data(), static_cast<uint32_t>(text.size()), key, false});
  }
  void root_symbol_copy(uint16_t slot, std::string_view text, bool key);

  // False when the rows would become too large.
  [[nodiscard]] bool text(uint16_t slot, std::string_view text);

  // Levels: room for some more (false when too large), then each one, then the end.
  static constexpr uint32_t kLevelsAtOnce = 32;
  [[nodiscard]] bool reserve_levels(uint32_t words_each) {
    if (!out_->fits(words_each * kLevelsAtOnce)) return false;
    row_ = out_->reserve(words_each * kLevelsAtOnce);
    return true;
  }
  void end_levels(uint16_t slot, uint32_t begin_word, uint32_t count) noexcept {
    row_[slot] = uint64_t{begin_word} * 8 | uint64_t{count} << 32;
  }
  [[nodiscard]] uint32_t open_words() const noexcept { return out_->open_words(); }
  void grown(uint32_t words) noexcept { out_->grown(words); }

  // Interns; false when the symbol table is full.
  [[nodiscard]] bool finish() { return !rare_ || finish_rare(); }

 private:
  struct Pending {
    uint32_t word;  // in the batch; for root symbols the slot
    uint32_t row;
    const char* text;  // null: copied, `offset` in copies_
    uint32_t length;
    bool key;
    bool copied;
    uint32_t offset = 0;
  };
  struct RootWord {
    uint16_t slot;
    uint64_t word;
  };
  [[nodiscard]] uint32_t intern(const Pending& pending) noexcept;
  void remember(Pending pending, std::string_view text, std::vector<Pending>& in);
  [[nodiscard]] bool finish_rare();
  [[nodiscard]] bool finish_root();

  SymbolTable& symbols_;
  RowBatch* out_ = nullptr;
  uint64_t* row_ = nullptr;
  uint32_t key_ = RowBatch::kNoKey;  // of the open row, as far as it is known before finish()
  std::vector<Pending> pending_;
  std::vector<Pending> root_symbols_;
  std::vector<RootWord> root_words_;
  std::vector<char> copies_;
  uint64_t root_flags_ = 0;  // or-ed into each row's presence bits
  uint16_t root_flags_slot_ = 0;
  bool rare_ = false;  // any of these was used, or pending_
};

inline uint32_t RowWriter::intern(const Pending& pending) noexcept {
  if (pending.copied) return symbols_.intern({copies_.data() + pending.offset, pending.length});
  return symbols_.intern({pending.text, pending.length}, true);
}

}  // namespace tickwire::decode
