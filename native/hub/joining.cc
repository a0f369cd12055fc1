#include "hub/joining.h"

#include <algorithm>

#include "hub/broadcast_loop.h"
#include "hub/notices.h"

namespace tickwire::hub {

Result<void> Joining::subscribe(Subscriber& s, std::string_view topic, std::shared_ptr<KeyFilter> filter, bool prior,
                                uint32_t request) {
  const Connection& c = *s.more;
  if (c.access && !c.access->allows(topic)) return Error{Errc::kHubForbidden, 0, "no right to this topic"};
  if (topic == "*") {
    subscribe_everything(s, filter, prior, request);
    return {};
  }
  if (s.interest != Interest::kListed) return Error{Errc::kHubRequest, 0, "already subscribed to everything"};
  return subscribe_topic(s, topic, std::move(filter), prior, request);
}

Result<void> Joining::subscribe_topic(Subscriber& s, std::string_view name, std::shared_ptr<KeyFilter> filter,
                                      bool prior, uint32_t request) {
  Connection& c = *s.more;
  Publication& publication = loop_.publication();
  LaneGroup& group = loop_.group_of(s);
  bool ask = false;
  TopicId id = kNoTopic;
  {
    const auto lock = publication.lock();
    const Result<TopicId> held = publication.hold_topic(name);
    if (!held.ok()) return held.error();
    id = held.value();
    // A second subscription takes the place of the first, with its own filter and beginning.
    const auto known = std::find_if(c.subscriptions.begin(), c.subscriptions.end(),
                                    [id](const Subscription& each) { return each.topic == id; });
    if (known != c.subscriptions.end()) {
      remove_subscription(s, static_cast<size_t>(known - c.subscriptions.begin()));
    } else if (c.subscriptions.size() >= loop_.options().inbound.max_subscriptions) {
      publication.release_topic(id);
      return Error{Errc::kHubSubscriptionLimit, 0, "too many subscriptions"};
    }
    loop_.set_behind(s);

    const TopicState& topic = publication.topic(id);
    Member member;
    member.subscriber = &s;
    member.live_from = publication.log().head();
    member.filter = filter;
    member.place = static_cast<uint32_t>(c.subscriptions.size());
    if (speaks_wire(s.lane)) {
      if (!append_topic(s, id, name, topic.sequence, request)) return Error{Errc::kNoMemory, 0, "no memory"};
      if (!topic.keys.empty()) {
        Burst& burst = c.bursts.emplace_back();
        burst.stage = Burst::Stage::kSymbols;
        burst.topic = id;
      }
    }
    const bool retained = topic.options.retain == Retain::kLast && topic.values.oldest != 0;
    const bool imaged = topic.options.snapshot && topic.sequence != 0;
    if (prior && (retained || imaged)) member.live_from = Member::kHeld;
    c.subscriptions.push_back({id, group.add_member(id, std::move(member))});
    s.one_topic = c.subscriptions.size() == 1;
    if (prior && retained) {
      Burst& burst = c.bursts.emplace_back();
      burst.stage = Burst::Stage::kValues;
      burst.topic = id;
      burst.filter = std::move(filter);
    } else if (prior && imaged) {
      ask = await_snapshot(s, id, loop_.safe_index(s.lane));
    }
  }
  if (ask) ask_for({&id, 1});
  return {};
}

void Joining::subscribe_everything(Subscriber& s, const std::shared_ptr<KeyFilter>& filter, bool prior,
                                   uint32_t request) {
  Connection& c = *s.more;
  Publication& publication = loop_.publication();
  unsubscribe_all(s);
  loop_.set_behind(s);
  std::vector<TopicId> ask;
  {
    const auto lock = publication.lock();
    c.filter = filter;
    c.live_from = publication.log().head();
    c.retained_from = c.live_from;
    if (speaks_wire(s.lane)) {
      Burst& burst = c.bursts.emplace_back();
      burst.stage = Burst::Stage::kTopics;
      burst.request = request;
      burst.sequences.reserve(publication.last_topic());
      for (uint32_t id = 1; id <= publication.last_topic(); ++id) {
        burst.sequences.push_back(publication.topic(static_cast<TopicId>(id)).sequence);
      }
      c.definitions_from = 0;
      c.definitions_to = publication.definitions().size();
    }
    if (prior && publication.retains_anything()) {
      Burst& burst = c.bursts.emplace_back();
      burst.stage = Burst::Stage::kValues;
      burst.filter = filter;
      c.retained_from = Member::kHeld;
    }
    for (uint32_t id = 1; prior && id <= publication.last_topic(); ++id) {
      const TopicState& topic = publication.topic(static_cast<TopicId>(id));
      if (!topic.options.snapshot || topic.sequence == 0) continue;
      c.holds.push_back({static_cast<TopicId>(id), Member::kHeld});
      if (await_snapshot(s, static_cast<TopicId>(id), loop_.safe_index(s.lane)))
        ask.push_back(static_cast<TopicId>(id));
    }
  }
  loop_.set_interest(s, Interest::kScanned);
  ask_for(ask);
}

void Joining::ask_for(std::span<const TopicId> topics) {
  for (const TopicId topic : topics) {
    std::string name;
    {
      const auto lock = loop_.publication().lock();
      name = loop_.publication().topic_name(topic);
    }
    loop_.listener().on_snapshot_needed(topic, name);
  }
}

bool Joining::unsubscribe(Subscriber& s, std::string_view name) {
  Connection& c = *s.more;
  if (name == "*") {
    const bool had = s.interest != Interest::kListed || !c.subscriptions.empty();
    unsubscribe_all(s);
    return had;
  }
  const auto lock = loop_.publication().lock();
  for (size_t i = 0; i < c.subscriptions.size(); ++i) {
    if (loop_.publication().topic_name(c.subscriptions[i].topic) != name) continue;
    loop_.set_behind(s);
    remove_subscription(s, i);
    return true;
  }
  return false;
}

void Joining::unsubscribe_all(Subscriber& s) noexcept {
  Connection& c = *s.more;
  if (s.open()) loop_.set_behind(s);
  const auto lock = loop_.publication().lock();
  while (!c.subscriptions.empty()) remove_subscription(s, c.subscriptions.size() - 1);
  while (!c.awaited.empty()) stop_awaiting(s, c.awaited.back());
  // Of an image, what has to follow for no message to be cut still goes out.
  for (Burst& burst : c.bursts) burst.cancelled = true;
  std::erase_if(c.bursts, [](const Burst& b) { return !b.owes(); });
  c.holds.clear();
  c.filter.reset();
  if (s.interest != Interest::kListed) loop_.set_interest(s, Interest::kListed);
}

// With the publication's mutex held.
void Joining::remove_subscription(Subscriber& s, size_t which) noexcept {
  Connection& c = *s.more;
  const Subscription gone = c.subscriptions[which];
  LaneGroup& group = loop_.group_of(s);
  group.remove_member(gone.topic, gone.place);
  if (which + 1 != c.subscriptions.size()) {
    c.subscriptions[which] = c.subscriptions.back();
    const Subscription& moved = c.subscriptions[which];
    group.member(moved.topic, moved.place).place = static_cast<uint32_t>(which);
  }
  c.subscriptions.pop_back();
  s.one_topic = c.subscriptions.size() == 1;
  stop_awaiting(s, gone.topic);
  for (Burst& burst : c.bursts) burst.cancelled = burst.cancelled || burst.topic == gone.topic;
  std::erase_if(c.bursts, [](const Burst& b) { return b.cancelled && !b.owes(); });
  loop_.publication().release_topic(gone.topic);
}

// ---- snapshots ----

bool Joining::await_snapshot(Subscriber& s, TopicId topic, uint64_t from) {
  Publication& publication = loop_.publication();
  Connection& c = *s.more;
  bool ask = false;
  const std::shared_ptr<Snapshot> snapshot = publication.usable_snapshot(topic, from, ask);
  if (!snapshot) {
    c.awaited.push_back(topic);
    awaiting_[topic].push_back(&s);
    return ask;
  }
  Burst& burst = c.bursts.emplace_back();
  burst.stage = Burst::Stage::kImage;
  burst.topic = topic;
  burst.image = snapshot;
  burst.frames = &publication.snapshot_frames(*snapshot, s.lane);
  return false;
}

void Joining::stop_awaiting(Subscriber& s, TopicId topic) noexcept {
  if (std::erase(s.more->awaited, topic) == 0) return;
  const auto it = awaiting_.find(topic);
  std::erase(it->second, &s);
  if (it->second.empty()) awaiting_.erase(it);
}

void Joining::snapshot_published(TopicId topic) {
  const auto it = awaiting_.find(topic);
  if (it == awaiting_.end()) return;
  const std::vector<Subscriber*> waiting = std::move(it->second);
  awaiting_.erase(it);
  bool ask = false;
  for (Subscriber* const s : waiting) {
    std::erase(s->more->awaited, topic);
    loop_.set_behind(*s);
    const auto lock = loop_.publication().lock();
    ask = await_snapshot(*s, topic, loop_.floor()) || ask;
  }
  if (ask) ask_for({&topic, 1});
  for (Subscriber* const s : waiting) {
    if (s->open() && !s->blocked) loop_.delivery().serve(*s);
  }
}

void Joining::refresh_snapshots(Subscriber& s, std::span<const MissedRange> missed) {
  Connection& c = *s.more;
  std::vector<TopicId> ask;
  {
    const auto lock = loop_.publication().lock();
    for (const MissedRange& range : missed) {
      if (!loop_.publication().topic(range.topic).options.snapshot) continue;
      if (std::find(c.awaited.begin(), c.awaited.end(), range.topic) != c.awaited.end()) continue;
      go_live_from(s, range.topic, Member::kHeld);
      if (await_snapshot(s, range.topic, loop_.safe_index(s.lane))) ask.push_back(range.topic);
    }
  }
  if (s.interest == Interest::kWhole && !c.holds.empty()) loop_.set_interest(s, Interest::kScanned);
  ask_for(ask);
}

// Entries of the topic from `index` on are for it, those of its other topics from where it stands.
void Joining::go_live_from(Subscriber& s, TopicId topic, uint64_t index) {
  Connection& c = *s.more;
  LaneGroup& group = loop_.group_of(s);
  if (s.interest == Interest::kListed) {
    for (const Subscription& each : c.subscriptions) {
      Member& member = group.member(each.topic, each.place);
      if (each.topic == topic) {
        member.live_from = index;
      } else if (index < s.cursor) {
        member.live_from = std::max(member.live_from, s.cursor);
      }
    }
  } else {
    c.live_from = std::max(c.live_from, s.cursor);
    const auto hold = std::find_if(c.holds.begin(), c.holds.end(), [topic](const Hold& h) { return h.topic == topic; });
    for (Hold& each : c.holds) each.live_from = std::max(each.live_from, s.cursor);
    if (hold == c.holds.end()) {
      c.holds.push_back({topic, index});
    } else {
      hold->live_from = index;
    }
  }
  c.lag_to = 0;  // counted for another beginning
  if (index >= s.cursor) return;
  s.cursor = index;
  c.nothing_waits = false;
}

void Joining::drop_holds(Subscriber& s) {
  Connection& c = *s.more;
  // A topic may begin earlier than the others (its snapshot is older than where they stand): until those have begun as
  // well, its hold is what lets its entries through.
  if (c.live_from > s.cursor) return;
  std::erase_if(c.holds, [&s](const Hold& h) { return h.live_from <= s.cursor; });
  if (c.filter || !c.holds.empty() || c.retained_from > s.cursor) return;
  loop_.set_interest(s, Interest::kWhole);
}

}  // namespace tickwire::hub
