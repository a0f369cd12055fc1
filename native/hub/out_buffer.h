// Bytes for one subscriber alone that its socket has not taken: the rest of a frame, answers, a piece of what a late
// joiner gets. Empty it is one pointer, and holds no memory.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>

namespace tickwire::hub {

class OutBuffer {
 public:
  [[nodiscard]] bool empty() const noexcept { return block_ == nullptr; }
  [[nodiscard]] size_t size() const noexcept { return block_ ? block_->end - block_->begin : 0; }
  [[nodiscard]] std::span<const uint8_t> bytes() const noexcept {
    if (!block_) return {};
    return {block_->bytes.get() + block_->begin, block_->end - block_->begin};
  }
  // False without memory; then nothing was appended.
  [[nodiscard]] bool append(std::span<const uint8_t> more) noexcept {
    if (more.empty()) return true;
    uint8_t* const room = grow(more.size());
    if (room == nullptr) return false;
    std::memcpy(room, more.data(), more.size());
    grown(more.size());
    return true;
  }
  // Room for up to n more bytes behind what is there, of which grown() says how many were written. Null without memory.
  [[nodiscard]] uint8_t* grow(size_t n) noexcept {
    if (!block_) block_.reset(new (std::nothrow) Block());
    if (!block_) return nullptr;
    Block& b = *block_;
    if (b.end + n > b.capacity && !make_room(n)) {
      drop_if_empty();
      return nullptr;
    }
    return b.bytes.get() + b.end;
  }
  void grown(size_t n) noexcept {
    block_->end += n;
    drop_if_empty();
  }
  void consume(size_t n) noexcept {
    block_->begin += n;
    drop_if_empty();
  }

 private:
  struct Block {
    std::unique_ptr<uint8_t[]> bytes;
    size_t begin = 0;
    size_t end = 0;
    size_t capacity = 0;
  };
  static constexpr size_t kSmallest = 256;

  void drop_if_empty() noexcept {
    if (block_->begin == block_->end) block_.reset();
  }
  bool make_room(size_t n) noexcept {
    Block& b = *block_;
    const size_t used = b.end - b.begin;
    if (used + n <= b.capacity && b.begin >= b.capacity / 2) {  // each byte is moved less than twice on average
      std::memmove(b.bytes.get(), b.bytes.get() + b.begin, used);
    } else {
      const size_t capacity = std::max({used + n, b.capacity * 2, kSmallest});
      std::unique_ptr<uint8_t[]> fresh(new (std::nothrow) uint8_t[capacity]);
      if (!fresh) return false;
      if (used != 0) std::memcpy(fresh.get(), b.bytes.get() + b.begin, used);
      b.bytes = std::move(fresh);
      b.capacity = capacity;
    }
    b.begin = 0;
    b.end = used;
    return true;
  }

  std::unique_ptr<Block> block_;
};

}  // namespace tickwire::hub
