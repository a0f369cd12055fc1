#include "book/event_buffer.h"

namespace tickwire::book {

bool EventBuffer::add(const Event& event) {
  const size_t more = event.bids.size() + event.asks.size();
  const size_t bytes = (levels_.size() + more) * sizeof(RowLevel) + (entries_.size() + 1) * sizeof(Entry);
  if (entries_.size() >= max_events_ || bytes > max_bytes_) return false;
  entries_.push_back({event.first_id, event.last_id, event.prev_id, event.checksum, levels_.size(),
                      static_cast<uint32_t>(event.bids.size()), static_cast<uint32_t>(event.asks.size())});
  levels_.insert(levels_.end(), event.bids.begin(), event.bids.end());
  levels_.insert(levels_.end(), event.asks.begin(), event.asks.end());
  return true;
}

bool EventBuffer::has(const Event& event) const noexcept {
  for (size_t i = entries_.size(); i > 0; --i) {  // a second path's copy is a recent one
    const Entry& entry = entries_[i - 1];
    if (entry.last_id == event.last_id && entry.prev_id == event.prev_id && entry.first_id == event.first_id)
      return true;
  }
  return false;
}

Event EventBuffer::at(size_t i) const noexcept {
  const Entry& entry = entries_[i];
  Event event;
  event.first_id = entry.first_id;
  event.last_id = entry.last_id;
  event.prev_id = entry.prev_id;
  event.checksum = entry.checksum;
  event.bids = {levels_.data() + entry.levels, entry.bids};
  event.asks = {levels_.data() + entry.levels + entry.bids, entry.asks};
  return event;
}

void EventBuffer::clear() noexcept {
  entries_.clear();
  levels_.clear();
  if (levels_.capacity() > kIdleLevels) std::vector<RowLevel>().swap(levels_);
}

}  // namespace tickwire::book
