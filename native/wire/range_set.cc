#include "wire/range_set.h"

#include <algorithm>

namespace tickwire::wire {

void RangeSet::add(SequenceRange range) {
  auto at = ranges_.begin();
  // from − 1 and to + 1: neighbours become one. A range from 0 has no neighbour below, one to the end none above.
  while (at != ranges_.end() && at->to < range.from && at->to + 1 != range.from) ++at;
  auto end = at;
  while (end != ranges_.end() && (end->from <= range.to || end->from - 1 == range.to)) {
    range.from = std::min(range.from, end->from);
    range.to = std::max(range.to, end->to);
    ++end;
  }
  if (at == end) {
    ranges_.insert(at, range);
  } else {
    *at = range;
    ranges_.erase(at + 1, end);
  }
}

std::vector<SequenceRange> RangeSet::take(SequenceRange range) {
  std::vector<SequenceRange> taken;
  for (size_t i = 0; i < ranges_.size();) {
    SequenceRange& r = ranges_[i];
    if (r.to < range.from) {
      ++i;
      continue;
    }
    if (r.from > range.to) break;
    const SequenceRange whole = r;
    const SequenceRange common{std::max(whole.from, range.from), std::min(whole.to, range.to)};
    taken.push_back(common);
    const bool left = whole.from < common.from;
    const bool right = common.to < whole.to;
    if (left) {
      r.to = common.from - 1;
      ++i;
      if (right) ranges_.insert(ranges_.begin() + static_cast<std::ptrdiff_t>(i++), {common.to + 1, whole.to});
    } else if (right) {
      r.from = common.to + 1;
      ++i;
    } else {
      ranges_.erase(ranges_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return taken;
}

}  // namespace tickwire::wire
