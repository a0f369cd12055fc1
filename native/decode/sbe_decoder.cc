// SBE messages into rows: one pass finds groups and data, a second fills the fields. What a message says of its own
// lengths and version decides what is there; what is not, is null.
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdio>
#include <memory>
#include <utility>

#include "decode/decimal.h"
#include "decode/decoder.h"
#include "decode/number.h"
#include "decode/row_writer.h"
#include "decode/sbe_steps.h"
#include "decode/sbe_walk.h"

namespace tickwire::decode {
namespace {

constexpr std::array<double, 23> kPowersOfTen = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr uint64_t kExactInteger = uint64_t{1} << 53;

// An integer of up to 64 bits, signed or not.
struct Whole {
  bool negative = false;
  uint64_t magnitude = 0;
};

Whole whole_of(uint64_t bits, bool is_signed) noexcept {
  const bool negative = is_signed && static_cast<int64_t>(bits) < 0;
  return {negative, negative ? 0 - bits : bits};
}

// Both operands are exact in nearly all messages, so one operation rounds correctly; the others go by their text.
[[gnu::noinline]] Malformed scaled_by_text(Whole whole, int64_t exponent, double& out) noexcept {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%s%llue%lld", whole.negative ? "-" : "",
                                   static_cast<unsigned long long>(whole.magnitude), static_cast<long long>(exponent));
  const auto* begin = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t* end = begin + length;
  NumberText number;
  if (scan_number(begin, end, number) != end) return Malformed::kOutOfRange;
  return to_double(number, begin, end, out) == NumberError::kNone ? SbeWalk::kFine : Malformed::kOutOfRange;
}

Malformed scaled_to_double(Whole whole, int64_t exponent, double& out) noexcept {
  if (whole.magnitude <= kExactInteger && exponent >= -22 && exponent <= 22) [[likely]] {
    const double value = static_cast<double>(static_cast<int64_t>(whole.magnitude));
    const double made = exponent < 0 ? value / kPowersOfTen[static_cast<size_t>(-exponent)]
                                     : value * kPowersOfTen[static_cast<size_t>(exponent)];
    out = whole.negative ? -made : made;
    return SbeWalk::kFine;
  }
  if (exponent == 0) {  // the conversion rounds
    const auto value = static_cast<double>(whole.magnitude);
    out = whole.negative ? -value : value;
    return SbeWalk::kFine;
  }
  return scaled_by_text(whole, exponent, out);
}

Malformed scaled_to_decimal(Whole whole, int64_t exponent, uint64_t* words) noexcept {
  if (whole.magnitude <= INT64_MAX && exponent <= 0 && exponent >= -kMaxDecimalScale) [[likely]] {
    words[0] = whole.negative ? 0 - whole.magnitude : whole.magnitude;
    words[1] = static_cast<uint64_t>(-exponent);
    return SbeWalk::kFine;
  }
  NumberText number;
  number.mantissa = whole.magnitude;
  number.exponent = exponent;
  number.negative = whole.negative;
  number.has_exponent = true;
  Decimal value;
  if (to_decimal(number, value) != NumberError::kNone) return Malformed::kOutOfRange;
  words[0] = static_cast<uint64_t>(value.mantissa);
  words[1] = static_cast<uint64_t>(value.scale);
  return SbeWalk::kFine;
}

class SbeDecoder final : public Decoder {
 public:
  SbeDecoder(SbeSchema schema, SymbolTable& symbols)
      : schema_(std::move(schema)), writer_(symbols), big_endian_(schema_.big_endian) {
    size_t groups = 0;
    size_t data = 0;
    size_t entry_data = 0;
    for (const SbeShape& shape : schema_.shapes) {
      groups = std::max(groups, shape.groups.size());
      data = std::max(data, shape.data.size());
      for (const SbeGroup& group : shape.groups) entry_data = std::max(entry_data, group.data.size());
    }
    for (size_t i = 0; i < schema_.shapes.size(); ++i) {
      steps_.push_back(make_sbe_steps(schema_.shapes[i], schema_.rows.shapes[i]));
    }
    found_.resize(groups);
    texts_.resize(data);
    entry_texts_.resize(entry_data);
  }

