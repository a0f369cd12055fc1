#include "hub/lane_group.h"

#include <algorithm>
#include <utility>

namespace tickwire::hub {

void LaneGroup::enter(const BroadcastRing& ring, uint64_t first) {
  ring_ = &ring;
  // What was published while nobody was here has no frames.
  if (size_++ == 0) from_ = marked_ = first;
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
  if (topic >= members_.size()) members_.resize(topic + size_t{1});
  members_[topic].push_back(std::move(member));
  ++listed_;
  return static_cast<uint32_t>(members_[topic].size() - 1);
}

void LaneGroup::remove_member(TopicId topic, uint32_t place) noexcept {
  std::vector<Member>& list = members_[topic];
  if (place + size_t{1} != list.size()) {
    list[place] = std::move(list.back());
    list[place].subscriber->more->subscriptions[list[place].place].place = place;
  }
  list.pop_back();
  --listed_;
}

uint64_t LaneGroup::unchain(Subscriber& s) noexcept {
  if (s.chain_first == Subscriber::kNoNode) return 0;
  const uint64_t bytes = chain_bytes(s.chain_first);
  s.chain_first = s.chain_last = Subscriber::kNoNode;
  std::replace(dirty_.begin() + static_cast<std::ptrdiff_t>(next_dirty_), dirty_.end(), &s,
               static_cast<Subscriber*>(nullptr));
  return bytes;
}

void LaneGroup::mark(uint64_t head) {
  from_ = marked_;
  next_whole_ = next_scanned_ = next_dirty_ = 0;
  dirty_.clear();
  nodes_.clear();
  if (head <= marked_) return;  // a lane that comes behind the others has not got to its first entry yet
  if (listed_ == 0) {
    marked_ = head;
    return;
  }
  while (marked_ < head && nodes_.size() < kMaxNodes) {
    const uint64_t index = marked_++;
    const TopicId topic = log_[index].topic;
    if (topic >= members_.size() || members_[topic].empty()) continue;
    const uint64_t size = ring_->size_of(index);
    if (size == 0) continue;
    for (Member& member : members_[topic]) give(member, index, size);
  }
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

bool LaneGroup::sweep(SweepBudget& budget) {
  while (next_whole_ < whole_.size()) {
    if (budget.spent()) return false;
    Subscriber& s = *whole_[next_whole_++];
    if (!s.behind && s.cursor < marked_) sweep_whole(s, budget);
  }
  while (next_dirty_ < dirty_.size()) {
    if (budget.spent()) return false;
    Subscriber* const s = dirty_[next_dirty_++];
    if (s != nullptr) sweep_chain(*s, budget);
  }
  while (next_scanned_ < scanned_.size()) {
    if (budget.spent()) return false;
    Subscriber& s = *scanned_[next_scanned_++];
    if (s.behind || s.cursor >= marked_) continue;
    budget.take(ring_->bytes_between(s.cursor, marked_));
    owner_.serve_scanned(s);
  }
  return true;
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

uint64_t LaneGroup::chain_bytes(uint32_t node) const noexcept {
  uint64_t bytes = 0;
  for (; node != Subscriber::kNoNode; node = nodes_[node].next) bytes += ring_->size_of(from_ + nodes_[node].entry);
  return bytes;
}

void LaneGroup::count(Subscriber& s, size_t frames) noexcept {
  uint64_t messages = frames;
  if (speaks_wire(lane_)) {  // elsewhere definitions have no frames
    for (size_t i = 0; i < frames; ++i) {
      if (!log_[from_ + nodes_[static_cast<uint32_t>(gather_.tag(i))].entry].is_message()) --messages;
    }
  }
  s.messages += messages;
  counters_.deliveries.add(messages);
}

void LaneGroup::sweep_chain(Subscriber& s, SweepBudget& budget) {
  uint32_t node = s.chain_first;
  s.chain_first = s.chain_last = Subscriber::kNoNode;
  while (node != Subscriber::kNoNode) {
    gather_.clear();
    uint32_t next = node;
    while (next != Subscriber::kNoNode) {
      const uint64_t index = from_ + nodes_[next].entry;
      if (!gather_.add(ring_->frame(index), next)) break;
      next = nodes_[next].next;
    }
    budget.take(gather_.bytes());
    size_t done = 0;
    const Sent sent = output_.pieces(s, gather_.pieces(), gather_.ends(), done);
    count(s, done);
    if (sent != Sent::kAll) [[unlikely]] {
      if (done != 0) node = nodes_[static_cast<uint32_t>(gather_.tag(done - 1))].next;
      s.cursor = node == Subscriber::kNoNode ? marked_ : from_ + nodes_[node].entry;
      return owner_.fall_behind(s, sent, chain_bytes(node));
    }
    node = next;
  }
}

}  // namespace tickwire::hub
