// Snapshots of topics that have them, framed once for all who join.
#include <utility>

#include "base/clock.h"
#include "hub/publication.h"
#include "wire/header.h"

namespace tickwire::hub {

PublishStatus Publication::publish_snapshot(TopicId id, std::span<const Message> messages) {
  constexpr size_t kMaxSnapshot = size_t{64} << 20;
  size_t bytes = 0;
  for (const Message& m : messages) {
    bytes += m.payload.size() + m.text.size();
    if (bytes > kMaxSnapshot) return PublishStatus::kTooLarge;
  }
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->topic = id;
  {
    const std::lock_guard lock(mutex_);
    const int64_t now = mono_ns();
    for (const Message& m : messages) {
      if (m.topic != id) return PublishStatus::kUnknownTopic;
      Message small = m;  // of any size, so that only the rest is checked
      small.payload = small.text = {};
      if (const PublishStatus bad = check(small); bad != PublishStatus::kPublished) return bad;
    }
    if (closed_) return PublishStatus::kClosed;
    if (!is_topic(id)) return PublishStatus::kUnknownTopic;
    if (const PublishStatus bad = define_all(id, messages, now); bad != PublishStatus::kPublished) return bad;
    TopicState& topic = topics_[id];
    const auto copy = [&](std::span<const uint8_t> from) -> std::span<const uint8_t> {
      return snapshot->memory.emplace_back(from.begin(), from.end());
    };
    for (const Message& m : messages) {
      Content& content = snapshot->messages.emplace_back(content_of(m, now));
      content.sequence = topic.sequence;
      content.wire_flags = wire::kFlagSnapshot;
      content.payload = copy(content.payload);
      content.text = copy(content.text);
    }
    snapshot->next = next_;
    snapshot->sequence = topic.sequence;
    topic.snapshot = std::move(snapshot);
    topic.snapshot_requested = false;
    snapshots_.fetch_add(1, std::memory_order_relaxed);
  }
  wake_loops();  // definitions
  listener_.snapshot_published(id);
  return PublishStatus::kPublished;
}

std::shared_ptr<Snapshot> Publication::usable_snapshot(TopicId id, uint64_t floor, bool& ask) {
  TopicState& topic = topics_[id];
  ask = false;
  if (topic.snapshot && topic.snapshot->next >= floor) return topic.snapshot;
  topic.snapshot.reset();
  ask = !std::exchange(topic.snapshot_requested, true);
  return nullptr;
}

const Snapshot::Frames& Publication::snapshot_frames(Snapshot& snapshot, Lane lane) {
  // Clients of the compressed lane take plain frames as well.
  const Lane plain = lane == Lane::kWsDeflate ? Lane::kWs : lane;
  Snapshot::Frames& frames = snapshot.frames[static_cast<size_t>(plain)];
  if (std::exchange(frames.made, true)) return frames;
  size_t room = 0;
  for (const Content& content : snapshot.messages) room += frame_room(plain, content);
  frames.bytes.resize(room);
  size_t end = 0;
  for (const Content& content : snapshot.messages) {
    const size_t size = write_frame(plain, content, frames.bytes.data() + end);
    if (size == 0) continue;
    end += size;
    frames.ends.push_back(end);
  }
  frames.bytes.resize(end);
  return frames;
}

}  // namespace tickwire::hub
