// What a hub reports. Called on the thread of the subscriber's loop (several loops: at the same time), never with a
// lock held, and never per delivered message. Must not block.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "hub/subscriber_info.h"
#include "hub/types.h"
#include "ws/frame_parser.h"

namespace tickwire::hub {

struct Disconnected {
  SubscriberId id = 0;
  // kWsClosed with the peer's code in detail, kAborted with ours when the hub closed it, kHubTooSlow, kIdle, a
  // violation, or a transport error.
  const Error* why = nullptr;
  bool clean = false;  // both sides said goodbye
  uint64_t messages = 0;
  uint64_t bytes = 0;  // written to it
  uint64_t missed = 0;
};

// One time that the slow policy was applied. kBegan: pending_bytes crossed the threshold. kEnded: the socket took data
// again; `ranges` (merged per topic) say what it did not and will not get, and a wire client has been told the same.
struct SlowEvent {
  enum class Phase : uint8_t { kBegan, kEnded };
  SubscriberId id = 0;
  Phase phase = Phase::kBegan;
  SlowPolicy policy = SlowPolicy::kSkip;
  uint64_t pending_bytes = 0;
  uint64_t missed = 0;  // messages, in all topics
  std::span<const MissedRange> ranges;
};

// What waits for a subscriber at one moment.
struct SubscriberLag {
  SubscriberId id = 0;
  uint64_t ring_bytes = 0;    // in the ring, as of the last pass
  uint64_t own_bytes = 0;     // in memory of its own: the rest of a frame, a snapshot, answers
  uint64_t kernel_bytes = 0;  // the kernel has them, the peer has not acknowledged them
  uint64_t messages = 0;      // given to the kernel since it is connected
  uint64_t bytes = 0;         // likewise
  uint64_t missed = 0;        // messages that it did not get for being slow
};

class HubListener {
 public:
  // For every Hub::add() one on_connected and later one on_disconnected; after the latter the id means nothing.
  virtual void on_connected(const SubscriberInfo& info) = 0;
  virtual void on_disconnected(const Disconnected& event) = 0;
  // A request of the client's. `topic` is "*" for all.
  virtual void on_subscription(SubscriberId id, std::string_view topic, bool subscribed) = 0;
  virtual void on_slow(const SlowEvent& event) = 0;
  // Only with HubOptions::forward_messages. Within the inbound limits.
  virtual void on_message(SubscriberId id, ws::Opcode opcode, std::span<const uint8_t> data) = 0;
  // Somebody waits for a snapshot of this topic: answer with Hub::publish_snapshot(). Once until it is answered.
  virtual void on_snapshot_needed(TopicId topic, std::string_view name) = 0;
  // A publish was refused before; now there is room.
  virtual void on_drain() = 0;
  // Answers Hub::measure(): some of a loop's subscribers; `last` with the last of them.
  virtual void on_measured(uint64_t request, std::span<const SubscriberLag> some, bool last) = 0;
  // After Hub::close(): every connection is gone. Once, from the loop that lost the last one.
  virtual void on_closed() = 0;

 protected:
  ~HubListener() = default;
};

}  // namespace tickwire::hub
