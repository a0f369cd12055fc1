// Counts what the whole program allocates by `new`. For one file of a program: it replaces the operators.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {
size_t mallocs = 0;
}  // namespace

void* operator new(size_t size) {
  ++mallocs;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
