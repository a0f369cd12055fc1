// Control records (state, malformed, pong) that found no room in the ring. Bounded: when full, the oldest go and are
// counted.
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

namespace tickwire::feed {

class ControlBacklog {
 public:
  static constexpr size_t kMax = 256;
  // Returns how many records were lost to make room.
  uint32_t push(std::vector<uint8_t> record) {
    uint32_t lost = 0;
    while (records_.size() >= kMax) {
      records_.pop_front();
      ++lost;
    }
    records_.push_back(std::move(record));
    return lost;
  }
  [[nodiscard]] bool empty() const noexcept { return records_.empty(); }
  [[nodiscard]] const std::vector<uint8_t>& front() const { return records_.front(); }
  void pop() { records_.pop_front(); }

 private:
  std::deque<std::vector<uint8_t>> records_;
};

}  // namespace tickwire::feed
