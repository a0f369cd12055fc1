#include "decode/template_engine.h"

#include <algorithm>
#include <utility>

namespace tickwire::decode {

TemplateEngine::TemplateEngine(const Schema& schema, const ShapeSelector& selector, RowWriter& writer)
    : schema_(schema), selector_(selector), writer_(writer) {
  known_.reserve(kMaxTemplates);
  root_texts_.reserve(16);
  size_t words = 0;
  for (const Shape& shape : schema.shapes) words = std::max<size_t>(words, shape.words);
  root_cells_.resize(words);
}

bool TemplateEngine::wants_to_learn() noexcept {
  credit_ = std::min(credit_ + 1 + (hits_ - std::exchange(credited_, hits_)), kMaxCredit);
  if (credit_ < kLearnCost) return false;
  credit_ -= kLearnCost;
  return true;
}

void TemplateEngine::add(Template&& made) {
  Known fresh(std::move(made));
  size_t at = known_.size();
  if (known_.size() < kMaxTemplates) {
    known_.push_back(std::move(fresh));
  } else {
    at = static_cast<size_t>(std::min_element(std::begin(used_), std::end(used_)) - std::begin(used_));
    known_[at] = std::move(fresh);
    stencils_.forget(static_cast<uint32_t>(at));
  }
  used_[at] = ++hits_;
  known_[at].follower = static_cast<uint32_t>(at);
  clue_.look_for(known_);
}

void TemplateEngine::Clue::look_for(std::span<const Known> known) {
  // Only bytes that are literal in all of them.
  uint32_t common = Op::kLiteralBytes;
  for (const Known& each : known) common = std::min<uint32_t>(common, each.program.first().length);
  uint32_t best = 0;
  for (uint32_t at = 0; at == 0 || at + 4 <= common; ++at) {
    const uint32_t count = std::min(8u, common - at);
    Clue tried;
    tried.at_ = at;
    tried.mask_ = count == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * count)) - 1;
    std::fill(std::begin(tried.table_), std::end(tried.table_), kNone);
    // How often each slot is hit; what several layouts share says nothing.
    uint32_t hits[size_t{1} << kBits] = {};
    for (uint32_t i = 0; i < known.size(); ++i) {
      const size_t slot = tried.slot_of(known[i].program.first().literal);
      tried.table_[slot] = ++hits[slot] == 1 ? i : kNone;
    }
    const auto single = static_cast<uint32_t>(std::count(std::begin(hits), std::end(hits), 1u));
    if (at != 0 && single <= best) continue;
    best = single;
    *this = tried;
  }
}

TemplateEngine::Hit TemplateEngine::decode(std::span<const uint8_t> message, RowBatch& out) {
  if (known_.empty()) [[unlikely]]
    return {};
  begin_ = message.data();
  end_ = begin_ + message.size();
  size_t guess = clue_.guess(begin_);
  if (guess == Clue::kNone) [[unlikely]] {
    // Streams repeat themselves: the one that followed last time is the best guess.
    guess = known_[current_].follower;
    if (!attempt(known_[guess], out)) return search(message, out, guess);
    follow(guess);
  } else if (!attempt(known_[guess], out)) [[unlikely]] {
    return search(message, out, guess);
  }
  stencils_.missed(known_[guess].layout, message, static_cast<uint32_t>(guess));
  return hit(guess);
}

void TemplateEngine::follow(size_t at) noexcept {
  known_[current_].follower = static_cast<uint32_t>(at);
  current_ = at;
}

TemplateEngine::Hit TemplateEngine::search(std::span<const uint8_t> message, RowBatch& out, size_t tried) {
  size_t wasted = static_cast<size_t>(reached_ - begin_);
  out.clear();
  for (size_t at = 0; at < known_.size() && wasted <= kWastedBytes; ++at) {
    if (at == tried || !first_literal_fits(known_[at], message)) continue;
    if (attempt(known_[at], out)) {
      follow(at);
      stencils_.missed(known_[at].layout, message, static_cast<uint32_t>(at));
      return hit(at);
    }
    wasted += static_cast<size_t>(reached_ - begin_);
    out.clear();
  }
  return {};
}

bool TemplateEngine::first_literal_fits(const Known& known, std::span<const uint8_t> message) const noexcept {
  const Op& op = known.program.first();
  return op.length <= message.size() && op.literal_fits(message.data());
}

inline bool TemplateEngine::attempt(Known& known, RowBatch& out) {
  cut_levels_ = 0;
  reached_ = begin_;
  writer_.start(out);
  if (known.layout.many_rows || known.words == 0) [[unlikely]]
    return attempt_rows(known);
  if (!open_row(known)) [[unlikely]]
    return false;
  if (run(known, known.program.steps(), begin_, writer_.row()) != end_) return false;
  writer_.end_row(static_cast<uint8_t>(known.layout.shape_index));
  return writer_.finish();
}

// Several rows, or none.
bool TemplateEngine::attempt_rows(Known& known) {
  root_texts_.clear();
  if (run(known, known.program.steps(), begin_, root_cells_.data()) != end_) return false;
  for (const uint16_t slot : known.layout.root_slots) writer_.root_word(slot, root_cells_[slot]);
  return writer_.finish();
}

}  // namespace tickwire::decode
