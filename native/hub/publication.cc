// Messages on their way into the log and the rings. publication_topics.cc has names and lanes, publication_snapshots.cc
// what late joiners get.
#include "hub/publication.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "hub/definition_frames.h"

namespace tickwire::hub {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr Lane kFramedLanes[] = {Lane::kWs, Lane::kWsWire, Lane::kWire};

}  // namespace

std::unique_ptr<Publication> Publication::create(const HubOptions& options, uint32_t loops,
                                                 PublicationListener& listener, std::unique_ptr<ShmLane> shm) {
  return std::unique_ptr<Publication>(new Publication(options, loops, listener, std::move(shm)));
}

Publication::Publication(const HubOptions& options, uint32_t loops, PublicationListener& listener,
                         std::unique_ptr<ShmLane> shm)
    : options_(options),
      listener_(listener),
      log_(options.ring.entries),
      gates_(loops),
      topic_names_(options.max_topics, options.max_name, Errc::kHubTopicLimit),
      key_names_(options.max_keys, options.max_name, Errc::kHubKeyLimit),
      topics_(1),
      values_(options.store.max_keys, options.store.bytes),
      conflating_(options.slow.then == SlowPolicy::kConflate),
      shm_(std::move(shm)) {}

// ---- publishing ----

PublishResult Publication::publish(const Message& message) {
  PublishResult result;
  const int64_t now = mono_ns();
  {
    const std::lock_guard lock(mutex_);
    result.status = publish_locked(message, now, result.sequence);
    if (shm_) shm_->publish();
  }
  if (result.status == PublishStatus::kPublished) wake_loops();
  return result;
}

Hub::BatchResult Publication::publish(std::span<const Message> messages) {
  Hub::BatchResult result;
  const int64_t now = mono_ns();
  {
    const std::lock_guard lock(mutex_);
    uint64_t sequence = 0;
    for (const Message& message : messages) {
      result.status = publish_locked(message, now, sequence);
      if (result.status != PublishStatus::kPublished) break;
      ++result.published;
    }
    if (shm_) shm_->publish();
  }
  if (result.published != 0) wake_loops();
  return result;
}

PublishStatus Publication::check(const Message& message) const noexcept {
  if (closed_) return PublishStatus::kClosed;
  if (!is_topic(message.topic)) return PublishStatus::kUnknownTopic;
  if (message.payload.size() > options_.max_message || message.text.size() > options_.max_message) {
    return PublishStatus::kTooLarge;
  }
  const auto unknown = [this](KeyId key) { return key != kNoKey && key >= key_names_.last(); };
  if (unknown(message.key) || std::any_of(message.mentions.begin(), message.mentions.end(), unknown)) {
    return PublishStatus::kUnknownKey;
  }
  return PublishStatus::kPublished;
}

// Decided under the same lock as who gets the message: nobody who joins meanwhile is left without it.
bool Publication::text_wanted(TopicId topic) const noexcept {
  return lane_open(static_cast<uint32_t>(Lane::kWs)) || lane_open(static_cast<uint32_t>(Lane::kWsDeflate)) ||
         topics_[topic].options.retain == Retain::kLast;
}

Content Publication::content_of(const Message& message, int64_t now_ns) {
  Content content;
  content.topic = message.topic;
  content.key = message.key;
  content.kind = message.kind;
  content.wire_domain = message.wire_domain;
  content.wire_type = message.wire_type;
  content.time_ns = message.time_ns != 0 ? message.time_ns : wall_ns(now_ns);
  content.payload = message.payload;
  content.text = message.text;
  return content;
}

PublishStatus Publication::publish_locked(const Message& message, int64_t now_ns, uint64_t& sequence) {
  if (const PublishStatus bad = check(message); bad != PublishStatus::kPublished) return bad;
  if (message.kind == PayloadKind::kTyped && message.text.empty() && text_wanted(message.topic)) {
    return PublishStatus::kTextNeeded;
  }
  TopicState& topic = topics_[message.topic];
  bool made = false;
  const SlotId id = values_.find_or_make(message.topic, message.key, made);
  if (id == 0) return PublishStatus::kKeyLimit;
  const bool defined = topic.defined && (message.key == kNoKey || values_[id].defined) && message.mentions.empty();
  Content content = content_of(message, now_ns);
  if (!defined) {
    if (const PublishStatus bad = define_all(message.topic, {&message, 1}, now_ns); bad != PublishStatus::kPublished) {
      return bad;
    }
  }
  if (!has_room(content)) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return PublishStatus::kRefused;
  }
  if (!topic.declared) {
    topic.declared = true;
    --undeclared_;
  }
  sequence = ++topic.sequence;
  content.sequence = sequence;
  remember(values_[id], id, content);
  append(content, now_ns);
  return PublishStatus::kPublished;
}

