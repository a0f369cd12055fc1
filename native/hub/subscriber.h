// One connection: in its first cache line what every delivery touches, behind `more` the rest.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "hub/key_filter.h"
#include "hub/last_values.h"
#include "hub/out_buffer.h"
#include "hub/snapshot.h"
#include "hub/subscriber_info.h"
#include "hub/types.h"
#include "loop/loop.h"
#include "net/stream.h"
#include "wire/frame_parser.h"
#include "ws/deflate.h"
#include "ws/frame_parser.h"

namespace tickwire::hub {

class BroadcastLoop;

// How a subscriber finds what is for it.
enum class Interest : uint8_t {
  kListed,   // by the lists of its topics
  kWhole,    // everything: contiguous regions of the ring
  kScanned,  // all topics, but with a filter or with topics held back: it looks at each entry
};

// kOpen → kDraining → kGoodbye → kClosed. kDraining: gets what was published, then goodbye; kGoodbye: nothing but what
// is in `out`, whose last frame says goodbye.
enum class Phase : uint8_t { kOpen, kDraining, kGoodbye, kClosed };

struct Subscription {
  TopicId topic = kNoTopic;
  uint32_t place = 0;  // in the list of the topic's members
};

// A topic that an all-topic subscriber gets only from `live_from` on.
struct Hold {
  TopicId topic = kNoTopic;
  uint64_t live_from = 0;
};

// Something that is sent before a topic's messages; topic kNoTopic: of all topics.
struct Burst {
  enum class Stage : uint8_t { kTopics, kSymbols, kValues, kImage };
  Stage stage = Stage::kTopics;
  TopicId topic = kNoTopic;
  uint32_t next = 0;                // kTopics, kSymbols: what comes next
  uint32_t request = 0;             // kTopics: that it answers
  std::vector<uint64_t> sequences;  // kTopics: by topic, when it joined
  uint64_t from = 0;                // kValues: the log's index from which values were not sent yet
  SlotId hint = 0;                  // likewise
  uint64_t last_sequence = 0;       // kValues of one topic: of the last value that was sent
  bool cancelled = false;           // kImage: the topic was unsubscribed meanwhile
  std::shared_ptr<Snapshot> image;
  const Snapshot::Frames* frames = nullptr;
  size_t offset = 0;  // kImage: what was sent
  size_t owed = 0;    // kImage: up to here it must be sent before anything else, so that no message is cut
  std::shared_ptr<KeyFilter> filter;

  [[nodiscard]] bool owes() const noexcept { return offset < owed; }
};

struct SlowState {
  bool active = false;
  bool from_values = false;  // conflating: part of what it has not got has left the ring
  SlowPolicy policy = SlowPolicy::kSkip;
  uint64_t values_from = 0;  // that part begins here
  SlotId hint = 0;
  uint64_t plan_end = 0;  // conflating: newest as of this entry
  uint64_t since = 0;     // the first entry that it has not got
  uint64_t missed = 0;
  std::vector<MissedRange> ranges;  // by topic
};

struct Allowance {  // a token bucket
  double left = 0;
  // Takes n of at most `burst`, refilled at `per_second`. False when there are not so many.
  [[nodiscard]] bool take(double n, double per_second, double burst, double elapsed_s) noexcept {
    left = left + elapsed_s * per_second < burst ? left + elapsed_s * per_second : burst;
    if (left < n) return false;
    left -= n;
    return true;
  }
};

class Subscriber;

// The cold part.
struct Connection final : Resumable {
  Connection(BroadcastLoop& l, Subscriber& s) : loop(l), subscriber(s) {}
  void on_resume() override;

  BroadcastLoop& loop;
  Subscriber& subscriber;
  SubscriberId id = 0;
  std::unique_ptr<Stream> stream;
  uint32_t place = 0;          // among the loop's connections
  uint32_t behind_place = 0;   // among those behind
  uint64_t lag = 0;            // behind, and not kWhole: bytes of the lane that wait for it
  uint64_t lag_to = 0;         // kScanned: those before this entry are counted
  bool nothing_waits = false;  // kListed and behind: no entry from its cursor to the end of the pass is for it
  size_t kernel_bytes = 0;     // unsent when it was last blocked
  SlowPolicy slow_policy = SlowPolicy::kSkip;
  SlowState slow;

  std::shared_ptr<const TopicAccess> access;
  std::vector<Subscription> subscriptions;
  std::vector<TopicId> awaited;       // topics whose snapshot it waits for
  std::vector<Burst> bursts;          // the first is under way
  std::shared_ptr<KeyFilter> filter;  // kScanned
  std::vector<Hold> holds;            // kScanned
  uint64_t live_from = 0;             // kScanned: entries of other topics than those before this are not for it
  uint64_t retained_from = 0;         // kScanned: likewise of retaining topics
  uint32_t definitions_from = 0;      // wire: the part of the definition log that it has jumped over
  uint32_t definitions_to = 0;

  std::unique_ptr<ws::FrameParser> parser;
  std::unique_ptr<wire::FrameParser> wire_parser;
  std::optional<ws::DeflateParams> deflate;
  std::unique_ptr<ws::Deflater> deflater;  // of what is compressed for it alone
  std::vector<uint8_t> rest;               // of what was received: the beginning of a frame
  Allowance messages_left;
  Allowance bytes_left;
  int64_t refilled_ns = 0;
  Allowance resends_left;
  int64_t resend_refilled_ns = 0;
  int64_t heard_ns = 0;
  int64_t deadline_ns = INT64_MAX;  // then it is cut
  uint64_t written_at_tick = 0;
  bool heard = false;     // since the last tick
  bool pinged = false;    // and not heard since
  bool speaks = false;    // has sent a request: may be sent notices
  bool unread = false;    // reading stopped because answers were not taken
  bool reading = false;   // inside a parser
  bool end_seen = false;  // the poller saw the peer's end
  bool peer_said_goodbye = false;
  bool shut = false;  // our writing side was ended
  bool counted_blocked = false;
  Error why;  // how it will have ended
  uint64_t missed_total = 0;
};

class alignas(64) Subscriber final : public Watcher {
 public:
  static constexpr uint32_t kNoNode = UINT32_MAX;

  Subscriber(BroadcastLoop& loop, Lane l) : lane(l), more(std::make_unique<Connection>(loop, *this)) {}
  void on_ready(uint32_t ready) override;

  int fd = -1;
  Lane lane;
  Interest interest = Interest::kListed;
  Phase phase = Phase::kOpen;
  // Has a place of its own in the log, or private bytes, and is served apart from the pass; the others are in step.
  bool behind : 1 = false;
  bool blocked : 1 = false;  // the socket takes nothing: an edge will come
  bool tls : 1 = false;
  bool one_topic : 1 = false;        // kListed: listens to one topic
  bool private_deflate : 1 = false;  // messages are compressed for it alone, with its own context
  uint64_t cursor = 0;               // the next entry; kListed in step: the group's
  uint64_t messages = 0;
  uint64_t bytes = 0;
  OutBuffer out;
  uint32_t chain_first = kNoNode;  // kListed: what of the present pass is for it (LaneGroup)
  uint32_t chain_last = kNoNode;
  std::unique_ptr<Connection> more;

  [[nodiscard]] bool open() const noexcept { return phase != Phase::kClosed; }
};
static_assert(sizeof(Subscriber) == 64);

}  // namespace tickwire::hub
