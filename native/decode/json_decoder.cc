// The two engines for JSON behind one Decoder.
#include <memory>
#include <optional>
#include <utility>

#include "decode/decoder.h"
#include "decode/json_general.h"
#include "decode/row_writer.h"
#include "decode/shape_selector.h"
#include "decode/template_engine.h"
#include "decode/template_learner.h"

namespace tickwire::decode {
namespace {

class JsonDecoder final : public Decoder {
 public:
  JsonDecoder(Schema schema, SymbolTable& symbols, JsonEngines engines)
      : schema_(std::move(schema)),
        selector_(schema_),
        writer_(symbols),
        general_(schema_, selector_, writer_),
        templates_(schema_, selector_, writer_),
        learner_(schema_, general_),
        use_templates_(engines == JsonEngines::kBoth) {}

  DecodeOutcome decode(std::span<const uint8_t> message, bool binary, RowBatch& out) override {
    if (use_templates_ && !binary) [[likely]] {
      if (const DecodeOutcome* const outcome = templates_.decode_at_once(message, out)) [[likely]]
        return *outcome;
    }
    return decode_any(message, binary, out);
  }

 private:
  // Kept out of decode(), which is to need few registers.
  [[gnu::noinline]] DecodeOutcome decode_any(std::span<const uint8_t> message, bool binary, RowBatch& out) {
    if (use_templates_ && !binary) [[likely]] {
      const TemplateEngine::Hit hit = templates_.decode(message, out);
      if (hit.fits) [[likely]]
        return {.ignored = hit.ignored, .shape = hit.shape, .cut_levels = hit.cut_levels};
    }
    return decode_generally(message, binary, out);
  }
  [[gnu::noinline]] DecodeOutcome decode_generally(std::span<const uint8_t> message, bool binary, RowBatch& out) {
    if (binary || message.empty()) [[unlikely]] {
      DecodeOutcome outcome;
      outcome.ok = false;
      outcome.why = binary ? Malformed::kNotText : Malformed::kTruncated;
      return outcome;
    }
    const DecodeOutcome outcome = general_.decode(message, out);
    if (use_templates_ && outcome.ok && templates_.wants_to_learn()) {
      if (std::optional<Template> made = learner_.learn(message)) templates_.add(std::move(*made));
    }
    return outcome;
  }

  const Schema schema_;
  const ShapeSelector selector_;
  RowWriter writer_;
  GeneralEngine general_;
  TemplateEngine templates_;
  TemplateLearner learner_;
  const bool use_templates_;
};

}  // namespace

std::unique_ptr<Decoder> make_json_decoder(Schema schema, SymbolTable& symbols, JsonEngines engines) {
  return std::make_unique<JsonDecoder>(std::move(schema), symbols, engines);
}

}  // namespace tickwire::decode
