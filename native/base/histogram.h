// Log-linear latency histogram in shared memory, one writer. Buckets are 1/32 of an octave wide: percentiles are right
// to about 3 %. Readers may look at any time: every word is written atomically, and a reading is off by the samples of
// that moment.
#pragma once
#include <atomic>
#include <bit>
#include <cstdint>

namespace tickwire {

class Histogram {
 public:
  static constexpr uint32_t kSubBits = 5;
  static constexpr uint32_t kBuckets = 1152;
  static constexpr size_t kHeaderBytes = 32;
  static constexpr size_t kBytes = kHeaderBytes + kBuckets * 8;

  explicit Histogram(uint8_t* memory) noexcept : words_(reinterpret_cast<std::atomic<uint64_t>*>(memory)) {}

  [[nodiscard]] static constexpr uint32_t bucket(uint64_t v) noexcept {
    if (v < 32) return static_cast<uint32_t>(v);
    const auto e = static_cast<uint32_t>(std::bit_width(v)) - 1;
    const uint32_t b = (e - 4) * 32 + static_cast<uint32_t>((v >> (e - kSubBits)) & 31);
    return b < kBuckets ? b : kBuckets - 1;
  }

  // `n` samples of `ns`; negative values (clock steps) count as 0.
  void record(int64_t ns, uint64_t n) noexcept {
    const uint64_t v = ns > 0 ? static_cast<uint64_t>(ns) : 0;
    bump(0, n);
    bump(1, v * n);
    if (v > words_[2].load(std::memory_order_relaxed)) words_[2].store(v, std::memory_order_relaxed);
    bump(4 + bucket(v), n);
  }

 private:
  // One writer: load and store suffice, no read-modify-write on the hot path.
  void bump(uint32_t i, uint64_t n) noexcept {
    words_[i].store(words_[i].load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::atomic<uint64_t>* words_;
};

}  // namespace tickwire
