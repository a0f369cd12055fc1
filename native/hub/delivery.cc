#include "hub/delivery.h"

#include <algorithm>

#include "hub/broadcast_loop.h"
#include "hub/socket_queue.h"
#include "net/tls_stream.h"

namespace tickwire::hub {
namespace {

// Per turn and subscriber.
constexpr size_t kServeBytes = 512 * 1024;
constexpr size_t kRegionBytes = 256 * 1024;

// Of an all-topic subscriber that holds topics back.
uint64_t live_from(const Connection& c, TopicId topic) noexcept {
  for (const Hold& hold : c.holds) {
    if (hold.topic == topic) return hold.live_from;
  }
  return c.live_from;
}

}  // namespace

bool Delivery::went(Subscriber& s, Sent sent) {
  if (sent == Sent::kAll) return true;
  if (sent == Sent::kFailed) {
    loop_.finish(s, loop_.output().error(), false);
    return false;
  }
  if (!s.blocked) {
    s.blocked = true;
    loop_.tally().blocked.add();
  }
  s.more->kernel_bytes = unsent(s);
  return false;
}

size_t Delivery::unsent(const Subscriber& s) noexcept {
  return platform::unsent_bytes(s.fd) + (FrameOutput::stream_owes(s) ? TlsStream::kRecordBytes : 0);
}

void Delivery::ended(const Subscriber& s) noexcept {
  if (s.blocked) loop_.tally().blocked.sub();
}

void Delivery::on_writable(Subscriber& s) {
  if (s.blocked) {
    s.blocked = false;
    loop_.tally().blocked.sub();
  }
  if (s.behind) serve(s);
}

void Delivery::tell(Subscriber& s, std::span<const uint8_t> bytes) {
  if (!s.out.append(bytes)) return loop_.finish(s, Error{Errc::kNoMemory, 0, "no memory for an answer"}, false);
  loop_.set_behind(s);
  if (!s.blocked) serve(s);
}

void Delivery::serve(Subscriber& s) {
  if (!s.behind) loop_.set_behind(s);
  size_t budget = kServeBytes;
  while (s.open()) {
    switch (step(s, budget)) {
      case Step::kStop:
        return;
      case Step::kCaughtUp:
        if (s.phase == Phase::kDraining) {
          loop_.farewell().say(s);
          break;
        }
        loop_.set_in_step(s);
        loop_.inbound().resume(s);
        return;
      case Step::kMore:
        break;
    }
    if (budget == 0) return loop_.loop().resume_later(*s.more);
  }
}

Delivery::Step Delivery::step(Subscriber& s, size_t& budget) {
  Connection& c = *s.more;
  if (FrameOutput::stream_owes(s)) return went(s, loop_.output().flush_stream(s)) ? Step::kMore : Step::kStop;
  if (!c.bursts.empty() && c.bursts.front().owes()) {
    return loop_.joining().go_on(s, budget) ? Step::kMore : Step::kStop;
  }
  if (!s.out.empty()) {
    budget -= std::min(budget, s.out.size());
    return went(s, loop_.output().flush_private(s)) ? Step::kMore : Step::kStop;
  }
  if (s.phase == Phase::kGoodbye) {
    loop_.farewell().flushed(s);
    return Step::kStop;
  }
  if (c.definitions_from < c.definitions_to) {
    loop_.joining().send_definitions(s);
    return s.open() ? Step::kMore : Step::kStop;
  }
  if (c.slow.active) return loop_.slow_watch().go_on(s, budget) ? Step::kMore : Step::kStop;
  if (!c.bursts.empty()) return loop_.joining().go_on(s, budget) ? Step::kMore : Step::kStop;
  return from_ring(s, budget);
}

Delivery::Step Delivery::from_ring(Subscriber& s, size_t& budget) {
  LaneGroup& group = loop_.group_of(s);
  if (s.interest == Interest::kScanned) loop_.joining().drop_holds(s);
  if (s.cursor >= group.marked()) {
    s.more->lag = 0;
    s.more->nothing_waits = true;
    return Step::kCaughtUp;
  }
  if (s.private_deflate) return compress(s, budget);
  return s.interest == Interest::kWhole ? region(s, budget) : scan(s, budget);
}

Delivery::Step Delivery::region(Subscriber& s, size_t& budget) {
  const LaneGroup& group = loop_.group_of(s);
  const BroadcastRing& ring = group.ring();
  const uint64_t begin = ring.begin_of(s.cursor);
  uint64_t to = group.marked();
  if (ring.begin_of(to) - begin > kRegionBytes) {
    uint64_t low = s.cursor + 1;
    while (low < to) {
      const uint64_t middle = low + (to - low + 1) / 2;
      if (ring.begin_of(middle) - begin > kRegionBytes) {
        to = middle - 1;
      } else {
        low = middle;
      }
    }
  }
  const uint64_t bytes = ring.begin_of(to) - begin;
  if (bytes == 0) {
    s.cursor = to;
    return Step::kMore;
  }
  budget -= std::min<size_t>(budget, bytes);
  const uint64_t from = s.cursor;
  size_t done = 0;
  const Sent sent = loop_.output().frames(
      s, ring.at(begin), static_cast<size_t>(to - from),
      [&](size_t i) { return static_cast<size_t>(ring.end_of(from + i) - begin); }, done);
  const uint64_t messages = ring.messages_between(from, from + done);
  s.cursor += done;
  s.messages += messages;
  loop_.tally().deliveries.add(messages);
  return went(s, sent) ? Step::kMore : Step::kStop;
}

Delivery::Step Delivery::scan(Subscriber& s, size_t& budget) {
  const LaneGroup& group = loop_.group_of(s);
  const EntryLog& log = loop_.publication().log();
  const Wanted wanted = wanted_by(s);
  Gather& gather = loop_.gather();
  gather.clear();
  uint64_t index = s.cursor;
  for (; index < group.marked(); ++index) {
    const Entry& entry = log[index];
    if (!wanted(index, entry)) continue;
    const std::span<const uint8_t> frame = group.ring().frame(index);
    if (!frame.empty() && !gather.add(frame, index)) break;
  }
  if (gather.empty()) {
    s.cursor = index;
    return Step::kMore;
  }
  budget -= std::min(budget, gather.bytes());
  size_t done = 0;
  const Sent sent = loop_.output().pieces(s, gather.pieces(), gather.ends(), done);
  s.cursor = done == gather.frames() ? index : gather.tag(done);
  s.more->nothing_waits = s.cursor == group.marked();
  uint64_t messages = 0;
  for (size_t i = 0; i < done; ++i) messages += log[gather.tag(i)].is_message() ? 1 : 0;
  s.messages += messages;
  loop_.tally().deliveries.add(messages);
  const uint64_t sent_bytes = done == 0 ? 0 : gather.ends()[done - 1];
  s.more->lag -= std::min(s.more->lag, sent_bytes);
  return went(s, sent) ? Step::kMore : Step::kStop;
}

Delivery::Wanted Delivery::wanted_by(Subscriber& s) {
  if (s.interest == Interest::kListed) {
    for (const TopicId topic : filled_) places_[topic] = 0;
    filled_.clear();
    for (const Subscription& each : s.more->subscriptions) {
      if (each.topic >= places_.size()) places_.resize(each.topic + size_t{1});
      places_[each.topic] = each.place + 1;
      filled_.push_back(each.topic);
    }
  }
  Wanted wanted;
  wanted.s_ = &s;
  wanted.group_ = &loop_.group_of(s);
  wanted.places_ = &places_;
  return wanted;
}

uint64_t Delivery::count_lag(Subscriber& s) { return lag_between(s, s.cursor); }

uint64_t Delivery::counted_lag(Subscriber& s) {
  Connection& c = *s.more;
  if (c.lag_to < s.cursor) {
    c.lag = 0;
    c.lag_to = s.cursor;
  }
  c.lag += lag_between(s, c.lag_to);
  c.lag_to = std::max(c.lag_to, loop_.group_of(s).marked());
  return c.lag;
}

uint64_t Delivery::lag_between(Subscriber& s, uint64_t from) {
  const LaneGroup& group = loop_.group_of(s);
  const Wanted wanted = wanted_by(s);
  uint64_t bytes = 0;
  for (uint64_t i = from; i < group.marked(); ++i) {
    if (wanted(i, loop_.publication().log()[i])) bytes += group.ring().size_of(i);
  }
  return bytes;
}

bool Delivery::Wanted::operator()(uint64_t index, const Entry& entry) const {
  switch (s_->interest) {
    case Interest::kWhole:
      return true;
    case Interest::kListed: {
      if (entry.topic >= places_->size() || (*places_)[entry.topic] == 0) return false;
      const Member& member = group_->member(entry.topic, (*places_)[entry.topic] - 1);
      return index >= member.live_from && (!member.filter || member.filter->passes(entry.key));
    }
    case Interest::kScanned:
      break;
  }
  const Connection& c = *s_->more;
  if (index < live_from(c, entry.topic)) return false;
  if ((entry.flags & kRetained) != 0 && index < c.retained_from) return false;
  return !c.filter || !entry.is_message() || c.filter->passes(entry.key);
}

bool Delivery::Wanted::value(const ValueSlot& slot) const {
  switch (s_->interest) {
    case Interest::kWhole:
      return true;
    case Interest::kListed: {
      if (slot.topic >= places_->size() || (*places_)[slot.topic] == 0) return false;
      const Member& member = group_->member(slot.topic, (*places_)[slot.topic] - 1);
      return slot.index >= member.live_from && (!member.filter || member.filter->passes_locked(slot.key));
    }
    case Interest::kScanned:
      break;
  }
  const Connection& c = *s_->more;
  if (slot.index < live_from(c, slot.topic)) return false;
  return !c.filter || c.filter->passes_locked(slot.key);
}

}  // namespace tickwire::hub
