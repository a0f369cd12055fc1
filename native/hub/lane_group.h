// The subscribers of one lane on one loop, and how a pass goes over them.
//
// A pass covers the entries between where the one before ended and the lane's head. Marking walks over them once and
// chains each topic's together, so that nobody looks at messages that are not for it. Members that listen to this one
// topic without a filter, which are most, share the topic's chain and what is gathered from it; the others get a chain
// of their own. Those who take everything need no marking. Sweeping then writes to each subscriber, one system call
// where its news lie together. Both cost nothing for those who have no news.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "hub/broadcast_ring.h"
#include "hub/entry_log.h"
#include "hub/frame_output.h"
#include "hub/gather.h"
#include "hub/key_filter.h"
#include "hub/subscriber.h"

namespace tickwire::hub {

struct Member {
  static constexpr uint64_t kHeld = UINT64_MAX;
  Subscriber* subscriber = nullptr;
  uint64_t live_from = 0;  // entries before this are not for it; kHeld while something else is sent first
  std::shared_ptr<KeyFilter> filter;
  uint32_t place = 0;  // of the subscription at the subscriber
};

// How much a slice of a pass may do before other work of the loop gets its turn.
struct SweepBudget {
  uint32_t writes = 256;
  size_t bytes = 8u << 20;
  [[nodiscard]] bool spent() const noexcept { return writes == 0 || bytes == 0; }
  void take(size_t n) noexcept {
    if (writes != 0) --writes;
    bytes = bytes > n ? bytes - n : 0;
  }
};

// What a group asks of its loop.
class GroupOwner {
 public:
  // The socket does not take everything: the subscriber goes on from its cursor by itself. `lag`: bytes that wait.
  virtual void fall_behind(Subscriber& s, Sent why, uint64_t lag) = 0;
  // It has news that are nobody else's work.
  virtual void serve_alone(Subscriber& s) = 0;

 protected:
  ~GroupOwner() = default;
};

class LaneGroup {
 public:
  LaneGroup(Lane lane, const EntryLog& log, FrameOutput& output, Gather& gather, LoopCounters& counters,
            GroupOwner& owner)
      : lane_(lane), log_(log), output_(output), gather_(gather), counters_(counters), owner_(owner) {}

  [[nodiscard]] Lane lane() const noexcept { return lane_; }
  [[nodiscard]] uint32_t size() const noexcept { return size_; }
  // Entries below this were seen by every pass.
  [[nodiscard]] uint64_t marked() const noexcept { return marked_; }
  [[nodiscard]] const BroadcastRing& ring() const noexcept { return *ring_; }
  [[nodiscard]] bool has_ring() const noexcept { return ring_ != nullptr; }

  void enter(const BroadcastRing& ring, uint64_t first);  // one more; the first begins at entry `first`
  void leave() noexcept { --size_; }
  void add_whole(Subscriber& s) { whole_.push_back(&s); }
  void add_scanned(Subscriber& s) { scanned_.push_back(&s); }
  void remove_whole(const Subscriber& s) noexcept { remove(whole_, s, next_whole_); }
  void remove_scanned(const Subscriber& s) noexcept { remove(scanned_, s, next_scanned_); }
  // The subscriber's place in the list of its topic.
  uint32_t add_member(TopicId topic, Member member);
  void remove_member(TopicId topic, uint32_t place) noexcept;
  [[nodiscard]] Member& member(TopicId topic, uint32_t place) noexcept { return topics_[topic].members[place]; }
  // Takes it out of the present pass. What was for it there, `bytes`, is again to be found from the entry `cursor` on;
  // 0 bytes when it was not in it, or had got everything.
  struct Unchained {
    uint64_t bytes = 0;
    uint64_t cursor = 0;
  };
  Unchained unchain(Subscriber& s) noexcept;

  void mark(uint64_t head);
  // True when the pass is complete.
  [[nodiscard]] bool sweep(SweepBudget& budget);

 private:
  struct Node {
    uint32_t entry;  // counted from from_
    uint32_t next;
  };
  struct TopicMembers {
    std::vector<Member> members;
    uint32_t run = 0;  // of the present pass: its place + 1
  };
  // What the present pass has of one topic, and for whom: ranges of sharing_, lagging_, single_.
  struct Run {
    TopicId topic = kNoTopic;
    uint32_t first = Subscriber::kNoNode;
    uint32_t last = Subscriber::kNoNode;
    uint64_t bytes = 0;
    size_t sharing = 0;
    size_t sharing_end = 0;
    size_t lagging = 0;
    size_t lagging_end = 0;
    size_t single = 0;
    size_t single_end = 0;
  };
  static constexpr size_t kMaxNodes = 1u << 20;
  // In chain_last of a subscriber that shares a topic's chain, with its place in sharing_.
  static constexpr uint32_t kShares = 1u << 31;

  void remove(std::vector<Subscriber*>& list, const Subscriber& s, size_t& next) noexcept;
  void begin_pass() noexcept;
  void mark_entry(uint64_t index, uint64_t size, TopicMembers& topic);
  void begin_run(TopicId id, TopicMembers& topic, uint64_t index);
  void end_runs();
  void give(Member& member, uint64_t index, uint64_t size);
  void serve_alone(Subscriber& s, SweepBudget& budget);
  void sweep_whole(Subscriber& s, SweepBudget& budget);
  [[nodiscard]] bool sweep_shared(SweepBudget& budget);
  void gather_share(const Run& run, uint32_t from);
  void write_shared(Subscriber& s, SweepBudget& budget);
  void sweep_chain(Subscriber& s, SweepBudget& budget);
  // From this node on as much as fits; returns the first that did not, or kNoNode.
  [[nodiscard]] uint32_t collect(Gather& gather, uint32_t node) const noexcept;
  [[nodiscard]] uint64_t messages_in(const Gather& gather, size_t frames) const noexcept;
  void count(Subscriber& s, uint64_t messages) noexcept;
  void stay_behind(Subscriber& s, Sent why, uint32_t node);
  [[nodiscard]] uint64_t chain_bytes(uint32_t node) const noexcept;

  Lane lane_;
  const EntryLog& log_;
  FrameOutput& output_;
  Gather& gather_;
  LoopCounters& counters_;
  GroupOwner& owner_;
  const BroadcastRing* ring_ = nullptr;
  uint32_t size_ = 0;
  uint64_t from_ = 0;
  uint64_t marked_ = 0;
  std::vector<Subscriber*> whole_;
  std::vector<Subscriber*> scanned_;
  std::vector<TopicMembers> topics_;  // by number
  size_t listed_ = 0;
  std::vector<Run> runs_;
  std::vector<Subscriber*> sharing_;  // null: needs nothing more
  std::vector<Subscriber*> lagging_;
  std::vector<Member*> single_;
  std::vector<Subscriber*> dirty_;  // with chains of their own
  std::vector<Node> nodes_;
  // Of the run that is being swept: a part of its chain, [from, to), for everybody who shares it.
  struct Share {
    std::unique_ptr<Gather> gather;
    uint32_t from = Subscriber::kNoNode;
    uint32_t to = Subscriber::kNoNode;
    uint64_t messages = 0;
  } share_;
  size_t next_run_ = 0;
  size_t next_sharing_ = 0;
  size_t next_whole_ = 0;
  size_t next_scanned_ = 0;
  size_t next_dirty_ = 0;
};

}  // namespace tickwire::hub
