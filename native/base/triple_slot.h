// The newest value of one key, handed from one writer to one reader without waiting on either side: three values, of
// which the writer owns one, the reader one, and the third lies in the middle (lib/native/addon.ts, ConflateLayout).
#pragma once
#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>

namespace tickwire {

class TripleSlot {
 public:
  static constexpr size_t kValuesOffset = 64;  // the state word has its cache line to itself
  static constexpr uint32_t kFresh = 4;
  [[nodiscard]] static constexpr size_t stride(size_t value_bytes) noexcept {
    return (kValuesOffset + 3 * value_bytes + 63) & ~size_t{63};
  }

  // Writer's side. `memory` is 64-byte spaced slot memory of stride(value_bytes) bytes.
  TripleSlot(uint8_t* memory, size_t value_bytes) noexcept
      : memory_(memory), value_bytes_(static_cast<uint32_t>(value_bytes)) {
    new (memory) std::atomic<uint32_t>(1);  // value 1 lies in the middle, not fresh; 0 is ours, 2 the reader's
  }

  [[nodiscard]] uint8_t* back() const noexcept { return memory_ + kValuesOffset + size_t{back_} * value_bytes_; }

  // Hands the value written to back() over. True: the reader had taken the one before (so it has to be told); false:
  // the one before was never seen and is replaced.
  [[nodiscard]] bool swap_in() noexcept {
    // Release: the value's bytes precede the exchange. Acquire: the reader is done with the value that we get back.
    const uint32_t old = state().exchange(back_ | kFresh, std::memory_order_acq_rel);
    back_ = static_cast<uint8_t>(old & 3);
    return (old & kFresh) == 0;
  }

 private:
  [[nodiscard]] std::atomic<uint32_t>& state() const noexcept {
    return *std::launder(reinterpret_cast<std::atomic<uint32_t>*>(memory_));
  }
  uint8_t* memory_;
  uint32_t value_bytes_;
  uint8_t back_ = 0;
};

// The reader's side in C++ (JS has its own in lib/runtime); value() is owned until the next take().
class TripleSlotReader {
 public:
  TripleSlotReader(uint8_t* memory, size_t value_bytes) noexcept
      : memory_(memory), value_bytes_(static_cast<uint32_t>(value_bytes)) {}
  // False when nothing fresh was there.
  [[nodiscard]] bool take() noexcept {
    auto& state = *std::launder(reinterpret_cast<std::atomic<uint32_t>*>(memory_));
    if ((state.load(std::memory_order_relaxed) & TripleSlot::kFresh) == 0) return false;
    front_ = static_cast<uint8_t>(state.exchange(front_, std::memory_order_acq_rel) & 3);
    return true;
  }
  [[nodiscard]] const uint8_t* value() const noexcept {
    return memory_ + TripleSlot::kValuesOffset + size_t{front_} * value_bytes_;
  }

 private:
  uint8_t* memory_;
  uint32_t value_bytes_;
  uint8_t front_ = 2;
};

}  // namespace tickwire
