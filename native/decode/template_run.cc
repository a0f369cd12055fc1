// Runs one layout's program over a message.
#include <algorithm>
#include <bit>
#include <cstring>

#include "decode/template_engine.h"
#include "decode/template_values.h"
#include "decode/two_decimals.h"

namespace tickwire::decode {
namespace {

inline std::string_view view(const uint8_t* begin, const uint8_t* end) noexcept {
  return {reinterpret_cast<const char*>(begin), static_cast<size_t>(end - begin)};
}

// Two numbers in quotes; each is taken by itself where they can't be read in one go.
[[gnu::noinline]] const uint8_t* read_one_by_one(const Op& op, const uint8_t* at, const uint8_t* end,
                                                 uint64_t* cells) noexcept {
  double value = 0;
  at = read_double(at, end, value);
  if (at == nullptr) return nullptr;
  cells[op.slot] = std::bit_cast<uint64_t>(value);
  if (at > end || std::memcmp(at, op.between, op.between_length) != 0) return nullptr;
  at += op.between_length;
  if (at >= end) return nullptr;
  at = read_double(at, end, value);
  cells[op.second_slot] = std::bit_cast<uint64_t>(value);
  return at;
}

inline const uint8_t* read_two(const Op& op, const uint8_t* at, const uint8_t* end, uint64_t* cells) noexcept {
#if defined(__AVX2__)
  using simple_decimal::constant_16;
  using simple_decimal::constant_32;
  using simple_decimal::kConstants;
  const auto mask_of = [](__m256i found) { return uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(found))}; };
  const __m256i quote = constant_32(kConstants.quote);
  const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  const __m256i more = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32));
  const uint64_t quotes = mask_of(_mm256_cmpeq_epi8(text, quote)) | mask_of(_mm256_cmpeq_epi8(more, quote)) << 32;
  const auto first_length = static_cast<uint32_t>(std::countr_zero(quotes));
  const uint32_t second_at = (first_length + op.between_length) & 63;
  const auto second_length = static_cast<uint32_t>(std::countr_zero(quotes >> second_at));
  if ((first_length | second_length) >= 16 || !op.between_fits(at + first_length)) [[unlikely]]
    return read_one_by_one(op, at, end, cells);
  const __m128i dot = constant_16(kConstants.dot);
  const __m128i first = _mm256_castsi256_si128(text);
  const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + second_at));
  const auto point_of = [&](__m128i digits, uint32_t length) {
    const auto dots = static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(digits, dot)));
    return static_cast<uint32_t>(std::countr_zero(dots | 1u << length));
  };
  const TwoDecimals two(first, first_length, point_of(first, first_length), second, second_length,
                        point_of(second, second_length));
  if (!two.good()) [[unlikely]]
    return read_one_by_one(op, at, end, cells);
  const __m128d values = two.doubles();
  _mm_storel_pd(reinterpret_cast<double*>(cells + op.slot), values);
  _mm_storeh_pd(reinterpret_cast<double*>(cells + op.second_slot), values);
  return at + second_at + second_length;
#else
  return read_one_by_one(op, at, end, cells);
#endif
}

}  // namespace

const uint8_t* TemplateEngine::run_each(Known& known, const uint8_t* at) {
  if (at >= end_ || *at != '[') return nullptr;
  at = skip_space(at + 1, end_);
  // An empty list that is a row of its own is the other engine's.
  if (*at == ']') return known.layout.shape->group_slot >= 0 ? nullptr : at + 1;
  for (;;) {
    if (writer_.rows() == schema_.max_rows_per_message || !open_row(known)) return nullptr;
    for (const RootText& root : root_texts_) {
      if (!writer_.text(root.slot, root.text)) return nullptr;
    }
    at = run(known, known.program.element(), at, writer_.row());
    if (at == nullptr) return nullptr;
    writer_.end_row(static_cast<uint8_t>(known.layout.shape_index));
    at = skip_space(at, end_);
    if (*at == ']') return at + 1;
    if (*at != ',') return nullptr;
    at = skip_space(at + 1, end_);
  }
}

const uint8_t* TemplateEngine::fail(const uint8_t* at) noexcept {
  reached_ = std::max(reached_, std::min(at, end_));
  return nullptr;
}

