#include "wire/receiver.h"

#include <algorithm>
#include <utility>

#include "wire/quote_frame.h"

namespace tickwire::wire {
namespace {

using Verdict = SequenceTracker::Verdict;

constexpr uint8_t kOutOfOrder = kFlagSnapshot | kFlagResent;
constexpr std::string_view kAllTopics = "*";

bool is_control(uint8_t type) noexcept {
  return type >= static_cast<uint8_t>(Type::kHeartbeat) && type <= static_cast<uint8_t>(Type::kBye);
}

}  // namespace

// ---- connections

bool Receiver::begin(uint64_t epoch) {
  if (epoch != tracker_.epoch()) {
    tracker_.each([this](TrackedTopic& topic) { give_up(topic, {0, UINT64_MAX}, GapFate::kExpired); });
    requests_.clear();
  }
  return tracker_.begin(epoch);
}

void Receiver::end() {
  tracker_.each([this](TrackedTopic& topic) {
    report_run(topic);
    if (release(topic, true) == Flow::kContinue) return;
    const auto held = held_.find(&topic);
    if (held == held_.end()) return;
    forget(topic, held->second);
  });
  requests_.clear();
  asking_.clear();
  held_.clear();
  held_bytes_ = 0;
  blocked_ = false;
  tracker_.each([](TrackedTopic& topic) { topic.held_up = false; });
}

void Receiver::set_filtered(std::string_view topic, bool filtered) {
  if (filtered) {
    filtered_.emplace(topic);
  } else if (const auto at = filtered_.find(topic); at != filtered_.end()) {
    filtered_.erase(at);
  }
}

// ---- messages

Flow Receiver::on_frame(const Frame& frame, const ReceiveTimes& times) {
  if (blocked_) [[unlikely]] {
    if (const Flow flow = resume(); flow != Flow::kContinue) return flow == Flow::kStop ? flow : Flow::kPause;
  }
  const Header& h = frame.header;
  if (is_control(h.type)) [[unlikely]] {
    if (!on_control(frame, times.rx_ns)) listener_.on_unusable(frame, Unusable::kMalformed);
    return Flow::kContinue;
  }
  if ((h.flags & kOutOfOrder) == 0 && tracker_.advance(h.source, h.sequence)) [[likely]] {
    const Flow flow = listener_.on_message(frame, times);
    if (flow == Flow::kPause) tracker_.step_back(h.source);
    return flow;
  }
  return on_data(frame, times);
}

Flow Receiver::on_quotes(const uint8_t* frames, size_t count, size_t& taken, const ReceiveTimes& times) {
  taken = 0;
  while (taken < count) {
    const uint8_t* const from = frames + taken * kQuoteFrameBytes;
    size_t run = 0;
    while (!blocked_ && taken + run < count) {
      const uint8_t* const at = from + run * kQuoteFrameBytes;
      if ((at[5] & kOutOfOrder) != 0 || !tracker_.advance(load<uint16_t>(at + 6), load<uint64_t>(at + 16))) break;
      ++run;
    }
    if (run == 0) {
      const Flow flow = on_frame({read_header(from), {from + kHeaderBytes, kQuotePayloadBytes}}, times);
      if (flow != Flow::kPause) ++taken;
      if (flow != Flow::kContinue) return flow;
      continue;
    }
    size_t passed = run;
    const Flow flow = listener_.on_quotes(from, run, passed, times);
    if (flow == Flow::kContinue) passed = run;
    for (size_t i = run; i > passed; --i) {
      tracker_.step_back(load<uint16_t>(from + (i - 1) * kQuoteFrameBytes + 6));
    }
    taken += passed;
    if (flow != Flow::kContinue) return flow;
  }
  return Flow::kContinue;
}

Flow Receiver::on_data(const Frame& frame, const ReceiveTimes& times) {
  if (frame.header.sequence > kMaxSequence) {
    listener_.on_unusable(frame, Unusable::kMalformed);
    return Flow::kContinue;
  }
  SequenceTracker::Judgement judgement = tracker_.judge(frame.header);
  switch (judgement.verdict) {
    case Verdict::kUndefined:
      listener_.on_unusable(frame, Unusable::kUndefined);
      return Flow::kContinue;
    case Verdict::kDuplicate:
      listener_.on_duplicate();
      return Flow::kContinue;
    case Verdict::kNext:
      if (judgement.missing.from != 0) {
        // Settled before the message is offered: it may be refused, and is then the one that is due.
        TrackedTopic& topic = *judgement.topic;
        topic.due = frame.header.sequence;
        if (judgement.conflated) {
          listener_.on_conflated(judgement.missing.count());
        } else {
          miss(topic, judgement.missing, options_.jump, true, times.rx_ns);
        }
        judgement.missing = {};
      }
      break;
    case Verdict::kRecovered:
    case Verdict::kOutside:
      break;
  }
  return pass_on(frame, times, judgement);
}

Flow Receiver::pass_on(const Frame& frame, const ReceiveTimes& times, SequenceTracker::Judgement judgement) {
  TrackedTopic* const topic = judgement.topic;
  const uint64_t number = frame.header.sequence;
  if (topic != nullptr && must_wait(*topic, number)) {
    hold(*topic, frame, times, judgement.verdict);
  } else if (const Flow flow = listener_.on_message(frame, times); flow != Flow::kContinue) {
    if (flow == Flow::kStop) tracker_.accept(frame.header, judgement);
    return flow;
  }
  if (judgement.verdict != Verdict::kRecovered) {
    tracker_.accept(frame.header, judgement);
    if (held_bytes_ > options_.recover.hold_bytes) stop_waiting();
    return Flow::kContinue;
  }
  if (topic->recovered.from != 0 && topic->recovered.to + 1 != number) report_run(*topic);
  tracker_.accept(frame.header, judgement);
  if (!topic->wanted.contains(number + 1)) report_run(*topic);
  forget_finished();
  release_or_block(*topic);
  return Flow::kContinue;
}

// ---- what the sender says about itself

bool Receiver::on_control(const Frame& frame, int64_t now_ns) {
  switch (static_cast<Type>(frame.header.type)) {
    case Type::kTopic:
      return define(frame, now_ns);
    case Type::kSymbol: {
      Symbols symbols;
      if (!get(frame.payload, symbols)) return false;
      listener_.on_symbols(symbols);
      return true;
    }
    case Type::kHeartbeat: {
      Heartbeat heartbeat;
      if (!get(frame.payload, heartbeat)) return false;
      for (const LastSequence& last : heartbeat.last) {
        TrackedTopic* const topic = tracker_.find(last.source);
        if (topic == nullptr) continue;
        if (const SequenceRange missing = tracker_.catch_up(*topic, last.sequence); missing.from != 0) {
          miss(*topic, missing, options_.jump, true, now_ns);
        }
      }
      return true;
    }
    case Type::kSkipped: {
      Skipped skipped;
      if (!get(frame.payload, skipped)) return false;
      skip(skipped, frame, now_ns);
      return true;
    }
    case Type::kResendRefused: {
      ResendRefused no;
      if (!get(frame.payload, no)) return false;
      refused(no);
      return true;
    }
    case Type::kPing:
    case Type::kPong:
    case Type::kError:
    case Type::kBye:
      return false;  // well-formed ones do not come here
    default:
      listener_.on_unusable(frame, Unusable::kUnexpected);
      return true;
  }
}

bool Receiver::define(const Frame& frame, int64_t now_ns) {
  Topics topics;
  if (!get(frame.payload, topics)) return false;
  // Before names change: what is kept back is passed on under its own.
  for (const TopicEntry& entry : topics.entries) {
    TrackedTopic* const known = tracker_.find(entry.name);
    if (TrackedTopic* before = tracker_.find(entry.source); before != nullptr && before != known) withdraw(*before);
    if (known != nullptr && known->source != 0 && known->source != entry.source) withdraw(*known);
  }
  listener_.on_topics(topics);
  for (const TopicEntry& entry : topics.entries) {
    const TrackedTopic* const known = tracker_.find(entry.name);
    const bool resumed = known != nullptr && known->following && known->source == 0;
    SequenceRange missing;
    if (!tracker_.define(entry.source, entry.name, entry.last_sequence, missing, joining_)) {
      listener_.on_unusable(frame, Unusable::kTooMany);
      continue;
    }
    TrackedTopic& topic = *tracker_.find(entry.source);
    topic.filtered = filtered_.contains(entry.name) || filtered_.contains(kAllTopics);
    if (resumed) ask_again(topic, now_ns);
    if (missing.from != 0 && !topic.filtered) {
      miss(topic, missing, resumed ? GapCause::kAway : options_.jump, true, now_ns);
    }
  }
  return true;
}

void Receiver::skip(const Skipped& skipped, const Frame& frame, int64_t now_ns) {
  for (const Range& range : skipped.ranges) {
    TrackedTopic* const topic = tracker_.find(range.source);
    if (topic == nullptr) {
      listener_.on_unusable(frame, Unusable::kUndefined);
      continue;
    }
    SequenceRange gone;
    SequenceRange missing;
    tracker_.skip(*topic, {range.from, range.to}, gone, missing);
    if (missing.from != 0) miss(*topic, missing, options_.jump, true, now_ns);
    if (gone.from == 0) continue;
    if (skipped.why == SkippedWhy::kConflated) {
      listener_.on_conflated(gone.count());
    } else {
      miss(*topic, gone, GapCause::kSlow, options_.recover.slow, now_ns);
    }
  }
}

void Receiver::refused(const ResendRefused& no) {
  TrackedTopic* const topic = tracker_.find(no.range.source);
  if (topic == nullptr) return;  // of a topic that has lost its number: given up already
  give_up(*topic, {no.range.from, no.range.to}, GapFate::kRefused);
  forget_finished();
  release_or_block(*topic);
}

}  // namespace tickwire::wire
