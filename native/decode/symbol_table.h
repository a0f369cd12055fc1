// Interned text shared with JS. Append-only: the writer (one loop thread) stores the bytes, then the entry, then
// releases the count; a reader that was handed an id through the ring therefore sees its text.
//
// Memory, given by the owner, 8-byte aligned: u32 count (atomic) | u32 max_symbols | u32 bytes_used | u32
// bytes_capacity |
//   max_symbols × (u32 offset into the text area, u32 length) | text area.
#pragma once
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tickwire::decode {

inline constexpr size_t kMaxSymbol = 255;  // bytes of a symbol in a message; a longer one is refused

class SymbolTable {
 public:
  static constexpr uint32_t kFull = UINT32_MAX;
  static constexpr size_t kHeaderBytes = 16;
  // Formats the memory, which must hold at least kHeaderBytes + 8 * max_symbols; what is left is the text area. Smaller
  // memory lowers max_symbols to what fits.
  SymbolTable(std::span<uint8_t> memory, uint32_t max_symbols);
  // The id of `text`, new or known; kFull when entries or text area are used up. 64 bytes behind the text must be
  // loadable when padded is true (fast path).
  [[nodiscard]] uint32_t intern(std::string_view text, bool padded = false) noexcept;
  // The id of a text that is known; kFull when it is not. 64 bytes behind the text must be loadable.
  [[nodiscard]] uint32_t find(std::string_view text) const noexcept {
    if (text.size() > 16) return find_longer(text);
    return find_head(head_of(text), text.size());
  }
  // The same for who knows beforehand which bits of the first 16 bytes are the text's.
  [[nodiscard]] uint32_t find(const uint8_t* text, size_t length, const uint64_t (&keep)[2]) const noexcept {
    if (length > 16) [[unlikely]]
      return find_longer({reinterpret_cast<const char*>(text), length});
    return find_head({load8(text) & keep[0], load8(text + 8) & keep[1]}, length);
  }
  [[nodiscard]] std::string_view text(uint32_t id) const noexcept;
  [[nodiscard]] uint32_t size() const noexcept { return count_; }

 private:
  struct Slot {
    uint64_t low;  // as in Head
    uint64_t high;
    uint32_t id1;  // id + 1; 0 = empty
    uint32_t length;
  };
  struct Head {  // the first 16 bytes of a text, zero-filled
    uint64_t low;
    uint64_t high;
  };
  [[nodiscard]] uint32_t find_head(const Head& head, size_t length) const noexcept {
    for (uint64_t at = place(head, length);; at = (at + 1) & slot_mask_) {
      const Slot& slot = slots_[at];
      if (slot.low == head.low && slot.high == head.high && slot.length == length && slot.id1 != 0) [[likely]]
        return slot.id1 - 1;
      if (slot.id1 == 0) return kFull;
    }
  }
  // Multiplication to 128 bits folded to 64. A peer chooses the texts, so the hash is keyed with a random seed:
  // colliding texts can't be prepared.
  [[nodiscard]] static uint64_t fold(uint64_t a, uint64_t b) noexcept {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
  [[nodiscard]] static uint64_t load8(const void* from) noexcept {
    uint64_t word;
    std::memcpy(&word, from, 8);
    return word;
  }
  // Keeps the low n bytes, n 0..8.
  [[nodiscard]] static uint64_t keep_bytes(uint64_t word, size_t n) noexcept {
    return n >= 8 ? word : word & ((uint64_t{1} << (8 * n)) - 1);
  }
  [[nodiscard]] static Head head_of(std::string_view text) noexcept {
    const size_t n = text.size();
    return {keep_bytes(load8(text.data()), n), n <= 8 ? 0 : keep_bytes(load8(text.data() + 8), n - 8)};
  }
  [[nodiscard]] uint64_t hash_of(const Head& head, size_t length) const noexcept {
    return fold(head.low ^ seed_, head.high ^ length ^ 0xA0761D6478BD642Fu);
  }
  // Where a text of at most 16 bytes belongs.
  [[nodiscard]] uint64_t place(const Head& head, size_t length) const noexcept {
    return place_of(hash_of(head, length));
  }
  [[nodiscard]] uint64_t place_of(uint64_t hash) const noexcept { return (hash ^ (hash >> 29)) & slot_mask_; }
  [[nodiscard]] bool holds(const Slot& slot, const Head& head, std::string_view text) const noexcept;
  [[nodiscard]] uint32_t find_longer(std::string_view text) const noexcept;
  [[nodiscard]] uint64_t place_of_longer(const Head& head, std::string_view text) const noexcept;
  [[nodiscard]] uint32_t add(Slot& slot, const Head& head, std::string_view text) noexcept;

  std::span<uint8_t> memory_;
  uint32_t max_symbols_;
  uint32_t count_ = 0;
  uint32_t text_used_ = 0;
  uint32_t text_capacity_ = 0;
  uint64_t seed_;
  uint64_t slot_mask_;
  std::vector<Slot> slots_;  // open addressing, power of two, at most half full
};

}  // namespace tickwire::decode
