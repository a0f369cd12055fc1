// Rows of compact quotes, many at a time: field by field over the whole run, so that what a field needs is decided once
// per run and not once per quote.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "decode/row_batch.h"
#include "decode/schema.h"
#include "wire/row_schema.h"
#include "wire/sender_names.h"

namespace tickwire::wire {

class QuoteRows {
 public:
  static constexpr size_t kMost = 128;  // quotes at once

  QuoteRows() = default;
  // `shape`, of index `index`, is made of quotes. It is not usable when a field is required that compact quotes lack.
  QuoteRows(const decode::Shape& shape, const RowSchema::Shape& from, uint8_t index);
  [[nodiscard]] bool usable() const noexcept { return usable_; }
  [[nodiscard]] uint32_t words() const noexcept { return words_; }  // of a row

  // Rows of the first quotes among `count` (at most kMost) that are good; returns how many. `out` has room for all.
  [[nodiscard]] size_t add(const uint8_t* frames, size_t count, const SenderNames& names, decode::RowBatch& out) const;

 private:
  // Where a field's value comes from.
  enum class From : uint8_t { kSymbol, kTopic, kBid, kAsk, kBidSize, kAskSize, kSequence, kSendTime, kFlag };
  struct Step {
    From from;
    decode::FieldType to;
    uint8_t flag;
    uint16_t slot;
  };
  // A run, taken apart.
  struct Run {
    size_t count;
    const uint8_t* frames;
    uint32_t symbol[kMost];
    uint32_t topic[kMost];
    uint8_t price_scale[kMost];
    uint8_t size_scale[kMost];
    int64_t bid[kMost];
    int64_t ask[kMost];
    int64_t bid_size[kMost];
    int64_t ask_size[kMost];
  };
  void take_apart(const uint8_t* frames, size_t count, const SenderNames& names, Run& run) const noexcept;
  void write(const Step& step, const Run& run, uint64_t* rows) const noexcept;
  void scaled(const Step& step, const int64_t* mantissas, const uint8_t* scales, size_t count,
              uint64_t* rows) const noexcept;

  bool usable_ = false;
  bool keyed_ = false;        // by the quote's symbol
  bool keyed_topic_ = false;  // by its topic
  bool with_topic_ = false;
  uint8_t index_ = 0;
  uint32_t words_ = 0;
  std::vector<Step> steps_;
  std::vector<uint16_t> zeros_;  // slots of what compact quotes lack
  int32_t flags_slot_ = -1;
  uint64_t flags_ = 0;
};

}  // namespace tickwire::wire
