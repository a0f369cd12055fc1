// Everything that publishers write and broadcast loops read: the log, the lanes' rings, topics, keys, newest values,
// snapshots. Publishers (any thread) and the loops' rare business (joining, looking up names) share one mutex; what is
// delivered is read without it (entry_log.h).
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hub/broadcast_ring.h"
#include "hub/definition_log.h"
#include "hub/entry_log.h"
#include "hub/framing.h"
#include "hub/hub.h"
#include "hub/last_values.h"
#include "hub/loop_gate.h"
#include "hub/name_table.h"
#include "hub/shm_lane.h"
#include "hub/snapshot.h"

namespace tickwire::hub {

struct TopicState {
  TopicOptions options;
  uint64_t sequence = 0;     // of the newest message
  uint32_t subscribers = 0;  // that named it, on all loops
  bool declared = false;     // by whoever publishes; the others exist because clients asked for them
  bool defined = false;      // stands in the definition log
  bool snapshot_requested = false;
  ListEnds values;          // with Retain::kLast
  std::vector<KeyId> keys;  // defined in it, in this order
  std::shared_ptr<Snapshot> snapshot;
};

// Told by publishers, on their thread and without the mutex.
class PublicationListener {
 public:
  virtual void wake_loop(uint32_t loop) = 0;
  virtual void snapshot_published(TopicId topic) = 0;

 protected:
  ~PublicationListener() = default;
};

class Publication {
 public:
  // `shm`: null when there is none.
  [[nodiscard]] static std::unique_ptr<Publication> create(const HubOptions& options, uint32_t loops,
                                                           PublicationListener& listener, std::unique_ptr<ShmLane> shm);
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;

  // ---- any thread ----
  [[nodiscard]] PublishResult publish(const Message& message);
  [[nodiscard]] Hub::BatchResult publish(std::span<const Message> messages);
  [[nodiscard]] PublishStatus publish_snapshot(TopicId topic, std::span<const Message> messages);
  [[nodiscard]] Result<TopicId> declare_topic(std::string_view name, const TopicOptions& options);
  [[nodiscard]] Result<KeyId> intern_key(std::string_view name);
  void refuse_publishing() noexcept;  // from now on kClosed
  void beat() noexcept;
  void close_shm() noexcept;
  void add_counters(Counters& counters) const noexcept;
  [[nodiscard]] uint32_t lanes_in_use() const noexcept { return lanes_in_use_.load(std::memory_order_relaxed); }

  // ---- loops, without the mutex ----
  [[nodiscard]] const EntryLog& log() const noexcept { return log_; }
  [[nodiscard]] const BroadcastRing& ring(Lane lane) const noexcept { return *rings_[static_cast<size_t>(lane)]; }
  [[nodiscard]] BroadcastRing& compressed_ring() noexcept { return *rings_[static_cast<size_t>(Lane::kWsDeflate)]; }
  [[nodiscard]] LoopGate& gate(uint32_t loop) noexcept { return gates_[loop]; }
  // Entries below this have their frames in the lane. The compressed lane comes behind the others.
  [[nodiscard]] uint64_t head(Lane lane) const noexcept {
    return lane == Lane::kWsDeflate ? compressed_head_.load(std::memory_order_acquire) : log_.head();
  }
  void publish_compressed(uint64_t head) noexcept { compressed_head_.store(head, std::memory_order_release); }
  // Entries before this are to leave the rings: with all behind them they take more than half of one.
  [[nodiscard]] uint64_t window() const noexcept { return window_.load(std::memory_order_acquire); }
  [[nodiscard]] uint64_t published_bytes() const noexcept { return published_bytes_.load(std::memory_order_relaxed); }
  // A publish was refused since the last call.
  [[nodiscard]] bool take_refused() noexcept {
    return refused_since_.load(std::memory_order_relaxed) && refused_since_.exchange(false, std::memory_order_relaxed);
  }
  [[nodiscard]] const HubOptions& options() const noexcept { return options_; }

