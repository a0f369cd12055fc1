#include "decode/template_values.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "decode/quoted_pairs.h"

namespace tickwire::decode {
namespace {

// Most venues write no white space at all: it costs one comparison where it may stand.
inline const uint8_t* past_space(const uint8_t* at, const uint8_t* end) noexcept {
  if (*at <= ' ') [[unlikely]]
    return skip_space(at, end);
  return at;
}

// A number, bare or in quotes, with the white space around it.
template <bool kExact>
inline const uint8_t* read_part(const uint8_t* at, const uint8_t* end, uint64_t* to) noexcept {
  at = past_space(at, end);
  const bool quoted = *at == '"';
  at += quoted ? 1 : 0;
  if constexpr (kExact) {
    Decimal value;
    at = read_decimal(at, end, value);
    to[0] = static_cast<uint64_t>(value.mantissa);
    to[1] = static_cast<uint64_t>(value.scale);
  } else {
    double value = 0;
    at = read_double(at, end, value);
    to[0] = std::bit_cast<uint64_t>(value);
  }
  if (at == nullptr) return nullptr;
  if (quoted) {
    if (*at != '"') return nullptr;
    ++at;
  }
  return past_space(at, end);
}

// What a pair has behind its two numbers, and its bracket.
inline const uint8_t* pass_rest(const uint8_t* at, const uint8_t* end, uint32_t depth) noexcept {
  while (*at != ']') {
    if (*at != ',' || at >= end) return nullptr;
    at = pass_value(skip_space(at + 1, end), end, depth);
    if (at == nullptr) return nullptr;
    at = skip_space(at, end);
  }
  return at + 1;
}

// [price, size, ...]
template <bool kExact>
inline const uint8_t* read_pair(const uint8_t* at, const uint8_t* end, uint32_t depth, uint64_t* to) noexcept {
  if (*at != '[') return nullptr;
  at = read_part<kExact>(at + 1, end, to);
  if (at == nullptr || *at != ',') return nullptr;
  at = read_part<kExact>(at + 1, end, to + (kExact ? 2 : 1));
  return at == nullptr ? nullptr : pass_rest(at, end, depth);
}

// {"price": ..., "size": ...}, other members passed over. A key that comes twice is left to the general engine.
template <bool kExact>
const uint8_t* read_keyed(const uint8_t* at, const uint8_t* end, const Field& field, uint32_t depth,
                          uint64_t* to) noexcept {
  if (*at != '{') return nullptr;
  at = past_space(at + 1, end);
  bool price = false;
  bool size = false;
  for (;;) {
    if (at >= end || *at != '"') return nullptr;
    const uint8_t* key = at + 1;
    const uint8_t* key_end = read_plain_string(key, end, false);
    if (key_end == nullptr) return nullptr;
    at = past_space(key_end + 1, end);
    if (*at != ':') return nullptr;
    at = past_space(at + 1, end);
    const auto length = static_cast<size_t>(key_end - key);
    const auto is = [&](const std::string& name) {
      return length == name.size() && std::memcmp(key, name.data(), length) == 0;
    };
    // One key may serve as both.
    const bool is_price = is(field.price_key);
    const bool is_size = is(field.size_key);
    if ((is_price && price) || (is_size && size)) return nullptr;
    const uint8_t* after = nullptr;
    if (is_price) {
      after = read_part<kExact>(at, end, to);
      price = true;
    }
    if (is_size) {
      after = read_part<kExact>(at, end, to + (kExact ? 2 : 1));
      size = true;
    }
    if (!is_price && !is_size) after = pass_value(at, end, depth);
    if (after == nullptr) return nullptr;
    at = past_space(after, end);
    if (*at == '}') break;
    if (*at != ',') return nullptr;
    at = past_space(at + 1, end);
  }
  return price && size ? at + 1 : nullptr;
}

template <bool kExact>
const uint8_t* read_levels_as(const uint8_t* at, const uint8_t* end, uint32_t depth, const Field& field,
                              RowWriter& writer, uint32_t& cut) {
  constexpr uint32_t kWords = kExact ? 4 : 2;
  if (at >= end || *at != '[') return nullptr;
  at = past_space(at + 1, end);
  const bool keyed = !field.price_key.empty();
  const uint32_t begin = writer.open_words();
  uint32_t count = 0;
  if (*at == ']') {
    writer.end_levels(field.slot, begin, 0);
    return at + 1;
  }
  uint32_t room = 0;
  uint64_t* to = nullptr;
  for (;;) {
    if (at >= end) return nullptr;
    if (count == field.max_levels) [[unlikely]] {
      at = pass_value(at, end, depth - 1);
      ++cut;
    } else {
      if (room == 0) {
        // What was written so far is taken before the row may move.
        writer.grown(count == 0 ? 0 : kWords * RowWriter::kLevelsAtOnce);
        if (!writer.reserve_levels(kWords)) return nullptr;
        to = writer.row() + writer.open_words();
        room = RowWriter::kLevelsAtOnce;
      }
      uint32_t taken = 1;
      if (keyed) {
        at = read_keyed<kExact>(at, end, field, depth - 2, to);
      } else {
        const QuotedPairs pairs = read_quoted_pairs<kExact>(at, end, std::min(room, field.max_levels - count), to);
        if (pairs.count == 0) {
          at = read_pair<kExact>(at, end, depth - 2, to);
        } else {
          at = pairs.open ? pass_rest(pairs.end, end, depth - 2) : pairs.end;
          taken = pairs.count;
        }
      }
      to += kWords * taken;
      room -= taken;
      count += taken;
    }
    if (at == nullptr) return nullptr;
    at = past_space(at, end);
    if (*at == ']') break;
    if (*at != ',') return nullptr;
    at = past_space(at + 1, end);
  }
  writer.grown(kWords * (RowWriter::kLevelsAtOnce - room));
  writer.end_levels(field.slot, begin, count);
  return at + 1;
}

}  // namespace

const uint8_t* read_double_slow(const uint8_t* at, const uint8_t* end, double& out) noexcept {
  NumberText number;
  const uint8_t* after = at < end ? scan_number(at, end, number) : nullptr;
  return after != nullptr && to_double(number, at, after, out) == NumberError::kNone ? after : nullptr;
}

const uint8_t* read_int64_slow(const uint8_t* at, const uint8_t* end, int64_t& out) noexcept {
  NumberText number;
  const uint8_t* after = at < end ? scan_number(at, end, number) : nullptr;
  return after != nullptr && to_int64(number, out) == NumberError::kNone ? after : nullptr;
}

const uint8_t* read_decimal_slow(const uint8_t* at, const uint8_t* end, Decimal& out) noexcept {
  NumberText number;
  const uint8_t* after = at < end ? scan_number(at, end, number) : nullptr;
  return after != nullptr && to_decimal(number, out) == NumberError::kNone ? after : nullptr;
}

const uint8_t* read_plain_string_slow(const uint8_t* at, const uint8_t* end, bool escapes) noexcept {
  if (at >= end) return nullptr;
  const StringScan scan = scan_string(at, end);
  return scan.error != TextError::kNone || (scan.escaped && !escapes) ? nullptr : scan.end;
}

const uint8_t* pass_array_tail(const uint8_t* at, const uint8_t* end, uint32_t depth) noexcept {
  for (;;) {
    if (at >= end) return nullptr;
    at = skip_space(at, end);
    if (at >= end) return nullptr;
    if (*at == ']') return at + 1;
    if (*at != ',') return nullptr;
    at = pass_value(skip_space(at + 1, end), end, depth);
    if (at == nullptr) return nullptr;
  }
}

const uint8_t* read_levels(const uint8_t* at, const uint8_t* end, uint32_t depth, const Field& field, RowWriter& writer,
                           uint32_t& cut) {
  return field.exact ? read_levels_as<true>(at, end, depth, field, writer, cut)
                     : read_levels_as<false>(at, end, depth, field, writer, cut);
}

}  // namespace tickwire::decode
