#include "feed/records.h"

#include <algorithm>
#include <cstring>

#include "base/event_ring.h"

namespace tickwire::feed {

namespace {

// Appends little-endian scalars; pads and writes the header at the end.
class RecordWriter {
 public:
  template <class T>
  void put(T value) {
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }
  void put_bytes(const void* data, size_t n) {
    if (n == 0) return;
    const size_t at = bytes_.size();
    bytes_.resize(at + n);
    std::memcpy(bytes_.data() + at, data, n);
  }
  [[nodiscard]] std::vector<uint8_t> finish(RecordKind kind, uint16_t handle, uint8_t shape = 0) {
    bytes_.resize((bytes_.size() + 7) & ~size_t{7});
    const uint64_t header = record_header(static_cast<uint32_t>(bytes_.size()), kind, shape, handle);
    std::memcpy(bytes_.data(), &header, 8);
    return std::move(bytes_);
  }

 private:
  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(8);
};

constexpr size_t kMaxText = 1024;

// At most kMaxText bytes that do not end inside a UTF-8 character.
std::string_view whole_characters(std::string_view text) {
  if (text.size() <= kMaxText) return text;
  size_t n = kMaxText;
  while (n > 0 && (static_cast<uint8_t>(text[n]) & 0xC0) == 0x80) --n;
  return text.substr(0, n);
}

}  // namespace

std::vector<uint8_t> state_record(uint16_t handle, int64_t now_ns, const StateChange& change) {
  const std::string_view text = whole_characters(change.text);
  RecordWriter w;
  w.put(static_cast<double>(now_ns));
  w.put(static_cast<uint8_t>(change.from));
  w.put(static_cast<uint8_t>(change.to));
  w.put(static_cast<uint16_t>(change.reason));
  w.put(change.attempt);
  w.put(change.detail);
  w.put(static_cast<uint32_t>(text.size()));
  w.put(change.delay_ms);
  w.put_bytes(text.data(), text.size());
  return w.finish(RecordKind::kState, handle);
}

std::vector<uint8_t> pong_record(uint16_t handle, int64_t now_ns, int64_t round_trip_ns) {
  RecordWriter w;
  w.put(static_cast<double>(now_ns));
  w.put(static_cast<double>(round_trip_ns));
  return w.finish(RecordKind::kPong, handle);
}

std::vector<uint8_t> arbiter_gap_record(uint16_t handle, int64_t now_ns, uint8_t shape, int64_t first, int64_t last,
                                        std::string_view key) {
  RecordWriter w;
  w.put(static_cast<double>(now_ns));
  w.put(first);
  w.put(last);
  w.put(uint32_t{0});
  w.put(static_cast<uint32_t>(key.size()));
  w.put_bytes(key.data(), key.size());
  return w.finish(RecordKind::kSequenceGap, handle, shape);
}

std::vector<uint8_t> malformed_record(uint16_t handle, int64_t now_ns, const decode::DecodeOutcome& outcome,
                                      std::span<const uint8_t> message, uint32_t sample_bytes, uint32_t suppressed) {
  const auto sample = message.first(std::min<size_t>(message.size(), sample_bytes));
  RecordWriter w;
  w.put(static_cast<double>(now_ns));
  w.put(static_cast<uint8_t>(outcome.why));
  w.put(outcome.shape);
  w.put(outcome.field);
  w.put(static_cast<uint32_t>(std::min<size_t>(message.size(), UINT32_MAX)));
  w.put(static_cast<uint32_t>(sample.size()));
  w.put(suppressed);
  w.put_bytes(sample.data(), sample.size());
  return w.finish(RecordKind::kMalformed, handle);
}

std::vector<uint8_t> sequence_gap_record(uint16_t handle, int64_t now_ns, const wire::Gap& gap) {
  RecordWriter w;
  w.put(static_cast<double>(now_ns));
  w.put(gap.range.from);
  w.put(gap.range.to);
  w.put(static_cast<uint8_t>(gap.cause));
  w.put(static_cast<uint8_t>(gap.fate));
  w.put(uint16_t{0});
  w.put(static_cast<uint32_t>(gap.topic.size()));
  w.put_bytes(gap.topic.data(), gap.topic.size());
  return w.finish(RecordKind::kSequenceGap, handle);
}

std::vector<uint8_t> subscribed_record(uint16_t handle, int64_t now_ns, const wire::TopicEntry& topic) {
  RecordWriter w;
  w.put(static_cast<double>(now_ns));
  w.put(topic.last_sequence);
  w.put(static_cast<uint32_t>(topic.name.size()));
  w.put(uint32_t{0});
  w.put_bytes(topic.name.data(), topic.name.size());
  return w.finish(RecordKind::kSubscribed, handle);
}

std::vector<uint8_t> refused_record(uint16_t handle, int64_t now_ns, const wire::ErrorMessage& error,
                                    std::span<const std::string> topics) {
  const std::string_view text = whole_characters(error.text);
  std::string names;
  for (const std::string& topic : topics) {
    names += static_cast<char>(topic.size());  // at most wire::kMaxName
    names += topic;
  }
  RecordWriter w;
  w.put(static_cast<double>(now_ns));
  w.put(static_cast<uint16_t>(error.code));
  w.put(uint16_t{0});
  w.put(static_cast<uint32_t>(text.size()));
  w.put(static_cast<uint32_t>(names.size()));
  w.put(uint32_t{0});
  w.put_bytes(text.data(), text.size());
  w.put_bytes(names.data(), names.size());
  return w.finish(RecordKind::kRefused, handle);
}

}  // namespace tickwire::feed
