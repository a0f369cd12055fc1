// A strict check of JSON text without building anything: skips values that nobody wants, and tells what is wrong with a
// message that was refused. Accepts what JSON.parse accepts.
#pragma once
#include <cstdint>

namespace tickwire::decode {

enum class ScanError : uint8_t { kNone, kSyntax, kTruncated, kDepth, kUtf8 };

struct ValueScan {
  const uint8_t* end = nullptr;  // behind the value
  ScanError error = ScanError::kNone;
};

inline constexpr uint32_t kMaxScanDepth = 1024;

// One value that starts at `at` (no white space before it). `depth`: containers that may be open at once, at most
// kMaxScanDepth. Loads up to 32 bytes behind `end`.
[[nodiscard]] ValueScan scan_value(const uint8_t* at, const uint8_t* end, uint32_t depth) noexcept;

// A whole message: one value with white space around it.
[[nodiscard]] ScanError scan_document(const uint8_t* at, const uint8_t* end, uint32_t depth) noexcept;

[[nodiscard]] inline const uint8_t* skip_space(const uint8_t* at, const uint8_t* end) noexcept {
  while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
  return at;
}

}  // namespace tickwire::decode
