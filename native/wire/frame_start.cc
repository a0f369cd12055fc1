#include "wire/frame_start.h"

namespace tickwire::wire {

const uint8_t* find_frame_start(const uint8_t* at, const uint8_t* end) noexcept {
  constexpr int kBlock = 32;
  // Pairs of magic bytes are rare enough in payloads that the third is looked at one by one.
  for (; end - at >= kBlock + 2; at += kBlock) {
    if (!has_magic_pair(at + 1)) continue;
    for (int i = 0; i < kBlock; ++i) {
      if (starts_frame(at + i)) return at + i;
    }
  }
  // What is too short for that, eight bytes at a time.
  constexpr uint64_t kOnes = 0x0101010101010101u;
  constexpr uint64_t kHighs = 0x8080808080808080u;
  for (; end - at >= 10; at += 8) {
    const uint64_t differs = load<uint64_t>(at) ^ kOnes * kMagic[0];
    if (((differs - kOnes) & ~differs & kHighs) == 0) continue;  // no zero byte: the first magic byte is not there
    for (int i = 0; i < 8; ++i) {
      if (starts_frame(at + i)) return at + i;
    }
  }
  for (; end - at >= 3; ++at) {
    if (starts_frame(at)) return at;
  }
  return end;
}

}  // namespace tickwire::wire
