#include "feed/tap.h"

#include <atomic>
#include <bit>
#include <cstring>

namespace tickwire::feed {

namespace {

std::atomic<uint32_t>& word(uint8_t* at) noexcept { return *reinterpret_cast<std::atomic<uint32_t>*>(at); }

std::atomic<uint64_t>& long_word(uint8_t* at) noexcept { return *reinterpret_cast<std::atomic<uint64_t>*>(at); }

}  // namespace

bool Tap::fits(size_t bytes) noexcept {
  if (bytes < kDataOffset + 4096) return false;
  const size_t capacity = bytes - kDataOffset;
  return std::has_single_bit(capacity) && capacity <= (size_t{1} << 30);
}

void Tap::write(Kind kind, bool binary, uint16_t code, std::span<const uint8_t> bytes, int64_t time_ns) noexcept {
  const uint64_t need = kRecordHeaderBytes + ((uint64_t{bytes.size()} + 7) & ~uint64_t{7});
  const uint32_t to_end = capacity_ - (head_ & (capacity_ - 1));
  // A record lies in one piece: what is left in front of the ring's end is passed over.
  const uint64_t total = need <= to_end ? need : need + to_end;
  if (total > capacity_ - (head_ - tail_)) {
    // Acquire: the reader is done with the bytes before its tail.
    tail_ = word(base_ + kTailOffset).load(std::memory_order_acquire);
    if (total > capacity_ - (head_ - tail_)) {
      // The only writer; the reader wants no more than the figure.
      auto& lost = long_word(base_ + kLostOffset);
      lost.store(lost.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return;
    }
  }
  if (need > to_end) {
    const uint32_t pad[2] = {to_end, static_cast<uint32_t>(Kind::kPad)};
    std::memcpy(at(head_), pad, sizeof pad);
    head_ += to_end;
  }
  uint8_t* const record = at(head_);
  const uint32_t head[2] = {static_cast<uint32_t>(need), static_cast<uint32_t>(kind) | (binary ? 1u << 8 : 0u) |
                                                             (static_cast<uint32_t>(code) << 16)};
  const double time = static_cast<double>(time_ns);
  const uint32_t length[2] = {static_cast<uint32_t>(bytes.size()), 0};
  std::memcpy(record, head, sizeof head);
  std::memcpy(record + 8, &time, sizeof time);
  std::memcpy(record + 16, length, sizeof length);
  if (!bytes.empty()) std::memcpy(record + kRecordHeaderBytes, bytes.data(), bytes.size());
  head_ += static_cast<uint32_t>(need);
  // Release: who sees the head sees the record.
  word(base_ + kHeadOffset).store(head_, std::memory_order_release);
}

}  // namespace tickwire::feed
