// Growing bytes that are neither cleared nor copied more than needed, with room for kSlack bytes of overread behind
// them. Growth reports a lack of memory instead of throwing, because sizes come from the peer.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace tickwire::ws {

class ByteBuffer {
 public:
  static constexpr size_t kSlack = 64;

  ByteBuffer() = default;
  ByteBuffer(ByteBuffer&& o) noexcept
      : mem_(std::move(o.mem_)), size_(std::exchange(o.size_, 0)), capacity_(std::exchange(o.capacity_, 0)) {}
  ByteBuffer& operator=(ByteBuffer&& o) noexcept {
    mem_ = std::move(o.mem_);
    size_ = std::exchange(o.size_, 0);
    capacity_ = std::exchange(o.capacity_, 0);
    return *this;
  }

  [[nodiscard]] uint8_t* data() noexcept { return mem_.get(); }
  [[nodiscard]] const uint8_t* data() const noexcept { return mem_.get(); }
  [[nodiscard]] size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::span<const uint8_t> bytes() const noexcept { return {mem_.get(), size_}; }
  void clear() noexcept { size_ = 0; }
  // n <= capacity(); bytes that were never written have any value.
  void set_size(size_t n) noexcept { size_ = n; }

  // Makes room for `wanted` bytes in all: at least doubles, but takes no more than `most` (unless `wanted` is more).
  [[nodiscard]] bool reserve(size_t wanted, size_t most = SIZE_MAX / 4) noexcept {
    if (wanted <= capacity_) return true;
    if (wanted > SIZE_MAX / 4) return false;
    const size_t grown = std::max(wanted, std::min(most, std::max(capacity_ * 2, kSmallest)));
    std::unique_ptr<uint8_t[]> fresh(new (std::nothrow) uint8_t[grown + kSlack]);
    if (!fresh) return false;
    if (size_ != 0) std::memcpy(fresh.get(), mem_.get(), size_);
    mem_ = std::move(fresh);
    capacity_ = grown;
    return true;
  }

  [[nodiscard]] bool append(std::span<const uint8_t> more, size_t most = SIZE_MAX / 4) noexcept {
    if (more.empty()) return true;
    if (!reserve(size_ + more.size(), most)) return false;
    std::memcpy(mem_.get() + size_, more.data(), more.size());
    size_ += more.size();
    return true;
  }

  // Empties it, and gives the memory back when it holds more than `keep` bytes.
  void clear_and_trim(size_t keep) noexcept {
    size_ = 0;
    if (capacity_ <= keep) return;
    mem_.reset();
    capacity_ = 0;
  }

 private:
  static constexpr size_t kSmallest = 1024;
  std::unique_ptr<uint8_t[]> mem_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace tickwire::ws
