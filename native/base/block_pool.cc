#include "base/block_pool.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace tickwire {

BlockPool::~BlockPool() {
  for (Header* block : kept_) {
    while (block != nullptr) std::free(std::exchange(block, block->next));
  }
}

void* BlockPool::allocate(size_t bytes) noexcept {
  if (bytes > SIZE_MAX - sizeof(Header) - kStep) return nullptr;
  const size_t capacity = bytes > kLargest ? bytes : std::max(bytes + kStep - 1, kStep) / kStep * kStep;
  if (capacity <= kLargest) {
    Header*& first = kept_[capacity / kStep - 1];
    if (first != nullptr) return std::exchange(first, first->next) + 1;
  }
  auto* const block = static_cast<Header*>(std::malloc(sizeof(Header) + capacity));
  if (block == nullptr) return nullptr;
  block->capacity = capacity;
  block->next = nullptr;
  return block + 1;
}

void* BlockPool::allocate_zeroed(size_t count, size_t each) noexcept {
  if (each != 0 && count > SIZE_MAX / each) return nullptr;
  void* const block = allocate(count * each);
  if (block != nullptr) std::memset(block, 0, count * each);
  return block;
}

void* BlockPool::resize(void* block, size_t bytes) noexcept {
  if (block == nullptr) return allocate(bytes);
  const size_t capacity = (static_cast<Header*>(block) - 1)->capacity;
  if (bytes <= capacity) return block;
  void* const larger = allocate(bytes);
  if (larger == nullptr) return nullptr;
  std::memcpy(larger, block, capacity);
  free(block);
  return larger;
}

void BlockPool::free(void* block) noexcept {
  if (block == nullptr) return;
  Header* const header = static_cast<Header*>(block) - 1;
  if (header->capacity > kLargest) return std::free(header);
  Header*& first = kept_[header->capacity / kStep - 1];
  header->next = std::exchange(first, header);
}

}  // namespace tickwire
