// A message as a flat list of its values, in the order of the text. Made by simdjson's on-demand walk, which visits
// every value, so that a message with a tape is correct JSON from its first byte to its last.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "decode/json_scan.h"

namespace tickwire::decode {

enum class ValueKind : uint8_t { kObject, kArray, kString, kNumber, kTrue, kFalse, kNull };

struct TapeEntry {
  uint32_t start = 0;  // offsets in the message; strings with their quotes
  uint32_t end = 0;
  uint32_t next = 0;  // index behind this value and everything in it
  ValueKind kind = ValueKind::kNull;
  bool escaped = false;  // strings: holds an escape
};

// Members of an object are two entries, the key (a string) and the value.
class JsonTape {
 public:
  JsonTape();
  JsonTape(JsonTape&&) noexcept;
  JsonTape& operator=(JsonTape&&) noexcept;
  ~JsonTape();

  // 64 bytes behind the message must be loadable. Allocates only while messages get longer.
  [[nodiscard]] ScanError parse(std::span<const uint8_t> message, uint32_t max_depth);

  [[nodiscard]] const std::vector<TapeEntry>& entries() const noexcept { return entries_; }
  [[nodiscard]] const TapeEntry& operator[](uint32_t at) const noexcept { return entries_[at]; }

 private:
  class Walk;
  struct Parser;
  std::unique_ptr<Parser> parser_;
  std::vector<TapeEntry> entries_;
};

}  // namespace tickwire::decode
