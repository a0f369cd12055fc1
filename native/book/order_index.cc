#include "book/order_index.h"

#include <algorithm>

namespace tickwire::book {

size_t OrderIndex::home(const OrderId& id) const noexcept {
  uint64_t hash = (id.low ^ id.high * 0xC2B2AE3D27D4EB4Fu) * 0x9E3779B97F4A7C15u;
  hash ^= hash >> 32;
  hash *= 0xD6E8FEB86659FD93u;
  return static_cast<size_t>(hash >> 32) & (entries_.size() - 1);
}

uint32_t OrderIndex::find(const OrderId& id) const noexcept {
  const size_t mask = entries_.size() - 1;
  for (size_t at = home(id); entries_[at].order != kNothing; at = (at + 1) & mask) {
    if (entries_[at].id == id) return entries_[at].order;
  }
  return kNothing;
}

void OrderIndex::add(const OrderId& id, uint32_t order) {
  if ((size_ + 1) * 2 > entries_.size()) grow();
  const size_t mask = entries_.size() - 1;
  size_t at = home(id);
  while (entries_[at].order != kNothing) at = (at + 1) & mask;
  entries_[at] = {id, order};
  ++size_;
}

// Those behind that had to give way move up, so that nothing marks the place.
void OrderIndex::remove(const OrderId& id) noexcept {
  const size_t mask = entries_.size() - 1;
  size_t at = home(id);
  while (!(entries_[at].id == id && entries_[at].order != kNothing)) at = (at + 1) & mask;
  for (size_t next = (at + 1) & mask; entries_[next].order != kNothing; next = (next + 1) & mask) {
    const size_t from = home(entries_[next].id);
    if (((next - from) & mask) < ((next - at) & mask)) continue;  // it is nearer to its home than `at` would be
    entries_[at] = entries_[next];
    at = next;
  }
  entries_[at].order = kNothing;
  --size_;
}

void OrderIndex::clear() noexcept {
  std::fill(entries_.begin(), entries_.end(), Entry{});
  size_ = 0;
}

void OrderIndex::grow() {
  std::vector<Entry> before(entries_.size() * 2);
  before.swap(entries_);
  size_ = 0;
  for (const Entry& entry : before) {
    if (entry.order != kNothing) add(entry.id, entry.order);
  }
}

}  // namespace tickwire::book
