#include "decode/sbe_steps.h"

#include <algorithm>
#include <utility>

#include "decode/row_batch.h"

namespace tickwire::decode {
namespace {

class StepMaker {
 public:
  StepMaker(const SbeShape& shape, const Shape& layout) : shape_(shape), layout_(layout) {}

  SbeSteps make() {
    uint32_t words = kRowHeaderWords;
    made_.fill = true;
    for (size_t i = 0; i < layout_.fields.size(); ++i) {
      const Field& field = layout_.fields[i];
      SbeStep step = step_of(field, shape_.sources[i]);
      step.slot = field.slot;
      step.field = static_cast<uint16_t>(i);
      step.key = layout_.key_field == static_cast<int32_t>(i);
      words += step.kind == SbeStep::Kind::kDecimal ? 2 : 1;
      if (step.kind == SbeStep::Kind::kField) made_.fill = false;
      made_.steps.push_back(step);
    }
    made_.fill = made_.fill && words == layout_.words;
    return std::move(made_);
  }

 private:
  // Has to be there, and has no null.
  [[nodiscard]] static bool is_plain(const SbeBlockNumber& from) noexcept {
    return !from.nullable && !from.number.is_float();
  }
  [[nodiscard]] static bool is_within_int64(const SbeNumber& number) noexcept {
    return number.is_signed() || sbe_size(number.type) < 8;
  }

  void needs(const SbeBlockNumber& from) {
    uint64_t& bytes = from.in_each ? made_.each_bytes : made_.root_bytes;
    bytes = std::max<uint64_t>(bytes, from.number.end());
    made_.version = std::max<uint64_t>(made_.version, from.since);
  }

  SbeStep step_of(const Field& field, const SbeSource& source) {
    SbeStep step;
    if (field.optional) return step;
    if (source.from == SbeSource::From::kData && field.type == FieldType::kSymbol) {
      step.kind = SbeStep::Kind::kSymbol;
      step.in_each = source.in_each;
      step.index = source.index;
      return step;
    }
    if (source.from != SbeSource::From::kNumber || !is_plain(source.number.mantissa)) return step;
    const SbeScaled& from = source.number;
    if (!is_within_int64(from.mantissa.number)) return step;
    if (field.type == FieldType::kInt64) {
      step.kind = SbeStep::Kind::kWord;
    } else if (field.type == FieldType::kNumber || field.type == FieldType::kDecimal) {
      if (from.exponent != SbeScaled::Exponent::kRead || !is_plain(from.read) || !from.read.number.is_signed()) {
        return step;
      }
      step.kind = field.type == FieldType::kNumber ? SbeStep::Kind::kScaled : SbeStep::Kind::kDecimal;
      step.exponent = from.read.number;
      step.exponent_in_each = from.read.in_each;
      needs(from.read);
    } else {
      return step;
    }
    step.in_each = from.mantissa.in_each;
    step.number = from.mantissa.number;
    needs(from.mantissa);
    return step;
  }

  const SbeShape& shape_;
  const Shape& layout_;
  SbeSteps made_;
};

}  // namespace

SbeSteps make_sbe_steps(const SbeShape& shape, const Shape& layout) { return StepMaker(shape, layout).make(); }

}  // namespace tickwire::decode
