#include "wire/frame_start.h"

#include <cstring>

#include "wire/header.h"

namespace tickwire::wire {
namespace {

constexpr int kBlock = 32;
// The compilers' own vectors: AVX2 on x86-64, a pair of NEON registers on arm64.
using Bytes = uint8_t __attribute__((vector_size(kBlock)));
using Words = uint64_t __attribute__((vector_size(kBlock)));

Bytes load_block(const uint8_t* from) noexcept {
  Bytes block;
  std::memcpy(&block, from, sizeof block);
  return block;
}

bool any(Bytes mask) noexcept {
  Words words;
  std::memcpy(&words, &mask, sizeof words);
  return (words[0] | words[1] | words[2] | words[3]) != 0;
}

}  // namespace

const uint8_t* find_frame_start(const uint8_t* at, const uint8_t* end) noexcept {
  // Pairs of magic bytes are rare enough in payloads that the third is looked at one by one.
  for (; end - at >= kBlock + 2; at += kBlock) {
    const auto pairs = (load_block(at) == kMagic[0]) & (load_block(at + 1) == kMagic[1]);
    Bytes mask;
    std::memcpy(&mask, &pairs, sizeof mask);
    if (!any(mask)) continue;
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
