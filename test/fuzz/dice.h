// What a fuzzer decides by besides its input: the same for the same seed, and cheap.
#pragma once
#include <cstdint>

namespace tickwire::fuzz {

class Dice {
 public:
  explicit Dice(uint32_t seed) : state_(seed | 1) {}
  uint32_t roll(uint32_t sides) {
    state_ = state_ * 1664525 + 1013904223;
    return (state_ >> 8) % sides;
  }

 private:
  uint32_t state_;
};

}  // namespace tickwire::fuzz
