// Reads a payload that has each field at most once, but for those that may repeat.
#pragma once
#include <cstdint>
#include <span>

#include "wire/tlv.h"

namespace tickwire::wire {

[[nodiscard]] constexpr uint64_t tag_bit(uint8_t tag) noexcept { return tag < 64 ? uint64_t{1} << tag : 0; }

// Calls take(tlv) for every TLV; it answers false when the value is unusable, true also for what it does not know.
// False when something is malformed, when a tag below 64 that is not in `repeated` comes twice, or when one of
// `required` does not come.
template <class Take>
[[nodiscard]] bool walk(std::span<const uint8_t> payload, uint64_t required, uint64_t repeated, Take&& take) noexcept {
  TlvReader reader(payload);
  Tlv tlv;
  uint64_t seen = 0;
  while (reader.next(tlv)) {
    const uint64_t bit = tag_bit(tlv.tag);
    if ((seen & bit & ~repeated) != 0) return false;
    seen |= bit;
    if (!take(tlv)) return false;
  }
  return !reader.malformed() && (seen & required) == required;
}

}  // namespace tickwire::wire
