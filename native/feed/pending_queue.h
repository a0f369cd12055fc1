// Records kept back while the reader is slow: a bounded first-in first-out store.
#pragma once
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/mirrored_buffer.h"

namespace tickwire::feed {

class PendingQueue {
 public:
  [[nodiscard]] static Result<PendingQueue> create(size_t bytes) {
    auto mem = MirroredBuffer::create(bytes);
    if (!mem.ok()) return mem.error();
    return PendingQueue(std::move(mem.value()));
  }

  // Room must be there. `record` starts with its header word.
  void push(const void* record, uint32_t bytes) noexcept {
    std::memcpy(mem_.data() + ((head_ + size_) & (mem_.capacity() - 1)), record, bytes);
    size_ += bytes;
  }
  [[nodiscard]] size_t room() const noexcept { return mem_.capacity() - size_; }
  [[nodiscard]] size_t capacity() const noexcept { return mem_.capacity(); }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] const uint8_t* front() const noexcept { return mem_.data() + head_; }
  [[nodiscard]] uint32_t front_bytes() const noexcept {
    uint32_t bytes;
    std::memcpy(&bytes, front(), 4);
    return bytes;
  }
  void pop() noexcept {
    const uint32_t bytes = front_bytes();
    head_ = (head_ + bytes) & (mem_.capacity() - 1);
    size_ -= bytes;
  }

 private:
  explicit PendingQueue(MirroredBuffer mem) : mem_(std::move(mem)) {}
  MirroredBuffer mem_;
  size_t head_ = 0;
  size_t size_ = 0;
};

}  // namespace tickwire::feed
