// Who is there: topics and keys by name, and the lanes that have subscribers.
#include <algorithm>
#include <utility>

#include "hub/publication.h"

namespace tickwire::hub {

// ---- names ----

Result<TopicId> Publication::declare_topic(std::string_view name, const TopicOptions& options) {
  if (name == "*") return Error{Errc::kHubName, 0, "* stands for all topics"};
  if (options.snapshot && options.retain != Retain::kNone) {
    return Error{Errc::kHubOptions, 0, "a topic retains or has snapshots, not both"};
  }
  const std::lock_guard lock(mutex_);
  const Result<uint32_t> id = topic_names_.intern(name);
  if (!id.ok()) return id.error();
  const bool made = id.value() >= topics_.size();
  if (made) topics_.resize(id.value() + 1);
  TopicState& topic = topics_[id.value()];
  if (!topic.declared) {
    if (topic.subscribers != 0) --undeclared_;
    topic.options = options;
    topic.declared = true;
    retaining_ = retaining_ || options.retain == Retain::kLast;
  }
  return static_cast<TopicId>(id.value());
}

Result<TopicId> Publication::hold_topic(std::string_view name) {
  uint32_t id = topic_names_.find(name);
  if (id == 0) {
    if (undeclared_ >= options_.max_unpublished_topics) {
      return Error{Errc::kHubTopicLimit, 0, "too many topics that nobody publishes"};
    }
    const Result<uint32_t> made = topic_names_.intern(name);
    if (!made.ok()) return made.error();
    id = made.value();
    if (id >= topics_.size()) topics_.resize(id + 1);
    ++undeclared_;
  }
  ++topics_[id].subscribers;
  return static_cast<TopicId>(id);
}

void Publication::release_topic(TopicId id) {
  TopicState& topic = topics_[id];
  if (--topic.subscribers != 0 || topic.declared) return;
  --undeclared_;
  topic = TopicState();
  topic_names_.forget(id);
}

Result<KeyId> Publication::intern_key(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const Result<uint32_t> id = key_names_.intern(name);
  if (!id.ok()) return id.error();
  return static_cast<KeyId>(id.value() - 1);
}

// ---- lanes ----

void Publication::open_lane(Lane lane) noexcept {
  const auto i = static_cast<size_t>(lane);
  first_[i] = next_;
  rings_[i]->start(next_);
  window_at_[i] = rings_[i]->end();
  lanes_in_use_.fetch_or(1u << i, std::memory_order_relaxed);
}

void Publication::close_lane(Lane lane) noexcept {
  lanes_in_use_.fetch_and(~(1u << static_cast<size_t>(lane)), std::memory_order_relaxed);
}

Result<uint64_t> Publication::join(uint32_t loop, Lane lane, bool& starts_compressor) {
  starts_compressor = false;
  const Lane needed[] = {lane, Lane::kWs};
  for (const Lane each : std::span(needed).first(lane == Lane::kWsDeflate ? 2 : 1)) {
    auto& ring = rings_[static_cast<size_t>(each)];
    if (ring) continue;
    auto made = BroadcastRing::create(options_.ring.bytes, options_.ring.entries);
    if (!made.ok()) return made.error();
    ring = std::move(made.value());
  }
  const auto use = [this](Lane each) {
    if (users_[static_cast<size_t>(each)]++ == 0) open_lane(each);
  };
  if (lane != Lane::kWsDeflate) {
    use(lane);
  } else {
    ++users_[static_cast<size_t>(lane)];
    if (!compressing_) {
      compressing_ = starts_compressor = true;
      use(Lane::kWs);  // for the compressor, until it ends
      open_lane(lane);
      compressed_head_.store(next_, std::memory_order_release);
      auto& floor = gates_[0].floor;
      if (floor.load(std::memory_order_relaxed) == LoopGate::kReadsNothing)
        floor.store(next_, std::memory_order_release);
    }
  }
  auto& floor = gates_[loop].floor;
  if (floor.load(std::memory_order_relaxed) == LoopGate::kReadsNothing) floor.store(next_, std::memory_order_release);
  return next_;
}

void Publication::leave(Lane lane) noexcept {
  const auto i = static_cast<size_t>(lane);
  if (--users_[i] == 0 && lane != Lane::kWsDeflate) close_lane(lane);
}

bool Publication::close_compressed_lane() noexcept {
  if (users_[static_cast<size_t>(Lane::kWsDeflate)] != 0) return false;
  compressing_ = false;
  close_lane(Lane::kWsDeflate);
  leave(Lane::kWs);
  return true;
}

uint64_t Publication::oldest(Lane lane) const noexcept {
  const auto i = static_cast<size_t>(lane);
  const BroadcastRing& ring = *rings_[i];
  const uint64_t kept = log_.capacity() - 1;
  const uint64_t from = std::max(first_[i], next_ > kept ? next_ - kept : 0);
  return ring.first_within(from, next_, ring.capacity());
}

}  // namespace tickwire::hub
