// Collects which messages somebody did not get, per topic. One per loop.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "hub/types.h"

namespace tickwire::hub {

class MissedTally {
 public:
  void clear() noexcept {
    for (const TopicId topic : touched_) by_topic_[topic].count = 0;
    touched_.clear();
    total_ = 0;
  }
  // Sequence numbers of a topic come in ascending order.
  void add(TopicId topic, uint64_t sequence) {
    if (topic >= by_topic_.size()) by_topic_.resize(topic + size_t{1});
    MissedRange& range = by_topic_[topic];
    if (range.count == 0) {
      range = {topic, sequence, sequence, 0};
      touched_.push_back(topic);
    }
    range.to = sequence;
    ++range.count;
    ++total_;
  }
  [[nodiscard]] uint64_t total() const noexcept { return total_; }
  // Into a list that is sorted by topic; what is collected here lies behind what stands there.
  void merge_into(std::vector<MissedRange>& ranges);

 private:
  std::vector<MissedRange> by_topic_;
  std::vector<TopicId> touched_;
  std::vector<MissedRange> merged_;
  uint64_t total_ = 0;
};

}  // namespace tickwire::hub
