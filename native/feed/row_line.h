// Rows and records between them on their way to a publisher, in their order; what finds no room waits here.
#pragma once
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "decode/row_batch.h"
#include "feed/publisher.h"

namespace tickwire::feed {

class RowLine {
 public:
  void row(std::span<const uint64_t> words, uint8_t shape, uint32_t key, const ReceiveTimes& times) {
    items_.push_back(
        {static_cast<uint32_t>(words_.size()), static_cast<uint32_t>(words.size()), key, shape, false, times});
    words_.insert(words_.end(), words.begin(), words.end());
  }
  void record(std::span<const uint8_t> bytes) {
    items_.push_back({static_cast<uint32_t>(records_.size()), 0, 0, 0, true, {}});
    records_.emplace_back(bytes.begin(), bytes.end());
  }
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }

  // True when nothing is left.
  [[nodiscard]] bool drain(Publisher& publisher) {
    while (done_ < items_.size()) {
      if (items_[done_].is_record) {
        publisher.control(records_[items_[done_].at]);
        ++done_;
        continue;
      }
      // What was received together goes together.
      batch_.clear_into_own();
      const ReceiveTimes times = items_[done_].times;
      size_t end = done_;
      for (; end < items_.size() && !items_[end].is_record && same(items_[end].times, times); ++end) {
        const Item& item = items_[end];
        if (!batch_.fits(item.count)) break;
        std::memcpy(batch_.begin_unset(item.count), words_.data() + item.at, size_t{item.count} * 8);
        batch_.commit(item.shape, item.key);
      }
      if (!publisher.rows(batch_, times)) {
        done_ += publisher.take_partial();
        return false;
      }
      done_ = end;
    }
    items_.clear();
    words_.clear();
    records_.clear();
    done_ = 0;
    return true;
  }

 private:
  struct Item {
    uint32_t at;
    uint32_t count;  // words
    uint32_t key;
    uint8_t shape;
    bool is_record;
    ReceiveTimes times;
  };
  [[nodiscard]] static bool same(const ReceiveTimes& a, const ReceiveTimes& b) noexcept {
    return a.rx_ns == b.rx_ns && a.kernel_ns == b.kernel_ns;
  }
  std::vector<Item> items_;
  std::vector<uint64_t> words_;
  std::vector<std::vector<uint8_t>> records_;
  decode::RowBatch batch_;
  size_t done_ = 0;
};

}  // namespace tickwire::feed