  DecodeOutcome decode(std::span<const uint8_t> message, bool binary, RowBatch& out) override {
    outcome_ = {};
    Malformed why = kFine;
    if (!binary) [[unlikely]] {
      outcome_.ignored = schema_.text == Otherwise::kIgnore;
      if (!outcome_.ignored) why = Malformed::kNotBinary;
    } else {
      why = message_in(message, out);
    }
    if (why != kFine) [[unlikely]] {
      outcome_.ok = false;
      outcome_.ignored = false;
      outcome_.why = why;
      out.clear();
    } else {
      outcome_.field = -1;
    }
    return outcome_;
  }

 private:
  static constexpr Malformed kFine = SbeWalk::kFine;
  // What a field has when it has no value; never leaves this file.
  static constexpr Malformed kNull = static_cast<Malformed>(static_cast<uint8_t>(Malformed::kCount) + 1);

  [[nodiscard]] uint64_t load(const uint8_t* at, const SbeNumber& number) const noexcept {
    return SbeWalk::load(at, number, big_endian_);
  }
  [[nodiscard]] Malformed message_in(std::span<const uint8_t> message, RowBatch& out);
  [[nodiscard]] Malformed rows(const SbeShape& shape, const Shape& layout);
  [[nodiscard]] Malformed row(const SbeShape& shape, const Shape& layout);
  [[nodiscard]] Malformed row_by_steps(const SbeShape& shape, const Shape& layout, const SbeSteps& steps);
  [[nodiscard]] Malformed put(const SbeShape& shape, const Shape& layout, size_t index);
  [[nodiscard]] Malformed field(const SbeShape& shape, const Field& field, const SbeSource& source, bool key);
  // kNull: not in this message, or its null value.
  [[nodiscard]] Malformed bits(const SbeBlockNumber& from, const SbeBlock& entry, uint64_t& out) const;
  [[nodiscard]] Malformed fixed(FieldType type, const SbeScaled& from, const SbeBlock& entry, uint64_t* words) const;
  [[nodiscard]] Malformed flag(const SbeSource& source, uint64_t& word) const;
  [[nodiscard]] Malformed chars(const SbeSource& source, std::string_view& text) const;
  [[nodiscard]] Malformed data(const SbeSource& source, bool optional, std::string_view& text) const;
  [[nodiscard]] Malformed text(const Field& field, std::string_view text, bool key);
  [[nodiscard]] Malformed named(const Field& field, const SbeSource& source, bool key);
  [[nodiscard]] Malformed levels(const SbeShape& shape, const Field& field, const SbeSource& source);

