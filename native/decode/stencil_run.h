// Compares a message with a stencil and reads its values. Inline, as it is most of what a message costs.
#pragma once
#include "decode/stencil.h"

#if defined(__AVX2__)
#include <immintrin.h>

#include <bit>
#include <string_view>

#include "decode/four_decimals.h"
#include "decode/json_text.h"
#include "decode/row_batch.h"
#include "decode/symbol_table.h"

namespace tickwire::decode::stencil {

inline __m128i load_16(const uint8_t* from) noexcept { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
inline __m256i load_32(const uint8_t* from) noexcept {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
inline __m256i load_two(const uint8_t* low, const uint8_t* high) noexcept {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(load_16(low)), load_16(high), 1);
}

inline FourDecimals four_of(const Stencil::Four& four, const uint8_t* message) noexcept {
  return {load_two(message + four.at[0], message + four.at[1]), load_32(four.shuffle[0]),
          load_two(message + four.at[2], message + four.at[3]), load_32(four.shuffle[2])};
}

inline void store(__m256d values, const uint16_t (&slot)[4], uint64_t* row) noexcept {
  const __m128d low = _mm256_castpd256_pd128(values);
  const __m128d high = _mm256_extractf128_pd(values, 1);
  _mm_storel_pd(reinterpret_cast<double*>(row + slot[0]), low);
  _mm_storeh_pd(reinterpret_cast<double*>(row + slot[1]), low);
  _mm_storel_pd(reinterpret_cast<double*>(row + slot[2]), high);
  _mm_storeh_pd(reinterpret_cast<double*>(row + slot[3]), high);
}

inline uint64_t integer_of(const Stencil::One& one, const uint8_t* message) noexcept {
  const __m128i values =
      _mm_sub_epi8(load_16(message + one.at), simple_decimal::constant_16(simple_decimal::kConstants.zero_char));
  return simple_decimal::sixteen_digits(_mm_shuffle_epi8(values, load_16(one.shuffle)));
}

template <bool kFreeText>
[[nodiscard]] inline bool matches(const Stencil& stencil, const uint8_t* message) noexcept {
  __m256i wrong = _mm256_setzero_si256();
  const Stencil::Chunk* check = stencil.checks();
  const Stencil::Chunk* const end = stencil.at<Stencil::Chunk>(stencil.checks_end());
  do {
    for (size_t half = 0; half < Stencil::kChunk; half += 32) {
      const __m256i text = load_32(message + half);
      const __m256i span = load_32(check->span + half);
      wrong = _mm256_or_si256(wrong, _mm256_subs_epu8(_mm256_sub_epi8(text, load_32(check->low + half)), span));
      if constexpr (kFreeText) {
        // No backslash is part of the layout, the maker has seen to that; behind the message anything may stand.
        const __m256i behind = _mm256_cmpeq_epi8(span, _mm256_set1_epi8(-1));
        const __m256i slash = _mm256_cmpeq_epi8(text, load_32(kTextConstants.backslash));
        wrong = _mm256_or_si256(wrong, _mm256_andnot_si256(behind, slash));
      }
    }
    message += Stencil::kChunk;
  } while (++check != end);
  return _mm256_testz_si256(wrong, wrong) != 0;
}

// Whether the message is of this layout. 64 bytes behind it may be loaded.
[[nodiscard]] inline bool fits(const Stencil& stencil, std::span<const uint8_t> message) noexcept {
  // Behind its end anything may stand, so that a longer one could fit, too.
  if (message.size() != stencil.size) [[unlikely]]
    return false;
  return stencil.has_free_text ? matches<true>(stencil, message.data()) : matches<false>(stencil, message.data());
}

// What is of no fixed size comes last, as the row may move.
[[nodiscard, gnu::noinline]] inline bool add_texts(const Stencil& stencil, const uint8_t* message,
                                                   const Stencil::Name* text, uint32_t key, RowBatch& out) {
  out.taken(stencil.words);
  for (const auto* const end = stencil.at<Stencil::Name>(stencil.texts_end); text != end; ++text) {
    if (out.add_text(text->slot, {reinterpret_cast<const char*>(message + text->at), text->length}) == nullptr) {
      return false;
    }
  }
  out.commit(stencil.outcome.shape, key);
  return true;
}

// The row of a message that fits. False when it found no room, or a symbol is new; what `out` holds is of no meaning
// then.
[[nodiscard, gnu::always_inline]] inline bool apply(const Stencil& stencil, const uint8_t* message,
                                                    const SymbolTable& symbols, RowBatch& out) {
  if (stencil.words == 0) return true;
  uint64_t* const row = out.next(stencil.words);
  if (row == nullptr) [[unlikely]]
    return false;
  const Stencil::Four* four = stencil.at<Stencil::Four>(stencil.checks_end());
  for (const auto* const end = stencil.at<Stencil::Four>(stencil.four_doubles_end); four != end; ++four) {
    store(_mm256_div_pd(four_of(*four, message).integers(), _mm256_load_pd(four->divisor)), four->slot, row);
  }
  for (const auto* const end = stencil.at<Stencil::Four>(stencil.four_integers_end); four != end; ++four) {
    store(_mm256_castsi256_pd(four_of(*four, message).mantissas()), four->slot, row);
  }
  const Stencil::One* one = stencil.at<Stencil::One>(stencil.four_integers_end);
  for (const auto* const end = stencil.at<Stencil::One>(stencil.one_doubles_end); one != end; ++one) {
    const double value = static_cast<double>(static_cast<int64_t>(integer_of(*one, message))) / one->divisor;
    row[one->slot] = std::bit_cast<uint64_t>(value);
  }
  for (const auto* const end = stencil.at<Stencil::One>(stencil.one_integers_end); one != end; ++one) {
    row[one->slot] = integer_of(*one, message);
  }
  uint32_t key = RowBatch::kNoKey;
  const Stencil::Name* name = stencil.at<Stencil::Name>(stencil.one_integers_end);
  for (const auto* const end = stencil.at<Stencil::Name>(stencil.symbols_end); name != end; ++name) {
    const uint32_t id = symbols.find(message + name->at, name->length, name->keep);
    if (id == SymbolTable::kFull) [[unlikely]]
      return false;
    row[name->slot] = id;
    key = name->key ? id : key;
  }
  const Stencil::Preset* preset = stencil.at<Stencil::Preset>(stencil.texts_end);
  for (const auto* const end = stencil.at<Stencil::Preset>(stencil.presets_end); preset != end; ++preset) {
    row[preset->slot] = preset->word;
  }
  const auto* const texts_end = stencil.at<Stencil::Name>(stencil.texts_end);
  if (name == texts_end) [[likely]] {
    out.commit(stencil.words, stencil.outcome.shape, key);
    return true;
  }
  return add_texts(stencil, message, name, key, out);
}

}  // namespace tickwire::decode::stencil
#endif
