#include "wire/quote_rows.h"

#include <bit>

#include "wire/quote_frame.h"
#include "wire/scaled.h"

namespace tickwire::wire {

using decode::FieldType;

QuoteRows::QuoteRows(const decode::Shape& shape, const RowSchema::Shape& from, uint8_t index)
    : index_(index), words_(shape.words), flags_slot_(shape.flags_slot) {
  usable_ = true;
  for (size_t i = 0; i < shape.fields.size(); ++i) {
    const decode::Field& field = shape.fields[i];
    Step step{From::kSymbol, field.type, 0, field.slot};
    bool there = true;
    switch (from.sources[i].of) {
      case Of::kSymbol:
        keyed_ = keyed_ || shape.key_field == static_cast<int32_t>(i);
        break;
      case Of::kTopic:
        step.from = From::kTopic;
        with_topic_ = true;
        keyed_topic_ = keyed_topic_ || shape.key_field == static_cast<int32_t>(i);
        break;
      case Of::kBid:
        step.from = From::kBid;
        break;
      case Of::kAsk:
        step.from = From::kAsk;
        break;
      case Of::kBidSize:
        step.from = From::kBidSize;
        break;
      case Of::kAskSize:
        step.from = From::kAskSize;
        break;
      case Of::kSequence:
        step.from = From::kSequence;
        break;
      case Of::kSendTime:
        step.from = From::kSendTime;
        break;
      case Of::kSnapshot:
        step.from = From::kFlag;
        step.flag = kFlagSnapshot;
        break;
      case Of::kResent:
        step.from = From::kFlag;
        step.flag = kFlagResent;
        break;
      case Of::kConflated:
        step.from = From::kFlag;
        step.flag = kFlagConflated;
        break;
      default:
        there = false;
        break;
    }
    if (there) {
      steps_.push_back(step);
      if (field.optional) flags_ |= uint64_t{1} << field.presence_bit;
    } else if (field.optional) {
      zeros_.push_back(field.slot);
      if (field.type == FieldType::kDecimal) zeros_.push_back(static_cast<uint16_t>(field.slot + 1));
    } else {
      usable_ = false;
    }
  }
}

// As far as all is as it should be; the rest is looked at one by one, by those who can say what is wrong.
void QuoteRows::take_apart(const uint8_t* frames, size_t count, const SenderNames& names, Run& run) const noexcept {
  run.frames = frames;
  size_t i = 0;
  for (; i < count; ++i) {
    const uint8_t* frame = frames + i * kQuoteFrameBytes;
    CompactQuote q{};
    if (!read_compact_quote(frame + kHeaderBytes + 2, q)) break;
    const uint32_t symbol = names.symbol(q.symbol);
    const uint32_t topic = with_topic_ ? names.topic(load<uint16_t>(frame + 6)) : 0;
    const uint64_t numbers = load<uint64_t>(frame + 16) | load<uint64_t>(frame + 24);
    if (symbol == SenderNames::kUnknown || topic == SenderNames::kUnknown || numbers >> 63 != 0) break;
    run.symbol[i] = symbol;
    run.topic[i] = topic;
    run.price_scale[i] = q.price_scale;
    run.size_scale[i] = q.size_scale;
    run.bid[i] = q.bid;
    run.ask[i] = q.ask;
    run.bid_size[i] = q.bid_size;
    run.ask_size[i] = q.ask_size;
  }
  run.count = i;
}

void QuoteRows::scaled(const Step& step, const int64_t* mantissas, const uint8_t* scales, size_t count,
                       uint64_t* rows) const noexcept {
  uint64_t* at = rows + step.slot;
  if (step.to == FieldType::kDecimal) {
    for (size_t i = 0; i < count; ++i, at += words_) {
      at[0] = static_cast<uint64_t>(mantissas[i]);
      at[1] = scales[i];
    }
  } else {
    for (size_t i = 0; i < count; ++i, at += words_) *at = std::bit_cast<uint64_t>(to_number(mantissas[i], scales[i]));
  }
}

void QuoteRows::write(const Step& step, const Run& run, uint64_t* rows) const noexcept {
  uint64_t* at = rows + step.slot;
  const auto header_word = [&](size_t offset) {
    const uint8_t* from = run.frames + offset;
    if (step.to == FieldType::kNumber) {
      for (size_t i = 0; i < run.count; ++i, at += words_, from += kQuoteFrameBytes) {
        *at = std::bit_cast<uint64_t>(static_cast<double>(load<uint64_t>(from)));
      }
    } else {
      for (size_t i = 0; i < run.count; ++i, at += words_, from += kQuoteFrameBytes) *at = load<uint64_t>(from);
    }
  };
  switch (step.from) {
    case From::kSymbol:
      for (size_t i = 0; i < run.count; ++i, at += words_) *at = run.symbol[i];
      break;
    case From::kTopic:
      for (size_t i = 0; i < run.count; ++i, at += words_) *at = run.topic[i];
      break;
    case From::kBid:
      scaled(step, run.bid, run.price_scale, run.count, rows);
      break;
    case From::kAsk:
      scaled(step, run.ask, run.price_scale, run.count, rows);
      break;
    case From::kBidSize:
      scaled(step, run.bid_size, run.size_scale, run.count, rows);
      break;
    case From::kAskSize:
      scaled(step, run.ask_size, run.size_scale, run.count, rows);
      break;
    case From::kSequence:
      header_word(16);
      break;
    case From::kSendTime:
      header_word(24);
      break;
    case From::kFlag:
      for (size_t i = 0; i < run.count; ++i, at += words_) {
        const bool set = (run.frames[i * kQuoteFrameBytes + 5] & step.flag) != 0;
        *at = std::bit_cast<uint64_t>(set ? 1.0 : 0.0);
      }
      break;
  }
}

size_t QuoteRows::add(const uint8_t* frames, size_t count, const SenderNames& names, decode::RowBatch& out) const {
  Run run;  // NOLINT(cppcoreguidelines-pro-type-member-init): take_apart() fills what is used
  take_apart(frames, count, names, run);
  if (run.count == 0) return 0;
  uint32_t keys[kMost];
  const uint32_t* given = keyed_ ? run.symbol : run.topic;
  if (!keyed_ && !keyed_topic_) {
    for (size_t i = 0; i < run.count; ++i) keys[i] = decode::RowBatch::kNoKey;
    given = keys;
  }
  uint64_t* const rows = out.append(static_cast<uint32_t>(run.count), words_, index_, given);
  for (const Step& step : steps_) write(step, run, rows);
  for (const uint16_t slot : zeros_) {
    for (size_t i = 0; i < run.count; ++i) rows[i * words_ + slot] = 0;
  }
  if (flags_slot_ >= 0) {
    for (size_t i = 0; i < run.count; ++i) rows[i * words_ + static_cast<size_t>(flags_slot_)] = flags_;
  }
  return run.count;
}

}  // namespace tickwire::wire
