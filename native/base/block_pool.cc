#include "base/block_pool.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TICKWIRE_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define TICKWIRE_ADDRESS_SANITIZER
#endif
#if defined(TICKWIRE_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#endif

namespace tickwire {
namespace {

// So that the sanitizer sees what is used after it was freed, and beyond its end, as it does with memory of the heap.
#if defined(TICKWIRE_ADDRESS_SANITIZER)
void lend(void* block, size_t bytes, size_t capacity) noexcept {
  ASAN_UNPOISON_MEMORY_REGION(block, bytes);
  ASAN_POISON_MEMORY_REGION(static_cast<char*>(block) + bytes, capacity - bytes);
}
#else
void lend(void*, size_t, size_t) noexcept {}
#endif

}  // namespace

BlockPool::~BlockPool() {
  for (Header* block : kept_) {
    while (block != nullptr) {
      lend(block + 1, block->capacity, block->capacity);
      std::free(std::exchange(block, block->next));
    }
  }
}

void* BlockPool::allocate(size_t bytes) noexcept {
  if (bytes > SIZE_MAX - sizeof(Header) - kStep) return nullptr;
  const size_t capacity = bytes > kLargest ? bytes : std::max(bytes + kStep - 1, kStep) / kStep * kStep;
  if (capacity <= kLargest) {
    Header*& first = kept_[capacity / kStep - 1];
    if (first != nullptr) {
      Header* const block = std::exchange(first, first->next);
      lend(block + 1, bytes, capacity);
      return block + 1;
    }
  }
  auto* const block = static_cast<Header*>(std::malloc(sizeof(Header) + capacity));
  if (block == nullptr) return nullptr;
  block->capacity = capacity;
  block->next = nullptr;
  lend(block + 1, bytes, capacity);
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
  if (bytes <= capacity) {
    lend(block, bytes, capacity);
    return block;
  }
  void* const larger = allocate(bytes);
  if (larger == nullptr) return nullptr;
  lend(block, capacity, capacity);
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
  lend(block, 0, header->capacity);
}

}  // namespace tickwire
