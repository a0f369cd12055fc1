#include "wire/sequence_tracker.h"

#include <algorithm>

namespace tickwire::wire {

void SequenceTracker::forget_numbers() noexcept { std::fill(by_source_.begin(), by_source_.end(), nullptr); }

bool SequenceTracker::begin(uint64_t epoch) {
  forget_numbers();
  const bool resumed = epoch == epoch_;
  epoch_ = epoch;
  if (!resumed) {
    topics_.clear();
  } else {
    each([](TrackedTopic& topic) { topic.source = 0; });
  }
  return resumed;
}

bool SequenceTracker::define(uint16_t source, std::string_view name, uint64_t last, SequenceRange& missing,
                             bool joining) {
  missing = {};
  TrackedTopic* topic = find(name);
  if (topic == nullptr) {
    if (topics_.size() >= max_topics_) return false;
    auto made = std::make_unique<TrackedTopic>();
    made->name = name;
    topic = made.get();
    topics_.emplace(topic->name, std::move(made));
  }
  if (source >= by_source_.size()) by_source_.resize(size_t{source} + 1, nullptr);
  if (TrackedTopic* before = by_source_[source]; before != nullptr && before != topic) before->source = 0;
  if (topic->source != 0 && topic->source != source) by_source_[topic->source] = nullptr;
  by_source_[source] = topic;
  topic->source = source;
  if (topic->following) {
    missing = catch_up(*topic, last);
  } else {
    topic->following = true;
    topic->due = joining ? 0 : last + 1;
  }
  return true;
}

TrackedTopic* SequenceTracker::find(std::string_view name) noexcept {
  const auto at = topics_.find(name);
  return at == topics_.end() ? nullptr : at->second.get();
}

void SequenceTracker::unfollow(std::string_view name) noexcept {
  if (TrackedTopic* topic = find(name)) topic->following = false;
}

SequenceTracker::Judgement SequenceTracker::judge(const Header& header) noexcept {
  TrackedTopic* const topic = find(header.source);
  if (header.sequence == 0) return {Verdict::kOutside, topic, {}, false};
  if (topic == nullptr) return {};
  if ((header.flags & kFlagSnapshot) != 0) return {Verdict::kOutside, topic, {}, false};
  const uint64_t number = header.sequence;
  if (number < topic->due) {
    return {topic->wanted.contains(number) ? Verdict::kRecovered : Verdict::kDuplicate, topic, {}, false};
  }
  Judgement next{Verdict::kNext, topic, {}, false};
  if (topic->due != 0 && number > topic->due && !topic->filtered) {
    next.missing = {topic->due, number - 1};
    next.conflated = (header.flags & kFlagConflated) != 0;
  }
  return next;
}

void SequenceTracker::accept(const Header& header, const Judgement& judgement) {
  TrackedTopic* const topic = judgement.topic;
  const uint64_t number = header.sequence;
  switch (judgement.verdict) {
    case Verdict::kNext:
      topic->due = number + 1;
      return;
    case Verdict::kOutside:
      // A snapshot contains everything up to its number.
      if (topic != nullptr && number >= topic->due) topic->due = number + 1;
      return;
    case Verdict::kRecovered: {
      static_cast<void>(topic->wanted.take({number, number}));
      SequenceRange& run = topic->recovered;
      run = run.from != 0 && run.to + 1 == number ? SequenceRange{run.from, number} : SequenceRange{number, number};
      return;
    }
    case Verdict::kDuplicate:
    case Verdict::kUndefined:
      return;
  }
}

SequenceRange SequenceTracker::catch_up(TrackedTopic& topic, uint64_t last) noexcept {
  if (last < topic.due) return {};
  const SequenceRange missing{topic.due, last};
  topic.due = last + 1;
  return topic.filtered || missing.from == 0 ? SequenceRange{} : missing;
}

void SequenceTracker::skip(TrackedTopic& topic, SequenceRange range, SequenceRange& skipped,
                           SequenceRange& missing) noexcept {
  skipped = missing = {};
  if (range.to < topic.due) return;
  if (topic.due == 0) topic.due = range.from;
  if (range.from > topic.due && !topic.filtered) missing = {topic.due, range.from - 1};
  skipped = {std::max(range.from, topic.due), range.to};
  topic.due = range.to + 1;
}

void SequenceTracker::rewind(TrackedTopic& topic, uint64_t due) noexcept { topic.due = due; }

}  // namespace tickwire::wire
