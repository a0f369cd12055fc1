// The newest message per topic and key. Guarded by the publication's mutex.
//
// Every pair that was ever published has a slot, which knows where its newest message stands in the entry log. For
// topics that retain, and once somebody conflates, the slot also keeps the message itself and its place in the order of
// publication: all slots in one list, those of one topic in another. Walking a list from behind a given index yields,
// of everything published since, the newest per key, in order: that is conflation, and with index 0 it is what a late
// joiner gets.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "hub/types.h"

namespace tickwire::hub {

using SlotId = uint32_t;  // 0: none

struct ListEnds {
  SlotId oldest = 0;
  SlotId newest = 0;
};

struct ListLinks {
  SlotId older = 0;
  SlotId newer = 0;
  bool linked = false;
};

struct ValueSlot {
  static constexpr uint64_t kNever = UINT64_MAX;
  uint64_t index = kNever;  // of the newest message
  uint64_t sequence = 0;
  int64_t time_ns = 0;  // since the Unix epoch
  KeyId key = kNoKey;
  TopicId topic = kNoTopic;
  bool defined = false;  // wire clients of the topic have been told of the key
  bool kept = false;     // the bytes below are the newest message's
  PayloadKind kind = PayloadKind::kText;
  uint8_t wire_domain = 0;
  uint8_t wire_type = 0;
  uint32_t payload_size = 0;
  uint32_t text_size = 0;
  uint32_t capacity = 0;
  std::unique_ptr<uint8_t[]> bytes;  // payload, then text
  ListLinks in_all;
  ListLinks in_topic;

  [[nodiscard]] std::span<const uint8_t> payload() const noexcept { return {bytes.get(), payload_size}; }
  [[nodiscard]] std::span<const uint8_t> text() const noexcept { return {bytes.get() + payload_size, text_size}; }
};

class LastValues {
 public:
  LastValues(uint32_t max_slots, size_t max_bytes) : max_slots_(max_slots), max_bytes_(max_bytes) {}

  // The slot of a pair, made when it is new (`made`); 0 when there are too many.
  [[nodiscard]] SlotId find_or_make(TopicId topic, KeyId key, bool& made);
  [[nodiscard]] ValueSlot& operator[](SlotId id) noexcept { return slots_[id - 1]; }
  [[nodiscard]] const ValueSlot& operator[](SlotId id) const noexcept { return slots_[id - 1]; }

  // Moves the slot to the young end of the list of all.
  void touch(SlotId id) noexcept { move_to_end(id, all_, &ValueSlot::in_all); }
  void touch(SlotId id, ListEnds& topic) noexcept { move_to_end(id, topic, &ValueSlot::in_topic); }
  // Keeps a message in its slot; false (and nothing kept) when there is no room. Allocates only to grow.
  [[nodiscard]] bool keep(SlotId id, std::span<const uint8_t> payload, std::span<const uint8_t> text);

  // The oldest slot whose newest message has at least this index; 0 when there is none. `hint`, a slot that an earlier
  // walk was about to visit, makes it quick where it still is the right one.
  [[nodiscard]] SlotId first_from(uint64_t index, SlotId hint = 0) const noexcept {
    return first_from(index, hint, all_, &ValueSlot::in_all);
  }
  [[nodiscard]] SlotId first_from(uint64_t index, SlotId hint, const ListEnds& topic) const noexcept {
    return first_from(index, hint, topic, &ValueSlot::in_topic);
  }
  [[nodiscard]] SlotId next(SlotId id) const noexcept { return (*this)[id].in_all.newer; }
  [[nodiscard]] SlotId next_of_topic(SlotId id) const noexcept { return (*this)[id].in_topic.newer; }

  [[nodiscard]] uint32_t slots() const noexcept { return static_cast<uint32_t>(slots_.size()); }
  [[nodiscard]] uint64_t kept() const noexcept { return kept_; }
  [[nodiscard]] uint64_t kept_bytes() const noexcept { return kept_bytes_; }
  [[nodiscard]] uint64_t not_kept() const noexcept { return not_kept_; }

 private:
  void move_to_end(SlotId id, ListEnds& ends, ListLinks ValueSlot::*links) noexcept;
  [[nodiscard]] SlotId first_from(uint64_t index, SlotId hint, const ListEnds& ends,
                                  ListLinks ValueSlot::*links) const noexcept;
  [[nodiscard]] size_t bucket_of(uint64_t pair) const noexcept;
  void grow_table();

  uint32_t max_slots_;
  size_t max_bytes_;
  std::deque<ValueSlot> slots_;
  std::vector<SlotId> table_;  // open addressing, at most half full
  ListEnds all_;
  uint64_t kept_ = 0;
  uint64_t kept_bytes_ = 0;
  uint64_t not_kept_ = 0;
};

}  // namespace tickwire::hub
