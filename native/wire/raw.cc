#include "wire/raw.h"

#include "wire/tlv_walk.h"

namespace tickwire::wire {
namespace {

constexpr uint8_t kKind = 1;
constexpr uint8_t kContent = 2;
constexpr uint8_t kKey = 3;

}  // namespace

void put(TlvWriter& out, const Raw& m) noexcept {
  out.put(kKind, static_cast<uint8_t>(m.kind));
  if (m.key != kNoSymbol) out.put(kKey, m.key);
  out.bytes(kContent, m.content);
}

bool get(std::span<const uint8_t> payload, Raw& m) noexcept {
  m = {};
  return walk(payload, tag_bit(kKind) | tag_bit(kContent), 0, [&m](const Tlv& tlv) {
    switch (tlv.tag) {
      case kKind: {
        uint8_t kind = 0;
        if (!tlv.get(kind) || kind < 1 || kind > 3) return false;
        m.kind = static_cast<ContentKind>(kind);
        return true;
      }
      case kContent:
        m.content = tlv.value;
        return true;
      case kKey:
        return tlv.get(m.key);
      default:
        return true;
    }
  });
}

}  // namespace tickwire::wire