  const SbeSchema schema_;
  RowWriter writer_;
  const bool big_endian_;
  std::vector<SbeSteps> steps_;  // of the shapes
  SbeWalk walk_;
  SbeBlock root_;
  SbeBlock entry_;
  std::vector<SbeEntries> found_;
  std::vector<std::string_view> texts_;
  std::vector<std::string_view> entry_texts_;
  DecodeOutcome outcome_;
};

Malformed SbeDecoder::message_in(std::span<const uint8_t> message, RowBatch& out) {
  if (message.size() < schema_.header) return Malformed::kTruncated;
  const uint8_t* at = message.data();
  if (load(at, schema_.schema_id) != schema_.id) return Malformed::kWrongSchema;
  const uint64_t template_id = load(at, schema_.template_id);
  size_t shape = 0;
  while (shape < schema_.shapes.size() && schema_.shapes[shape].template_id != template_id) ++shape;
  if (shape == schema_.shapes.size()) {
    outcome_.ignored = schema_.rows.otherwise == Otherwise::kIgnore;
    return outcome_.ignored ? kFine : Malformed::kUnknownShape;
  }
  outcome_.shape = static_cast<uint8_t>(shape);
  walk_.begin(message, load(at, schema_.version), big_endian_);
  root_ = {at + schema_.header, load(at, schema_.block_length)};
  at += schema_.header;
  if (walk_.room(at) < root_.length) return Malformed::kTruncated;
  at += root_.length;
  const SbeShape& made = schema_.shapes[shape];
  if (const Malformed why = walk_.walk(made.groups, made.data, at, found_, texts_); why != kFine) return why;
  writer_.start(out);
  if (const Malformed why = rows(made, schema_.rows.shapes[shape]); why != kFine) return why;
  return writer_.finish() ? kFine : Malformed::kTooManySymbols;
}

Malformed SbeDecoder::rows(const SbeShape& shape, const Shape& layout) {
  entry_ = root_;
  if (shape.each < 0) return row(shape, layout);
  const SbeGroup& group = shape.groups[static_cast<size_t>(shape.each)];
  const SbeEntries entries = found_[static_cast<size_t>(shape.each)];
  if (entries.count > schema_.rows.max_rows_per_message) return Malformed::kTooManyRows;
  const uint8_t* at = entries.at;
  for (uint64_t i = 0; i < entries.count; ++i) {
    entry_ = {at, entries.block_length};
    at += entries.block_length;
    if (const Malformed why = walk_.entry_parts(group, at, entry_texts_); why != kFine) return why;
    if (const Malformed why = row(shape, layout); why != kFine) return why;
  }
  return kFine;
}

Malformed SbeDecoder::row(const SbeShape& shape, const Shape& layout) {
  const SbeSteps& steps = steps_[outcome_.shape];
  if (root_.length >= steps.root_bytes && entry_.length >= steps.each_bytes && walk_.version() >= steps.version)
      [[likely]] {
    return row_by_steps(shape, layout, steps);
  }
  if (writer_.begin_row(layout.words) == nullptr) return Malformed::kTooManyRows;
  for (size_t i = 0; i < layout.fields.size(); ++i) {
    if (const Malformed why = put(shape, layout, i); why != kFine) return why;
  }
  writer_.end_row(outcome_.shape);
  return kFine;
}

Malformed SbeDecoder::row_by_steps(const SbeShape& shape, const Shape& layout, const SbeSteps& steps) {
  uint64_t* row = steps.fill ? writer_.begin_row_unset(layout.words) : writer_.begin_row(layout.words);
  if (row == nullptr) return Malformed::kTooManyRows;
  if (steps.fill) std::memset(row, 0, kRowHeaderWords * 8);
  for (const SbeStep& step : steps.steps) {
    switch (step.kind) {
      case SbeStep::Kind::kWord:
        row[step.slot] = load((step.in_each ? entry_ : root_).at, step.number);
        continue;
      case SbeStep::Kind::kScaled: {
        const uint64_t mantissa = load((step.in_each ? entry_ : root_).at, step.number);
        const uint64_t exponent = load((step.exponent_in_each ? entry_ : root_).at, step.exponent);
        // Both are exact as doubles, so the quotient is the nearest one.
        if (mantissa + kExactInteger <= 2 * kExactInteger && 0 - exponent < kPowersOfTen.size()) [[likely]] {
          row[step.slot] = std::bit_cast<uint64_t>(static_cast<double>(static_cast<int64_t>(mantissa)) /
                                                   kPowersOfTen[static_cast<size_t>(0 - exponent)]);
          continue;
        }
        break;
      }
      case SbeStep::Kind::kDecimal: {
        const uint64_t mantissa = load((step.in_each ? entry_ : root_).at, step.number);
        const uint64_t exponent = load((step.exponent_in_each ? entry_ : root_).at, step.exponent);
        if (mantissa != uint64_t{1} << 63 && 0 - exponent <= static_cast<uint64_t>(kMaxDecimalScale)) [[likely]] {
          row[step.slot] = mantissa;
          row[step.slot + 1] = 0 - exponent;
          continue;
        }
        break;
      }
      case SbeStep::Kind::kSymbol: {
        const std::string_view name = step.in_each ? entry_texts_[step.index] : texts_[step.index];
        if (name.data() != nullptr && writer_.known_symbol(step.slot, name, step.key)) [[likely]]
          continue;
        break;
      }
      case SbeStep::Kind::kField:
        break;
    }
    if (const Malformed why = put(shape, layout, step.field); why != kFine) return why;
    row = writer_.row();
  }
  writer_.end_row(outcome_.shape);
  return kFine;
}

// One field by the general way.
Malformed SbeDecoder::put(const SbeShape& shape, const Shape& layout, size_t index) {
  const Field& to = layout.fields[index];
  const Malformed why = field(shape, to, shape.sources[index], layout.key_field == static_cast<int32_t>(index));
  if (why == kFine) [[likely]] {
    if (to.optional) writer_.row()[layout.flags_slot] |= uint64_t{1} << to.presence_bit;
    return kFine;
  }
  if (why == kNull && to.optional) return kFine;
  outcome_.field = static_cast<int16_t>(index);
  return why == kNull ? Malformed::kMissing : why;
}

Malformed SbeDecoder::field(const SbeShape& shape, const Field& to, const SbeSource& source, bool key) {
  std::string_view read;
  switch (source.from) {
    case SbeSource::From::kNumber: {
      if (to.type == FieldType::kSymbol) return named(to, source, key);
      uint64_t words[2] = {};
      const Malformed why =
          to.type == FieldType::kBool ? flag(source, words[0]) : fixed(to.type, source.number, entry_, words);
      if (why != kFine) return why;
      writer_.row()[to.slot] = words[0];
      if (to.type == FieldType::kDecimal) writer_.row()[to.slot + 1] = words[1];
      return kFine;
    }
    case SbeSource::From::kChars: {
      const Malformed why = chars(source, read);
      return why == kFine ? text(to, read, key) : why;
    }
    case SbeSource::From::kData: {
      const Malformed why = data(source, to.optional, read);
      return why == kFine ? text(to, read, key) : why;
    }
    case SbeSource::From::kGroup:
      return levels(shape, to, source);
    case SbeSource::From::kConstant:
      if (to.type == FieldType::kSymbol) {
        writer_.symbol(to.slot, source.text.view(), key);
        return kFine;
      }
      if (to.type == FieldType::kText) return text(to, source.text.view(), key);
      writer_.row()[to.slot] = source.words[0];
      if (to.type == FieldType::kDecimal) writer_.row()[to.slot + 1] = source.words[1];
      return kFine;
  }
  return Malformed::kMissing;
}

Malformed SbeDecoder::bits(const SbeBlockNumber& from, const SbeBlock& entry, uint64_t& out) const {
  const SbeBlock& block = from.in_each ? entry : root_;
  if (from.number.end() > block.length || from.since > walk_.version()) [[unlikely]]
    return kNull;
  out = load(block.at, from.number);
  if (from.nullable) {
    const uint32_t unused = from.number.shift;
    if (out << unused >> unused == from.null_bits) return kNull;
    // Any NaN is one.
    if (from.number.type == SbePrimitive::kDouble && out << 1 > uint64_t{0x7FF} << 53) return kNull;
    if (from.number.type == SbePrimitive::kFloat && (out & 0x7FFFFFFFu) > 0x7F800000u) return kNull;
  }
  return kFine;
}

Malformed SbeDecoder::fixed(FieldType type, const SbeScaled& from, const SbeBlock& entry, uint64_t* words) const {
  uint64_t mantissa = 0;
  if (const Malformed why = bits(from.mantissa, entry, mantissa); why != kFine) return why;
  const SbeNumber& number = from.mantissa.number;
  if (number.is_float()) [[unlikely]] {
    const double value = number.type == SbePrimitive::kDouble
                             ? std::bit_cast<double>(mantissa)
                             : double{std::bit_cast<float>(static_cast<uint32_t>(mantissa))};
    words[0] = std::bit_cast<uint64_t>(value);
    return kFine;
  }
  if (type == FieldType::kInt64) {
    words[0] = mantissa;
    return !number.is_signed() && mantissa > INT64_MAX ? Malformed::kOutOfRange : kFine;
  }
  int64_t exponent = from.constant;
  if (from.exponent == SbeScaled::Exponent::kRead) {
    uint64_t read = 0;
    if (const Malformed why = bits(from.read, entry, read); why != kFine) return why;
    if (!from.read.number.is_signed() && read > INT64_MAX) return Malformed::kOutOfRange;
    exponent = static_cast<int64_t>(read);
  }
  const Whole whole = whole_of(mantissa, number.is_signed());
  if (type == FieldType::kDecimal) return scaled_to_decimal(whole, exponent, words);
  double value = 0;
  const Malformed why = scaled_to_double(whole, exponent, value);
  words[0] = std::bit_cast<uint64_t>(value);
  return why;
}

Malformed SbeDecoder::flag(const SbeSource& source, uint64_t& word) const {
  uint64_t value = 0;
  if (const Malformed why = bits(source.number.mantissa, entry_, value); why != kFine) return why;
  if (source.bit >= 0) value = value >> source.bit & 1;
  if (value > 1) return Malformed::kOutOfRange;
  word = std::bit_cast<uint64_t>(value == 1 ? 1.0 : 0.0);
  return kFine;
}

Malformed SbeDecoder::named(const Field& to, const SbeSource& source, bool key) {
  uint64_t value = 0;
  if (const Malformed why = bits(source.number.mantissa, entry_, value); why != kFine) return why;
  const SbeNumber& number = source.number.mantissa.number;
  const uint32_t unused = number.shift;
  const uint64_t encoded = value << unused >> unused;
  for (const SbeName& name : source.names) {
    if (name.bits != encoded) continue;
    writer_.symbol(to.slot, name.text.view(), key);
    return kFine;
  }
  // Added by a newer version of the schema.
  std::array<char, 24> digits{};
  const auto made = number.is_signed()
                        ? std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<int64_t>(value))
                        : std::to_chars(digits.data(), digits.data() + digits.size(), value);
  writer_.symbol_copy(to.slot, {digits.data(), static_cast<size_t>(made.ptr - digits.data())}, key);
  return kFine;
}

