// Finds the subscribers that are too slow and applies their policy. A subscriber is slow when what the kernel has not
// got rid of and what waits for it in the ring exceed slow.pending_bytes together, or when something that waits for it
// must leave the ring.
#pragma once
#include <cstdint>
#include <optional>

#include "hub/lane_group.h"
#include "hub/missed_tally.h"
#include "hub/subscriber.h"

namespace tickwire::hub {

class BroadcastLoop;

class SlowWatch {
 public:
  explicit SlowWatch(BroadcastLoop& loop) : loop_(loop) {}

  // Every pass, after marking.
  void check();
  // Entries below `floor` leave the ring.
  void give_up(uint64_t floor);
  // The socket of a slow one takes data again. False when it does not any more, or the connection is gone.
  [[nodiscard]] bool go_on(Subscriber& s, size_t& budget);
  // Bytes of the ring that wait for one that is behind.
  [[nodiscard]] uint64_t lag_of(Subscriber& s);

 private:
  void begin(Subscriber& s, uint64_t pending);
  void end(Subscriber& s);
  void give_up_entries(Subscriber& s, uint64_t floor);
  // The topic that it takes whole from this entry on; kNoTopic: all of them.
  [[nodiscard]] std::optional<TopicId> common_interest(Subscriber& s, uint64_t from);
  // Entries [from, to) that it wants and will not get.
  void miss(Subscriber& s, uint64_t from, uint64_t to);
  [[nodiscard]] bool conflated_values(Subscriber& s);
  [[nodiscard]] bool conflated_entries(Subscriber& s, size_t& budget);
  void jump_over_definitions(Subscriber& s, uint64_t to);

  BroadcastLoop& loop_;
  MissedTally missed_;
  // What those missed in a range who take everything, or one topic without a filter: the same for all of them.
  struct Common {
    Lane lane = Lane::kCount;
    TopicId topic = kNoTopic;  // kNoTopic: everything
    uint64_t from = 0;
    uint64_t to = 0;
    bool operator==(const Common&) const = default;
  } common_;
  MissedTally common_missed_;
};

}  // namespace tickwire::hub
