// What was published, in order: one entry per message, whatever lanes it was framed for. Written by the publisher
// (under its mutex), read by every broadcast loop without a lock.
//
// Memory order. The publisher fills an entry (and the frames that belong to it) with plain stores, then stores `head`
// (release); a loop loads `head` (acquire) and reads only entries below it. An entry is overwritten only when the
// lowest floor of the loops has passed it: a loop reads, then stores its floor (release); the publisher loads it
// (acquire), then writes. `newer` alone changes while loops may read it. It is only a hint that a younger message of
// the same key exists, is atomic, and carries nothing that must be seen with it: relaxed suffices.
#pragma once
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

#include "hub/types.h"

namespace tickwire::hub {

enum EntryFlags : uint8_t {
  kDefinition = 1u << 0,    // names a topic or key; exists on wire lanes only and has no sequence
  kRetained = 1u << 1,      // of a topic whose newest values late joiners get first
  kNotConflated = 1u << 2,  // never to be left out for a newer one
};

struct Entry {
  std::atomic<uint64_t> newer{0};  // index + 1 of the next message of the same topic and key; 0: this is the newest
  uint64_t sequence = 0;           // the topic's
  uint32_t published_us = 0;       // monotonic microseconds modulo 2^32
  uint32_t definitions = 0;        // how many of the definition log precede this entry
  KeyId key = kNoKey;
  TopicId topic = kNoTopic;
  uint8_t flags = 0;

  [[nodiscard]] bool is_message() const noexcept { return (flags & kDefinition) == 0; }
};

class EntryLog {
 public:
  explicit EntryLog(uint32_t capacity)
      : entries_(std::make_unique<Entry[]>(std::bit_ceil(capacity))), mask_(std::bit_ceil(capacity) - 1) {}

  [[nodiscard]] uint64_t capacity() const noexcept { return mask_ + 1; }
  [[nodiscard]] Entry& operator[](uint64_t index) noexcept { return entries_[index & mask_]; }
  [[nodiscard]] const Entry& operator[](uint64_t index) const noexcept { return entries_[index & mask_]; }
  // The index that the next message gets: everything below was published.
  [[nodiscard]] uint64_t head() const noexcept { return head_.load(std::memory_order_acquire); }
  void publish(uint64_t head) noexcept { head_.store(head, std::memory_order_release); }

 private:
  std::unique_ptr<Entry[]> entries_;
  uint64_t mask_;
  alignas(64) std::atomic<uint64_t> head_{0};
};

}  // namespace tickwire::hub
