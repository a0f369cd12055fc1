// Interned text shared with JS. Append-only: the writer (one loop thread) stores the bytes, then the entry, then
// releases the count; a reader that was handed an id through the ring therefore sees its text.
//
// Memory, given by the owner, 8-byte aligned: u32 count (atomic) | u32 max_symbols | u32 bytes_used | u32
// bytes_capacity |
//   max_symbols × (u32 offset into the text area, u32 length) | text area.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tickwire::decode {

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
  [[nodiscard]] std::string_view text(uint32_t id) const noexcept;
  [[nodiscard]] uint32_t size() const noexcept { return count_; }

 private:
  struct Slot {
    uint64_t low;  // the first 16 bytes of the text, zero-filled
    uint64_t high;
    uint32_t id1;  // id + 1; 0 = empty
    uint32_t length;
  };
  [[nodiscard]] uint32_t intern_first_16(uint64_t low, uint64_t high, std::string_view text) noexcept;
  [[nodiscard]] uint32_t add(Slot& slot, uint64_t low, uint64_t high, std::string_view text) noexcept;

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
