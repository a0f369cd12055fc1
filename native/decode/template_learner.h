// Makes a template of a message that the general engine has just decoded.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "decode/json_general.h"
#include "decode/json_template.h"

namespace tickwire::decode {

class TemplateLearner {
 public:
  TemplateLearner(const Schema& schema, const GeneralEngine& engine) : schema_(schema), engine_(engine) {}

  // Nothing when this layout can't be told by its bytes alone (a few rare kinds) or would make too long a template.
  [[nodiscard]] std::optional<Template> learn(std::span<const uint8_t> message);

 private:
  struct Mark {
    uint32_t value;
    int16_t field;
  };
  static constexpr size_t kMaxSteps = 1024;
  static constexpr size_t kMaxPool = 32u << 10;
  static constexpr uint32_t kMaxSkippedEntries = 64;  // larger objects that nobody wants are passed over as a whole

  [[nodiscard]] bool mark_paths(const Shape& shape, uint32_t root, Origin origin);
  void mark(const PathResult& at, int16_t field);
  void note_path(uint32_t value);
  [[nodiscard]] bool value(uint32_t at, uint32_t open);
  [[nodiscard]] bool scalar(uint32_t at, uint32_t open);
  [[nodiscard]] bool container(uint32_t at, uint32_t open);
  [[nodiscard]] bool members(uint32_t at, uint32_t open);
  [[nodiscard]] bool elements(uint32_t at, uint32_t open);
  [[nodiscard]] bool each(uint32_t at, uint32_t open);
  [[nodiscard]] bool field_step(uint32_t at, const Mark& mark, bool rewind, uint32_t open);
  [[nodiscard]] bool touched(uint32_t begin, uint32_t end) const noexcept;
  [[nodiscard]] bool is_frozen(uint32_t at) const noexcept;
  void find_presets();
  void step(StepKind kind, uint32_t begin, uint32_t end, bool rewind, const Mark* mark, uint32_t depth);

  const Schema& schema_;
  const GeneralEngine& engine_;
  std::span<const uint8_t> message_;
  Template made_;
  std::vector<Step>* into_ = nullptr;
  uint32_t literal_begin_ = 0;
  bool in_element_ = false;
  bool each_done_ = false;
  uint64_t flags_ = 0;             // presence bits of a row
  std::vector<Mark> marks_;        // fields, by value and field
  std::vector<uint32_t> frozen_;   // containers in which a path found nothing: their layout must not change unseen
  std::vector<uint32_t> on_path_;  // every value that a mark or freeze stands on
  std::vector<Mark> root_marks_;
};

}  // namespace tickwire::decode
