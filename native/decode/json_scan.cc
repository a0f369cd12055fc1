#include "decode/json_scan.h"

#include <algorithm>
#include <cstring>

#include "decode/json_text.h"
#include "decode/number.h"

namespace tickwire::decode {
namespace {

ScanError from_text(TextError error) noexcept {
  switch (error) {
    case TextError::kNone:
      return ScanError::kNone;
    case TextError::kSyntax:
      return ScanError::kSyntax;
    case TextError::kTruncated:
      return ScanError::kTruncated;
    case TextError::kUtf8:
      return ScanError::kUtf8;
  }
  return ScanError::kSyntax;
}

// Why a byte can't be what was expected: the end of the text, a broken character, or simply something else.
ScanError unexpected(const uint8_t* at, const uint8_t* end) noexcept {
  return at >= end ? ScanError::kTruncated : ScanError::kSyntax;
}

ValueScan scan_word(const uint8_t* at, const uint8_t* end, const char* word, size_t length) noexcept {
  const size_t there = std::min(length, static_cast<size_t>(end - at));
  if (std::memcmp(at, word, there) != 0) return {nullptr, ScanError::kSyntax};
  if (there < length) return {nullptr, ScanError::kTruncated};
  return {at + length, ScanError::kNone};
}

// A wrong number is truncated when the text ends where a digit had to stand.
ScanError number_error(const uint8_t* at, const uint8_t* end) noexcept {
  while (at < end && ((*at >= '0' && *at <= '9') || *at == '-' || *at == '+' || *at == '.' || (*at | 0x20) == 'e'))
    ++at;
  if (at < end) return ScanError::kSyntax;
  const uint8_t last = at[-1];
  return last >= '0' && last <= '9' ? ScanError::kSyntax : ScanError::kTruncated;
}

ValueScan scan_scalar(const uint8_t* at, const uint8_t* end) noexcept {
  if (at >= end) return {nullptr, ScanError::kTruncated};
  switch (*at) {
    case '"': {
      const StringScan text = scan_string(at + 1, end);
      if (text.error != TextError::kNone) return {nullptr, from_text(text.error)};
      return {text.end + 1, ScanError::kNone};
    }
    case 't':
      return scan_word(at, end, "true", 4);
    case 'f':
      return scan_word(at, end, "false", 5);
    case 'n':
      return scan_word(at, end, "null", 4);
    default: {
      if (*at != '-' && (*at < '0' || *at > '9')) return {nullptr, ScanError::kSyntax};
      const uint8_t* after = skip_number(at, end);
      if (after == nullptr) return {nullptr, number_error(at, end)};
      return {after, ScanError::kNone};
    }
  }
}

// Behind the key and its colon; null with `error` set when they are not there.
const uint8_t* scan_key(const uint8_t* at, const uint8_t* end, ScanError& error) noexcept {
  if (at >= end || *at != '"') {
    error = unexpected(at, end);
    return nullptr;
  }
  const StringScan key = scan_string(at + 1, end);
  if (key.error != TextError::kNone) {
    error = from_text(key.error);
    return nullptr;
  }
  const uint8_t* p = skip_space(key.end + 1, end);
  if (p >= end || *p != ':') {
    error = unexpected(p, end);
    return nullptr;
  }
  return skip_space(p + 1, end);
}

}  // namespace

ValueScan scan_value(const uint8_t* at, const uint8_t* end, uint32_t depth) noexcept {
  if (at >= end || (*at != '{' && *at != '[')) return scan_scalar(at, end);
  depth = std::min(depth, kMaxScanDepth);
  uint64_t objects[kMaxScanDepth / 64];  // one bit per open container: whether it is an object
  uint32_t open = 0;
  ScanError error = ScanError::kNone;
  const uint8_t* p = at;
  for (;;) {
    // A value starts at p.
    if (p < end && (*p == '{' || *p == '[')) {
      if (open == depth) return {nullptr, ScanError::kDepth};
      const bool object = *p == '{';
      const uint64_t bit = uint64_t{1} << (open % 64);
      objects[open / 64] =
          object ? (open % 64 == 0 ? bit : objects[open / 64] | bit) : (open % 64 == 0 ? 0 : objects[open / 64] & ~bit);
      ++open;
      p = skip_space(p + 1, end);
      if (p < end && *p == (object ? '}' : ']')) {
        ++p;
        --open;
      } else {
        if (object && (p = scan_key(p, end, error)) == nullptr) return {nullptr, error};
        continue;
      }
    } else {
      const ValueScan scalar = scan_scalar(p, end);
      if (scalar.error != ScanError::kNone) return scalar;
      p = scalar.end;
    }
    // A value ended at p: close containers until another value must follow.
    for (;;) {
      if (open == 0) return {p, ScanError::kNone};
      const bool object = (objects[(open - 1) / 64] >> ((open - 1) % 64) & 1) != 0;
      p = skip_space(p, end);
      if (p >= end) return {nullptr, ScanError::kTruncated};
      if (*p == ',') {
        p = skip_space(p + 1, end);
        if (object && (p = scan_key(p, end, error)) == nullptr) return {nullptr, error};
        break;
      }
      if (*p != (object ? '}' : ']')) return {nullptr, ScanError::kSyntax};
      ++p;
      --open;
    }
  }
}

ScanError scan_document(const uint8_t* at, const uint8_t* end, uint32_t depth) noexcept {
  const ValueScan value = scan_value(skip_space(at, end), end, depth);
  if (value.error != ScanError::kNone) return value.error;
  return skip_space(value.end, end) == end ? ScanError::kNone : ScanError::kSyntax;
}

}  // namespace tickwire::decode
