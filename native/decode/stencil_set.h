// Which stencil a message may fit, by where its marks stand: the bytes below '0', which are quotes, commas, points and
// the like.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "decode/json_template.h"

#if defined(__AVX2__)
#include <immintrin.h>

#include "decode/stencil.h"
#include "decode/stencil_maker.h"
#endif

namespace tickwire::decode {

#if defined(__AVX2__)
class StencilSet {
 public:
  // The one to try. 64 bytes behind the message must be loadable.
  [[nodiscard]] const Stencil* find(std::span<const uint8_t> message) noexcept {
    signature_ = 0;
    if (message.size() - 1 >= Stencil::kMaxBytes || pause_ != 0) [[unlikely]]  // nothing, too
      return rest();
    signature_ = signature_of(message);
    const Entry* const pair = entries_ + slot_of(signature_);
    const auto tag = static_cast<uint32_t>(signature_);
    if (pair[0].tag == tag && pair[0].at != 0) [[likely]]
      return stencil_at(pair[0].at);
    return pair[1].tag == tag && pair[1].at != 0 ? stencil_at(pair[1].at) : nullptr;
  }
  // The one that find() gave took the message.
  void hit() noexcept { ++hits_; }
  // The template `layout`, `origin` among its likes, took the message that find() was last asked about.
  void missed(const Template& layout, std::span<const uint8_t> message, uint32_t origin);
  // This number is of another template from now on.
  void forget(uint32_t origin) noexcept;
  // Whether it looks at no message for the time being.
  [[nodiscard]] bool resting() const noexcept { return pause_ != 0; }

 private:
  static constexpr uint32_t kSetBits = 8;
  static constexpr size_t kEntries = size_t{2} << kSetBits;
  // What all stencils may take; when it is full, all begin anew.
  static constexpr size_t kArena = 256u << 10;
  // A layout that came this often without another in its place is worth a stencil.
  static constexpr uint8_t kSightings = 4;
  // Misses after which is asked whether this helps at all, and messages for which it then rests.
  static constexpr uint32_t kTrial = 1024;
  static constexpr uint32_t kRest = 16 * kTrial;
  // Making one costs as much as a hundred messages.
  static constexpr uint32_t kCost = 128;
  static constexpr uint32_t kMaxCredit = 32 * kCost;

  struct Entry {
    uint32_t tag;
    uint32_t at;  // in the arena, in units of 64 bytes, from 1; 0: none yet
  };
  struct alignas(64) Line {
    uint8_t bytes[64];
  };

  [[nodiscard]] static uint64_t signature_of(std::span<const uint8_t> message) noexcept {
    const __m256i zero = _mm256_set1_epi8('0');
    uint64_t hash = message.size();
    const auto marks = [&](const uint8_t* at) {
      const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
      return uint64_t{static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpgt_epi8(zero, text)))};
    };
    const uint8_t* at = message.data();
    size_t left = message.size();
    for (;; at += 64, left -= 64) {
      const uint64_t all = marks(at) | marks(at + 32) << 32;
      if (left < 64) {
        hash = (hash ^ (all & ((uint64_t{1} << left) - 1))) * 0x9E3779B97F4A7C15u;
        return hash ^ hash >> 32;
      }
      hash = (hash ^ all) * 0x9E3779B97F4A7C15u;
    }
  }
  [[nodiscard]] static size_t slot_of(uint64_t signature) noexcept { return (signature >> (64 - kSetBits)) * 2; }
  [[nodiscard]] const Stencil* stencil_at(uint32_t at) const noexcept {
    return reinterpret_cast<const Stencil*>(arena_.get() + at);
  }
  [[nodiscard]] const Stencil* rest() noexcept;
  void take_stock() noexcept;
  void make(const Template& layout, std::span<const uint8_t> message, uint32_t origin, size_t entry, bool free_text);

  alignas(64) Entry entries_[kEntries] = {};
  uint8_t sightings_[kEntries] = {};
  uint64_t signature_ = 0;  // of the message at hand; 0: not asked
  uint32_t hits_ = 0;       // since stock was taken last, as misses_
  uint32_t misses_ = 0;
  uint32_t pause_ = 0;
  uint32_t credit_ = kMaxCredit;
  uint32_t used_ = 1;  // of the arena, in units; the first is not used
  std::unique_ptr<Line[]> arena_;
  StencilMaker maker_;
};
#else
// Pays with wide registers only.
class StencilSet {
 public:
  void missed(const Template&, std::span<const uint8_t>, uint32_t) noexcept {}
  void forget(uint32_t) noexcept {}
};
#endif

}  // namespace tickwire::decode
