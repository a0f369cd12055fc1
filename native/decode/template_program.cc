#include "decode/template_program.h"

#include <algorithm>
#include <span>
#include <string_view>

namespace tickwire::decode {
namespace {

constexpr OpKind op_of(StepKind kind) noexcept {
  switch (kind) {
    case StepKind::kEnd:
      return OpKind::kEnd;
    case StepKind::kNumber:
      return OpKind::kNumber;
    case StepKind::kInt64:
      return OpKind::kInt64;
    case StepKind::kDecimal:
      return OpKind::kDecimal;
    case StepKind::kBool:
      return OpKind::kBool;
    case StepKind::kSymbol:
      return OpKind::kSymbol;
    case StepKind::kSymbolNumber:
      return OpKind::kSymbolNumber;
    case StepKind::kText:
      return OpKind::kText;
    case StepKind::kTextRaw:
      return OpKind::kTextRaw;
    case StepKind::kLevels:
      return OpKind::kLevels;
    case StepKind::kSkipString:
      return OpKind::kSkipString;
    case StepKind::kSkipNumber:
      return OpKind::kSkipNumber;
    case StepKind::kSkipBool:
      return OpKind::kSkipBool;
    case StepKind::kSkipValue:
      return OpKind::kSkipValue;
    case StepKind::kArrayTail:
      return OpKind::kArrayTail;
    case StepKind::kSelect:
      return OpKind::kSelect;
    case StepKind::kEach:
      return OpKind::kEach;
  }
  return OpKind::kEnd;
}

Op with_literal(std::string_view literal) noexcept {
  Op op{};
  std::copy_n(literal.data(), literal.size(), op.literal);
  op.length = static_cast<uint8_t>(literal.size());
  op.wanted = literal.size() == Op::kLiteralBytes ? UINT32_MAX : (uint32_t{1} << literal.size()) - 1;
  op.field = -1;
  return op;
}

#if defined(__AVX2__)
// Whether `step` and `next` are two numbers in quotes that can be read in one go.
bool make_two(const Template& made, const Step& step, const Step& next) noexcept {
  const auto plain = [](const Step& s) { return s.kind == StepKind::kNumber && !s.rewind && !s.root; };
  if (!plain(step) || !plain(next) || !made.literal(step).ends_with('"')) return false;
  const std::string_view between = made.literal(next);
  return between.size() > 1 && between.size() <= Op::kBetweenBytes && between.starts_with('"') &&
         between.ends_with('"');
}
#else
bool make_two(const Template&, const Step&, const Step&) noexcept { return false; }
#endif

std::vector<Op> compile(const Template& made, std::span<const Step> steps) {
  std::vector<Op> ops;
  ops.reserve(steps.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    std::string_view literal = made.literal(step);
    for (; literal.size() > Op::kLiteralBytes; literal.remove_prefix(Op::kLiteralBytes)) {
      ops.push_back(with_literal(literal.substr(0, Op::kLiteralBytes)));
      ops.back().kind = OpKind::kLiteral;
    }
    Op op = with_literal(literal);
    op.kind = op_of(step.kind);
    op.rewind = step.rewind;
    op.root = step.root;
    op.key = step.key;
    op.slot = step.slot;
    op.field = step.field;
    op.depth = static_cast<uint16_t>(step.depth);
    if (i + 1 < steps.size() && make_two(made, step, steps[i + 1])) {
      const Step& next = steps[++i];
      const std::string_view between = made.literal(next);
      op.kind = OpKind::kTwoNumbers;
      std::memcpy(op.between, between.data(), between.size());
      op.between_length = static_cast<uint8_t>(between.size());
      op.between_wanted = static_cast<uint16_t>((uint32_t{1} << between.size()) - 1);
      op.second_slot = next.slot;
    }
    ops.push_back(op);
  }
  return ops;
}

}  // namespace

Program::Program(const Template& made) : steps_(compile(made, made.steps)), element_(compile(made, made.element)) {}

}  // namespace tickwire::decode
