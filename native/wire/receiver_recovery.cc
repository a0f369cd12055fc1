// A receiver's other half: what is asked for again, and what waits for it.
#include <algorithm>
#include <cstring>
#include <utility>

#include "loop/timer.h"
#include "wire/receiver.h"

namespace tickwire::wire {
namespace {

constexpr size_t kMaxWantedRanges = 64;  // of one topic
constexpr SequenceRange kAll{0, UINT64_MAX};

}  // namespace

// ---- asking

void Receiver::miss(TrackedTopic& topic, SequenceRange range, GapCause cause, bool ask, int64_t now_ns) {
  const bool asked = ask && ask_for(topic, range, cause, now_ns);
  listener_.on_gap({topic.name, range, cause, asked ? GapFate::kRequested : GapFate::kLost});
}

bool Receiver::ask_for(TrackedTopic& topic, SequenceRange range, GapCause cause, int64_t now_ns) {
  if (options_.recover.order == Recover::kOff || requests_.size() >= kMaxRequests) return false;
  if (topic.wanted.size() >= kMaxWantedRanges) return false;
  asking_.push_back({topic.source, range.from, range.to});
  requests_.push_back({&topic, range, cause, deadline_after(now_ns, options_.recover.wait_ns)});
  topic.wanted.add(range);
  settle(topic);
  return true;
}

// On a new connection of the same epoch: what the last one did not answer.
void Receiver::ask_again(TrackedTopic& topic, int64_t now_ns) {
  const std::vector<SequenceRange> left = topic.wanted.ranges();
  for (const SequenceRange& range : left) {
    static_cast<void>(topic.wanted.take(range));
    if (!ask_for(topic, range, GapCause::kAway, now_ns)) {
      listener_.on_gap({topic.name, range, GapCause::kAway, GapFate::kExpired});
    }
  }
  settle(topic);
}

void Receiver::give_up(TrackedTopic& topic, SequenceRange range, GapFate fate) {
  for (const SequenceRange& piece : topic.wanted.take(range)) {
    listener_.on_gap({topic.name, piece, cause_of(topic, piece.from), fate});
  }
  const SequenceRange& run = topic.recovered;
  if (run.from != 0 && !topic.wanted.contains(run.to + 1)) report_run(topic);
}

// The topic's number on this connection means another from now on: nothing that was asked for by it can be told from
// that.
void Receiver::withdraw(TrackedTopic& topic) {
  give_up(topic, kAll, GapFate::kExpired);
  forget_finished();
  static_cast<void>(release(topic, false));
  const auto held = held_.find(&topic);
  if (held == held_.end()) return;
  // Refused now, and later they would bear another topic's name.
  listener_.on_discarded(held->second.size());
  held_bytes_ -= held->second.cost();
  held_.erase(held);
  settle(topic);
}

void Receiver::report_run(TrackedTopic& topic) {
  const SequenceRange run = std::exchange(topic.recovered, {});
  if (run.from == 0) return;
  listener_.on_gap({topic.name, run, cause_of(topic, run.from), GapFate::kRecovered});
}

GapCause Receiver::cause_of(const TrackedTopic& topic, uint64_t number) const noexcept {
  for (const Request& request : requests_) {
    if (request.topic == &topic && number >= request.range.from && number <= request.range.to) return request.cause;
  }
  return options_.jump;
}

void Receiver::forget_finished() {
  std::erase_if(requests_, [](const Request& r) { return !r.topic->wanted.meets(r.range); });
}

int64_t Receiver::next_deadline_ns() const noexcept {
  int64_t next = INT64_MAX;
  for (const Request& request : requests_) next = std::min(next, request.deadline_ns);
  return next;
}

Flow Receiver::on_time(int64_t now_ns) {
  std::vector<TrackedTopic*> touched;
  for (const Request& request : requests_) {
    if (request.deadline_ns > now_ns) continue;
    give_up(*request.topic, request.range, GapFate::kExpired);
    touched.push_back(request.topic);
  }
  forget_finished();
  for (TrackedTopic* topic : touched) release_or_block(*topic);
  return blocked_ ? Flow::kPause : Flow::kContinue;
}

// ---- waiting

bool Receiver::must_wait(TrackedTopic& topic, uint64_t number) const noexcept {
  if (!topic.held_up) return false;
  if (!topic.wanted.empty() && number > topic.wanted.first()) return true;
  // Nothing is missing in front of it, but what was kept back has not all been taken yet.
  const auto held = held_.find(&topic);
  return held != held_.end() && number >= held->second.first_number();
}

void Receiver::hold(TrackedTopic& topic, const Frame& frame, const ReceiveTimes& times,
                    SequenceTracker::Verdict verdict) {
  const size_t bytes = kHeaderBytes + frame.header.length;
  HeldMessages::Message message{std::make_unique<uint8_t[]>(bytes), bytes, times.kernel_ns, times.rx_ns, {}};
  message.place = verdict == SequenceTracker::Verdict::kRecovered ? HeldMessages::Place::kRecovered
                  : verdict == SequenceTracker::Verdict::kOutside ? HeldMessages::Place::kOutside
                                                                  : HeldMessages::Place::kNext;
  // The payload follows its header, and the mask's key the payload.
  std::memcpy(message.bytes.get(), frame.payload.data() - kHeaderBytes, bytes);
  held_[&topic].add(frame.header.sequence, std::move(message));
  held_bytes_ += HeldMessages::cost(bytes);
}

// The connection has ended, and these were not taken: as if they had not come. The next connection tells that those are
// missing which were due here; the others are asked for there.
void Receiver::forget(TrackedTopic& topic, const HeldMessages& messages) {
  messages.each([&](uint64_t number, HeldMessages::Place place) {
    if (place == HeldMessages::Place::kNext) topic.due = std::min(topic.due, number);
  });
  static_cast<void>(topic.wanted.take({topic.due, UINT64_MAX}));
  messages.each([&](uint64_t number, HeldMessages::Place place) {
    if (place != HeldMessages::Place::kRecovered || number >= topic.due) return;
    if (topic.wanted.size() < kMaxWantedRanges) {
      topic.wanted.add({number, number});
    } else {
      listener_.on_gap({topic.name, {number, number}, GapCause::kAway, GapFate::kExpired});
    }
  });
  listener_.on_discarded(messages.size());
}

// Too much is kept back: all that is missing counts as lost.
void Receiver::stop_waiting() {
  std::vector<TrackedTopic*> waiting;
  for (const auto& [topic, messages] : held_) waiting.push_back(topic);
  for (TrackedTopic* topic : waiting) give_up(*topic, kAll, GapFate::kExpired);
  forget_finished();
  for (TrackedTopic* topic : waiting) release_or_block(*topic);
}

void Receiver::settle(TrackedTopic& topic) noexcept {
  topic.held_up = options_.recover.order == Recover::kOrdered && (!topic.wanted.empty() || held_.contains(&topic));
}

Flow Receiver::release(TrackedTopic& topic, bool all) {
  const auto held = held_.find(&topic);
  if (held != held_.end()) {
    HeldMessages& messages = held->second;
    while (!messages.empty() && (all || topic.wanted.empty() || messages.first_number() < topic.wanted.first())) {
      HeldMessages::Message& message = messages.first();
      const Header header = read_header(message.bytes.get());
      std::span<uint8_t> payload{message.bytes.get() + kHeaderBytes, header.length};
      const bool masked = (header.flags & kFlagMasked) != 0;
      const Flow flow = listener_.on_message({header, payload.first(payload.size() - (masked ? kMaskBytes : 0))},
                                             {message.kernel_ns, message.rx_ns});
      if (flow == Flow::kPause) return flow;
      held_bytes_ -= HeldMessages::cost(message.size);
      messages.pop();
      if (flow == Flow::kStop) return flow;
    }
    if (messages.empty()) held_.erase(held);
  }
  settle(topic);
  return Flow::kContinue;
}

void Receiver::release_or_block(TrackedTopic& topic) {
  if (release(topic, false) == Flow::kPause) blocked_ = true;
}

Flow Receiver::resume() {
  blocked_ = false;
  std::vector<TrackedTopic*> waiting;
  for (const auto& [topic, messages] : held_) waiting.push_back(topic);
  for (TrackedTopic* topic : waiting) {
    const Flow flow = release(*topic, false);
    if (flow == Flow::kPause) blocked_ = true;
    if (flow != Flow::kContinue) return flow;
  }
  return Flow::kContinue;
}

}  // namespace tickwire::wire
