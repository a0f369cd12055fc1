#include "allocation_count.h"

#include <cstdlib>
#include <new>

namespace {
thread_local size_t allocated = 0;
}  // namespace

size_t tickwire::testing::allocations() noexcept { return allocated; }

#if !defined(TICKWIRE_FOREIGN_NEW)
void* operator new(size_t size) {
  ++allocated;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
#endif
