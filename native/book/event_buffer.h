// Deltas that wait for a snapshot, copied out of their rows, in the order in which they came. Bounded in number and
// bytes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "book/event.h"

namespace tickwire::book {

class EventBuffer {
 public:
  EventBuffer(uint32_t max_events, uint32_t max_bytes) : max_events_(max_events), max_bytes_(max_bytes) {}

  // False when it would become too much; nothing was added then.
  [[nodiscard]] bool add(const Event& event);
  // Whether an event with these ids is in here.
  [[nodiscard]] bool has(const Event& event) const noexcept;
  [[nodiscard]] size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  // The i-th; its levels are good until the next add() or clear().
  [[nodiscard]] Event at(size_t i) const noexcept;
  // Forgets those for which `gone(i)` is true; the others stay in order. Memory of levels comes back with clear() only.
  template <class Gone>
  void remove_if(Gone&& gone) {
    size_t kept = 0;
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (!gone(i)) entries_[kept++] = entries_[i];
    }
    entries_.resize(kept);
    if (kept == 0) clear();
  }
  // Keeps little memory.
  void clear() noexcept;

 private:
  struct Entry {
    int64_t first_id;
    int64_t last_id;
    int64_t prev_id;
    int64_t checksum;
    size_t levels;  // where they begin
    uint32_t bids;
    uint32_t asks;
  };
  static constexpr size_t kIdleLevels = 2048;  // 64 KiB

  std::vector<Entry> entries_;
  std::vector<RowLevel> levels_;
  size_t max_events_;
  size_t max_bytes_;
};

}  // namespace tickwire::book
