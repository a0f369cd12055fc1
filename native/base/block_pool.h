// Memory for many small blocks that come and go: freed ones are kept by size and handed out again. Larger ones go to
// the heap. Not thread-safe; for a library that takes its memory through functions of its user's.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace tickwire {

class BlockPool {
 public:
  static constexpr size_t kLargest = 1024;  // bytes of a block that is kept

  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  // What was handed out must have been freed.
  ~BlockPool();

  // Null when there is no memory, as with malloc and its kin. Aligned for every type.
  [[nodiscard]] void* allocate(size_t bytes) noexcept;
  [[nodiscard]] void* allocate_zeroed(size_t count, size_t each) noexcept;
  [[nodiscard]] void* resize(void* block, size_t bytes) noexcept;
  void free(void* block) noexcept;

 private:
  static constexpr size_t kStep = 32;

  // In front of each block.
  struct alignas(std::max_align_t) Header {
    size_t capacity;  // bytes behind it
    Header* next;     // while it is kept
  };

  std::array<Header*, kLargest / kStep> kept_{};
};

}  // namespace tickwire
