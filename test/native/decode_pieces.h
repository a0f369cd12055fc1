// The JSON decoder's parts by themselves, for tests of what one of them does.
#pragma once
#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/json_general.h"
#include "decode/row_writer.h"
#include "decode/shape_selector.h"
#include "decode/template_engine.h"
#include "decode/template_learner.h"
#include "decode_fixture.h"

namespace tickwire::decode::testing {

inline Schema schema_of(std::string_view description) {
  Result<Schema> schema = compile_schema(description);
  REQUIRE_MESSAGE(schema.ok(), schema.error().text);
  return std::move(schema.value());
}

struct Pieces {
  explicit Pieces(Schema of)
      : schema(std::move(of)),
        selector(schema),
        memory(16'384),
        symbols({reinterpret_cast<uint8_t*>(memory.data()), memory.size() * 8}, 4096),
        writer(symbols),
        general(schema, selector, writer),
        learner(schema, general) {}

  Schema schema;
  ShapeSelector selector;
  std::vector<uint64_t> memory;
  SymbolTable symbols;
  RowWriter writer;
  GeneralEngine general;
  TemplateLearner learner;
  RowBatch batch;
};

// With the engine for known layouts, so that hits can be told from falling back.
struct Engines : Pieces {
  explicit Engines(std::string_view description)
      : Pieces(schema_of(description)), templates(schema, selector, writer) {}

  // False when the layout can't be learned.
  bool learn(std::string_view text) {
    const Padded padded(text);
    batch.clear();
    REQUIRE(general.decode(padded.message(), batch).ok);
    std::optional<Template> made = learner.learn(padded.message());
    if (!made) return false;
    templates.add(std::move(*made));
    return true;
  }
  bool hits(std::string_view text, std::string_view behind = {}) {
    const Padded padded(text, behind);
    batch.clear();
    return templates.decode(padded.message(), batch).fits;
  }

  TemplateEngine templates;
};

}  // namespace tickwire::decode::testing
