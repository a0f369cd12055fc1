// A layout in which the length of every value is known, too, so that each byte of a message has its place. Messages of
// one stream have few of them: prices and sizes have as many digits as the last ones had. All of a message is then
// compared at once, and no value waits for the end of the one in front of it.
#pragma once
#if defined(__AVX2__)
#include <cstddef>
#include <cstdint>

#include "decode/decoder.h"

namespace tickwire::decode {

// Lies in memory with what belongs to it behind it, in the order in which it is used: checks, numbers, names, presets.
// stencil_maker.h makes it, stencil_run.h applies it.
struct alignas(64) Stencil {
  static constexpr size_t kMaxBytes = 512;  // of a message
  static constexpr size_t kChunk = 64;

  // Byte i of a message must be within `low` and `low + span`: one byte for a literal, '0' to '9' for a digit, anything
  // behind the message's end.
  struct Chunk {
    uint8_t low[kChunk];
    uint8_t span[kChunk];
  };
  // Four numbers. Order of `divisor` and `slot`: first, third, second, fourth, as FourDecimals gives them.
  struct alignas(64) Four {
    uint8_t shuffle[4][16];
    double divisor[4];  // negative for a number behind a minus
    uint16_t at[4];
    uint16_t slot[4];
  };
  struct One {
    uint8_t shuffle[16];
    double divisor;
    uint16_t at;
    uint16_t slot;
  };
  struct Name {        // a symbol or a text
    uint64_t keep[2];  // which bits of 16 bytes from `at` are the name's, if it is no longer than that
    uint16_t at;
    uint16_t length;
    uint16_t slot;
    bool key;
  };
  struct Preset {  // words that are the same in every row: presence bits, truth values, scales of exact decimals
    uint64_t word;
    uint16_t slot;
  };

  uint16_t size;   // of the message in bytes
  uint16_t words;  // of a row's fixed part; 0: no shape wants such messages
  uint8_t chunks;
  bool has_free_text;  // bytes of strings that may be anything but a quote or a backslash
  uint32_t origin;     // the template of which it was made
  DecodeOutcome outcome;
  // Where each kind of value ends, in bytes from here; the next kind begins there, the first one behind the checks.
  uint16_t four_doubles_end;
  uint16_t four_integers_end;
  uint16_t one_doubles_end;
  uint16_t one_integers_end;
  uint16_t symbols_end;
  uint16_t texts_end;
  uint16_t presets_end;

  template <class Next>
  [[nodiscard]] const Next* at(size_t offset) const noexcept {
    return reinterpret_cast<const Next*>(reinterpret_cast<const uint8_t*>(this) + offset);
  }
  [[nodiscard]] const Chunk* checks() const noexcept { return at<Chunk>(sizeof(Stencil)); }
  [[nodiscard]] size_t checks_end() const noexcept { return sizeof(Stencil) + chunks * sizeof(Chunk); }
};
static_assert(sizeof(Stencil) == 64 && sizeof(Stencil::Chunk) == 128 && sizeof(Stencil::Four) == 128);
static_assert(sizeof(Stencil::One) == 32 && sizeof(Stencil::Name) == 24 && sizeof(Stencil::Preset) == 16);

}  // namespace tickwire::decode
#endif
