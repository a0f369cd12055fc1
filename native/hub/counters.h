// What a hub has done since it was made. Each loop counts for itself in relaxed atomics; a reading sums them up.
#pragma once
#include <cstdint>

#include "hub/types.h"

namespace tickwire::hub {

struct Counters {
  // publishing
  uint64_t published = 0;        // messages
  uint64_t published_bytes = 0;  // their payloads
  uint64_t refused = 0;          // publishes that found the rings full
  uint64_t snapshots = 0;        // answered by publish_snapshot()
  uint64_t topics = 0;
  uint64_t keys = 0;
  uint64_t kept = 0;  // messages in the last-value store at this moment
  uint64_t kept_bytes = 0;
  uint64_t not_kept = 0;       // found no room there
  uint64_t shm_messages = 0;   // written to shared memory
  uint64_t shm_unwritten = 0;  // messages and definitions that found no room there
  // delivery
  uint64_t subscribers = 0;  // at this moment
  uint64_t subscribers_of[kLanes] = {};
  uint64_t connected = 0;
  uint64_t disconnected = 0;
  uint64_t deliveries = 0;  // messages handed to the kernel for a subscriber, whole
  uint64_t bytes = 0;       // written, of any kind
  uint64_t writes = 0;      // system calls (or TLS writes) that wrote
  uint64_t passes = 0;      // rounds over the subscribers with news
  uint64_t blocked = 0;     // subscribers whose socket takes nothing at this moment
  // slow subscribers
  uint64_t slow = 0;       // times that the threshold was crossed
  uint64_t skipped = 0;    // messages not delivered by `skip`, or beyond any window
  uint64_t conflated = 0;  // messages not delivered for a newer one of their key
  uint64_t slow_disconnects = 0;
  // inbound
  uint64_t received = 0;  // messages
  uint64_t received_bytes = 0;
  uint64_t requests = 0;          // subscribe, unsubscribe, ping
  uint64_t refused_requests = 0;  // answered by an error
  uint64_t violations = 0;        // connections closed for what they sent
  uint64_t idle_disconnects = 0;
};

}  // namespace tickwire::hub