const uint8_t* TemplateEngine::run(Known& known, Op* op, const uint8_t* at, uint64_t* cells) {
  const uint8_t* const end = end_;
  const auto field = [&](const Op& of) -> const Field& {
    return known.layout.shape->fields[static_cast<size_t>(of.field)];
  };
  for (;; ++op) {
    // Bytes behind the message may look like more of it: whatever was read, the next literal must end inside. `at` may
    // stand up to 32 bytes behind the end here.
    const uint8_t* const value = at + op->length;
    if (!op->literal_fits(at) || value > end) [[unlikely]]
      return fail(at);
    const uint8_t* after = nullptr;
    switch (op->kind) {
      case OpKind::kEnd:
        return value;
      case OpKind::kLiteral:
        at = value;
        continue;
      case OpKind::kTwoNumbers:
        at = read_two(*op, value, end, cells);
        if (at == nullptr) [[unlikely]]
          return fail(value);
        continue;
      case OpKind::kNumber: {
        double number = 0;
        after = read_double(value, end, number);
        cells[op->slot] = std::bit_cast<uint64_t>(number);
        break;
      }
      case OpKind::kInt64: {
        int64_t number = 0;
        after = read_digits(value, op->digits, number);
        if (after == nullptr) [[unlikely]]
          after = read_int64(value, end, number);
        cells[op->slot] = static_cast<uint64_t>(number);
        break;
      }
      case OpKind::kDecimal: {
        Decimal number;
        after = read_decimal(value, end, number);
        cells[op->slot] = static_cast<uint64_t>(number.mantissa);
        cells[op->slot + 1] = static_cast<uint64_t>(number.scale);
        break;
      }
      case OpKind::kSymbol:
      case OpKind::kSymbolNumber: {
        after = op->kind == OpKind::kSymbol ? read_plain_string(value, end, false) : pass_number(value, end);
        if (after == nullptr || after > end || static_cast<size_t>(after - value) > kMaxSymbol) {
          after = nullptr;
        } else if (op->root) {
          writer_.root_symbol(op->slot, view(value, after), op->key);
        } else {
          writer_.symbol(op->slot, view(value, after), op->key);
        }
        break;
      }
      case OpKind::kBool:
      case OpKind::kSkipBool: {
        const bool is_true = std::memcmp(value, "true", 4) == 0;
        if (is_true || std::memcmp(value, "false", 5) == 0) after = value + (is_true ? 4 : 5);
        if (op->kind == OpKind::kBool) cells[op->slot] = std::bit_cast<uint64_t>(is_true ? 1.0 : 0.0);
        break;
      }
      case OpKind::kText:
      case OpKind::kTextRaw: {
        if (op->kind == OpKind::kText) {
          after = read_plain_string(value, end, false);
        } else if (*value != '"' && *value != 'n') {
          after = pass_value(value, end, op->depth);
        }
        if (after == nullptr || static_cast<size_t>(after - value) > field(*op).max_bytes) {
          after = nullptr;
        } else if (op->root) {
          root_texts_.push_back({op->slot, view(value, after)});
        } else if (writer_.text(op->slot, view(value, after))) {
          cells = writer_.row();
        } else {
          after = nullptr;
        }
        break;
      }
      case OpKind::kLevels:
        after = read_levels(value, end, op->depth, field(*op), writer_, cut_levels_);
        cells = writer_.row();
        break;
      case OpKind::kSkipString:
        at = read_plain_string(value, end, true);
        if (at == nullptr) [[unlikely]]
          return fail(value);
        continue;
      case OpKind::kSkipNumber:
        at = pass_digits(value, op->digits);
        if (at == nullptr) [[unlikely]]
          at = pass_number(value, end);
        if (at == nullptr) [[unlikely]]
          return fail(value);
        continue;
      case OpKind::kSkipValue:
        after = pass_value(value, end, op->depth);
        break;
      case OpKind::kArrayTail:
        after = pass_array_tail(value, end, op->depth);
        break;
      case OpKind::kSelect:
        after = read_plain_string(value, end, false);
        if (after != nullptr && selector_.match(view(value, after)) != known.layout.shape_index) after = nullptr;
        break;
      case OpKind::kEach:
        after = run_each(known, value);
        break;
      default:
        __builtin_unreachable();  // saves the check of the jump table's bounds
    }
    if (after == nullptr) [[unlikely]]
      return fail(value);
    at = after;
    if (op->rewind) [[unlikely]]
      at = value;
  }
}

}  // namespace tickwire::decode
