#include "hub/slow_watch.h"

#include <algorithm>

#include "hub/broadcast_loop.h"
#include "hub/notices.h"
#include "wire/header.h"

namespace tickwire::hub {
namespace {

// What a conflating subscriber is sent at once from the store, under the publication's mutex.
constexpr size_t kValuesBytes = 32 * 1024;
constexpr uint32_t kValuesVisited = 512;

uint32_t definitions_before(const EntryLog& log, uint64_t index) noexcept { return log[index].definitions; }

}  // namespace

uint64_t SlowWatch::lag_of(Subscriber& s) {
  if (s.interest == Interest::kListed) return s.more->lag;
  const LaneGroup& group = loop_.group_of(s);
  if (s.cursor >= group.marked()) return 0;
  const uint64_t all = group.ring().bytes_between(s.cursor, group.marked());
  if (s.interest == Interest::kWhole) return all;
  // Exactly only where it matters.
  if (all + s.out.size() + s.more->kernel_bytes <= loop_.options().slow.pending_bytes) return all;
  return loop_.delivery().counted_lag(s);
}

void SlowWatch::check() {
  const size_t limit = loop_.options().slow.pending_bytes;
  const auto& behind = loop_.behind();
  for (size_t i = behind.size(); i-- > 0;) {  // a connection that goes away changes places behind this one only
    if (i >= behind.size()) continue;
    Subscriber& s = *behind[i];
    Connection& c = *s.more;
    if (!s.blocked || c.slow.active || s.phase == Phase::kGoodbye) continue;
    const uint64_t waiting = lag_of(s) + s.out.size();
    if (waiting + c.kernel_bytes <= limit) continue;
    // The kernel has sent since; it was given nothing more.
    c.kernel_bytes = Delivery::unsent(s);
    if (waiting + c.kernel_bytes > limit) begin(s, waiting + c.kernel_bytes);
  }
}

void SlowWatch::begin(Subscriber& s, uint64_t pending) {
  Connection& c = *s.more;
  c.slow = SlowState();
  c.slow.active = true;
  c.slow.policy = c.slow_policy;
  loop_.tally().slow.add();
  loop_.listener().on_slow({c.id, SlowEvent::Phase::kBegan, c.slow.policy, pending, 0, {}});
  if (!s.open() || c.slow.policy != SlowPolicy::kDisconnect) return;
  loop_.tally().slow_disconnects.add();
  loop_.farewell().leave(s, kTryAgainLater, "too slow", Error{Errc::kHubTooSlow, kTryAgainLater, "too slow"},
                         loop_.options().slow.close_timeout_ns);
}

void SlowWatch::give_up(uint64_t floor) {
  const auto& behind = loop_.behind();
  for (size_t i = behind.size(); i-- > 0;) {
    if (i >= behind.size()) continue;
    Subscriber& s = *behind[i];
    if (s.blocked) loop_.joining().drop_outdated_image(s, floor);
    if (s.open() && s.cursor < floor && s.phase != Phase::kGoodbye) give_up_entries(s, floor);
  }
}

void SlowWatch::give_up_entries(Subscriber& s, uint64_t floor) {
  Connection& c = *s.more;
  if (!c.slow.active && s.interest == Interest::kListed && c.nothing_waits) {
    jump_over_definitions(s, floor);
    s.cursor = floor;
    return;
  }
  if (!c.slow.active) {
    begin(s, lag_of(s) + s.out.size() + c.kernel_bytes);
    if (!s.open() || s.phase == Phase::kGoodbye) return;
  }
  if (c.slow.policy == SlowPolicy::kConflate && !c.slow.from_values) {
    c.slow.from_values = true;
    c.slow.values_from = s.cursor;
  }
  miss(s, s.cursor, floor);
  jump_over_definitions(s, floor);
  s.cursor = floor;
}

void SlowWatch::jump_over_definitions(Subscriber& s, uint64_t to) {
  if (!speaks_wire(s.lane)) return;
  Connection& c = *s.more;
  const EntryLog& log = loop_.publication().log();
  uint32_t end;
  if (to < log.head()) {
    end = definitions_before(log, to);
  } else {
    const auto lock = loop_.publication().lock();
    end = loop_.publication().definitions().size();
  }
  if (c.definitions_from >= c.definitions_to) c.definitions_from = definitions_before(log, s.cursor);
  c.definitions_to = end;
}

std::optional<TopicId> SlowWatch::common_interest(Subscriber& s, uint64_t from) {
  if (s.interest == Interest::kWhole) return kNoTopic;
  if (s.interest != Interest::kListed || !s.one_topic) return std::nullopt;
  const Subscription& only = s.more->subscriptions.front();
  const Member& member = loop_.group_of(s).member(only.topic, only.place);
  if (member.filter || member.live_from > from) return std::nullopt;
  return only.topic;
}

void SlowWatch::miss(Subscriber& s, uint64_t from, uint64_t to) {
  SlowState& slow = s.more->slow;
  const LaneGroup& group = loop_.group_of(s);
  const EntryLog& log = loop_.publication().log();
  const auto collect = [&](MissedTally& tally, const auto& wanted) {
    tally.clear();
    for (uint64_t i = from; i < to; ++i) {
      const Entry& entry = log[i];
      if (entry.is_message() && group.ring().size_of(i) != 0 && wanted(i, entry))
        tally.add(entry.topic, entry.sequence);
    }
  };
  MissedTally* tally = &missed_;
  if (const std::optional<TopicId> topic = common_interest(s, from)) {
    tally = &common_missed_;
    const Common wanted{s.lane, *topic, from, to};
    if (!(wanted == common_)) {
      collect(*tally, [&](uint64_t, const Entry& entry) { return *topic == kNoTopic || entry.topic == *topic; });
      common_ = wanted;
    }
  } else {
    collect(*tally, loop_.delivery().wanted_by(s));
  }
  tally->merge_into(slow.ranges);
  slow.missed += tally->total();
}

bool SlowWatch::go_on(Subscriber& s, size_t& budget) {
  Connection& c = *s.more;
  const LaneGroup& group = loop_.group_of(s);
  if (c.slow.policy != SlowPolicy::kConflate) {
    if (s.cursor < group.marked()) {
      miss(s, s.cursor, group.marked());
      jump_over_definitions(s, group.marked());
      s.cursor = group.marked();
    }
    c.lag = 0;
    end(s);
    return s.open();
  }
  if (c.slow.from_values) return conflated_values(s);
  if (s.cursor >= c.slow.plan_end) {
    const bool keeps_up = c.slow.plan_end != 0 && lag_of(s) <= loop_.options().slow.pending_bytes / 2;
    if (keeps_up || s.cursor >= group.marked()) {
      end(s);
      return s.open();
    }
    c.slow.plan_end = group.marked();
  }
  return conflated_entries(s, budget);
}

// Of what has left the ring: the newest per key, unless it stands in the ring.
bool SlowWatch::conflated_values(Subscriber& s) {
  Connection& c = *s.more;
  SlowState& slow = c.slow;
  Publication& publication = loop_.publication();
  const auto wanted = loop_.delivery().wanted_by(s);
  const auto lock = publication.lock();
  const LastValues& values = publication.values();
  SlotId id = values.first_from(slow.values_from, slow.hint);
  for (uint32_t visited = 0; id != 0 && visited < kValuesVisited && s.out.size() < kValuesBytes; ++visited) {
    const ValueSlot& slot = values[id];
    if (slot.index >= s.cursor) break;
    slow.values_from = slot.index + 1;
    id = values.next(id);
    if (!slot.kept || !publication.topic(slot.topic).options.conflate || !wanted.value(slot)) continue;
    if (!append_value(s, slot, wire::kFlagConflated)) continue;
    ++s.messages;
    loop_.tally().deliveries.add();
    const auto range = std::lower_bound(slow.ranges.begin(), slow.ranges.end(), slot.topic,
                                        [](const MissedRange& r, TopicId topic) { return r.topic < topic; });
    if (range != slow.ranges.end() && range->topic == slot.topic && range->count != 0) {
      --range->count;
      --slow.missed;
    }
  }
  slow.hint = id;
  if (id == 0 || values[id].index >= s.cursor) slow.from_values = false;
  return true;
}

// Of what stands in the ring up to plan_end: the newest per key.
bool SlowWatch::conflated_entries(Subscriber& s, size_t& budget) {
  Connection& c = *s.more;
  SlowState& slow = c.slow;
  const LaneGroup& group = loop_.group_of(s);
  const EntryLog& log = loop_.publication().log();
  const auto wanted = loop_.delivery().wanted_by(s);
  Gather& gather = loop_.gather();
  gather.clear();
  missed_.clear();
  const uint64_t from = s.cursor;
  uint64_t index = from;
  bool alone = false;
  for (; index < slow.plan_end; ++index) {
    const Entry& entry = log[index];
    const std::span<const uint8_t> frame = group.ring().frame(index);
    if (frame.empty() || !wanted(index, entry)) continue;
    const uint64_t newer = entry.newer.load(std::memory_order_relaxed);
    if (newer != 0 && newer <= slow.plan_end) continue;
    if (!speaks_wire(s.lane) || !entry.is_message()) {
      if (!gather.add(frame, index)) break;
    } else if (uint8_t* const copy = gather.add_copy(frame, index)) {
      add_wire_flags(s.lane, copy, wire::kFlagConflated);
    } else {
      alone = gather.empty();  // longer than the scratch memory
      break;
    }
  }
  if (alone) {
    const std::span<const uint8_t> frame = group.ring().frame(index);
    uint8_t* const room = s.out.grow(frame.size());
    if (room == nullptr) {
      loop_.finish(s, Error{Errc::kNoMemory, 0, "no memory for a message"}, false);
      return false;
    }
    std::copy(frame.begin(), frame.end(), room);
    add_wire_flags(s.lane, room, wire::kFlagConflated);
    s.out.grown(frame.size());
    s.cursor = index + 1;
    ++s.messages;
    loop_.tally().deliveries.add();
  } else if (gather.empty()) {
    s.cursor = index;
  }
  Sent sent = Sent::kAll;
  if (!gather.empty()) {
    budget -= std::min(budget, gather.bytes());
    size_t done = 0;
    sent = loop_.output().pieces(s, gather.pieces(), gather.ends(), done);
    s.cursor = done == gather.frames() ? index : gather.tag(done);
    for (size_t i = 0; i < done; ++i) {
      const uint64_t messages = log[gather.tag(i)].is_message() ? 1 : 0;
      s.messages += messages;
      loop_.tally().deliveries.add(messages);
    }
  }
  // What was passed over for good.
  for (uint64_t i = from; i < s.cursor; ++i) {
    const Entry& entry = log[i];
    const uint64_t newer = entry.newer.load(std::memory_order_relaxed);
    if (newer == 0 || newer > slow.plan_end || !entry.is_message()) continue;
    if (group.ring().size_of(i) != 0 && wanted(i, entry)) missed_.add(entry.topic, entry.sequence);
  }
  missed_.merge_into(slow.ranges);
  slow.missed += missed_.total();
  c.lag = 0;  // counted anew when it is no longer slow
  c.nothing_waits = s.cursor == group.marked();
  return loop_.delivery().went(s, sent);
}

void SlowWatch::end(Subscriber& s) {
  Connection& c = *s.more;
  const SlowState slow = std::move(c.slow);
  c.slow = SlowState();
  c.lag = c.lag_to = 0;
  if (s.interest == Interest::kListed) {
    c.lag = loop_.delivery().count_lag(s);
    c.nothing_waits = s.cursor == loop_.group_of(s).marked();
  }
  uint64_t skipped = slow.missed;
  std::vector<MissedRange> lost = slow.ranges;
  {
    const auto lock = loop_.publication().lock();
    if (slow.policy == SlowPolicy::kConflate) {
      // Only topics that are never conflated have lost something; of the others the newest has come.
      std::erase_if(lost, [this](const MissedRange& r) { return loop_.publication().topic(r.topic).options.conflate; });
      skipped = 0;
      for (const MissedRange& range : lost) skipped += range.count;
    }
    std::erase_if(lost, [](const MissedRange& r) { return r.count == 0; });
    append_skipped(s, lost, loop_.publication());
  }
  loop_.tally().skipped.add(skipped);
  loop_.tally().conflated.add(slow.missed - skipped);
  c.missed_total += slow.missed;
  loop_.joining().refresh_snapshots(s, lost);
  loop_.listener().on_slow({c.id, SlowEvent::Phase::kEnded, slow.policy, 0, slow.missed, slow.ranges});
}

}  // namespace tickwire::hub
