// The last so many different values, of 64 bits each: which have been seen? Fixed memory, constant time.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tickwire::feed {

class RecentSet {
 public:
  // `capacity`: values that are remembered, rounded up to a power of two, at least 16.
  explicit RecentSet(uint32_t capacity)
      : order_(std::bit_ceil(capacity < 16 ? 16u : capacity), 0), table_(order_.size() * 2, 0) {}

  // False when `value` is remembered already; otherwise it is from now on, and the oldest may go for it.
  [[nodiscard]] bool add(uint64_t value) noexcept {
    if (value == 0) value = 1;  // marks what is free
    const size_t mask = table_.size() - 1;
    size_t at = home(value);
    for (; table_[at] != 0; at = (at + 1) & mask) {
      if (table_[at] == value) return false;
    }
    uint64_t& oldest = order_[next_ & (order_.size() - 1)];
    if (next_ >= order_.size()) {
      remove(oldest);
      // The hole may lie where the search for `value` passed.
      for (at = home(value); table_[at] != 0; at = (at + 1) & mask) {
      }
    }
    table_[at] = value;
    oldest = value;
    ++next_;
    return true;
  }

 private:
  [[nodiscard]] size_t home(uint64_t value) const noexcept {
    return static_cast<size_t>((value * 0x9E3779B97F4A7C15u) >> 20) & (table_.size() - 1);
  }
  // Closes the hole by what follows it, so that no search ends too early.
  void remove(uint64_t value) noexcept {
    const size_t mask = table_.size() - 1;
    size_t hole = home(value);
    while (table_[hole] != value) hole = (hole + 1) & mask;
    for (size_t at = (hole + 1) & mask; table_[at] != 0; at = (at + 1) & mask) {
      // What is at its home, or between the hole and here, stays.
      if (((at - home(table_[at])) & mask) < ((at - hole) & mask)) continue;
      table_[hole] = table_[at];
      hole = at;
    }
    table_[hole] = 0;
  }

  std::vector<uint64_t> order_;  // in a ring, the oldest at next_ once it is full
  std::vector<uint64_t> table_;  // open addressing, half full at most
  uint64_t next_ = 0;
};

}  // namespace tickwire::feed
