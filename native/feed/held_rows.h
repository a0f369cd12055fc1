// Rows that are held back until those before them have come: one chain per key, in the order of their numbers. Memory
// of rows that went is used again.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "net/session_control.h"

namespace tickwire::feed {

struct HeldRow {
  int64_t number = 0;
  ReceiveTimes times;
  std::vector<uint64_t> words;
  uint32_t key = 0;  // to conflate by
  uint8_t shape = 0;
  uint32_t next = UINT32_MAX;
  uint32_t before = UINT32_MAX;
};

class HeldRows {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Chain {
    uint32_t first = kNone;
    uint32_t last = kNone;
    uint32_t count = 0;
  };

  // A number that is not in the chain. Looked for from the end: rows mostly come in their order.
  void add(Chain& chain, int64_t number, std::span<const uint64_t> row, uint8_t shape, uint32_t key,
           const ReceiveTimes& times) {
    uint32_t index = free_;
    if (index != kNone) {
      free_ = rows_[index].next;
    } else {
      index = static_cast<uint32_t>(rows_.size());
      rows_.emplace_back();
    }
    HeldRow& held = rows_[index];
    held.number = number;
    held.times = times;
    held.words.assign(row.begin(), row.end());
    held.key = key;
    held.shape = shape;
    held.before = chain.last;
    while (held.before != kNone && rows_[held.before].number > number) held.before = rows_[held.before].before;
    held.next = held.before == kNone ? chain.first : rows_[held.before].next;
    (held.before == kNone ? chain.first : rows_[held.before].next) = index;
    (held.next == kNone ? chain.last : rows_[held.next].before) = index;
    ++chain.count;
    bytes_ += row.size_bytes();
  }
  [[nodiscard]] const HeldRow& at(uint32_t index) const noexcept { return rows_[index]; }
  [[nodiscard]] const HeldRow& first(const Chain& chain) const noexcept { return rows_[chain.first]; }
  // The first goes; its contents are good until the next add().
  void pop(Chain& chain) noexcept {
    const uint32_t index = chain.first;
    HeldRow& held = rows_[index];
    bytes_ -= held.words.size() * 8;
    chain.first = held.next;
    (chain.first == kNone ? chain.last : rows_[chain.first].before) = kNone;
    --chain.count;
    held.next = free_;
    free_ = index;
  }
  [[nodiscard]] size_t bytes() const noexcept { return bytes_; }

 private:
  std::vector<HeldRow> rows_;
  uint32_t free_ = kNone;
  size_t bytes_ = 0;
};

}  // namespace tickwire::feed
