// The reader's end of the event ring, as docs/event-ring.md describes it; JS has its own.
#pragma once
#include <atomic>
#include <bit>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/event_ring.h"

namespace tickwire::test {

struct Record {
  RecordKind kind = RecordKind::kPad;
  uint8_t shape = 0;
  uint16_t feed = 0;
  uint32_t bytes = 0;
  std::vector<uint64_t> words;  // all of them, the header included
  [[nodiscard]] double number(size_t i) const { return std::bit_cast<double>(words.at(i)); }
  [[nodiscard]] uint32_t low(size_t i) const { return static_cast<uint32_t>(words.at(i)); }
  [[nodiscard]] uint32_t high(size_t i) const { return static_cast<uint32_t>(words.at(i) >> 32); }
  [[nodiscard]] uint8_t byte(size_t i) const { return reinterpret_cast<const uint8_t*>(words.data())[i]; }
  [[nodiscard]] std::string text(size_t offset, size_t length) const {
    return {reinterpret_cast<const char*>(words.data()) + offset, length};
  }
};

// Memory for a ring, with a margin behind it that must stay untouched.
class RingMemory {
 public:
  explicit RingMemory(size_t capacity = EventRing::kMinCapacity)
      : bytes_(EventRing::kDataOffset + capacity), words_(bytes_ / 8 + kMargin, kUntouched) {}
  [[nodiscard]] std::span<uint8_t> span() { return {reinterpret_cast<uint8_t*>(words_.data()), bytes_}; }
  [[nodiscard]] bool margin_untouched() const {
    for (size_t i = bytes_ / 8; i < words_.size(); ++i) {
      if (words_[i] != kUntouched) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kMargin = 8;
  static constexpr uint64_t kUntouched = 0xA5A5A5A5A5A5A5A5;
  size_t bytes_;
  std::vector<uint64_t> words_;
};

class RingReader {
 public:
  explicit RingReader(std::span<uint8_t> memory)
      : base_(memory.data()), mask_(static_cast<uint32_t>(memory.size() - EventRing::kDataOffset) - 1) {}

  [[nodiscard]] std::atomic<uint32_t>& word(size_t i) const {
    return *reinterpret_cast<std::atomic<uint32_t>*>(base_ + i * 4);
  }
  [[nodiscard]] uint32_t unread() const { return word(16).load(std::memory_order_seq_cst) - tail_; }

  // The next record, without the pads, or false. Its space is not given back before free().
  bool next(Record& out) {
    for (;;) {
      if (unread() == 0) return false;
      const uint8_t* at = base_ + EventRing::kDataOffset + place();
      uint64_t header;
      std::memcpy(&header, at, 8);
      out.bytes = static_cast<uint32_t>(header);
      out.kind = static_cast<RecordKind>(header >> 32 & 0xFF);
      out.shape = static_cast<uint8_t>(header >> 40);
      out.feed = static_cast<uint16_t>(header >> 48);
      if (out.bytes < 8 || out.bytes % 8 != 0 || out.bytes > unread() || place() + out.bytes > mask_ + 1) {
        corrupt_ = true;
        return false;
      }
      tail_ += out.bytes;
      if (out.kind == RecordKind::kPad) {
        ++pads_;
        continue;
      }
      if (out.kind == RecordKind::kRestart) {
        ++restarts_;
        origin_ = tail_;
        continue;
      }
      out.words.resize(out.bytes / 8);
      std::memcpy(out.words.data(), at, out.bytes);
      return true;
    }
  }
  // Gives the space back. True: the producer waits for it and has to be nudged.
  [[nodiscard]] bool free() {
    if (tail_ == freed_) return false;  // as JS does: nothing to give back, nothing to tell
    freed_ = tail_;
    word(32).store(tail_, std::memory_order_seq_cst);
    return word(49).load(std::memory_order_seq_cst) != 0 && word(49).exchange(0, std::memory_order_seq_cst) != 0;
  }
  enum class Sleep { kAsleep, kAwake, kSignalled };
  // kAwake: something came meanwhile. kSignalled: and the producer has sent the signal for it already.
  [[nodiscard]] Sleep fall_asleep() {
    word(48).store(1, std::memory_order_seq_cst);
    if (unread() == 0) return Sleep::kAsleep;
    return word(48).exchange(0, std::memory_order_seq_cst) != 0 ? Sleep::kAwake : Sleep::kSignalled;
  }
  [[nodiscard]] bool sleep() { return fall_asleep() == Sleep::kAsleep; }
  // Everything that is there, space given back. `nudge` as free() returns it.
  std::vector<Record> drain(bool* nudge = nullptr) {
    std::vector<Record> all;
    Record r;
    while (next(r)) all.push_back(r);
    const bool wanted = free();
    if (nudge != nullptr) *nudge = wanted;
    return all;
  }
  [[nodiscard]] bool corrupt() const { return corrupt_; }
  [[nodiscard]] uint64_t pads() const { return pads_; }
  [[nodiscard]] uint64_t restarts() const { return restarts_; }

 private:
  uint8_t* base_;
  uint32_t mask_;
  [[nodiscard]] uint32_t place() const { return (tail_ - origin_) & mask_; }

  uint32_t tail_ = 0;
  uint32_t freed_ = 0;
  uint32_t origin_ = 0;  // the position at the front of the ring
  bool corrupt_ = false;
  uint64_t pads_ = 0;
  uint64_t restarts_ = 0;
};

}  // namespace tickwire::test
