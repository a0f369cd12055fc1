#include "ws/utf8.h"

#include "ws/ascii.h"

namespace tickwire::ws {
namespace {

using ascii::block_is_ascii;
using ascii::kBlock;
using ascii::kHighBits;
using ascii::load;
using ascii::load_block;

const uint8_t* skip_ascii(const uint8_t* p, const uint8_t* end) noexcept {
  while (static_cast<size_t>(end - p) >= kBlock && block_is_ascii(load_block(p))) p += kBlock;
  while (static_cast<size_t>(end - p) >= 8 && (load<uint64_t>(p) & kHighBits) == 0) p += 8;
  while (p != end && *p < 0x80) ++p;
  return p;
}

// What may follow a lead byte: how many continuation bytes, and the bounds of the first of them. The bounds keep out
// overlong forms, surrogates and everything above U+10FFFF (RFC 3629 section 4).
struct Lead {
  uint8_t need;
  uint8_t low;
  uint8_t high;
};

constexpr Lead lead_of(uint8_t b) noexcept {
  if (b < 0xC2) return {0, 0, 0};
  if (b < 0xE0) return {1, 0x80, 0xBF};
  if (b == 0xE0) return {2, 0xA0, 0xBF};
  if (b == 0xED) return {2, 0x80, 0x9F};
  if (b < 0xF0) return {2, 0x80, 0xBF};
  if (b == 0xF0) return {3, 0x90, 0xBF};
  if (b < 0xF4) return {3, 0x80, 0xBF};
  if (b == 0xF4) return {3, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

bool Utf8Checker::add(std::span<const uint8_t> piece) noexcept {
  const uint8_t* p = piece.data();
  const uint8_t* const end = p + piece.size();
  for (;;) {
    while (need_ != 0) {
      if (p == end) return true;
      if (*p < low_ || *p > high_) return false;
      ++p;
      --need_;
      low_ = 0x80;
      high_ = 0xBF;
    }
    if (p != end && *p < 0x80) p = skip_ascii(p, end);
    if (p == end) return true;
    const Lead lead = lead_of(*p);
    if (lead.need == 0) return false;
    ++p;
    need_ = lead.need;
    low_ = lead.low;
    high_ = lead.high;
  }
}

bool valid_utf8(std::span<const uint8_t> text) noexcept {
  if (all_ascii(text)) return true;
  Utf8Checker checker;
  return checker.add(text) && checker.complete();
}

}  // namespace tickwire::ws
