#include "decode/symbol_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

namespace tickwire::decode {
namespace {

// Multiplication to 128 bits folded to 64. A peer chooses the texts, so the hash is keyed with a random seed: colliding
// texts can't be prepared.
inline uint64_t fold(uint64_t a, uint64_t b) noexcept {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t load8(const void* from) noexcept {
  uint64_t word;
  std::memcpy(&word, from, 8);
  return word;
}

// Keeps the low n bytes, n 0..8.
inline uint64_t keep_bytes(uint64_t word, size_t n) noexcept {
  return n >= 8 ? word : word & ((uint64_t{1} << (8 * n)) - 1);
}

uint64_t tail_hash(const char* text, size_t length, uint64_t seed) noexcept {
  uint64_t hash = seed ^ length;
  size_t at = 0;
  for (; at + 8 <= length; at += 8) hash = fold(hash ^ load8(text + at), 0x9E3779B97F4A7C15u);
  if (at < length) {
    uint64_t rest = 0;
    std::memcpy(&rest, text + at, length - at);
    hash = fold(hash ^ rest, 0xD1B54A32D192ED03u);
  }
  return hash;
}

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
  uint64_t low = 0;
  uint64_t high = 0;
  if (padded || n >= 16) {
    low = keep_bytes(load8(text.data()), n);
    high = n <= 8 ? 0 : keep_bytes(load8(text.data() + 8), n - 8);
  } else if (n != 0) {
    uint8_t copy[16] = {};
    std::memcpy(copy, text.data(), n);
    low = load8(copy);
    high = load8(copy + 8);
  }
  return intern_first_16(low, high, text);
}

uint32_t SymbolTable::intern_first_16(uint64_t low, uint64_t high, std::string_view text) noexcept {
  uint64_t hash = fold(low ^ seed_, high ^ text.size() ^ 0xA0761D6478BD642Fu);
  if (text.size() > 16) hash ^= tail_hash(text.data() + 16, text.size() - 16, seed_);
  for (uint64_t at = (hash ^ (hash >> 29)) & slot_mask_;; at = (at + 1) & slot_mask_) {
    Slot& slot = slots_[at];
    if (slot.low == low && slot.high == high && slot.length == text.size() && slot.id1 != 0) [[likely]] {
      if (text.size() <= 16) return slot.id1 - 1;
      if (this->text(slot.id1 - 1).substr(16) == text.substr(16)) return slot.id1 - 1;
    }
    if (slot.id1 == 0) return add(slot, low, high, text);
  }
}

uint32_t SymbolTable::add(Slot& slot, uint64_t low, uint64_t high, std::string_view text) noexcept {
  if (count_ == max_symbols_ || text.size() > text_capacity_ - text_used_) return kFull;
  const uint32_t id = count_;
  const uint32_t entry[2] = {text_used_, static_cast<uint32_t>(text.size())};
  uint8_t* base = memory_.data();
  if (!text.empty())
    std::memcpy(base + kHeaderBytes + size_t{max_symbols_} * kEntryBytes + text_used_, text.data(), text.size());
  std::memcpy(base + kHeaderBytes + size_t{id} * kEntryBytes, entry, sizeof entry);
  text_used_ += static_cast<uint32_t>(text.size());
  slot = {low, high, id + 1, static_cast<uint32_t>(text.size())};
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
