// Memory of a ring without a file, and payloads of which every byte follows from the record's number.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "shm/layout.h"
#include "shm/ring_reader.h"

namespace tickwire::test {

inline std::vector<uint8_t> payload_of(uint64_t number, size_t bytes) {
  std::vector<uint8_t> payload(bytes);
  uint64_t state = number * 0x9E3779B97F4A7C15u + 1;
  for (uint8_t& byte : payload) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    byte = static_cast<uint8_t>(state >> 56);
  }
  return payload;
}

inline bool intact(const shm::Record& record) {
  uint64_t state = record.sequence * 0x9E3779B97F4A7C15u + 1;
  for (const uint8_t byte : record.payload) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    if (byte != static_cast<uint8_t>(state >> 56)) return false;
  }
  return true;
}

class SegmentMemory {
 public:
  explicit SegmentMemory(uint64_t capacity = shm::kMinCapacity, uint64_t table = 0, uint64_t first_position = 0)
      : geometry_{.capacity = capacity, .table_capacity = table},
        memory_(static_cast<uint8_t*>(std::aligned_alloc(4096, geometry_.segment_bytes())), std::free) {
    std::fill_n(memory_.get(), geometry_.segment_bytes(), uint8_t{0});
    shm::format({memory_.get(), geometry_.segment_bytes()}, geometry_, {.epoch = 1, .first_position = first_position});
  }
  [[nodiscard]] uint8_t* data() const { return memory_.get(); }
  [[nodiscard]] const shm::Geometry& geometry() const { return geometry_; }
  [[nodiscard]] shm::Header& header() const { return shm::header_of(memory_.get()); }

 private:
  shm::Geometry geometry_;
  std::unique_ptr<uint8_t, decltype(&std::free)> memory_;
};

}  // namespace tickwire::test