Malformed SbeDecoder::chars(const SbeSource& source, std::string_view& text) const {
  const SbeBlockNumber& from = source.number.mantissa;
  const SbeBlock& block = from.in_each ? entry_ : root_;
  if (uint64_t{from.number.offset} + source.length > block.length || from.since > walk_.version()) return kNull;
  const uint8_t* const at = block.at + from.number.offset;
  const void* const zero = std::memchr(at, 0, source.length);
  const size_t length = zero == nullptr ? source.length : static_cast<size_t>(static_cast<const uint8_t*>(zero) - at);
  if (length == 0 && from.nullable) return kNull;
  text = {reinterpret_cast<const char*>(at), length};
  return kFine;
}

Malformed SbeDecoder::data(const SbeSource& source, bool optional, std::string_view& text) const {
  text = source.in_each ? entry_texts_[source.index] : texts_[source.index];
  // SBE has no other null for it than nothing.
  return text.data() == nullptr || (text.empty() && optional) ? kNull : kFine;
}

Malformed SbeDecoder::text(const Field& to, std::string_view text, bool key) {
  if (to.type == FieldType::kSymbol) {
    if (text.size() > kMaxSymbol) return Malformed::kTooLong;
    // What the table holds was looked at when it came into it.
    if (writer_.known_symbol(to.slot, text, key)) return kFine;
    if (!simdjson::validate_utf8(text.data(), text.size())) return Malformed::kUtf8;
    writer_.symbol(to.slot, text, key);
    return kFine;
  }
  if (text.size() > to.max_bytes) return Malformed::kTooLong;
  if (!simdjson::validate_utf8(text.data(), text.size())) return Malformed::kUtf8;
  return writer_.text(to.slot, text) ? kFine : Malformed::kTooManyRows;
}

