// Ranges of sequence numbers, ascending and disjoint. As few as losses are: operations are linear in their number,
// which the owner bounds.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tickwire::wire {

struct SequenceRange {
  uint64_t from = 0;  // from ≤ to
  uint64_t to = 0;
  [[nodiscard]] uint64_t count() const noexcept { return to - from + 1; }
  [[nodiscard]] bool operator==(const SequenceRange&) const noexcept = default;
};

class RangeSet {
 public:
  [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }
  [[nodiscard]] size_t size() const noexcept { return ranges_.size(); }  // ranges, not numbers
  [[nodiscard]] const std::vector<SequenceRange>& ranges() const noexcept { return ranges_; }
  [[nodiscard]] uint64_t first() const noexcept { return ranges_.front().from; }  // not when empty
  [[nodiscard]] bool contains(uint64_t number) const noexcept {
    for (const SequenceRange& r : ranges_) {
      if (number < r.from) return false;
      if (number <= r.to) return true;
    }
    return false;
  }
  // Whether any number of `range` is there.
  [[nodiscard]] bool meets(SequenceRange range) const noexcept {
    for (const SequenceRange& r : ranges_) {
      if (r.from <= range.to && range.from <= r.to) return true;
    }
    return false;
  }
  void add(SequenceRange range);
  // Takes the numbers of `range` out; returns what of it was there.
  std::vector<SequenceRange> take(SequenceRange range);
  void clear() noexcept { ranges_.clear(); }

 private:
  std::vector<SequenceRange> ranges_;
};

}  // namespace tickwire::wire