  // ---- loops, under the mutex ----
  [[nodiscard]] std::unique_lock<std::mutex> lock() const { return std::unique_lock(mutex_); }
  // Opens the lane for one more subscriber of this loop, whose first entry will be the one returned.
  // `starts_compressor`: loop 0 has to be told to fill the compressed lane.
  [[nodiscard]] Result<uint64_t> join(uint32_t loop, Lane lane, bool& starts_compressor);
  // The compressed lane stays open until loop 0 closes it: nobody else knows whether it is being written.
  void leave(Lane lane) noexcept;
  [[nodiscard]] bool close_compressed_lane() noexcept;  // false when somebody uses it
  [[nodiscard]] bool compressing() const noexcept { return compressing_; }
  // The topic of that name for a subscription, made when it is new; counts as a subscriber until release_topic().
  [[nodiscard]] Result<TopicId> hold_topic(std::string_view name);
  void release_topic(TopicId topic);
  [[nodiscard]] TopicState& topic(TopicId id) noexcept { return topics_[id]; }
  [[nodiscard]] bool is_topic(TopicId id) const noexcept {
    return id != kNoTopic && id <= topic_names_.last() && !topic_names_.name(id).empty();
  }
  [[nodiscard]] TopicId last_topic() const noexcept { return static_cast<TopicId>(topic_names_.last()); }
  [[nodiscard]] std::string_view topic_name(TopicId id) const noexcept { return topic_names_.name(id); }
  [[nodiscard]] std::string_view key_name(KeyId id) const noexcept { return key_names_.name(id + 1); }
  [[nodiscard]] uint32_t key_count() const noexcept { return key_names_.last(); }
  [[nodiscard]] KeyId find_key(std::string_view name) const noexcept { return key_names_.find(name) - 1; }
  [[nodiscard]] const LastValues& values() const noexcept { return values_; }
  [[nodiscard]] const DefinitionLog& definitions() const noexcept { return definitions_; }
  [[nodiscard]] bool retains_anything() const noexcept { return retaining_; }
  // From now on messages of all topics that may be conflated are kept.
  void enable_conflation() noexcept { conflating_ = true; }
  // The oldest entry whose frame in this lane was not overwritten.
  [[nodiscard]] uint64_t oldest(Lane lane) const noexcept;
  // The topic's snapshot, when it has one that continues at `floor` or later; otherwise null, and `ask` says whether
  // the provider is to be asked (by this caller).
  [[nodiscard]] std::shared_ptr<Snapshot> usable_snapshot(TopicId topic, uint64_t floor, bool& ask);
  // The snapshot's frames for a lane, made when nobody needed them before.
  [[nodiscard]] const Snapshot::Frames& snapshot_frames(Snapshot& snapshot, Lane lane);

 private:
  Publication(const HubOptions& options, uint32_t loops, PublicationListener& listener, std::unique_ptr<ShmLane> shm);
  [[nodiscard]] PublishStatus publish_locked(const Message& message, int64_t now_ns, uint64_t& sequence);
  [[nodiscard]] PublishStatus check(const Message& message) const noexcept;
  [[nodiscard]] bool text_wanted(TopicId topic) const noexcept;
  [[nodiscard]] PublishStatus define_all(TopicId topic, std::span<const Message> messages, int64_t now_ns);
  [[nodiscard]] bool has_room(const Content& content) noexcept;
  [[nodiscard]] bool fits(const Content& content) const noexcept;
  [[nodiscard]] uint64_t lowest_floor() const noexcept;
  void append(const Content& content, int64_t now_ns) noexcept;
  void define(TopicId topic, KeyId key, int64_t now_ns);
  void finish_entry(TopicId topic, KeyId key, uint64_t sequence, uint8_t flags, int64_t now_ns) noexcept;
  void move_window() noexcept;
  void remember(ValueSlot& slot, SlotId id, const Content& content) noexcept;
  [[nodiscard]] Content content_of(const Message& message, int64_t now_ns);
  void open_lane(Lane lane) noexcept;
  void close_lane(Lane lane) noexcept;
  void wake_loops();
  [[nodiscard]] int64_t wall_ns(int64_t mono_ns) noexcept;
  [[nodiscard]] bool lane_open(uint32_t lane) const noexcept { return users_[lane] != 0; }

  const HubOptions options_;
  PublicationListener& listener_;
  EntryLog log_;
  std::array<std::unique_ptr<BroadcastRing>, kLanes> rings_;
  std::array<uint64_t, kLanes> first_{};  // the entry that a lane in use begins with
  std::deque<LoopGate> gates_;
  std::array<uint64_t, kLanes> window_at_{};  // where the window begins in each ring
  alignas(64) std::atomic<uint64_t> compressed_head_{0};
  alignas(64) std::atomic<uint64_t> window_{0};
  alignas(64) std::atomic<uint64_t> published_bytes_{0};
  std::atomic<uint64_t> published_{0};
  std::atomic<uint64_t> refused_{0};
  std::atomic<uint64_t> snapshots_{0};
  std::atomic<bool> refused_since_{false};
  std::atomic<uint32_t> lanes_in_use_{0};

  mutable std::mutex mutex_;
  NameTable topic_names_;
  NameTable key_names_;
  std::deque<TopicState> topics_;  // by id; the first is nobody's
  LastValues values_;
  DefinitionLog definitions_;
  uint64_t next_ = 0;  // the index that the next entry gets
  uint64_t tail_ = 0;  // lowest floor as last seen
  std::array<uint32_t, kLanes> users_{};
  uint32_t undeclared_ = 0;
  bool compressing_ = false;
  bool conflating_ = false;
  bool retaining_ = false;
  bool closed_ = false;
  std::unique_ptr<ShmLane> shm_;
  int64_t wall_offset_ns_ = 0;
  int64_t wall_measured_ns_ = INT64_MIN;
};

}  // namespace tickwire::hub
