// The frames of one lane, contiguous in the order of the entry log, in a ring that is mapped twice: any run of frames
// is one piece of memory, ready for one system call. One writer; the memory order is the entry log's, whose head
// publishes both.
#pragma once
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/mirrored_buffer.h"

namespace tickwire::hub {

class BroadcastRing {
 public:
  // `bytes` and `entries` are rounded up to powers of two.
  [[nodiscard]] static Result<std::unique_ptr<BroadcastRing>> create(size_t bytes, uint32_t entries) {
    Result<MirroredBuffer> memory = MirroredBuffer::create(bytes);
    if (!memory.ok()) return memory.error();
    return std::unique_ptr<BroadcastRing>(new BroadcastRing(std::move(memory.value()), entries));
  }

  [[nodiscard]] uint64_t capacity() const noexcept { return memory_.capacity(); }

  // Positions count bytes from the first frame ever written; an entry that the lane has no frame of is empty.
  [[nodiscard]] uint64_t begin_of(uint64_t index) const noexcept { return ends_[(index - 1) & mask_]; }
  [[nodiscard]] uint64_t end_of(uint64_t index) const noexcept { return ends_[index & mask_]; }
  [[nodiscard]] uint64_t size_of(uint64_t index) const noexcept { return end_of(index) - begin_of(index); }
  // Frames with a message in them among the entries [from, to).
  [[nodiscard]] uint64_t messages_between(uint64_t from, uint64_t to) const noexcept {
    return counts_[(to - 1) & mask_] - counts_[(from - 1) & mask_];
  }
  // Bytes of the entries [from, to).
  [[nodiscard]] uint64_t bytes_between(uint64_t from, uint64_t to) const noexcept {
    return begin_of(to) - begin_of(from);
  }
  [[nodiscard]] const uint8_t* at(uint64_t position) const noexcept {
    return memory_.data() + (position & (memory_.capacity() - 1));
  }
  [[nodiscard]] std::span<const uint8_t> frame(uint64_t index) const noexcept {
    return {at(begin_of(index)), static_cast<size_t>(size_of(index))};
  }
  // The first index in [from, to] whose frames and all behind it, up to `to`, take at most `bytes`.
  [[nodiscard]] uint64_t first_within(uint64_t from, uint64_t to, uint64_t bytes) const noexcept {
    uint64_t low = from;
    uint64_t high = to;
    while (low < high) {
      const uint64_t middle = low + (high - low) / 2;
      if (bytes_between(middle, to) > bytes) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  // The writer. start() says where a lane that was unused until now begins; then room for each frame, then its end.
  void start(uint64_t index) noexcept {
    ends_[(index - 1) & mask_] = end_;
    counts_[(index - 1) & mask_] = count_;
  }
  [[nodiscard]] uint64_t end() const noexcept { return end_; }
  [[nodiscard]] uint8_t* room() noexcept { return memory_.data() + (end_ & (memory_.capacity() - 1)); }
  void append(uint64_t index, size_t bytes, bool message) noexcept {
    end_ += bytes;
    ends_[index & mask_] = end_;
    count_ += message && bytes != 0 ? 1 : 0;
    counts_[index & mask_] = count_;
  }

 private:
  BroadcastRing(MirroredBuffer memory, uint32_t entries)
      : memory_(std::move(memory)),
        ends_(std::make_unique<uint64_t[]>(std::bit_ceil(entries))),
        counts_(std::make_unique<uint64_t[]>(std::bit_ceil(entries))),
        mask_(std::bit_ceil(entries) - 1) {}

  MirroredBuffer memory_;
  std::unique_ptr<uint64_t[]> ends_;
  std::unique_ptr<uint64_t[]> counts_;
  uint64_t mask_;
  uint64_t end_ = 0;
  uint64_t count_ = 0;
};

}  // namespace tickwire::hub
