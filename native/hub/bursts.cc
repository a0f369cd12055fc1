// What precedes a topic's messages, piece by piece.
#include <algorithm>

#include "hub/broadcast_loop.h"
#include "hub/joining.h"
#include "hub/notices.h"
#include "wire/header.h"

namespace tickwire::hub {
namespace {

// What is made for one subscriber at once, under the publication's mutex.
constexpr size_t kPieceBytes = 32 * 1024;
constexpr uint32_t kVisited = 512;
constexpr uint64_t kUntold = UINT64_MAX;

// Of an all-topic subscriber: the topic existed when it joined, and its burst has not come to it yet.
bool will_be_told(const Connection& c, TopicId topic) noexcept {
  return !c.bursts.empty() && c.bursts.front().stage == Burst::Stage::kTopics &&
         topic <= c.bursts.front().sequences.size();
}

}  // namespace

bool Joining::go_on(Subscriber& s, size_t& budget) {
  Connection& c = *s.more;
  Burst& burst = c.bursts.front();
  bool done = false;
  switch (burst.stage) {
    case Burst::Stage::kTopics:
      done = topics(s, burst);
      break;
    case Burst::Stage::kSymbols:
      done = symbols(s, burst);
      break;
    case Burst::Stage::kValues:
      done = values(s, burst);
      break;
    case Burst::Stage::kImage:
      if (!image(s, burst, budget)) return false;
      done = burst.offset == burst.frames->bytes.size() || (burst.cancelled && !burst.owes());
      break;
  }
  if (!done) return true;
  const Burst ended = std::move(burst);
  c.bursts.erase(c.bursts.begin());
  if (ended.stage == Burst::Stage::kImage) image_done(s, ended);
  return s.open();
}

bool Joining::topics(Subscriber& s, Burst& burst) {
  const Publication& publication = loop_.publication();
  const auto lock = publication.lock();
  uint32_t visited = 0;
  while (burst.next < burst.sequences.size() && s.out.size() < kPieceBytes && ++visited <= kVisited) {
    const auto id = static_cast<TopicId>(++burst.next);
    if (!publication.is_topic(id) || burst.sequences[id - 1u] == kUntold) continue;
    static_cast<void>(append_topic(s, id, publication.topic_name(id), burst.sequences[id - 1u], burst.request));
  }
  return burst.next == burst.sequences.size();
}

bool Joining::symbols(Subscriber& s, Burst& burst) {
  Publication& publication = loop_.publication();
  const auto lock = publication.lock();
  const std::vector<KeyId>& keys = publication.topic(burst.topic).keys;
  while (burst.next < keys.size() && s.out.size() < kPieceBytes) {
    const KeyId key = keys[burst.next++];
    static_cast<void>(append_symbol(s, key, publication.key_name(key)));
  }
  return burst.next == keys.size();
}

void Joining::send_definitions(Subscriber& s) {
  Connection& c = *s.more;
  Publication& publication = loop_.publication();
  const auto lock = publication.lock();
  while (c.definitions_from < c.definitions_to && s.out.size() < kPieceBytes) {
    const Definition& each = publication.definitions()[c.definitions_from++];
    if (each.key != kNoKey) {
      static_cast<void>(append_symbol(s, each.key, publication.key_name(each.key)));
    } else if (s.interest != Interest::kListed && !will_be_told(c, each.topic)) {
      // The topic's first message was among those that it jumped over.
      static_cast<void>(append_topic(s, each.topic, publication.topic_name(each.topic), 0));
    }
  }
}

// The newest per key, oldest first. Whatever is published while this goes on moves to the young end and is met there,
// so that the walk ends with a state that is complete up to the log's head.
bool Joining::values(Subscriber& s, Burst& burst) {
  Connection& c = *s.more;
  Publication& publication = loop_.publication();
  const auto lock = publication.lock();
  const LastValues& store = publication.values();
  const bool all = burst.topic == kNoTopic;
  const ListEnds* const list = all ? nullptr : &publication.topic(burst.topic).values;
  SlotId id = all ? store.first_from(burst.from, burst.hint) : store.first_from(burst.from, burst.hint, *list);
  for (uint32_t visited = 0; id != 0 && visited < kVisited && s.out.size() < kPieceBytes; ++visited) {
    const ValueSlot& slot = store[id];
    burst.from = slot.index + 1;
    id = all ? store.next(id) : store.next_of_topic(id);
    if (!slot.kept || (all && publication.topic(slot.topic).options.retain != Retain::kLast)) continue;
    if (burst.filter && !burst.filter->passes_locked(slot.key)) continue;
    if (!append_value(s, slot, wire::kFlagSnapshot)) continue;
    burst.last_sequence = slot.sequence;
    ++s.messages;
    loop_.tally().deliveries.add();
  }
  burst.hint = id;
  if (id != 0) return false;
  const uint64_t head = publication.log().head();
  if (all) {
    c.retained_from = head;
    if (speaks_wire(s.lane) && store.not_kept() != 0) {
      // Where the newest was not kept, the count has to be set all the same.
      Burst told;
      told.stage = Burst::Stage::kTopics;
      for (uint32_t each = 1; each <= publication.last_topic(); ++each) {
        const TopicState& topic = publication.topic(static_cast<TopicId>(each));
        told.sequences.push_back(topic.options.retain == Retain::kLast ? topic.sequence : kUntold);
      }
      c.bursts.insert(c.bursts.begin() + 1, std::move(told));
    }
    return true;
  }
  const TopicState& topic = publication.topic(burst.topic);
  if (speaks_wire(s.lane) && burst.last_sequence != topic.sequence) {
    // Not everything was kept, or a filter let the newest not pass: the count has to be set all the same.
    static_cast<void>(append_topic(s, burst.topic, publication.topic_name(burst.topic), topic.sequence));
  }
  go_live_from(s, burst.topic, head);
  return true;
}

bool Joining::image(Subscriber& s, Burst& burst, size_t& budget) {
  const std::vector<uint8_t>& bytes = burst.frames->bytes;
  const std::vector<size_t>& ends = burst.frames->ends;
  const size_t end = burst.owes() ? burst.owed : bytes.size();
  if (burst.offset == end) return true;
  const auto frames_before = [&ends](size_t offset) { return std::upper_bound(ends.begin(), ends.end(), offset); };
  const auto first = frames_before(burst.offset);
  size_t wrote = 0;
  const Sent sent = loop_.output().bytes(s, std::span(bytes).subspan(burst.offset, end - burst.offset), wrote);
  burst.offset += wrote;
  budget -= std::min(budget, wrote);
  const auto last = frames_before(burst.offset);
  s.messages += static_cast<uint64_t>(last - first);
  loop_.tally().deliveries.add(static_cast<uint64_t>(last - first));
  if (burst.offset != end) {
    const bool between_frames = burst.offset == 0 || (last != ends.begin() && *(last - 1) == burst.offset);
    burst.owed = between_frames ? burst.offset : *last;
  }
  return loop_.delivery().went(s, sent);
}

void Joining::drop_outdated_image(Subscriber& s, uint64_t floor) {
  Connection& c = *s.more;
  for (Burst& burst : c.bursts) {
    if (burst.stage != Burst::Stage::kImage || burst.image->next >= floor || burst.image->messages.empty()) continue;
    const std::vector<uint8_t>& bytes = burst.frames->bytes;
    const size_t rest = burst.owes() ? burst.owed - burst.offset : 0;
    if (rest > loop_.options().slow.pending_bytes) {
      loop_.tally().slow_disconnects.add();
      return loop_.finish(s, Error{Errc::kHubTooSlow, kTryAgainLater, "too slow"}, false);
    }
    // What remains is the rest of the message that was begun. Behind it comes another snapshot, when the socket takes
    // data again (image_done).
    auto remains = std::make_shared<Snapshot>();
    remains->topic = burst.image->topic;
    remains->next = burst.image->next;
    Snapshot::Frames& frames = remains->frames[0];
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(burst.offset);
    frames.bytes.assign(begin, begin + static_cast<std::ptrdiff_t>(rest));
    if (rest != 0) frames.ends.push_back(rest);
    burst.image = std::move(remains);
    burst.frames = &burst.image->frames[0];
    burst.offset = 0;
    burst.owed = rest;
  }
}

void Joining::image_done(Subscriber& s, const Burst& burst) {
  if (burst.cancelled) return;
  bool ask = false;
  {
    const auto lock = loop_.publication().lock();
    if (burst.image->next >= loop_.floor()) {
      go_live_from(s, burst.topic, burst.image->next);
    } else {
      // It took so long that what continues it is gone: another one, which is smaller or finds a faster connection.
      ask = await_snapshot(s, burst.topic, loop_.safe_index(s.lane));
    }
  }
  if (s.interest == Interest::kListed) s.more->lag = loop_.delivery().count_lag(s);
  if (ask) ask_for({&burst.topic, 1});
}

}  // namespace tickwire::hub
