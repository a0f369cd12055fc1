// What late joiners of a topic get before its messages. Shared by all who wait at the same time, and by those who come
// while everything that was published after it is still in the rings.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "hub/framing.h"

namespace tickwire::hub {

struct Snapshot {
  struct Frames {
    bool made = false;
    std::vector<uint8_t> bytes;
    std::vector<size_t> ends;  // of each frame
  };

  TopicId topic = kNoTopic;
  uint64_t next = 0;              // the log's entry that continues it
  uint64_t sequence = 0;          // the topic's last message that it contains
  std::vector<Content> messages;  // point into `memory`
  std::vector<std::vector<uint8_t>> memory;
  // By lane. Made when the first joiner of a lane needs it, under the publication's mutex; never changed afterwards.
  std::array<Frames, kLanes> frames;
};

}  // namespace tickwire::hub
