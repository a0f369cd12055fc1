#include "decode/row_writer.h"

namespace tickwire::decode {

void RowWriter::remember(Pending pending, std::string_view text, std::vector<Pending>& in) {
  rare_ = true;
  pending.text = nullptr;
  pending.copied = true;
  pending.offset = static_cast<uint32_t>(copies_.size());
  copies_.insert(copies_.end(), text.begin(), text.end());
  in.push_back(pending);
}

void RowWriter::symbol_copy(uint16_t slot, std::string_view text, bool key) {
  remember({out_->open_offset() + slot, static_cast<uint32_t>(out_->rows().size()), nullptr,
            static_cast<uint32_t>(text.size()), key, true},
           text, pending_);
}

void RowWriter::root_symbol_copy(uint16_t slot, std::string_view text, bool key) {
  remember({slot, 0, nullptr, static_cast<uint32_t>(text.size()), key, true}, text, root_symbols_);
}

bool RowWriter::text(uint16_t slot, std::string_view text) {
  uint64_t* const row = out_->add_text(slot, text);
  if (row == nullptr) return false;
  row_ = row;
  return true;
}

bool RowWriter::finish_rare() {
  if (!finish_root()) return false;
  for (const Pending& pending : pending_) {
    const uint32_t id = intern(pending);
    if (id == SymbolTable::kFull) return false;
    out_->words()[pending.word] = id;
    if (pending.key) out_->set_key(pending.row, id);
  }
  return true;
}

bool RowWriter::finish_root() {
  if (out_->rows().empty()) return true;
  const auto each_row = [this](uint16_t slot, uint64_t word) {
    for (const RowBatch::Row& row : out_->rows()) out_->row_words(row)[slot] = word;
  };
  for (const RootWord& root : root_words_) each_row(root.slot, root.word);
  if (root_flags_ != 0) {
    for (const RowBatch::Row& row : out_->rows()) out_->row_words(row)[root_flags_slot_] |= root_flags_;
  }
  for (const Pending& root : root_symbols_) {
    const uint32_t id = intern(root);
    if (id == SymbolTable::kFull) return false;
    each_row(static_cast<uint16_t>(root.word), id);
    if (root.key) {
      for (size_t row = 0; row < out_->rows().size(); ++row) out_->set_key(row, id);
    }
  }
  return true;
}

}  // namespace tickwire::decode
