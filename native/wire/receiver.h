// What a subscriber makes of the frames that it gets: definitions, sequence numbers, duplicates, gaps, recovery.
// Without I/O and without a clock; whoever reads a connection or a segment of shared memory shows it the frames. Lives
// across connections, so that numbers go on after a reconnect.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/session_control.h"
#include "wire/control.h"
#include "wire/frame_parser.h"
#include "wire/gap.h"
#include "wire/held_messages.h"
#include "wire/sequence_tracker.h"

namespace tickwire::wire {

// Why a frame that arrived intact was of no use.
enum class Unusable : uint8_t {
  kMalformed,   // not as its type says
  kUndefined,   // of a topic that was not defined
  kUnexpected,  // of a type that subscribers do not get
  kTooMany,     // a topic over the limit
};

class ReceiverListener {
 public:
  // Messages, in the order in which they are due. kPause: not taken; offered again after the next Receiver::resume() or
  // when it is shown again.
  virtual Flow on_message(const Frame& frame, const ReceiveTimes& times) = 0;
  virtual Flow on_quotes(const uint8_t* frames, size_t count, size_t& taken, const ReceiveTimes& times) = 0;
  virtual void on_topics(const Topics& topics) = 0;  // before their messages
  virtual void on_symbols(const Symbols& symbols) = 0;
  virtual void on_gap(const Gap& gap) = 0;
  virtual void on_duplicate() = 0;
  virtual void on_conflated(uint64_t count) = 0;  // left out by the sender, because newer values took their place
  virtual void on_discarded(uint64_t count) = 0;  // kept back, and given up unseen when the connection ended
  virtual void on_unusable(const Frame& frame, Unusable why) = 0;

 protected:
  ~ReceiverListener() = default;
};

enum class Recover : uint8_t {
  kOff,
  kLate,     // what was missing is passed on when it comes, flagged as resent
  kOrdered,  // what is behind it is kept back meanwhile
};

struct RecoverOptions {
  Recover order = Recover::kOff;
  bool slow = false;                // also what the sender left out because we were slow
  int64_t wait_ns = 1'000'000'000;  // for what was asked for; then it counts as lost
  size_t hold_bytes = 4u << 20;     // kOrdered: kept back in all; then the wait ends at once
};

struct ReceiverOptions {
  RecoverOptions recover;
  GapCause jump = GapCause::kLost;  // what it means when numbers jump
  size_t max_topics = SequenceTracker::kMaxTopics;
};

class Receiver {
 public:
  static constexpr size_t kMaxRequests = 256;  // ranges asked for at once; further gaps are lost

  Receiver(ReceiverOptions options, ReceiverListener& listener)
      : options_(options), listener_(listener), tracker_(options.max_topics) {}

  // A connection opens; true when the numbers of the last one go on.
  bool begin(uint64_t epoch);
  // A connection is gone, and its definitions with it: passes on what is kept back, as far as it is taken. The rest
  // counts as never received.
  void end();
  [[nodiscard]] uint64_t epoch() const noexcept { return tracker_.epoch(); }

  // Which topics are subscribed to with a filter; asked when one is defined.
  void set_filtered(std::string_view topic, bool filtered);
  // Topics that are defined meanwhile are joined where they stand, whatever their definition says.
  void set_joining(bool joining) noexcept { joining_ = joining; }
  void unfollow(std::string_view topic) noexcept { tracker_.unfollow(topic); }

  // Frames of any kind but those that open and close a connection. kPause: not taken (of quotes: from `taken` on).
  [[nodiscard]] Flow on_frame(const Frame& frame, const ReceiveTimes& times);
  [[nodiscard]] Flow on_quotes(const uint8_t* frames, size_t count, size_t& taken, const ReceiveTimes& times);
  // The listener refused something that is kept here: it must have said on_message() again before further frames are
  // taken, by resume(). kPause: it refused again.
  [[nodiscard]] bool blocked() const noexcept { return blocked_; }
  [[nodiscard]] Flow resume();
  // What is to be asked for again; the sender of requests takes it.
  [[nodiscard]] bool wants_to_ask() const noexcept { return !asking_.empty(); }
  [[nodiscard]] std::vector<Range> take_asked() noexcept { return std::exchange(asking_, {}); }
  // When on_time() has something to do; INT64_MAX: never.
  [[nodiscard]] int64_t next_deadline_ns() const noexcept;
  [[nodiscard]] Flow on_time(int64_t now_ns);

 private:
  struct Request {
    TrackedTopic* topic;
    SequenceRange range;
    GapCause cause;
    int64_t deadline_ns;
  };

  [[nodiscard]] Flow on_data(const Frame& frame, const ReceiveTimes& times);
  [[nodiscard]] Flow pass_on(const Frame& frame, const ReceiveTimes& times, SequenceTracker::Judgement judgement);
  [[nodiscard]] bool on_control(const Frame& frame, int64_t now_ns);
  [[nodiscard]] bool define(const Frame& frame, int64_t now_ns);
  void skip(const Skipped& skipped, const Frame& frame, int64_t now_ns);
  void refused(const ResendRefused& refused);

  void miss(TrackedTopic& topic, SequenceRange range, GapCause cause, bool ask, int64_t now_ns);
  [[nodiscard]] bool ask_for(TrackedTopic& topic, SequenceRange range, GapCause cause, int64_t now_ns);
  void ask_again(TrackedTopic& topic, int64_t now_ns);
  void give_up(TrackedTopic& topic, SequenceRange range, GapFate fate);
  void withdraw(TrackedTopic& topic);
  void report_run(TrackedTopic& topic);
  [[nodiscard]] GapCause cause_of(const TrackedTopic& topic, uint64_t number) const noexcept;
  void forget_finished();

  [[nodiscard]] bool must_wait(TrackedTopic& topic, uint64_t number) const noexcept;
  void hold(TrackedTopic& topic, const Frame& frame, const ReceiveTimes& times, SequenceTracker::Verdict verdict);
  void forget(TrackedTopic& topic, const HeldMessages& messages);
  void stop_waiting();
  void settle(TrackedTopic& topic) noexcept;
  [[nodiscard]] Flow release(TrackedTopic& topic, bool all);
  void release_or_block(TrackedTopic& topic);

  const ReceiverOptions options_;
  ReceiverListener& listener_;
  SequenceTracker tracker_;
  bool blocked_ = false;
  bool joining_ = false;
  std::vector<Request> requests_;
  std::vector<Range> asking_;
  std::map<TrackedTopic*, HeldMessages> held_;
  size_t held_bytes_ = 0;
  std::set<std::string, std::less<>> filtered_;
};

}  // namespace tickwire::wire
