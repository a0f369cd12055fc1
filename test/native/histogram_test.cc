#include "base/histogram.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

using namespace tickwire;

namespace {

// The memory as JS reads it (HistogramLayout in lib/native/addon.ts).
struct Memory {
  [[nodiscard]] uint8_t* data() { return reinterpret_cast<uint8_t*>(words.data()); }
  [[nodiscard]] uint64_t count() const { return words[0]; }
  [[nodiscard]] uint64_t sum() const { return words[1]; }
  [[nodiscard]] uint64_t max() const { return words[2]; }
  [[nodiscard]] uint64_t bucket(uint32_t i) const { return words[4 + i]; }
  [[nodiscard]] uint64_t in_buckets() const {
    uint64_t n = 0;
    for (uint32_t i = 0; i < Histogram::kBuckets; ++i) n += bucket(i);
    return n;
  }
  std::vector<uint64_t> words = std::vector<uint64_t>(Histogram::kBytes / 8 + 1);
};

// First value of a bucket, derived from the layout's description alone.
uint64_t lower_bound(uint32_t b) {
  if (b < 32) return b;
  const uint32_t e = b / 32 + 4;
  return (uint64_t{1} << e) + uint64_t{b % 32} * (uint64_t{1} << (e - 5));
}

uint64_t percentile(const Memory& memory, double p) {
  const auto rank = static_cast<uint64_t>(std::ceil(p * static_cast<double>(memory.count())));
  uint64_t seen = 0;
  for (uint32_t i = 0; i < Histogram::kBuckets; ++i) {
    seen += memory.bucket(i);
    if (seen >= std::max<uint64_t>(rank, 1)) return lower_bound(i);
  }
  return UINT64_MAX;
}

}  // namespace

TEST_CASE("histogram: every bucket begins and ends where the layout says") {
  static_assert(Histogram::kBytes == 32 + 1152 * 8);
  for (uint32_t b = 0; b < Histogram::kBuckets; ++b) {
    const uint64_t low = lower_bound(b);
    REQUIRE(Histogram::bucket(low) == b);
    if (b > 0) REQUIRE(Histogram::bucket(low - 1) == b - 1);
    const uint64_t next = lower_bound(b + 1);
    REQUIRE(Histogram::bucket(next - 1) == b);
    REQUIRE((next - low) * 32 <= std::max<uint64_t>(low, 32));  // no wider than 1/32 of its values
  }
  CHECK(lower_bound(Histogram::kBuckets) == uint64_t{1} << 40);
}

TEST_CASE("histogram: values from 2^40 on fall into the last bucket") {
  for (const uint64_t v :
       {uint64_t{1} << 40, (uint64_t{1} << 40) + 1, uint64_t{1} << 62, (uint64_t{1} << 63), UINT64_MAX}) {
    CHECK(Histogram::bucket(v) == Histogram::kBuckets - 1);
  }
  Memory memory;
  Histogram histogram(memory.data());
  histogram.record(INT64_MAX, 1);
  histogram.record(int64_t{1} << 40, 2);
  CHECK(memory.bucket(Histogram::kBuckets - 1) == 3);
  CHECK(memory.max() == static_cast<uint64_t>(INT64_MAX));
}

TEST_CASE("histogram: counts, sum and maximum") {
  Memory memory;
  memory.words.back() = 0xABCD;
  Histogram histogram(memory.data());
  CHECK(memory.count() == 0);
  histogram.record(5, 1);
  histogram.record(100, 3);
  histogram.record(-7, 2);  // a clock that stepped back
  histogram.record(INT64_MIN, 1);
  histogram.record(31, 0);
  CHECK(memory.count() == 7);
  CHECK(memory.sum() == 305);
  CHECK(memory.max() == 100);
  CHECK(memory.bucket(0) == 3);
  CHECK(memory.bucket(5) == 1);
  CHECK(memory.bucket(31) == 0);
  CHECK(memory.bucket(Histogram::bucket(100)) == 3);
  CHECK(memory.in_buckets() == 7);
  CHECK(memory.words[3] == 0);
  CHECK(memory.words.back() == 0xABCD);
}

TEST_CASE("histogram: percentiles are at most 1/32 below the true ones") {
  for (const uint64_t seed : {1, 2, 3}) {
    std::mt19937_64 random(seed);
    std::lognormal_distribution<double> latency(seed == 1 ? 5.0 : 11.0, seed == 3 ? 4.0 : 1.0);
    Memory memory;
    Histogram histogram(memory.data());
    std::vector<uint64_t> all;
    uint64_t sum = 0;
    for (int i = 0; i < 50'000; ++i) {
      const auto v = static_cast<uint64_t>(std::min(latency(random), 1e12));
      all.push_back(v);
      sum += v;
      histogram.record(static_cast<int64_t>(v), 1);
    }
    std::sort(all.begin(), all.end());
    for (const double p : {0.0, 0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto rank = std::max<size_t>(1, static_cast<size_t>(std::ceil(p * static_cast<double>(all.size()))));
      const uint64_t truth = all[rank - 1];
      const uint64_t got = percentile(memory, p);
      REQUIRE(got <= truth);
      REQUIRE((truth - got) * 32 <= std::max<uint64_t>(truth, 32));
    }
    CHECK(memory.sum() == sum);
    CHECK(memory.max() == all.back());
    CHECK(memory.in_buckets() == all.size());
  }
}
