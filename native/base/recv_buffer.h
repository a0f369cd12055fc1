// The receive ring: accumulates partial messages between reads, always contiguous, never reallocated.
// When nothing is left, or only the beginning of a message, it starts again at offset 0, so that a connection that
// keeps up stays in cache: a ring that is gone through from end to end pushes out everything else.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
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
    head_ = (head_ + n) & (mem_.capacity() - 1);
    // Not what goes on in front: that would be moved onto itself.
    if (size_ <= kWorthMoving && head_ >= kFarOff && head_ + size_ <= mem_.capacity()) {
      std::memcpy(mem_.data(), mem_.data() + head_, size_);
      head_ = 0;
    } else if (size_ == 0) {
      head_ = 0;
    }
  }
  void clear() noexcept { head_ = size_ = 0; }
  [[nodiscard]] bool full() const noexcept { return size_ == mem_.capacity(); }
  [[nodiscard]] size_t capacity() const noexcept { return mem_.capacity(); }

 private:
  explicit RecvBuffer(MirroredBuffer mem) : mem_(static_cast<MirroredBuffer&&>(mem)) {}
  static constexpr size_t kWorthMoving = 2048;
  static constexpr size_t kFarOff = 32 * kWorthMoving;
  MirroredBuffer mem_;
  size_t head_ = 0;
  size_t size_ = 0;
};

}  // namespace tickwire
