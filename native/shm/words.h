// Copying between private memory and memory that another process may write or read at the same time. Every shared word
// is accessed as a relaxed atomic, so that the race that a broadcast ring lives with is defined: a torn copy is noticed
// afterwards and thrown away. The compiler makes plain moves of it.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "shm/layout.h"

namespace tickwire::shm {

[[nodiscard]] inline uint64_t load_word(const uint8_t* shared) noexcept {
  return reinterpret_cast<const Word*>(shared)->load(std::memory_order_relaxed);
}

inline void store_word(uint8_t* shared, uint64_t value) noexcept {
  reinterpret_cast<Word*>(shared)->store(value, std::memory_order_relaxed);
}

// `shared` is 8-byte aligned and has room for `bytes` rounded up to 8.
inline void copy_to_shared(uint8_t* shared, const uint8_t* from, size_t bytes) noexcept {
  size_t i = 0;
  uint64_t word = 0;
  for (; i + 8 <= bytes; i += 8) {
    std::memcpy(&word, from + i, 8);
    store_word(shared + i, word);
  }
  if (i < bytes) {
    word = 0;
    std::memcpy(&word, from + i, bytes - i);
    store_word(shared + i, word);
  }
}

// `bytes` is a multiple of 8, `shared` 8-byte aligned.
inline void copy_from_shared(uint8_t* to, const uint8_t* shared, size_t bytes) noexcept {
  for (size_t i = 0; i < bytes; i += 8) {
    const uint64_t word = load_word(shared + i);
    std::memcpy(to + i, &word, 8);
  }
}

}  // namespace tickwire::shm
