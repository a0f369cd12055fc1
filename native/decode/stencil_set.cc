#include "decode/stencil_set.h"

#if defined(__AVX2__)
#include <algorithm>
#include <utility>

namespace tickwire::decode {

const Stencil* StencilSet::rest() noexcept {
  if (pause_ != 0) --pause_;
  return nullptr;
}

// Looking costs every message a little. Where few of them fit it is left alone for a while.
void StencilSet::take_stock() noexcept {
  if (std::exchange(hits_, 0) < kTrial / 8) pause_ = kRest;
  misses_ = 0;
}

void StencilSet::forget(uint32_t origin) noexcept {
  for (size_t i = 0; i < kEntries; ++i) {
    if (entries_[i].at == 0 || stencil_at(entries_[i].at)->origin != origin) continue;
    entries_[i] = {};
    sightings_[i] = 0;
  }
}

void StencilSet::missed(const Template& layout, std::span<const uint8_t> message, uint32_t origin) {
  if (signature_ == 0) return;
  credit_ = std::min(credit_ + 1, kMaxCredit);
  if (++misses_ == kTrial) take_stock();
  const auto tag = static_cast<uint32_t>(signature_);
  size_t at = slot_of(signature_);
  if (entries_[at].tag != tag && (entries_[at + 1].tag == tag || entries_[at].at != 0)) ++at;
  Entry& entry = entries_[at];
  uint8_t& sightings = sightings_[at];
  // Of another layout, perhaps one whose marks stand in the same places.
  const bool is_other = entry.tag != tag || (entry.at != 0 && stencil_at(entry.at)->origin != origin);
  if (is_other) {
    // The one that is there gives way when others come more often.
    if (sightings > 0) {
      --sightings;
      return;
    }
    entry = {tag, 0};
  }
  sightings = std::min<uint8_t>(sightings + 1, kSightings);
  if (sightings < kSightings || credit_ < kCost) return;
  // There is one, and the message did not fit: strings that nobody wants may be anything then.
  const bool again = entry.at != 0;
  if (again && stencil_at(entry.at)->has_free_text) return;
  credit_ -= kCost;
  make(layout, message, origin, at, again);
}

void StencilSet::make(const Template& layout, std::span<const uint8_t> message, uint32_t origin, size_t entry,
                      bool free_text) {
  if (!maker_.make(layout, message, origin, free_text)) return;
  const auto units = static_cast<uint32_t>((maker_.bytes() + sizeof(Line) - 1) / sizeof(Line));
  constexpr uint32_t kUnits = kArena / sizeof(Line);
  if (arena_ == nullptr) arena_ = std::make_unique<Line[]>(kUnits);
  if (units > kUnits - used_) {
    std::fill(std::begin(entries_), std::end(entries_), Entry{});
    std::fill(std::begin(sightings_), std::end(sightings_), uint8_t{0});
    used_ = 1;
  }
  maker_.write(arena_[used_].bytes);
  entries_[entry] = {static_cast<uint32_t>(signature_), used_};
  sightings_[entry] = kSightings;
  used_ += units;
}

}  // namespace tickwire::decode
#endif
