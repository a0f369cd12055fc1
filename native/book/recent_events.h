// Ids of the events that were applied last. When a venue's ids go back, what a slower path still delivers from before
// looks like news; it is known by its ids being in here.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace tickwire::book {

class RecentEvents {
 public:
  static constexpr size_t kCount = 64;

  void add(int64_t last_id, int64_t prev_id) noexcept {
    entries_[next_ % kCount] = {last_id, prev_id};
    ++next_;
    if (guarded_ != 0) --guarded_;
  }
  // Newest first: what a second path repeats was here lately.
  [[nodiscard]] bool has(int64_t last_id, int64_t prev_id) const noexcept {
    for (size_t i = next_, left = filled(); left != 0; --left) {
      const Entry& entry = entries_[--i % kCount];
      if (entry.last_id == last_id && entry.prev_id == prev_id) return true;
    }
    return false;
  }
  [[nodiscard]] bool has_last(int64_t last_id) const noexcept {
    for (size_t i = next_, left = filled(); left != 0; --left) {
      if (entries_[--i % kCount].last_id == last_id) return true;
    }
    return false;
  }
  // The ids have gone back: for the next kCount events those from before may still come.
  void went_back() noexcept { guarded_ = kCount; }
  [[nodiscard]] bool guarded() const noexcept { return guarded_ != 0; }
  void clear() noexcept { next_ = guarded_ = 0; }

 private:
  struct Entry {
    int64_t last_id;
    int64_t prev_id;
  };
  [[nodiscard]] size_t filled() const noexcept { return next_ < kCount ? next_ : kCount; }

  std::array<Entry, kCount> entries_;
  size_t next_ = 0;
  size_t guarded_ = 0;
};

}  // namespace tickwire::book
