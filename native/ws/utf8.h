// UTF-8 validation (RFC 3629), whole and incremental; ASCII runs at SIMD speed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace tickwire::ws {

[[nodiscard]] bool valid_utf8(std::span<const uint8_t> text) noexcept;

// Validates text that arrives in pieces and fails at the first byte that cannot be right.
class Utf8Checker {
 public:
  [[nodiscard]] bool add(std::span<const uint8_t> piece) noexcept;
  [[nodiscard]] bool complete() const noexcept { return need_ == 0; }  // no sequence is open
  void reset() noexcept { need_ = 0; }

 private:
  uint8_t need_ = 0;    // continuation bytes still to come
  uint8_t low_ = 0x80;  // bounds of the next one
  uint8_t high_ = 0xBF;
};

}  // namespace tickwire::ws
