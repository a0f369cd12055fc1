#include "base/event_ring.h"

#include <bit>
#include <new>

namespace tickwire {

static_assert(std::atomic<uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<uint32_t>) == 4 && alignof(std::atomic<uint32_t>) == 4);
static_assert(std::endian::native == std::endian::little, "records are little endian and are read in place");

uint32_t EventRing::pad_before(uint32_t bytes) noexcept {
  const uint32_t offset = place();
  if (end_ != capacity_) {
    look_at_tail();
    const uint32_t behind = end_ + 16;  // the kept bytes and the record itself
    if (static_cast<int32_t>(tail_seen_ - restart_) > 0) {
      end_ = capacity_;  // it was taken
      if (bytes <= capacity_ - offset) return 0;
    } else if (bytes <= capacity_ - behind) {
      return behind - offset;
    }
  }
  return capacity_ - offset;
}

Result<EventRing> EventRing::format(std::span<uint8_t> memory) {
  if (memory.size() < kDataOffset + kMinCapacity || reinterpret_cast<uintptr_t>(memory.data()) % 8 != 0) {
    return Error{Errc::kSystem, 0, "event ring memory is too small or not aligned"};
  }
  const size_t capacity = memory.size() - kDataOffset;
  if (!std::has_single_bit(capacity) || capacity > kMaxCapacity) {
    return Error{Errc::kSystem, 0, "event ring capacity is not a power of two up to 1 GiB"};
  }
  std::memset(memory.data(), 0, kDataOffset);
  const uint32_t words[3] = {kMagic, kVersion, static_cast<uint32_t>(capacity)};
  std::memcpy(memory.data(), words, sizeof words);
  for (const size_t i : {16, 32, 48, 49}) new (memory.data() + i * 4) std::atomic<uint32_t>(0);
  return EventRing(memory.data(), static_cast<uint32_t>(capacity));
}

}  // namespace tickwire
