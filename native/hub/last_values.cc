#include "hub/last_values.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace tickwire::hub {
namespace {

constexpr size_t kFirstTable = 1024;
constexpr size_t kRounding = 64;  // messages of one key differ by a few bytes, so that a little room saves growing

uint64_t pair_of(const ValueSlot& slot) noexcept { return uint64_t{slot.key} << 16 | slot.topic; }

}  // namespace

// Fibonacci hashing: both numbers are dense and given by us, so nobody can choose them to collide.
size_t LastValues::bucket_of(uint64_t pair) const noexcept {
  const auto bits = static_cast<uint32_t>(std::countr_zero(table_.size()));
  return static_cast<size_t>((pair * 0x9E3779B97F4A7C15u) >> (64 - bits));
}

void LastValues::grow_table() {
  std::vector<SlotId> old(std::max(kFirstTable, table_.size() * 2), 0);
  old.swap(table_);
  for (const SlotId id : old) {
    if (id == 0) continue;
    size_t at = bucket_of(pair_of((*this)[id]));
    while (table_[at] != 0) at = (at + 1) & (table_.size() - 1);
    table_[at] = id;
  }
}

SlotId LastValues::find_or_make(TopicId topic, KeyId key, bool& made) {
  made = false;
  if (table_.size() < 2 * (slots_.size() + 1)) grow_table();
  const uint64_t pair = uint64_t{key} << 16 | topic;
  size_t at = bucket_of(pair);
  while (table_[at] != 0) {
    if (pair_of((*this)[table_[at]]) == pair) return table_[at];
    at = (at + 1) & (table_.size() - 1);
  }
  if (slots_.size() >= max_slots_) return 0;
  ValueSlot& slot = slots_.emplace_back();
  slot.topic = topic;
  slot.key = key;
  made = true;
  table_[at] = slots();
  return slots();
}

void LastValues::move_to_end(SlotId id, ListEnds& ends, ListLinks ValueSlot::*links) noexcept {
  if (ends.newest == id) return;
  ListLinks& own = (*this)[id].*links;
  if (own.linked) {
    (own.older != 0 ? ((*this)[own.older].*links).newer : ends.oldest) = own.newer;
    ((*this)[own.newer].*links).older = own.older;  // it is not the newest, so there is one
  }
  own = {ends.newest, 0, true};
  (ends.newest != 0 ? ((*this)[ends.newest].*links).newer : ends.oldest) = id;
  ends.newest = id;
}

bool LastValues::keep(SlotId id, std::span<const uint8_t> payload, std::span<const uint8_t> text) {
  ValueSlot& slot = (*this)[id];
  const size_t size = payload.size() + text.size();
  if (size > slot.capacity) {
    const size_t wanted = (size + kRounding - 1) / kRounding * kRounding;
    std::unique_ptr<uint8_t[]> fresh;
    if (kept_bytes_ - slot.capacity + wanted <= max_bytes_) fresh.reset(new (std::nothrow) uint8_t[wanted]);
    if (!fresh) {
      // An older value in place of the newest would be a lie.
      if (slot.kept) --kept_;
      slot.kept = false;
      ++not_kept_;
      return false;
    }
    kept_bytes_ += wanted - slot.capacity;
    slot.bytes = std::move(fresh);
    slot.capacity = static_cast<uint32_t>(wanted);
  }
  if (!payload.empty()) std::memcpy(slot.bytes.get(), payload.data(), payload.size());
  if (!text.empty()) std::memcpy(slot.bytes.get() + payload.size(), text.data(), text.size());
  slot.payload_size = static_cast<uint32_t>(payload.size());
  slot.text_size = static_cast<uint32_t>(text.size());
  if (!slot.kept) ++kept_;
  slot.kept = true;
  return true;
}

SlotId LastValues::first_from(uint64_t index, SlotId hint, const ListEnds& ends,
                              ListLinks ValueSlot::*links) const noexcept {
  if (hint != 0 && (*this)[hint].index >= index && ((*this)[hint].*links).linked) {
    const SlotId older = ((*this)[hint].*links).older;
    if (older == 0 || (*this)[older].index < index) return hint;
  }
  if (ends.oldest == 0 || (*this)[ends.oldest].index >= index) return ends.oldest;
  SlotId found = 0;
  for (SlotId id = ends.newest; id != 0 && (*this)[id].index >= index; id = ((*this)[id].*links).older) found = id;
  return found;
}

}  // namespace tickwire::hub
