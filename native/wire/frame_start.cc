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
  for (; end - at >= 3; ++at) {
    if (starts_frame(at)) return at;
  }
  return end;
}

}  // namespace tickwire::wire
