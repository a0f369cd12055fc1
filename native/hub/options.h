// Configuration of a hub. Times are nanoseconds, sizes bytes; everything that a client controls has a limit here.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "hub/types.h"

namespace tickwire::hub {

struct RingOptions {
  // Of each lane in use; rounded up to a power of two. Subscribers that lag more than half of it have the slow policy
  // applied whatever slow.pending_bytes says, so it should be at least four times that. 64 KiB to 1 GiB.
  size_t bytes = 8u << 20;
  uint32_t entries = 65'536;  // messages; rounded up to a power of two, 1,024 to 16 M
};

struct FlushOptions {
  // Under load a message waits at most this long for others to share its system calls; 0 starts a pass at once always.
  // An idle hub sends at once whatever stands here.
  int64_t max_delay_ns = 1'000'000;
  size_t bytes = 64u << 10;  // this much waiting ends the delay
};

struct SlowOptions {
  size_t pending_bytes = 1u << 20;  // kernel's unsent bytes and lag in the ring, together
  SlowPolicy then = SlowPolicy::kSkip;
  // How long a connection that is cut for being slow may take to read the reason.
  int64_t close_timeout_ns = 1'000'000'000;
};

struct StoreOptions {            // the newest message per topic and key, for retain and for conflation
  uint32_t max_keys = 1u << 20;  // pairs of topic and key
  size_t bytes = 64u << 20;      // payloads together; what finds no room is counted and not kept
};

struct DeflateLaneOptions {
  int level = 1;
  int window_bits = 15;    // 9 to 15; clients that ask for less get no shared compression
  size_t threshold = 128;  // shorter messages go uncompressed
};

struct InboundOptions {  // per connection; whoever exceeds them is closed (1008, 1009)
  size_t max_message = 64u << 10;
  uint32_t messages_per_second = 200;  // with a burst of as many
  size_t bytes_per_second = 1u << 20;  // likewise
  uint32_t max_subscriptions = 1024;
  uint32_t max_filter_keys = 1024;  // per subscribe request and in all
};

struct LivenessOptions {
  int64_t ping_ns = 20'000'000'000;          // after this long without a word from the client it is pinged; 0: never
  int64_t idle_timeout_ns = 60'000'000'000;  // and after this long cut; 0: never
  int64_t heartbeat_ns = 1'000'000'000;      // wire clients hear something at least this often; 0: only data
  int64_t close_timeout_ns = 3'000'000'000;  // wait for the other side of a closing handshake
};

struct ShmOptions {  // the messages in shared memory; see shm::Place and shm::CreateOptions
  std::string name;  // "": not there
  std::string directory;
  uint64_t bytes = uint64_t{16} << 20;  // of the ring; a message has at most a quarter of it
  uint64_t table_bytes = 1u << 20;      // names of topics and keys
  uint32_t mode = 0600;
};

struct HubOptions {
  std::string name;  // in Welcome
  ShmOptions shm;
  RingOptions ring;
  FlushOptions flush;
  SlowOptions slow;
  StoreOptions store;
  DeflateLaneOptions deflate;
  InboundOptions inbound;
  LivenessOptions liveness;
  size_t max_message = 1u << 20;  // payload of a published message; at most an eighth of ring.bytes
  uint32_t max_topics = 65'535;
  // Topics that exist only because a client asked for them, until somebody publishes there: more are refused.
  uint32_t max_unpublished_topics = 4'096;
  uint32_t max_keys = 1u << 20;   // distinct key names, 1 to 16 M
  size_t max_name = 255;          // bytes of a topic's or key's name
  bool forward_messages = false;  // what clients say beyond the protocol goes to HubListener::on_message
};

struct TopicOptions {
  Retain retain = Retain::kNone;
  // When not even a conflating subscriber may lose one for a newer of the same key (trades, executions): beyond the
  // ring's window such messages are skipped, with their range.
  bool conflate = true;
  // Late joiners wait for a snapshot (HubListener::on_snapshot_needed, Hub::publish_snapshot), then get everything
  // published after it. Excludes retain.
  bool snapshot = false;
};

}  // namespace tickwire::hub
