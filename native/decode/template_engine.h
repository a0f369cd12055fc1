// The engine for layouts that are known. Whatever it accepts is exactly what the general engine would have given.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "decode/decoder.h"
#include "decode/json_template.h"
#include "decode/row_writer.h"
#include "decode/schema.h"
#include "decode/shape_selector.h"

namespace tickwire::decode {

class TemplateEngine {
 public:
  TemplateEngine(const Schema& schema, const ShapeSelector& selector, RowWriter& writer);

  // False when no template fits, or when the general engine has to say what is wrong; `out` is cleared then.
  [[nodiscard]] bool decode(std::span<const uint8_t> message, RowBatch& out, DecodeOutcome& outcome);

  // To be called for each message that the general engine took. True when its layout should be learned now: at once
  // while layouts are new, and more and more seldom when they keep changing, so that a stream without any regular
  // layout costs little.
  [[nodiscard]] bool wants_to_learn() noexcept;
  void add(Template&& made);

  [[nodiscard]] size_t templates() const noexcept { return templates_.size(); }

 private:
  static constexpr size_t kMaxTemplates = 16;
  static constexpr uint32_t kLearnCost = 64;  // in messages
  static constexpr uint32_t kMaxCredit = 2048;
  // After this many bytes of work on templates that turned out not to fit, the others are not tried: a message made to
  // fit many of them nearly to its end would otherwise be read many times.
  static constexpr size_t kWastedBytes = 2048;

  [[nodiscard]] bool first_literal_fits(const Template& made, std::span<const uint8_t> message) const noexcept;
  [[nodiscard]] bool try_template(const Template& made, RowBatch& out, DecodeOutcome& outcome);
  [[nodiscard]] const uint8_t* run(const Template& made, const Step* step, const uint8_t* at, uint64_t* cells);
  [[nodiscard]] const uint8_t* run_each(const Template& made, const uint8_t* at);
  [[nodiscard]] bool open_row(const Template& made);

  const Schema& schema_;
  const ShapeSelector& selector_;
  RowWriter& writer_;
  std::vector<Template> templates_;
  size_t current_ = 0;
  uint64_t messages_ = 0;
  uint32_t credit_ = kMaxCredit;

  // Of the message at hand.
  const uint8_t* begin_ = nullptr;
  const uint8_t* end_ = nullptr;
  const uint8_t* reached_ = nullptr;  // where the last attempt failed
  uint32_t cut_levels_ = 0;
  std::vector<uint64_t> root_cells_;  // slots of root fields, copied into each row at the end
  struct RootText {
    uint16_t slot;
    std::string_view text;
  };
  std::vector<RootText> root_texts_;
};

}  // namespace tickwire::decode
