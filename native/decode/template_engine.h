// The engine for layouts that are known. Whatever it accepts is exactly what the general engine would have given.
// template_engine.cc chooses among the layouts, template_run.cc runs one.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/decoder.h"
#include "decode/json_template.h"
#include "decode/row_writer.h"
#include "decode/schema.h"
#include "decode/shape_selector.h"
#include "decode/stencil_run.h"
#include "decode/stencil_set.h"
#include "decode/template_program.h"

namespace tickwire::decode {

class TemplateEngine {
 public:
  struct Hit {
    bool fits = false;
    bool ignored = false;     // no shape wants it
    uint32_t cut_levels = 0;  // levels left out because of max_levels
    uint8_t shape = 0;        // when a shape wants it
  };

  TemplateEngine(const Schema& schema, const ShapeSelector& selector, RowWriter& writer);

  // First of all: the outcome of a message of which even the lengths of its values are known, null for any other.
  [[nodiscard]] const DecodeOutcome* decode_at_once(std::span<const uint8_t> message, RowBatch& out);
  // Does not fit when no template does, or when the general engine has to say what is wrong; `out` is empty then.
  [[nodiscard]] Hit decode(std::span<const uint8_t> message, RowBatch& out);

  // To be called for each message that the general engine took. True when its layout should be learned now: at once
  // while layouts are new, and more and more seldom when they keep changing, so that a stream without any regular
  // layout costs little.
  [[nodiscard]] bool wants_to_learn() noexcept;
  void add(Template&& made);

  [[nodiscard]] size_t templates() const noexcept { return known_.size(); }

 private:
  static constexpr size_t kMaxTemplates = 16;
  static constexpr uint64_t kLearnCost = 64;  // in messages
  static constexpr uint64_t kMaxCredit = 2048;
  // After this many bytes of work on templates that turned out not to fit, the others are not tried: a message made to
  // fit many of them nearly to its end would otherwise be read many times.
  static constexpr size_t kWastedBytes = 2048;

  struct Known {
    explicit Known(Template&& made)
        : layout(std::move(made)), program(layout), words(layout.shape == nullptr ? 0u : layout.shape->words) {}
    Template layout;
    Program program;
    uint32_t words;         // of a row's fixed part; 0: no shape wants such messages
    uint32_t follower = 0;  // which one fitted the message after this one's last
  };

  // The first guess by a few bytes at the same place in every message, where the layouts differ most.
  class Clue {
   public:
    static constexpr uint32_t kNone = UINT32_MAX;  // these bytes say nothing
    void look_for(std::span<const Known> known);
    [[nodiscard]] uint32_t guess(const uint8_t* message) const noexcept { return table_[slot_of(message)]; }

   private:
    static constexpr uint32_t kBits = 6;
    [[nodiscard]] size_t slot_of(const uint8_t* message) const noexcept {
      uint64_t word;
      std::memcpy(&word, message + at_, 8);
      return ((word & mask_) * 0x9E3779B97F4A7C15u) >> (64 - kBits);
    }
    uint32_t at_ = 0;
    uint64_t mask_ = 0;
    uint32_t table_[size_t{1} << kBits] = {};
  };

  [[nodiscard]] bool attempt(Known& known, RowBatch& out);
  [[nodiscard]] bool attempt_rows(Known& known);
  [[nodiscard]] Hit hit(size_t at) noexcept {
    const Known& known = known_[at];
    used_[at] = ++hits_;
    const bool ignored = known.words == 0;
    return {true, ignored, cut_levels_, ignored ? uint8_t{0} : static_cast<uint8_t>(known.layout.shape_index)};
  }
  void follow(size_t at) noexcept;
  [[nodiscard]] Hit search(std::span<const uint8_t> message, RowBatch& out, size_t tried);
  [[nodiscard]] bool first_literal_fits(const Known& known, std::span<const uint8_t> message) const noexcept;

  [[nodiscard]] const uint8_t* run(Known& known, Op* op, const uint8_t* at, uint64_t* cells);
  [[gnu::noinline]] const uint8_t* fail(const uint8_t* at) noexcept;
  [[nodiscard]] const uint8_t* run_each(Known& known, const uint8_t* at);
  [[nodiscard]] bool open_row(const Known& known);

  const Schema& schema_;
  const ShapeSelector& selector_;
  RowWriter& writer_;
  std::vector<Known> known_;
  uint64_t used_[kMaxTemplates] = {};  // when each last fitted, or a stencil that was made of it, in hits
  StencilSet stencils_;
  Clue clue_;
  size_t current_ = 0;  // the last one that fitted where the clue did not tell
  uint64_t hits_ = 0;
  uint64_t credited_ = 0;  // hits that are part of the credit already
  uint64_t credit_ = kMaxCredit;

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

#if defined(__AVX2__)
[[gnu::always_inline]] inline const DecodeOutcome* TemplateEngine::decode_at_once(std::span<const uint8_t> message,
                                                                                  RowBatch& out) {
  const Stencil* const stencil = stencils_.find(message);
  if (stencil == nullptr || !stencil::fits(*stencil, message)) [[unlikely]]
    return nullptr;
  if (!stencil::apply(*stencil, message.data(), writer_.symbols(), out)) [[unlikely]] {
    out.clear();
    return nullptr;
  }
  stencils_.hit();
  used_[stencil->origin] = ++hits_;
  return &stencil->outcome;
}
#else
inline const DecodeOutcome* TemplateEngine::decode_at_once(std::span<const uint8_t>, RowBatch&) { return nullptr; }
#endif

inline bool TemplateEngine::open_row(const Known& known) {
  uint64_t* row = writer_.begin_row_unset(known.words);
  if (row == nullptr) [[unlikely]]
    return false;
  for (const Template::Preset& preset : known.layout.presets) row[preset.slot] = preset.word;
  return true;
}

}  // namespace tickwire::decode
