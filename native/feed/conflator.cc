#include "feed/conflator.h"

#include <algorithm>

#include "decode/row_batch.h"

namespace tickwire::feed {

Conflator::Conflator(std::span<uint8_t> memory, const std::vector<ConflateRegion>& regions, uint32_t max_symbols) {
  size_t total = 0;
  for (const auto& r : regions) {
    const size_t bytes = TripleSlot::stride(r.row_bytes) * r.keys;
    auto& region = regions_.emplace_back(Region{memory.subspan(r.offset, bytes), r.row_bytes, r.keys, {}, {}});
    region.slots.reserve(r.keys);
    region.slot_of_symbol.assign(size_t{max_symbols} + 1, 0);
    total += r.keys;
  }
  waiting_.reserve(total);
}

Conflator::Stored Conflator::store(uint8_t shape, uint32_t key, const uint64_t* row, uint32_t bytes,
                                   uint32_t& slot) noexcept {
  Region& region = regions_[shape];
  if (bytes > region.row_bytes) return Stored::kNoSlot;
  const size_t entry = std::min<size_t>(key, region.slot_of_symbol.size() - 1);
  uint32_t& known = region.slot_of_symbol[entry];
  if (known == 0) {
    if (region.slots.size() == region.keys) return Stored::kNoSlot;
    region.slots.emplace_back(region.memory.data() + TripleSlot::stride(region.row_bytes) * region.slots.size(),
                              region.row_bytes);
    known = static_cast<uint32_t>(region.slots.size());
  }
  slot = known - 1;
  TripleSlot& triple = region.slots[slot];
  std::memcpy(triple.back(), row, bytes);
  return triple.swap_in() ? Stored::kAnnounce : Stored::kReplaced;
}

}  // namespace tickwire::feed
