// Frames of one topic that wait for those in front of them, in the order of their numbers; of equal numbers the one
// that came first is first. Copies: used while something is missing, never otherwise.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

namespace tickwire::wire {

class HeldMessages {
 public:
  enum class Place : uint8_t {
    kNext,       // was due
    kRecovered,  // was missing
    kOutside,    // a snapshot
  };
  struct Message {
    std::unique_ptr<uint8_t[]> bytes;
    size_t size = 0;
    int64_t kernel_ns = 0;
    int64_t rx_ns = 0;
    Place place = Place::kNext;
  };

  // What one message takes up, for the owner's limit: map node and allocation headers included.
  static constexpr size_t kOverhead = 128;
  [[nodiscard]] static constexpr size_t cost(size_t frame_bytes) noexcept { return frame_bytes + kOverhead; }

  void add(uint64_t number, Message message) { messages_.emplace(number, std::move(message)); }
  // Of all of them.
  [[nodiscard]] size_t cost() const noexcept {
    size_t sum = 0;
    for (const auto& [number, message] : messages_) sum += cost(message.size);
    return sum;
  }
  [[nodiscard]] bool empty() const noexcept { return messages_.empty(); }
  [[nodiscard]] size_t size() const noexcept { return messages_.size(); }
  [[nodiscard]] uint64_t first_number() const noexcept { return messages_.begin()->first; }  // not when empty
  [[nodiscard]] Message& first() noexcept { return messages_.begin()->second; }
  template <class Use>
  void each(Use&& use) const {
    for (const auto& [number, message] : messages_) use(number, message.place);
  }
  void pop() { messages_.erase(messages_.begin()); }

 private:
  std::multimap<uint64_t, Message> messages_;
};

}  // namespace tickwire::wire
