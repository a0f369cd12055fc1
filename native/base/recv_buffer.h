// The receive ring: accumulates partial messages between reads, always contiguous, never reallocated.
// When everything was consumed it starts again at offset 0, so that a connection that keeps up stays in cache.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/mirrored_buffer.h"

namespace tickwire {

class RecvBuffer {
 public:
  [[nodiscard]] static Result<RecvBuffer> create(size_t capacity);
  // Unread bytes. Up to MirroredBuffer::kOverread bytes behind them may be loaded, not relied on.
  [[nodiscard]] std::span<uint8_t> readable() noexcept { return {mem_.data() + head_, size_}; }
  [[nodiscard]] std::span<uint8_t> writable() noexcept {
    return {mem_.data() + ((head_ + size_) & (mem_.capacity() - 1)), mem_.capacity() - size_};
  }
  void produced(size_t n) noexcept { size_ += n; }
  void consume(size_t n) noexcept {
    size_ -= n;
    head_ = size_ == 0 ? 0 : (head_ + n) & (mem_.capacity() - 1);
  }
  void clear() noexcept { head_ = size_ = 0; }
  [[nodiscard]] bool full() const noexcept { return size_ == mem_.capacity(); }
  [[nodiscard]] size_t capacity() const noexcept { return mem_.capacity(); }

 private:
  explicit RecvBuffer(MirroredBuffer mem) : mem_(static_cast<MirroredBuffer&&>(mem)) {}
  MirroredBuffer mem_;
  size_t head_ = 0;
  size_t size_ = 0;
};

}  // namespace tickwire