Malformed SbeDecoder::levels(const SbeShape& shape, const Field& to, const SbeSource& source) {
  const SbeEntries& entries = found_[source.index];
  if (entries.at == nullptr) return kNull;
  const SbeGroup& group = shape.groups[source.index];
  const FieldType type = to.exact ? FieldType::kDecimal : FieldType::kNumber;
  const uint32_t part_words = to.exact ? 2 : 1;
  const uint32_t begin = writer_.open_words();
  const auto count = static_cast<uint32_t>(std::min<uint64_t>(entries.count, to.max_levels));
  const uint64_t cut = entries.count - count;
  outcome_.cut_levels += static_cast<uint32_t>(std::min<uint64_t>(cut, UINT32_MAX - outcome_.cut_levels));
  const uint8_t* at = entries.at;
  for (uint32_t i = 0; i < count; ++i) {
    if (i % RowWriter::kLevelsAtOnce == 0 && !writer_.reserve_levels(part_words * 2)) return Malformed::kTooManyRows;
    const SbeBlock level{at, entries.block_length};
    at += entries.block_length;
    if (const Malformed why = walk_.pass_parts(group, at); why != kFine) return why;
    uint64_t* const words = writer_.row() + writer_.open_words();
    for (const SbeScaled* part : {&source.price, &source.size}) {
      uint64_t read[2] = {};
      const Malformed why = fixed(type, *part, level, read);
      if (why != kFine) return why == kNull ? Malformed::kMissing : why;
      uint64_t* const word = words + (part == &source.price ? 0 : part_words);
      word[0] = read[0];
      if (to.exact) word[1] = read[1];
    }
    writer_.grown(part_words * 2);
  }
  writer_.end_levels(to.slot, begin, count);
  return kFine;
}

}  // namespace

std::unique_ptr<Decoder> make_sbe_decoder(SbeSchema schema, SymbolTable& symbols) {
  return std::make_unique<SbeDecoder>(std::move(schema), symbols);
}

}  // namespace tickwire::decode
