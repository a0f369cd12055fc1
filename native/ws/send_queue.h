// Bytes that the kernel has not taken yet, in order and contiguous. Its memory is reused; above kKeep it is given back
// once everything was sent.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "ws/byte_buffer.h"

namespace tickwire::ws {

class SendQueue {
 public:
  [[nodiscard]] bool empty() const noexcept { return head_ == bytes_.size(); }
  [[nodiscard]] size_t size() const noexcept { return bytes_.size() - head_; }
  [[nodiscard]] std::span<const uint8_t> front() const noexcept { return bytes_.bytes().subspan(head_); }

  // Room for n more bytes at the end, to be written by the caller; null without memory. shrink() gives back what of it
  // was not needed.
  [[nodiscard]] uint8_t* grow(size_t n) noexcept {
    if (bytes_.size() + n > bytes_.capacity()) {
      compact();
      if (!bytes_.reserve(bytes_.size() + n)) return nullptr;
    }
    uint8_t* const at = bytes_.data() + bytes_.size();
    bytes_.set_size(bytes_.size() + n);
    return at;
  }
  void shrink(size_t n) noexcept { bytes_.set_size(bytes_.size() - n); }

  [[nodiscard]] bool append(std::span<const uint8_t> more) noexcept {
    if (more.empty()) return true;
    uint8_t* const at = grow(more.size());
    if (at == nullptr) return false;
    std::memcpy(at, more.data(), more.size());
    return true;
  }

  void consume(size_t n) noexcept {
    head_ += n;
    if (head_ == bytes_.size()) clear();
  }
  void clear() noexcept {
    head_ = 0;
    bytes_.clear_and_trim(kKeep);
  }

 private:
  // Moves the rest to the front only when at least half of the memory is won by it: then each byte is moved less than
  // twice on average, however slowly the peer reads.
  void compact() noexcept {
    if (head_ == 0 || head_ < bytes_.capacity() / 2) return;
    const size_t left = size();
    std::memmove(bytes_.data(), bytes_.data() + head_, left);
    bytes_.set_size(left);
    head_ = 0;
  }

  static constexpr size_t kKeep = 1u << 20;
  ByteBuffer bytes_;
  size_t head_ = 0;
};

}  // namespace tickwire::ws
