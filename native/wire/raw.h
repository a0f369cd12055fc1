// Content that the wire format carries without knowing it: JSON, text, bytes.
#pragma once
#include <cstdint>
#include <span>

#include "wire/tlv.h"

namespace tickwire::wire {

inline constexpr uint32_t kNoSymbol = UINT32_MAX;

enum class ContentKind : uint8_t { kJson = 1, kText = 2, kBytes = 3 };

struct Raw {
  ContentKind kind = ContentKind::kBytes;
  uint32_t key = kNoSymbol;  // symbol that it is about
  std::span<const uint8_t> content;
};

void put(TlvWriter& out, const Raw& m) noexcept;
// False when it is malformed. That JSON and text are what they say is not checked.
[[nodiscard]] bool get(std::span<const uint8_t> payload, Raw& m) noexcept;

}  // namespace tickwire::wire
