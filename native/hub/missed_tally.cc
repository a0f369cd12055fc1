#include "hub/missed_tally.h"

#include <algorithm>

namespace tickwire::hub {

void MissedTally::merge_into(std::vector<MissedRange>& ranges) {
  if (touched_.empty()) return;
  std::sort(touched_.begin(), touched_.end());
  merged_.clear();
  auto old = ranges.begin();
  for (const TopicId topic : touched_) {
    while (old != ranges.end() && old->topic < topic) merged_.push_back(*old++);
    MissedRange range = by_topic_[topic];
    if (old != ranges.end() && old->topic == topic) {
      range.from = old->from;
      range.count += old->count;
      ++old;
    }
    merged_.push_back(range);
  }
  merged_.insert(merged_.end(), old, ranges.end());
  ranges.assign(merged_.begin(), merged_.end());
}

}  // namespace tickwire::hub
