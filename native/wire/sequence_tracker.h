// What a receiver has had of each topic: which number is due, what is missing, what of that was asked for again. Pure
// bookkeeping, without frames and without time. Lives as long as the receiver, across connections; topics are known by
// name, and on one connection by the number that the sender gave them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/header.h"
#include "wire/range_set.h"

namespace tickwire::wire {

struct TrackedTopic {
  std::string name;
  uint16_t source = 0;  // on the present connection; 0: not defined there
  // The number after the highest that came, or that is known not to come; 0: whatever comes first.
  uint64_t due = 1;
  bool following = false;   // numbers go on where they were: what lies between is missing
  bool filtered = false;    // numbers have holes by construction: only Skipped tells of losses
  bool held_up = false;     // messages are kept back until `wanted` ones have come
  RangeSet wanted;          // asked for again, and neither here nor refused
  SequenceRange recovered;  // the run of `wanted` that came last and was not reported yet; from 0: none
};

class SequenceTracker {
 public:
  static constexpr size_t kMaxTopics = 65'535;  // as many as there are numbers

  explicit SequenceTracker(size_t max_topics = kMaxTopics) : max_topics_(max_topics) {}

  // A connection opens: no topic is defined on it. With the epoch of the one before, numbers go on; true then. With
  // another they start over, and what was `wanted` will never come: look at that first.
  bool begin(uint64_t epoch);
  [[nodiscard]] uint64_t epoch() const noexcept { return epoch_; }  // 0: no connection yet

  // The sender's Topic entry. `missing` becomes what was sent between our last message and the first that will come;
  // from 0: nothing. A number that another topic had is taken from it. False: too many topics.
  // `joining`: what `last` says is out of date, and the topic's first message tells where it stands.
  [[nodiscard]] bool define(uint16_t source, std::string_view name, uint64_t last, SequenceRange& missing,
                            bool joining = false);
  [[nodiscard]] TrackedTopic* find(uint16_t source) noexcept {
    return source < by_source_.size() ? by_source_[source] : nullptr;
  }
  [[nodiscard]] TrackedTopic* find(std::string_view name) noexcept;
  // No longer subscribed to: what is sent until it is again is not missing.
  void unfollow(std::string_view name) noexcept;
  template <class Use>
  void each(Use&& use) {
    for (auto& [name, topic] : topics_) use(*topic);
  }
  [[nodiscard]] size_t topics() const noexcept { return topics_.size(); }

  // The rule, nearly always: the number that is due, on a topic that keeps nothing back. True: it was that one, and the
  // next is due. False: let judge() decide.
  [[nodiscard]] bool advance(uint16_t source, uint64_t sequence) noexcept {
    TrackedTopic* const topic = find(source);
    if (topic == nullptr || topic->due != sequence || topic->held_up) return false;
    ++topic->due;
    return true;
  }
  // Takes the last advance() with this source back: the message was not taken.
  void step_back(uint16_t source) noexcept { --by_source_[source]->due; }

  enum class Verdict : uint8_t {
    kNext,       // the one that is due, or the first behind `missing`
    kOutside,    // without a number, or a snapshot: not one of the sequence
    kRecovered,  // was `wanted`
    kDuplicate,
    kUndefined,  // of no topic that was defined on this connection
  };
  struct Judgement {
    Verdict verdict = Verdict::kUndefined;
    TrackedTopic* topic = nullptr;
    SequenceRange missing;   // kNext: numbers in front of it that did not come; from 0: none
    bool conflated = false;  // kNext: they were left out because newer values took their place
  };
  // Changes nothing: accept() follows when the message was taken, with the same header.
  [[nodiscard]] Judgement judge(const Header& header) noexcept;
  void accept(const Header& header, const Judgement& judgement);

  // The sender has sent up to `last`: returns what of that did not come, which counts as passed then. From 0: nothing.
  SequenceRange catch_up(TrackedTopic& topic, uint64_t last) noexcept;
  // The sender says that these will not come. `skipped` becomes what of them is news, `missing` what lies in front of
  // them and did not come either; from 0: nothing.
  void skip(TrackedTopic& topic, SequenceRange range, SequenceRange& skipped, SequenceRange& missing) noexcept;
  // Messages from `due` on could not be kept: as if they had never come.
  void rewind(TrackedTopic& topic, uint64_t due) noexcept;

 private:
  void forget_numbers() noexcept;

  size_t max_topics_;
  uint64_t epoch_ = 0;
  std::map<std::string, std::unique_ptr<TrackedTopic>, std::less<>> topics_;
  std::vector<TrackedTopic*> by_source_;  // grows with the largest number that was defined
};

}  // namespace tickwire::wire
