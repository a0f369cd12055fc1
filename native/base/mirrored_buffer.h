// Memory mapped twice back to back, so that any run of up to capacity() bytes that starts anywhere in the first copy is
// contiguous. One more page of the first copy follows the second, so that a reader may overrun by kOverread bytes
// (SIMD loads at the end of a message).
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/error.h"

namespace tickwire {

class MirroredBuffer {
 public:
  static constexpr size_t kOverread = 4096;
  static constexpr size_t kMaxBytes = size_t{1} << 32;
  // `bytes` is rounded up to a power of two that is a multiple of the page size. Fails with kSystem (EINVAL) above
  // kMaxBytes, with kTooManyFiles, kNoMemory or kSystem when the system refuses.
  [[nodiscard]] static Result<MirroredBuffer> create(size_t bytes);
  MirroredBuffer(MirroredBuffer&& other) noexcept;
  MirroredBuffer& operator=(MirroredBuffer&& other) noexcept;
  MirroredBuffer(const MirroredBuffer&) = delete;
  MirroredBuffer& operator=(const MirroredBuffer&) = delete;
  ~MirroredBuffer();
  [[nodiscard]] uint8_t* data() const noexcept { return base_; }
  [[nodiscard]] size_t capacity() const noexcept { return capacity_; }

 private:
  MirroredBuffer(uint8_t* base, size_t capacity) : base_(base), capacity_(capacity) {}
  // One per platform: maps `capacity` bytes twice and `tail` bytes of them once more; the counterpart unmaps all.
  [[nodiscard]] static Result<uint8_t*> map(size_t capacity, size_t tail);
  static void unmap(uint8_t* base, size_t capacity, size_t tail) noexcept;

  uint8_t* base_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace tickwire