// Definitions that are not needed yet because their message is refused do no harm.
PublishStatus Publication::define_all(TopicId topic, std::span<const Message> messages, int64_t now_ns) {
  const auto one = [&](KeyId key) {
    bool made = false;
    const SlotId id = key == kNoKey ? 0 : values_.find_or_make(topic, key, made);
    if (key != kNoKey && id == 0) return PublishStatus::kKeyLimit;
    if (key == kNoKey ? topics_[topic].defined : values_[id].defined) return PublishStatus::kPublished;
    if (!has_room(Content())) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      return PublishStatus::kRefused;
    }
    define(topic, key, now_ns);
    return PublishStatus::kPublished;
  };
  PublishStatus status = one(kNoKey);
  for (size_t i = 0; i < messages.size() && status == PublishStatus::kPublished; ++i) {
    if (messages[i].key != kNoKey) status = one(messages[i].key);
    for (const KeyId key : messages[i].mentions) {
      if (status == PublishStatus::kPublished && key != kNoKey) status = one(key);
    }
  }
  return status;
}

bool Publication::has_room(const Content& content) noexcept {
  if (fits(content)) return true;
  tail_ = lowest_floor();
  if (fits(content)) return true;
  // A loop raises its floor, then looks at the flag; we set the flag, then look at the floors once more.
  refused_since_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  tail_ = lowest_floor();
  return fits(content);
}

bool Publication::fits(const Content& content) const noexcept {
  // The end of the entry in front of the tail is where the tail begins, so that one must stay as well.
  if (next_ - tail_ > log_.capacity() - 2) return false;
  for (const Lane lane : kFramedLanes) {
    const auto i = static_cast<size_t>(lane);
    if (!lane_open(static_cast<uint32_t>(i))) continue;
    const size_t room = std::max(frame_room(lane, content), kDefinitionRoom);
    const uint64_t used = rings_[i]->end() - rings_[i]->begin_of(std::max(tail_, first_[i]));
    if (room > rings_[i]->capacity() - used) return false;
  }
  return true;
}

uint64_t Publication::lowest_floor() const noexcept {
  uint64_t lowest = next_;
  for (const LoopGate& gate : gates_) lowest = std::min(lowest, gate.floor.load(std::memory_order_acquire));
  return lowest;
}

