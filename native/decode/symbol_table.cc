#include "decode/symbol_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

namespace tickwire::decode {
namespace {

constexpr size_t kEntryBytes = 8;

}  // namespace

SymbolTable::SymbolTable(std::span<uint8_t> memory, uint32_t max_symbols) : memory_(memory), max_symbols_(max_symbols) {
  const size_t room = memory.size() > kHeaderBytes ? memory.size() - kHeaderBytes : 0;
  max_symbols_ = static_cast<uint32_t>(std::min<size_t>({max_symbols, room / kEntryBytes, size_t{1} << 28}));
  text_capacity_ = static_cast<uint32_t>(std::min<size_t>(room - size_t{max_symbols_} * kEntryBytes, UINT32_MAX));
  std::random_device entropy;
  seed_ = (uint64_t{entropy()} << 32 | entropy()) | 1;
  const size_t slots = std::bit_ceil(std::max<size_t>(16, size_t{max_symbols_} * 2));
  slot_mask_ = slots - 1;
  slots_.resize(slots);
  if (memory.size() >= kHeaderBytes) {
    const uint32_t header[4] = {0, max_symbols_, 0, text_capacity_};
    std::memcpy(memory.data(), header, sizeof header);
    std::memset(memory.data() + kHeaderBytes, 0, size_t{max_symbols_} * kEntryBytes);
  }
}

uint32_t SymbolTable::intern(std::string_view text, bool padded) noexcept {
  const size_t n = text.size();
  Head head{};
  if (padded || n >= 16) {
    head = head_of(text);
  } else if (n != 0) {
    uint8_t copy[16] = {};
    std::memcpy(copy, text.data(), n);
    head = {load8(copy), load8(copy + 8)};
  }
  for (uint64_t at = n > 16 ? place_of_longer(head, text) : place(head, n);; at = (at + 1) & slot_mask_) {
    Slot& slot = slots_[at];
    if (holds(slot, head, text)) return slot.id1 - 1;
    if (slot.id1 == 0) return add(slot, head, text);
  }
}

uint32_t SymbolTable::find_longer(std::string_view text) const noexcept {
  const Head head = head_of(text);
  for (uint64_t at = place_of_longer(head, text);; at = (at + 1) & slot_mask_) {
    const Slot& slot = slots_[at];
    if (holds(slot, head, text)) return slot.id1 - 1;
    if (slot.id1 == 0) return kFull;
  }
}

bool SymbolTable::holds(const Slot& slot, const Head& head, std::string_view text) const noexcept {
  if (slot.low != head.low || slot.high != head.high || slot.length != text.size() || slot.id1 == 0) return false;
  return text.size() <= 16 || this->text(slot.id1 - 1).substr(16) == text.substr(16);
}

uint64_t SymbolTable::place_of_longer(const Head& head, std::string_view text) const noexcept {
  uint64_t tail = seed_ ^ (text.size() - 16);
  size_t at = 16;
  for (; at + 8 <= text.size(); at += 8) tail = fold(tail ^ load8(text.data() + at), 0x9E3779B97F4A7C15u);
  if (at < text.size()) {
    uint64_t rest = 0;
    std::memcpy(&rest, text.data() + at, text.size() - at);
    tail = fold(tail ^ rest, 0xD1B54A32D192ED03u);
  }
  return place_of(hash_of(head, text.size()) ^ tail);
}

uint32_t SymbolTable::add(Slot& slot, const Head& head, std::string_view text) noexcept {
  if (count_ == max_symbols_ || text.size() > text_capacity_ - text_used_) return kFull;
  const uint32_t id = count_;
  const uint32_t entry[2] = {text_used_, static_cast<uint32_t>(text.size())};
  uint8_t* base = memory_.data();
  if (!text.empty())
    std::memcpy(base + kHeaderBytes + size_t{max_symbols_} * kEntryBytes + text_used_, text.data(), text.size());
  std::memcpy(base + kHeaderBytes + size_t{id} * kEntryBytes, entry, sizeof entry);
  text_used_ += static_cast<uint32_t>(text.size());
  slot = {head.low, head.high, id + 1, static_cast<uint32_t>(text.size())};
  ++count_;
  std::memcpy(base + 8, &text_used_, 4);
  // Release: whoever reads the count sees the text and the entry before it.
  __atomic_store_n(reinterpret_cast<uint32_t*>(base), count_, __ATOMIC_RELEASE);
  return id;
}

std::string_view SymbolTable::text(uint32_t id) const noexcept {
  if (id >= count_) return {};
  uint32_t entry[2];
  std::memcpy(entry, memory_.data() + kHeaderBytes + size_t{id} * kEntryBytes, sizeof entry);
  const uint8_t* area = memory_.data() + kHeaderBytes + size_t{max_symbols_} * kEntryBytes;
  return {reinterpret_cast<const char*>(area + entry[0]), entry[1]};
}

}  // namespace tickwire::decode
