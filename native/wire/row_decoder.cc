#include "wire/row_decoder.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "wire/quote_frame.h"
#include "wire/scaled.h"

namespace tickwire::wire {

using decode::DecodeOutcome;
using decode::Field;
using decode::FieldType;
using decode::Malformed;
using decode::RowBatch;

namespace {

constexpr Malformed kStored = Malformed::kCount;

DecodeOutcome no_rows(Malformed why, size_t shape, int field = -1) noexcept {
  DecodeOutcome outcome;
  outcome.ok = false;
  outcome.why = why;
  outcome.shape = static_cast<uint8_t>(shape);
  outcome.field = static_cast<int16_t>(field);
  return outcome;
}

bool valid_text(std::span<const uint8_t> bytes) noexcept {
  return simdjson::validate_utf8(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

uint64_t word_of(double value) noexcept { return std::bit_cast<uint64_t>(value); }

}  // namespace

RowDecoder::RowDecoder(RowSchema schema, decode::SymbolTable& symbols)
    : schema_(std::move(schema)), symbols_(symbols), user_(schema_.shapes.size()) {
  shape_of_type_.fill(kNoShape);
  words_.fill(decode::SymbolTable::kFull);
  for (size_t i = 0; i < schema_.shapes.size(); ++i) {
    const RowSchema::Shape& shape = schema_.shapes[i];
    shape_of_type_[shape.type] = static_cast<uint16_t>(i);
    if (shape.type == static_cast<uint8_t>(Type::kQuote)) {
      quotes_ = QuoteRows(schema_.rows.shapes[i], shape, static_cast<uint8_t>(i));
    }
    if (shape.type < kFirstUserType) continue;
    UserFields& user = user_[i];
    user.index = std::make_unique<std::array<uint16_t, 256>>();
    user.index->fill(UserFields::kNone);
    for (const Source& source : shape.sources) {
      uint16_t& place = (*user.index)[source.tag];
      if (source.of == Of::kTag && place == UserFields::kNone) {
        place = static_cast<uint16_t>(user.kinds.size());
        user.kinds.push_back(source.kind);
      }
      user.value_of_field.push_back(place);
    }
    user.values.resize(user.kinds.size());
  }
}

bool RowDecoder::define(const Symbols& symbols) {
  bool all = true;
  for (const SymbolEntry& entry : symbols.entries) all &= names_.define_symbol(entry.id, entry.text, symbols_);
  return all;
}

bool RowDecoder::define(const Topics& topics) {
  bool all = true;
  for (const TopicEntry& entry : topics.entries) all &= names_.define_topic(entry.source, entry.name, symbols_);
  return all;
}

DecodeOutcome RowDecoder::decode(const Frame& frame, RowBatch& out) {
  const size_t shape = shape_of_type_[frame.header.type];
  if (shape == kNoShape) {
    if (schema_.rows.otherwise == decode::Otherwise::kCount) return no_rows(Malformed::kUnknownShape, 0);
    DecodeOutcome outcome;
    outcome.ignored = true;
    return outcome;
  }
  switch (static_cast<Type>(frame.header.type)) {
    case Type::kQuote:
      return known_type<Quote>(frame, shape, out);
    case Type::kTrade:
      return known_type<Trade>(frame, shape, out);
    case Type::kBookDelta:
    case Type::kBookSnapshot:
      return known_type<Book>(frame, shape, out);
    case Type::kSignal:
      return known_type<Signal>(frame, shape, out);
    case Type::kExecution:
      return known_type<Execution>(frame, shape, out);
    case Type::kRaw:
      return known_type<Raw>(frame, shape, out);
    default:
      return user_type(frame, shape, out);
  }
}

size_t RowDecoder::decode_quotes(const uint8_t* frames, size_t count, RowBatch& out, DecodeOutcome& outcome) {
  size_t done = 0;
  const uint32_t words = quotes_.usable() ? quotes_.words() : 0;
  while (done < count) {
    const uint8_t* at = frames + done * kQuoteFrameBytes;
    const size_t most = std::min(count - done, QuoteRows::kMost);
    if (quotes_.usable() && out.fits(static_cast<uint32_t>(most) * words)) {
      const size_t added = quotes_.add(at, most, names_, out);
      done += added;
      if (added == most) continue;
      at += added * kQuoteFrameBytes;
    }
    // One that is not as it should be, or no shape for quotes, or no room for so many.
    outcome = decode({read_header(at), {at + kHeaderBytes, kQuotePayloadBytes}}, out);
    if (!outcome.ok || outcome.ignored) return done;
    ++done;
  }
  return done;
}

template <class M>
DecodeOutcome RowDecoder::known_type(const Frame& frame, size_t shape, RowBatch& out) {
  M m;
  if (!get(frame.payload, m)) return no_rows(Malformed::kSyntax, shape);
  const auto& sources = schema_.shapes[shape].sources;
  return fill(
      frame.header, shape, [&](size_t i) { return pick(m, sources[i].of); }, out);
}

DecodeOutcome RowDecoder::user_type(const Frame& frame, size_t shape, RowBatch& out) {
  UserFields& user = user_[shape];
  std::fill(user.values.begin(), user.values.end(), RowValue{});
  TlvReader reader(frame.payload);
  Tlv tlv;
  while (reader.next(tlv)) {
    const uint16_t place = (*user.index)[tlv.tag];
    if (place == UserFields::kNone) continue;
    RowValue& value = user.values[place];
    if (value.present) return no_rows(Malformed::kSyntax, shape);
    value = read_value(user.kinds[place], tlv.value);
    if (!value.present) {
      const auto& fields = user.value_of_field;
      const auto field = std::find(fields.begin(), fields.end(), place) - fields.begin();
      return no_rows(Malformed::kWrongType, shape, static_cast<int>(field));
    }
  }
  if (reader.malformed()) return no_rows(Malformed::kSyntax, shape);
  return fill(
      frame.header, shape, [&user](size_t i) { return user.values[user.value_of_field[i]]; }, out);
}

RowValue RowDecoder::of_header(const Header& header, Of of) const noexcept {
  const auto flag = [&header](uint8_t bit) { return RowValue::of_int((header.flags & bit) != 0 ? 1 : 0); };
  switch (of) {
    case Of::kSequence:
      return RowValue::of_unsigned(header.sequence);
    case Of::kSendTime:
      return RowValue::of_unsigned(header.time_ns);
    case Of::kTopic:
      return RowValue::of_int(header.source);
    case Of::kSnapshot:
      return flag(kFlagSnapshot);
    case Of::kResent:
      return flag(kFlagResent);
    default:
      return flag(kFlagConflated);
  }
}

template <class Value>
DecodeOutcome RowDecoder::fill(const Header& header, size_t shape, Value&& value, RowBatch& out) {
  const decode::Shape& layout = schema_.rows.shapes[shape];
  const auto& sources = schema_.shapes[shape].sources;
  if (!out.fits(layout.words)) return no_rows(Malformed::kTooManyRows, shape);
  const uint32_t row = (static_cast<void>(out.begin(layout.words)), out.open_offset());
  DecodeOutcome outcome;
  uint32_t key = RowBatch::kNoKey;
  uint64_t flags = 0;
  for (size_t i = 0; i < layout.fields.size(); ++i) {
    const Field& field = layout.fields[i];
    const Source& source = sources[i];
    const bool from_header = source.of >= Of::kSequence && source.of <= Of::kConflated;
    const RowValue v = from_header ? of_header(header, source.of) : value(i);
    Malformed why = kStored;
    if (!v.present) {
      if (field.optional) continue;
      why = Malformed::kMissing;
    } else if (v.out_of_range) {
      why = Malformed::kOutOfRange;
    } else {
      why = store(field, source, v, out, outcome.cut_levels);
    }
    if (why != kStored) {
      out.abandon();
      return no_rows(why, shape, static_cast<int>(i));
    }
    if (field.optional) flags |= uint64_t{1} << field.presence_bit;
    if (layout.key_field == static_cast<int32_t>(i)) key = static_cast<uint32_t>(out.words()[row + field.slot]);
  }
  if (layout.flags_slot >= 0) out.words()[row + static_cast<uint32_t>(layout.flags_slot)] = flags;
  out.commit(static_cast<uint8_t>(shape), key);
  return outcome;
}

Malformed RowDecoder::store(const Field& field, const Source& source, const RowValue& value, RowBatch& out,
                            uint32_t& cut) {
  uint64_t* const row = out.words() + out.open_offset();
  switch (field.type) {
    case FieldType::kNumber:
      row[field.slot] = word_of(source.kind == ValueKind::kNumber  ? value.number
                                : source.kind == ValueKind::kInt64 ? static_cast<double>(value.integer)
                                                                   : to_number(value.integer, value.scale));
      return kStored;
    case FieldType::kInt64:
      row[field.slot] = static_cast<uint64_t>(value.integer);
      return kStored;
    case FieldType::kDecimal:
      row[field.slot] = static_cast<uint64_t>(value.integer);
      row[field.slot + 1u] = value.scale;
      return kStored;
    case FieldType::kBool:
      row[field.slot] = word_of(value.integer != 0 ? 1.0 : 0.0);
      return kStored;
    case FieldType::kSymbol: {
      const uint32_t id = receiver_id(source, value);
      if (id == SenderNames::kUnknown) {
        return source.kind == ValueKind::kWord ? Malformed::kTooManySymbols : Malformed::kUnknownSymbol;
      }
      row[field.slot] = id;
      return kStored;
    }
    case FieldType::kText: {
      const size_t size = value.bytes.size();
      if (size > field.max_bytes) return Malformed::kTooLong;
      if (!valid_text(value.bytes)) return Malformed::kUtf8;
      const auto words = static_cast<uint32_t>((size + 7) / 8);
      if (!out.fits(words)) return Malformed::kTooManyRows;
      const uint32_t at = out.open_words();
      uint64_t* const longer = out.extend(words);
      if (size != 0) std::memcpy(longer + at, value.bytes.data(), size);
      longer[field.slot] = uint64_t{at} * 8 | uint64_t{size} << 32;
      return kStored;
    }
    case FieldType::kLevels:
      return store_levels(field, value, out, cut) ? kStored : Malformed::kTooManyRows;
    case FieldType::kOrders:
      break;  // no message has them
  }
  return Malformed::kWrongType;
}

bool RowDecoder::store_levels(const Field& field, const RowValue& value, RowBatch& out, uint32_t& cut) {
  const Levels levels(value.bytes);
  const auto kept = static_cast<uint32_t>(std::min<size_t>(levels.size(), field.max_levels));
  const uint32_t words = kept * (field.exact ? 4 : 2);
  if (!out.fits(words)) return false;
  cut += static_cast<uint32_t>(levels.size()) - kept;
  const uint32_t at = out.open_words();
  uint64_t* const row = out.reserve(words);
  out.grown(words);
  uint64_t* to = row + at;
  for (uint32_t i = 0; i < kept; ++i) {
    if (field.exact) {
      to[0] = static_cast<uint64_t>(levels.price(i));
      to[1] = value.scale;
      to[2] = static_cast<uint64_t>(levels.amount(i));
      to[3] = value.size_scale;
      to += 4;
    } else {
      to[0] = word_of(to_number(levels.price(i), value.scale));
      to[1] = word_of(to_number(levels.amount(i), value.size_scale));
      to += 2;
    }
  }
  row[field.slot] = uint64_t{at} * 8 | uint64_t{kept} << 32;
  return true;
}

uint32_t RowDecoder::receiver_id(const Source& source, const RowValue& value) {
  if (source.of == Of::kTopic) return names_.topic(static_cast<uint16_t>(value.integer));
  if (source.kind == ValueKind::kSymbol) return names_.symbol(static_cast<uint32_t>(value.integer));
  uint32_t& word = words_[static_cast<size_t>(value.integer)];
  // Not when the decoder is made: that may be on another thread than the one that the table belongs to.
  if (word == decode::SymbolTable::kFull) word = symbols_.intern(kWords[static_cast<size_t>(value.integer)]);
  return word;
}

}  // namespace tickwire::wire
