#include "decode/stencil_maker.h"

#if defined(__AVX2__)
#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include "decode/json_text.h"
#include "decode/number.h"

namespace tickwire::decode {
namespace {

// 16 bytes of text to sixteen digits, the point left out.
void set_shuffle(uint8_t (&shuffle)[16], uint32_t length, uint32_t point) noexcept {
  const uint32_t digits = point < length ? length - 1 : length;
  const uint32_t pad = 16 - digits;
  for (uint32_t lane = 0; lane < 16; ++lane) {
    const uint32_t digit = lane - pad;
    shuffle[lane] = static_cast<uint8_t>(lane < pad ? 0x80 : digit + (digit >= point ? 1 : 0));
  }
}

double divisor_of(uint32_t length, uint32_t point, bool negative) noexcept {
  double divisor = negative ? -1 : 1;
  for (uint32_t i = point + 1; i < length; ++i) divisor *= 10;
  return divisor;
}

Stencil::Name name_of(size_t at, size_t length, const Step& step) noexcept {
  Stencil::Name made{.keep = {},
                     .at = static_cast<uint16_t>(at),
                     .length = static_cast<uint16_t>(length),
                     .slot = step.slot,
                     .key = step.key};
  for (size_t byte = 0; byte < std::min<size_t>(length, 16); ++byte) {
    made.keep[byte / 8] |= uint64_t{0xFF} << (byte % 8 * 8);
  }
  return made;
}

bool is_digit(uint8_t c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace

bool StencilMaker::make(const Template& layout, std::span<const uint8_t> message, uint32_t origin, bool free_text) {
  if (layout.many_rows || message.size() > Stencil::kMaxBytes) return false;
  message_ = message;
  at_ = 0;
  head_ = {};
  head_.size = static_cast<uint16_t>(message.size());
  head_.origin = origin;
  head_.has_free_text = free_text;
  head_.chunks = static_cast<uint8_t>((message.size() + Stencil::kChunk - 1) / Stencil::kChunk);
  if (layout.shape != nullptr) {
    head_.words = layout.shape->words;
    head_.outcome.shape = static_cast<uint8_t>(layout.shape_index);
  }
  head_.outcome.ignored = head_.words == 0;
  low_.assign(head_.chunks * Stencil::kChunk, 0);
  high_.assign(low_.size(), 0xFF);
  doubles_.clear();
  integers_.clear();
  symbols_.clear();
  texts_.clear();
  presets_.clear();
  for (const Template::Preset& preset : layout.presets) presets_.push_back({preset.word, preset.slot});
  for (const Step& each : layout.steps) {
    if (!step(layout, each)) return false;
  }
  if (at_ != message.size()) return false;
  if (free_text && std::find(message.begin(), message.end(), '\\') != message.end()) return false;
  size_t end = head_.checks_end();
  const auto behind = [&end](size_t bytes) { return static_cast<uint16_t>(end += bytes); };
  head_.four_doubles_end = behind(fours_of(doubles_.size()) * sizeof(Stencil::Four));
  head_.four_integers_end = behind(fours_of(integers_.size()) * sizeof(Stencil::Four));
  head_.one_doubles_end = behind(ones_of(doubles_.size()) * sizeof(Stencil::One));
  head_.one_integers_end = behind(ones_of(integers_.size()) * sizeof(Stencil::One));
  head_.symbols_end = behind(symbols_.size() * sizeof(Stencil::Name));
  head_.texts_end = behind(texts_.size() * sizeof(Stencil::Name));
  head_.presets_end = behind(presets_.size() * sizeof(Stencil::Preset));
  return end <= UINT16_MAX;
}

void StencilMaker::within(size_t at, uint8_t low, uint8_t high) noexcept {
  // A value may be read by two fields: then what holds for both holds.
  low_[at] = std::max(low_[at], low);
  high_[at] = std::min(high_[at], high);
}

void StencilMaker::literal(size_t begin, size_t end) noexcept {
  for (size_t i = begin; i < end; ++i) within(i, message_[i], message_[i]);
}

bool StencilMaker::step(const Template& layout, const Step& step) {
  const std::string_view before = layout.literal(step);
  if (before.size() > message_.size() - at_) return false;
  literal(at_, at_ + before.size());
  at_ += before.size();
  const size_t value = at_;
  bool good = false;
  switch (step.kind) {
    case StepKind::kEnd:
      return at_ == message_.size();
    case StepKind::kNumber:
    case StepKind::kInt64:
    case StepKind::kDecimal:
    case StepKind::kSymbolNumber:
    case StepKind::kSkipNumber:
      good = number(step);
      break;
    case StepKind::kBool:
    case StepKind::kSkipBool:
      good = truth(step);
      break;
    case StepKind::kSymbol:
    case StepKind::kText:
    case StepKind::kSelect:
      good = text(step, false);
      break;
    case StepKind::kSkipString:
      good = text(step, head_.has_free_text);
      break;
    case StepKind::kTextRaw:
    case StepKind::kLevels:
    case StepKind::kSkipValue:
    case StepKind::kArrayTail:
    case StepKind::kEach:
      return false;
  }
  if (step.rewind) at_ = value;
  return good;
}

bool StencilMaker::number(const Step& step) {
  const uint8_t* const begin = message_.data() + at_;
  const uint8_t* const end = message_.data() + message_.size();
  const uint8_t* const after = skip_number(begin, end);
  if (after == nullptr) return false;
  const std::string_view text(reinterpret_cast<const char*>(begin), static_cast<size_t>(after - begin));
  const bool negative = text.front() == '-';
  const size_t digits_at = at_ + (negative ? 1 : 0);
  const std::string_view digits = text.substr(negative ? 1 : 0);
  // Any digits in their places are such a number, but for a zero in front of others.
  const size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  for (size_t i = at_; i < at_ + text.size(); ++i) {
    if (is_digit(message_[i])) {
      within(i, i == digits_at && whole > 1 ? '1' : '0', '9');
    } else {
      literal(i, i + 1);
    }
  }
  const size_t at = at_;
  at_ += text.size();
  if (step.kind == StepKind::kSkipNumber) return true;
  if (step.kind == StepKind::kSymbolNumber) {
    if (text.size() > kMaxSymbol) return false;
    symbols_.push_back(name_of(at, text.size(), step));
    return true;
  }
  const bool has_point = whole < digits.size() && digits[whole] == '.';
  const bool has_exponent = digits.find_first_of("eE") != digits.npos;
  if (has_exponent || digits.size() > (step.kind == StepKind::kNumber ? 15u : 16u)) return false;
  const Number made{.at = static_cast<uint16_t>(digits_at),
                    .slot = step.slot,
                    .length = static_cast<uint8_t>(digits.size()),
                    .point = static_cast<uint8_t>(whole),
                    .negative = negative};
  if (step.kind == StepKind::kNumber) {
    doubles_.push_back(made);
    return true;
  }
  if (negative || (has_point && step.kind == StepKind::kInt64)) return false;
  integers_.push_back(made);
  if (step.kind == StepKind::kDecimal) {
    presets_.push_back({has_point ? digits.size() - whole - 1 : 0, static_cast<uint16_t>(step.slot + 1)});
  }
  return true;
}

bool StencilMaker::truth(const Step& step) {
  const size_t length = message_[at_] == 't' ? 4 : 5;
  if (length > message_.size() - at_) return false;
  literal(at_, at_ + length);
  at_ += length;
  if (step.kind == StepKind::kBool) presets_.push_back({std::bit_cast<uint64_t>(length == 4 ? 1.0 : 0.0), step.slot});
  return true;
}

bool StencilMaker::text(const Step& step, bool any) {
  const uint8_t* const begin = message_.data() + at_;
  const uint8_t* const end = message_.data() + message_.size();
  const uint8_t* const after = plain_text_end(begin, end);
  if (after >= end || *after != '"') return false;
  const size_t at = at_;
  const auto length = static_cast<size_t>(after - begin);
  at_ += length;
  if (step.kind == StepKind::kSelect) {
    literal(at, at_);
    return true;
  }
  // On either side of the backslash: names keep to capitals and digits, or to small letters, place by place. What
  // stands below them (points, dashes) is told by the signature, as it belongs to the layout.
  for (size_t i = at; i < at_; ++i) {
    const uint8_t c = message_[i];
    if (c < '0' || c > 0x7F) {
      literal(i, i + 1);
    } else if (any) {
      within(i, '0', 0x7F);
    } else {
      within(i, c < '\\' ? '0' : '\\' + 1, c < '\\' ? '\\' - 1 : 0x7F);
    }
  }
  if (step.kind == StepKind::kSkipString) return true;
  if (step.kind == StepKind::kSymbol && length > kMaxSymbol) return false;
  (step.kind == StepKind::kSymbol ? symbols_ : texts_).push_back(name_of(at, length, step));
  return true;
}

void StencilMaker::write(uint8_t* to) const noexcept {
  const auto put = [&to](const auto& value) {
    std::memcpy(to, &value, sizeof value);
    to += sizeof value;
  };
  put(head_);
  for (size_t chunk = 0; chunk < head_.chunks; ++chunk) {
    Stencil::Chunk made;
    for (size_t i = 0; i < Stencil::kChunk; ++i) {
      const size_t at = chunk * Stencil::kChunk + i;
      made.low[i] = low_[at];
      made.span[i] = static_cast<uint8_t>(high_[at] - low_[at]);
    }
    put(made);
  }
  const auto put_fours = [&](const std::vector<Number>& numbers) {
    for (size_t i = 0; i < fours_of(numbers.size()); ++i) {
      // By slots in the order in which values come out: they mostly lie side by side there.
      static constexpr size_t kComesOut[4] = {0, 2, 1, 3};
      Stencil::Four made{};
      for (size_t lane = 0; lane < 4; ++lane) {
        // Where fewer are left the last one is read again.
        const Number& number = numbers[std::min(4 * i + kComesOut[lane], numbers.size() - 1)];
        set_shuffle(made.shuffle[lane], number.length, number.point);
        made.at[lane] = number.at;
        made.divisor[kComesOut[lane]] = divisor_of(number.length, number.point, number.negative);
        made.slot[kComesOut[lane]] = number.slot;
      }
      put(made);
    }
  };
  put_fours(doubles_);
  put_fours(integers_);
  for (const std::vector<Number>* numbers : {&doubles_, &integers_}) {
    if (ones_of(numbers->size()) == 0) continue;
    const Number& number = numbers->back();
    Stencil::One made{};
    set_shuffle(made.shuffle, number.length, number.point);
    made.divisor = divisor_of(number.length, number.point, number.negative);
    made.at = number.at;
    made.slot = number.slot;
    put(made);
  }
  for (const Stencil::Name& name : symbols_) put(name);
  for (const Stencil::Name& name : texts_) put(name);
  for (const Stencil::Preset& preset : presets_) put(preset);
}

}  // namespace tickwire::decode
#endif
