// What one class of subscribers has got.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "base/histogram.h"

namespace sink {

// Times in nanoseconds, in buckets of 1/32 of an octave.
class Spread {
 public:
  void record(int64_t ns) {
    const uint64_t v = ns > 0 ? static_cast<uint64_t>(ns) : 0;
    ++buckets_[tickwire::Histogram::bucket(v)];
    ++count_;
    if (v > max_) max_ = v;
  }
  [[nodiscard]] uint64_t count() const { return count_; }
  [[nodiscard]] uint64_t max() const { return max_; }
  // The middle of the bucket that holds the quantile.
  [[nodiscard]] double quantile(double q) const {
    auto left = static_cast<int64_t>(q * static_cast<double>(count_));
    for (uint32_t b = 0; b < buckets_.size(); ++b) {
      left -= static_cast<int64_t>(buckets_[b]);
      if (left < 0) return middle(b);
    }
    return static_cast<double>(max_);
  }
  void clear() { *this = {}; }

 private:
  static double middle(uint32_t bucket) {
    if (bucket < 32) return bucket;
    const uint32_t shift = bucket / 32 - 1;
    const double width = static_cast<double>(uint64_t{1} << shift);
    return (32 + bucket % 32 + 0.5) * width;
  }
  std::array<uint64_t, tickwire::Histogram::kBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

struct Tally {
  std::string name;
  uint64_t messages = 0;
  uint64_t bytes = 0;  // of frames, with their headers
  uint64_t reads = 0;
  uint64_t gaps = 0;                    // places in the sequence where something is missing
  uint64_t lost = 0;                    // numbers that are missing there
  uint64_t backward = 0;                // numbers that had been there, or that were passed already
  uint64_t corrupt = 0;                 // messages whose head or checksum is wrong
  uint64_t checked = 0;                 // messages whose checksum was looked at
  uint64_t other = 0;                   // text that is no message of the stream: answers of the hub
  Spread latency;                       // since the last report
  std::map<uint16_t, uint64_t> closed;  // by close code; 1006: no close frame came
};

}  // namespace sink
