// Makes a stencil of a message that a template has just taken.
#pragma once
#if defined(__AVX2__)
#include <cstdint>
#include <span>
#include <vector>

#include "decode/json_template.h"
#include "decode/stencil.h"

namespace tickwire::decode {

class StencilMaker {
 public:
  // False when something in the message can't have a fixed place: levels, rows of a list, numbers with an exponent or
  // of more than sixteen digits. With `free_text` strings that nobody wants may be anything of the same length; without
  // they have to look like those of the message. `origin` is handed through.
  [[nodiscard]] bool make(const Template& layout, std::span<const uint8_t> message, uint32_t origin, bool free_text);
  // The memory that what was made needs, to be written to where it is aligned to 64 bytes.
  [[nodiscard]] size_t bytes() const noexcept { return head_.presets_end; }
  void write(uint8_t* to) const noexcept;

 private:
  struct Number {
    uint16_t at;
    uint16_t slot;
    uint8_t length;  // without the sign
    uint8_t point;   // where it stands; `length`: nowhere
    bool negative;
  };
  [[nodiscard]] bool step(const Template& layout, const Step& step);
  [[nodiscard]] bool number(const Step& step);
  [[nodiscard]] bool text(const Step& step, bool any);
  [[nodiscard]] bool truth(const Step& step);
  void literal(size_t begin, size_t end) noexcept;
  void within(size_t at, uint8_t low, uint8_t high) noexcept;
  // How many times numbers are taken together, and whether one is left.
  static size_t fours_of(size_t count) noexcept { return count / 4 + (count % 4 >= 2 ? 1 : 0); }
  static size_t ones_of(size_t count) noexcept { return count % 4 == 1 ? 1 : 0; }

  std::span<const uint8_t> message_;
  size_t at_ = 0;  // where the next step begins
  Stencil head_{};
  std::vector<uint8_t> low_;
  std::vector<uint8_t> high_;
  std::vector<Number> doubles_;
  std::vector<Number> integers_;
  std::vector<Stencil::Name> symbols_;
  std::vector<Stencil::Name> texts_;
  std::vector<Stencil::Preset> presets_;
};

}  // namespace tickwire::decode
#endif