void Publication::append(const Content& content, int64_t now_ns) noexcept {
  for (const Lane lane : kFramedLanes) {
    const auto i = static_cast<size_t>(lane);
    if (lane_open(static_cast<uint32_t>(i)))
      rings_[i]->append(next_, write_frame(lane, content, rings_[i]->room()), true);
  }
  if (shm_) shm_->message(content);
  const TopicOptions& options = topics_[content.topic].options;
  const int flags = (options.retain == Retain::kLast ? kRetained : 0) | (options.conflate ? 0 : kNotConflated);
  finish_entry(content.topic, content.key, content.sequence, static_cast<uint8_t>(flags), now_ns);
  // One writer at a time: load and store suffice.
  published_bytes_.store(published_bytes_.load(std::memory_order_relaxed) + content.payload.size(),
                         std::memory_order_relaxed);
  published_.store(published_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void Publication::finish_entry(TopicId topic, KeyId key, uint64_t sequence, uint8_t flags, int64_t now_ns) noexcept {
  Entry& entry = log_[next_];
  entry.newer.store(0, std::memory_order_relaxed);
  entry.sequence = sequence;
  entry.published_us = static_cast<uint32_t>(now_ns / 1000);
  entry.definitions = definitions_.size();
  entry.key = key;
  entry.topic = topic;
  entry.flags = flags;
  log_.publish(++next_);
  move_window();
}

// The window moves in steps, so that it is looked for seldom.
void Publication::move_window() noexcept {
  uint64_t begin = window_.load(std::memory_order_relaxed);
  const uint64_t entries = log_.capacity() / 2;
  bool due = next_ - begin > entries + entries / 4;
  for (const Lane lane : kFramedLanes) {
    const auto i = static_cast<size_t>(lane);
    if (!lane_open(static_cast<uint32_t>(i))) continue;
    due = due || rings_[i]->end() - window_at_[i] > rings_[i]->capacity() / 8 * 5;
  }
  if (!due) return;
  if (next_ > entries) begin = std::max(begin, next_ - entries);
  for (const Lane lane : kFramedLanes) {
    const auto i = static_cast<size_t>(lane);
    if (!lane_open(static_cast<uint32_t>(i))) continue;
    begin = rings_[i]->first_within(std::max(begin, first_[i]), next_, rings_[i]->capacity() / 2);
  }
  for (const Lane lane : kFramedLanes) {
    const auto i = static_cast<size_t>(lane);
    if (lane_open(static_cast<uint32_t>(i))) window_at_[i] = rings_[i]->begin_of(std::max(begin, first_[i]));
  }
  window_.store(begin, std::memory_order_release);
}

void Publication::define(TopicId topic, KeyId key, int64_t now_ns) {
  if (lane_open(static_cast<uint32_t>(Lane::kWsWire)) || lane_open(static_cast<uint32_t>(Lane::kWire))) {
    for (const Lane lane : kFramedLanes) {
      const auto i = static_cast<size_t>(lane);
      if (!lane_open(static_cast<uint32_t>(i))) continue;
      size_t size = 0;
      if (speaks_wire(lane)) {
        size = key == kNoKey ? write_topic_frame(lane, rings_[i]->room(), topic, topic_name(topic), 0)
                             : write_symbol_frame(lane, rings_[i]->room(), key, key_name(key));
      }
      rings_[i]->append(next_, size, false);
    }
    finish_entry(topic, key, 0, kDefinition, now_ns);
  }
  if (shm_) {
    if (key == kNoKey) {
      shm_->define_topic(topic, topic_name(topic));
    } else {
      shm_->define_symbol(key, key_name(key));
    }
  }
  definitions_.add(topic, key);
  if (key == kNoKey) {
    topics_[topic].defined = true;
  } else {
    bool made = false;
    values_[values_.find_or_make(topic, key, made)].defined = true;
    topics_[topic].keys.push_back(key);
  }
}

void Publication::remember(ValueSlot& slot, SlotId id, const Content& content) noexcept {
  TopicState& topic = topics_[content.topic];
  if (topic.options.conflate && slot.index != ValueSlot::kNever && next_ - slot.index < log_.capacity()) {
    log_[slot.index].newer.store(next_ + 1, std::memory_order_relaxed);
  }
  slot.index = next_;
  slot.sequence = content.sequence;
  slot.time_ns = content.time_ns;
  slot.kind = content.kind;
  slot.wire_domain = content.wire_domain;
  slot.wire_type = content.wire_type;
  const bool retained = topic.options.retain == Retain::kLast;
  if (!retained && !(conflating_ && topic.options.conflate)) return;
  values_.touch(id);
  if (retained) values_.touch(id, topic.values);
  static_cast<void>(values_.keep(id, content.payload, content.text));  // counted
}

void Publication::wake_loops() {
  // Between the store of the head and the look at the wishes: see LoopGate.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const uint64_t bytes = published_bytes();
  for (uint32_t i = 0; i < gates_.size(); ++i) {
    if (gates_[i].take_wake(bytes)) listener_.wake_loop(i);
  }
}

// The wall clock by way of the monotonic one, which is read anyhow. A clock that is set disturbs at most a second.
int64_t Publication::wall_ns(int64_t mono_now) noexcept {
  if (wall_measured_ns_ == INT64_MIN || mono_now - wall_measured_ns_ > kSecond) {
    wall_measured_ns_ = mono_now;
    wall_offset_ns_ = realtime_ns() - mono_ns();
  }
  return mono_now + wall_offset_ns_;
}

void Publication::refuse_publishing() noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  if (shm_) shm_->close();
}

void Publication::beat() noexcept {
  const std::lock_guard lock(mutex_);
  if (shm_) shm_->beat(mono_ns());
}

void Publication::close_shm() noexcept {
  const std::lock_guard lock(mutex_);
  if (shm_) shm_->close();
}

void Publication::add_counters(Counters& counters) const noexcept {
  counters.published = published_.load(std::memory_order_relaxed);
  counters.published_bytes = published_bytes();
  counters.refused = refused_.load(std::memory_order_relaxed);
  counters.snapshots = snapshots_.load(std::memory_order_relaxed);
  if (shm_) {
    counters.shm_messages = shm_->messages();
    counters.shm_unwritten = shm_->unwritten();
  }
  const std::lock_guard lock(mutex_);
  counters.topics = topic_names_.count();
  counters.keys = key_names_.count();
  counters.kept = values_.kept();
  counters.kept_bytes = values_.kept_bytes();
  counters.not_kept = values_.not_kept();
}

}  // namespace tickwire::hub
