#include "hub/lane_group.h"

#include <algorithm>
#include <utility>

namespace tickwire::hub {

void LaneGroup::enter(const BroadcastRing& ring, uint64_t first) {
  ring_ = &ring;
  if (size_++ != 0) return;
  // What was published while nobody was here has no frames. A pass that was under way has nobody left to serve.
  from_ = marked_ = first;
  begin_pass();
}

// Swaps with the last. Those whom a sweep has not reached must stay behind `next`, so within the part that is done with
// the hole is closed from its end first.
void LaneGroup::remove(std::vector<Subscriber*>& list, const Subscriber& s, size_t& next) noexcept {
  const auto it = std::find(list.begin(), list.end(), &s);
  if (it == list.end()) return;
  auto at = static_cast<size_t>(it - list.begin());
  if (at < next) {
    list[at] = list[--next];
    at = next;
  }
  list[at] = list.back();
  list.pop_back();
}

uint32_t LaneGroup::add_member(TopicId topic, Member member) {
  if (topic >= topics_.size()) topics_.resize(topic + size_t{1});
  std::vector<Member>& members = topics_[topic].members;
  members.push_back(std::move(member));
  ++listed_;
  return static_cast<uint32_t>(members.size() - 1);
}

void LaneGroup::remove_member(TopicId topic, uint32_t place) noexcept {
  std::vector<Member>& list = topics_[topic].members;
  if (place + size_t{1} != list.size()) {
    list[place] = std::move(list.back());
    list[place].subscriber->more->subscriptions[list[place].place].place = place;
  }
  list.pop_back();
  --listed_;
}

LaneGroup::Unchained LaneGroup::unchain(Subscriber& s) noexcept {
  if (s.chain_first == Subscriber::kNoNode) return {};
  const Unchained was{chain_bytes(s.chain_first), from_ + nodes_[s.chain_first].entry};
  if ((s.chain_last & kShares) != 0) {
    sharing_[s.chain_last & ~kShares] = nullptr;
  } else {
    std::replace(dirty_.begin() + static_cast<std::ptrdiff_t>(next_dirty_), dirty_.end(), &s,
                 static_cast<Subscriber*>(nullptr));
  }
  s.chain_first = s.chain_last = Subscriber::kNoNode;
  return was;
}

// ---- marking ----

void LaneGroup::begin_pass() noexcept {
  next_whole_ = next_scanned_ = next_dirty_ = next_run_ = next_sharing_ = 0;
  dirty_.clear();
  nodes_.clear();
  runs_.clear();
  sharing_.clear();
  share_.from = Subscriber::kNoNode;
}

void LaneGroup::mark(uint64_t head) {
  from_ = marked_;
  begin_pass();
  if (head <= marked_) return;  // a lane that comes behind the others has not got to its first entry yet
  if (listed_ == 0) {
    marked_ = head;
    return;
  }
  while (marked_ < head && nodes_.size() < kMaxNodes) {
    const uint64_t index = marked_++;
    const TopicId topic = log_[index].topic;
    if (topic >= topics_.size() || topics_[topic].members.empty()) continue;
    const uint64_t size = ring_->size_of(index);
    if (size != 0) mark_entry(index, size, topics_[topic]);
  }
  end_runs();
}

void LaneGroup::mark_entry(uint64_t index, uint64_t size, TopicMembers& topic) {
  if (topic.run == 0) begin_run(log_[index].topic, topic, index);
  Run& run = runs_[topic.run - 1];
  run.bytes += size;
  if (run.sharing != run.sharing_end) {
    const auto node = static_cast<uint32_t>(nodes_.size());
    nodes_.push_back({static_cast<uint32_t>(index - from_), Subscriber::kNoNode});
    if (run.first == Subscriber::kNoNode) {
      run.first = node;
      for (size_t i = run.sharing; i != run.sharing_end; ++i) sharing_[i]->chain_first = node;
    } else {
      nodes_[run.last].next = node;
    }
    run.last = node;
  }
  for (size_t i = run.single; i != run.single_end; ++i) give(*single_[i], index, size);
}

// Who is served how is decided once per topic and pass.
void LaneGroup::begin_run(TopicId id, TopicMembers& topic, uint64_t index) {
  Run run;
  run.topic = id;
  run.sharing = sharing_.size();
  run.lagging = lagging_.size();
  run.single = single_.size();
  for (Member& member : topic.members) {
    Subscriber& s = *member.subscriber;
    if (!s.one_topic || s.private_deflate || member.filter || index < member.live_from) {
      single_.push_back(&member);
    } else if (!s.behind) {
      s.chain_last = kShares | static_cast<uint32_t>(sharing_.size());
      sharing_.push_back(&s);
    } else {
      if (std::exchange(s.more->nothing_waits, false)) s.cursor = index;
      lagging_.push_back(&s);
    }
  }
  run.sharing_end = sharing_.size();
  run.lagging_end = lagging_.size();
  run.single_end = single_.size();
  runs_.push_back(run);
  topic.run = static_cast<uint32_t>(runs_.size());
}

void LaneGroup::end_runs() {
  for (const Run& run : runs_) {
    topics_[run.topic].run = 0;
    for (size_t i = run.lagging; i != run.lagging_end; ++i) lagging_[i]->more->lag += run.bytes;
  }
  lagging_.clear();
  single_.clear();
}

void LaneGroup::give(Member& member, uint64_t index, uint64_t size) {
  if (index < member.live_from) return;
  if (member.filter && !member.filter->passes(log_[index].key)) return;
  Subscriber& s = *member.subscriber;
  if (s.behind) {
    Connection& c = *s.more;
    if (std::exchange(c.nothing_waits, false)) s.cursor = index;
    c.lag += size;
    return;
  }
  const auto node = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back({static_cast<uint32_t>(index - from_), Subscriber::kNoNode});
  if (s.chain_first == Subscriber::kNoNode) {
    s.chain_first = node;
    dirty_.push_back(&s);
  } else {
    nodes_[s.chain_last].next = node;
  }
  s.chain_last = node;
}

// ---- sweeping ----

bool LaneGroup::sweep(SweepBudget& budget) {
  while (next_whole_ < whole_.size()) {
    if (budget.spent()) return false;
    Subscriber& s = *whole_[next_whole_++];
    if (s.behind || s.cursor >= marked_) continue;
    if (s.private_deflate) [[unlikely]] {
      serve_alone(s, budget);
    } else {
      sweep_whole(s, budget);
    }
  }
  if (!sweep_shared(budget)) return false;
  while (next_dirty_ < dirty_.size()) {
    if (budget.spent()) return false;
    Subscriber* const s = dirty_[next_dirty_++];
    if (s == nullptr) continue;
    if (s->private_deflate) [[unlikely]] {
      serve_alone(*s, budget);
    } else {
      sweep_chain(*s, budget);
    }
  }
  while (next_scanned_ < scanned_.size()) {
    if (budget.spent()) return false;
    Subscriber& s = *scanned_[next_scanned_++];
    if (!s.behind && s.cursor < marked_) serve_alone(s, budget);
  }
  return true;
}

void LaneGroup::serve_alone(Subscriber& s, SweepBudget& budget) {
  budget.take(ring_->bytes_between(std::max(s.cursor, from_), marked_));
  owner_.serve_alone(s);
}

void LaneGroup::sweep_whole(Subscriber& s, SweepBudget& budget) {
  const uint64_t begin = ring_->begin_of(s.cursor);
  const uint64_t bytes = ring_->begin_of(marked_) - begin;
  if (bytes == 0) {
    s.cursor = marked_;
    return;
  }
  budget.take(bytes);
  size_t done = 0;
  const Sent sent = output_.frames(
      s, ring_->at(begin), static_cast<size_t>(marked_ - s.cursor),
      [&](size_t i) { return static_cast<size_t>(ring_->end_of(s.cursor + i) - begin); }, done);
  const uint64_t messages = ring_->messages_between(s.cursor, s.cursor + done);
  s.cursor += done;
  s.messages += messages;
  counters_.deliveries.add(messages);
  if (sent != Sent::kAll) [[unlikely]] {
    owner_.fall_behind(s, sent, 0);
  }
}

uint32_t LaneGroup::collect(Gather& gather, uint32_t node) const noexcept {
  gather.clear();
  for (; node != Subscriber::kNoNode; node = nodes_[node].next) {
    if (!gather.add(ring_->frame(from_ + nodes_[node].entry), node)) break;
  }
  return node;
}

uint64_t LaneGroup::messages_in(const Gather& gather, size_t frames) const noexcept {
  uint64_t messages = frames;
  if (speaks_wire(lane_)) {  // elsewhere definitions have no frames
    for (size_t i = 0; i < frames; ++i) {
      if (!log_[from_ + nodes_[static_cast<uint32_t>(gather.tag(i))].entry].is_message()) --messages;
    }
  }
  return messages;
}

void LaneGroup::count(Subscriber& s, uint64_t messages) noexcept {
  s.messages += messages;
  counters_.deliveries.add(messages);
}

// From this node on the chain is left to the subscriber itself.
void LaneGroup::stay_behind(Subscriber& s, Sent why, uint32_t node) {
  s.chain_first = s.chain_last = Subscriber::kNoNode;
  s.cursor = node == Subscriber::kNoNode ? marked_ : from_ + nodes_[node].entry;
  owner_.fall_behind(s, why, chain_bytes(node));
}

// A chain that does not fit into one gathering is done part by part, each for everybody.
bool LaneGroup::sweep_shared(SweepBudget& budget) {
  for (; next_run_ < runs_.size(); ++next_run_, share_.from = Subscriber::kNoNode) {
    const Run& run = runs_[next_run_];
    if (run.sharing == run.sharing_end) continue;
    if (share_.from == Subscriber::kNoNode) gather_share(run, run.first);
    for (;;) {
      while (next_sharing_ < run.sharing_end) {
        if (budget.spent()) return false;
        Subscriber* const s = sharing_[next_sharing_++];
        if (s != nullptr) write_shared(*s, budget);
      }
      if (share_.to == Subscriber::kNoNode) break;
      gather_share(run, share_.to);
    }
  }
  return true;
}

void LaneGroup::gather_share(const Run& run, uint32_t from) {
  if (!share_.gather) share_.gather = std::make_unique<Gather>();
  share_.from = from;
  share_.to = collect(*share_.gather, from);
  share_.messages = messages_in(*share_.gather, share_.gather->frames());
  next_sharing_ = run.sharing;
}

void LaneGroup::write_shared(Subscriber& s, SweepBudget& budget) {
  const Gather& gather = *share_.gather;
  budget.take(gather.bytes());
  size_t done = 0;
  const Sent sent = output_.pieces(s, gather.pieces(), gather.ends(), done);
  const bool all = done == gather.frames();
  count(s, all ? share_.messages : messages_in(gather, done));
  s.chain_first = all ? share_.to : static_cast<uint32_t>(gather.tag(done));
  if (sent != Sent::kAll) [[unlikely]] {
    sharing_[s.chain_last & ~kShares] = nullptr;
    return stay_behind(s, sent, s.chain_first);
  }
  if (s.chain_first == Subscriber::kNoNode) s.chain_last = Subscriber::kNoNode;
}

uint64_t LaneGroup::chain_bytes(uint32_t node) const noexcept {
  uint64_t bytes = 0;
  for (; node != Subscriber::kNoNode; node = nodes_[node].next) bytes += ring_->size_of(from_ + nodes_[node].entry);
  return bytes;
}

void LaneGroup::sweep_chain(Subscriber& s, SweepBudget& budget) {
  uint32_t node = s.chain_first;
  s.chain_first = s.chain_last = Subscriber::kNoNode;
  while (node != Subscriber::kNoNode) {
    const uint32_t next = collect(gather_, node);
    budget.take(gather_.bytes());
    size_t done = 0;
    const Sent sent = output_.pieces(s, gather_.pieces(), gather_.ends(), done);
    count(s, messages_in(gather_, done));
    if (sent != Sent::kAll) [[unlikely]] {
      if (done != 0) node = nodes_[static_cast<uint32_t>(gather_.tag(done - 1))].next;
      return stay_behind(s, sent, node);
    }
    node = next;
  }
}

}  // namespace tickwire::hub
