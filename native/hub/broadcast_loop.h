// One loop's part of the hub: its subscribers, and the passes that take to them what was published.
//
// A subscriber is either in step (the passes serve it) or behind: then it has a place of its own in the log and serves
// itself from there, driven by its socket (Delivery), until it has caught up. Falling behind is what a full socket, an
// answer to a request, or joining does; no pass ever waits for anybody.
//
// A pass, in order: entries that must go are given up (those who still need them are slow by definition, and have the
// slow policy applied first), new entries are marked, the slow are looked after, then the sweep, in slices between
// which the loop does its other work.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hub/compressor.h"
#include "hub/delivery.h"
#include "hub/farewell.h"
#include "hub/flush_pace.h"
#include "hub/frame_output.h"
#include "hub/gather.h"
#include "hub/inbound.h"
#include "hub/joining.h"
#include "hub/lane_group.h"
#include "hub/listener.h"
#include "hub/liveness.h"
#include "hub/loop_counters.h"
#include "hub/publication.h"
#include "hub/slow_watch.h"
#include "hub/subscriber.h"
#include "loop/loop.h"

namespace tickwire::hub {

class BroadcastLoop;

// What the loop asks of the hub.
class LoopOwner {
 public:
  // The first client of the compressed lane has come: loop 0 is to fill it.
  virtual void compressed_lane_opened() = 0;
  // The compressed lane has grown: loops with clients of it have news.
  virtual void compressed_lane_grew() = 0;
  // After begin_close(): no connection is left on this loop.
  virtual void loop_is_empty(uint32_t index) = 0;

 protected:
  ~LoopOwner() = default;
};

class BroadcastLoop final : private GroupOwner, private Resumable {
 public:
  BroadcastLoop(uint32_t index, Loop& loop, Publication& publication, HubListener& listener, LoopOwner& owner,
                uint64_t epoch);
  ~BroadcastLoop() override;
  BroadcastLoop(const BroadcastLoop&) = delete;
  BroadcastLoop& operator=(const BroadcastLoop&) = delete;

  // ---- from any thread ----
  [[nodiscard]] const LoopCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] uint32_t subscribers() const noexcept { return static_cast<uint32_t>(counters_.subscribers.get()); }
  [[nodiscard]] Loop& loop() noexcept { return loop_; }

  // ---- on the loop's thread ----
  void add(std::unique_ptr<Stream> stream, SubscriberInfo info);
  void on_news();
  void on_snapshot(TopicId topic) { joining_.snapshot_published(topic); }
  void start_compressor();
  void disconnect(SubscriberId id, uint16_t code, std::string_view reason);
  void send(SubscriberId id, PayloadKind kind, std::span<const uint8_t> payload);
  void measure(uint64_t request, SubscriberId only);
  void begin_close(int64_t grace_ns);
  void release();

  // ---- for the parts below ----
  [[nodiscard]] uint32_t index() const noexcept { return index_; }
  [[nodiscard]] uint64_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] Publication& publication() noexcept { return publication_; }
  [[nodiscard]] const HubOptions& options() const noexcept { return publication_.options(); }
  [[nodiscard]] HubListener& listener() noexcept { return listener_; }
  [[nodiscard]] LoopCounters& tally() noexcept { return counters_; }
  [[nodiscard]] FrameOutput& output() noexcept { return output_; }
  [[nodiscard]] Gather& gather() noexcept { return gather_; }
  [[nodiscard]] LaneGroup& group(Lane lane) noexcept { return *groups_[static_cast<size_t>(lane)]; }
  [[nodiscard]] LaneGroup& group_of(const Subscriber& s) noexcept { return group(s.lane); }
  [[nodiscard]] Delivery& delivery() noexcept { return delivery_; }
  [[nodiscard]] Joining& joining() noexcept { return joining_; }
  [[nodiscard]] SlowWatch& slow_watch() noexcept { return slow_watch_; }
  [[nodiscard]] Farewell& farewell() noexcept { return farewell_; }
  [[nodiscard]] Inbound& inbound() noexcept { return inbound_; }
  [[nodiscard]] const std::vector<Subscriber*>& connections() const noexcept { return connections_; }
  [[nodiscard]] const std::vector<Subscriber*>& behind() const noexcept { return behind_; }
  [[nodiscard]] Liveness& liveness() noexcept { return liveness_; }
  // Entries from here on stay readable at least until the next pass; those from safe_index() on for a good while.
  [[nodiscard]] uint64_t floor() noexcept;
  [[nodiscard]] uint64_t safe_index(Lane lane) noexcept;
  [[nodiscard]] bool closing() const noexcept { return closing_; }

  // Takes it out of step; it is then to be served (Delivery::serve).
  void set_behind(Subscriber& s);
  void set_in_step(Subscriber& s) noexcept;
  // Moves it between the lists of its lane.
  void set_interest(Subscriber& s, Interest interest);
  // The end of a connection; the subscriber's memory stays until the end of the turn.
  void finish(Subscriber& s, const Error& why, bool clean);

 private:
  void fall_behind(Subscriber& s, Sent why, uint64_t lag) override;
  void serve_alone(Subscriber& s) override { delivery_.serve(s); }
  void on_resume() override;
  void on_pass_timer(int64_t now_ns);

  void start_pass();
  void continue_pass();
  void end_pass();
  void plan_pass(int64_t now_ns);
  void become_idle();
  [[nodiscard]] bool has_news() const noexcept;
  [[nodiscard]] bool reads_anything() const noexcept;
  void run_compressor();
  void move_floor();
  void tell_if_drained();
  void drain_if_done();
  [[nodiscard]] SubscriberLag lag_of(Subscriber& s);
  void turn_away(const SubscriberInfo& info, const Error& why);
  void begin(Subscriber& s, const SubscriberInfo& info);
  void prepare(Subscriber& s, const SubscriberInfo& info);
  void tell_if_empty();

  const uint32_t index_;
  Loop& loop_;
  Publication& publication_;
  HubListener& listener_;
  LoopOwner& owner_;
  const uint64_t epoch_;
  LoopCounters counters_;
  FrameOutput output_{counters_};
  Gather gather_;
  std::array<std::unique_ptr<LaneGroup>, kLanes> groups_;
  FlushPace pace_;
  MemberTimer<BroadcastLoop, &BroadcastLoop::on_pass_timer> pass_timer_{*this};
  enum class PassState : uint8_t { kIdle, kPlanned, kRunning } pass_state_ = PassState::kIdle;
  uint64_t marked_bytes_ = 0;
  bool compressing_ = false;
  bool closing_ = false;
  bool drained_ = false;
  bool told_empty_ = false;
  int64_t close_deadline_ns_ = INT64_MAX;
  bool released_ = false;
  std::unique_ptr<Compressor> compressor_;
  std::vector<Subscriber*> connections_;
  std::vector<Subscriber*> behind_;
  std::unordered_map<SubscriberId, Subscriber*> by_id_;
  Delivery delivery_;
  SlowWatch slow_watch_;
  Joining joining_;
  Farewell farewell_;
  Inbound inbound_;
  Liveness liveness_;
};

}  // namespace tickwire::hub
