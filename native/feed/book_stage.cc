#include "feed/book_stage.h"

#include <utility>

namespace tickwire::feed {

// ---- rows
// ------------------------------------------------------------------------------------------------------------------------

BookRows::BookRows(const decode::Shape& shape, const decode::SymbolTable& symbols)
    : role_(*shape.book),
      symbols_(symbols),
      flags_slot_(shape.flags_slot),
      group_slot_(shape.group_slot),
      has_orders_(role_.bids >= 0 && shape.fields[static_cast<size_t>(role_.bids)].type == decode::FieldType::kOrders) {
  for (const decode::Field& field : shape.fields) {
    places_.push_back({field.slot, field.optional ? uint64_t{1} << field.presence_bit : 0});
  }
}

bool BookRows::present(const uint64_t* row, int16_t field) const noexcept {
  if (field < 0) return false;
  const uint64_t bit = places_[static_cast<size_t>(field)].bit;
  return bit == 0 || (row[flags_slot_] & bit) != 0;
}

int64_t BookRows::integer(const uint64_t* row, int16_t field) const noexcept {
  if (!present(row, field)) return book::kAbsent;
  return static_cast<int64_t>(row[places_[static_cast<size_t>(field)].slot]);
}

uint32_t BookRows::symbol_at(const uint64_t* row, int16_t field) const noexcept {
  if (field < 0) return decode::SymbolTable::kFull;
  return static_cast<uint32_t>(row[places_[static_cast<size_t>(field)].slot]);
}

// Texts are compared once; an id stays what it is.
bool BookRows::is(uint32_t symbol, const std::string& text, uint32_t& known) const noexcept {
  if (symbol == known) return true;
  if (known != decode::SymbolTable::kFull || symbols_.text(symbol) != text) return false;
  known = symbol;
  return true;
}

template <class Item>
std::span<const Item> BookRows::items(const uint64_t* row, int16_t field) const noexcept {
  if (!present(row, field)) return {};
  const uint64_t word = row[places_[static_cast<size_t>(field)].slot];
  const auto* const first = reinterpret_cast<const uint8_t*>(row) + (word & UINT32_MAX);
  return {reinterpret_cast<const Item*>(first), static_cast<size_t>(word >> 32)};
}

bool BookRows::is_snapshot(const uint64_t* row) const noexcept {
  return role_.kind == decode::BookRole::Kind::kByField
             ? is(symbol_at(row, role_.kind_field), role_.snapshot, snapshot_id_)
             : role_.kind == decode::BookRole::Kind::kSnapshot;
}

// One level per row: those of one list, instrument and kind that follow each other are one event. The row of an empty
// list is one without levels.
void BookRows::gather(decode::RowBatch& batch, size_t& at) {
  bids_.clear();
  asks_.clear();
  const auto& rows = batch.rows();
  const uint64_t* const first = batch.row_words(rows[at]);
  const uint32_t kind = symbol_at(first, role_.kind_field);
  const uint64_t group = group_slot_ < 0 ? 0 : first[group_slot_];
  if (group >> 32 != 0) {
    ++at;
    return;
  }
  for (; at < rows.size(); ++at) {
    const uint64_t* const row = batch.row_words(rows[at]);
    if (symbol_at(row, role_.symbol) != symbol_ || symbol_at(row, role_.kind_field) != kind) break;
    if (group_slot_ >= 0 && row[group_slot_] != group) break;
    const uint64_t* const price = row + places_[static_cast<size_t>(role_.price)].slot;
    const uint64_t* const size = row + places_[static_cast<size_t>(role_.size)].slot;
    auto& side = is(symbol_at(row, role_.side), role_.bid, bid_id_) ? bids_ : asks_;
    side.push_back({static_cast<int64_t>(price[0]), static_cast<int64_t>(price[1]), static_cast<int64_t>(size[0]),
                    static_cast<int64_t>(size[1])});
  }
}

book::Event BookRows::read(decode::RowBatch& batch, size_t& at) {
  const uint64_t* const row = batch.row_words(batch.rows()[at]);
  symbol_ = symbol_at(row, role_.symbol);
  book::Event event;
  event.kind = is_snapshot(row) ? book::Kind::kSnapshot : book::Kind::kDelta;
  event.first_id = integer(row, role_.first_id);
  event.last_id = integer(row, role_.last_id);
  event.prev_id = integer(row, role_.prev_id);
  event.checksum = integer(row, role_.checksum);
  if (role_.side >= 0) {
    gather(batch, at);
    event.bids = bids_;
    event.asks = asks_;
  } else {
    event.bids = items<book::RowLevel>(row, role_.bids);
    event.asks = items<book::RowLevel>(row, role_.asks);
    ++at;
  }
  return event;
}

book::OrderEvent BookRows::read_orders(const uint64_t* row) {
  symbol_ = symbol_at(row, role_.symbol);
  return {is_snapshot(row) ? book::Kind::kSnapshot : book::Kind::kDelta, integer(row, role_.checksum),
          items<book::OrderChange>(row, role_.bids), items<book::OrderChange>(row, role_.asks)};
}

// ---- stage
// -----------------------------------------------------------------------------------------------------------------------

BookStage::BookStage(std::shared_ptr<BookSet> books, const decode::Schema& schema, bool also_rows, uint16_t feed)
    : books_(std::move(books)),
      selector_(schema.cases.empty() ? std::nullopt : std::optional<decode::ShapeSelector>(schema)),
      source_(feed) {
  for (const decode::Shape& shape : schema.shapes) {
    Shape& made = shapes_.emplace_back();
    if (!shape.book) continue;
    made.rows.emplace(shape, books_->channel().symbols());
    has_events_ = has_events_ || made.rows->has_events();
    // Rows with a number alone are of a shape that has it besides its own purpose, or has no other.
    made.keeps = made.rows->has_events() ? !also_rows : shape.fields.size() == 1;
  }
}

BookStage::~BookStage() {
  if (attached_) books_->detach(source_);
}

void BookStage::connected() {
  if (!has_events_) return;
  if (!attached_) books_->attach(source_);
  attached_ = true;
  books_->connected(source_);
}

void BookStage::disconnected() {
  if (attached_) books_->disconnected(source_);
}

// Strings of a text that need not be JSON as a whole. Those with escapes are nobody's names.
void strings_of(std::span<const uint8_t> message, std::vector<std::string_view>& out) {
  constexpr size_t kMost = 4096;
  const std::string_view text(reinterpret_cast<const char*>(message.data()), message.size());
  out.clear();
  size_t open = text.find('"');
  while (open != std::string_view::npos && out.size() < kMost) {
    const size_t close = text.find('"', open + 1);
    if (close == std::string_view::npos) break;
    out.push_back(text.substr(open + 1, close - open - 1));
    open = text.find('"', close + 1);
  }
}

// Whether what is left of a message speaks for a shape of book events, or at least for no other. Its strings are in
// texts_ then.
bool BookStage::is_of_books(std::span<const uint8_t> message) {
  strings_of(message, texts_);
  if (!selector_) return true;
  bool others = false;
  for (const std::string_view text : texts_) {
    const int shape = selector_->match(text);
    if (shape < 0) continue;
    const Shape& known = shapes_[static_cast<size_t>(shape)];
    if (known.rows && known.rows->has_events()) return true;
    others = true;
  }
  return !others;
}

void BookStage::refused(const decode::DecodeOutcome& outcome, std::span<const uint8_t> message, int64_t rx_ns) {
  if (outcome.field >= 0) {
    // What it was is known: of no book, perhaps one that was counted.
    const Shape& shape = shapes_[outcome.shape];
    if (!shape.rows) return;
    if (!shape.rows->has_events()) return source_.sequence().pass();
  }
  if (books_->trusts_order()) {
    books_->lose_all(source_, book::Reason::kLost, 0, 0, rx_ns);
  } else if (is_of_books(message)) {
    // The next event would show it, when it comes.
    books_->unreadable(source_, texts_, rx_ns);
  }
  books_->end_of_message();
}

void BookStage::check_sequence(BookRows& rows, decode::RowBatch& batch, int64_t rx_ns) {
  const int64_t number = rows.sequence(batch.row_words(batch.rows().front()));
  if (number == book::kAbsent) return;
  const auto seen = source_.sequence().see(number);
  if (!seen.ok) books_->lose_all(source_, book::Reason::kGap, seen.expected, seen.got, rx_ns);
}

void BookStage::take_rows(BookRows& rows, decode::RowBatch& batch, const decode::DecodeOutcome& outcome,
                          int64_t rx_ns) {
  if (batch.rows().empty()) {
    // A list without entries: nothing but that it was counted.
    if (rows.counts()) source_.sequence().pass();
    return;
  }
  check_sequence(rows, batch, rx_ns);
  if (rows.has_orders()) {
    for (const decode::RowBatch::Row& row : batch.rows()) {
      const book::OrderEvent event = rows.read_orders(batch.row_words(row));
      if (outcome.cut_levels == 0) [[likely]] {
        books_->apply(source_, rows.symbol(), event, rx_ns);
      } else {
        books_->lose(source_, rows.symbol(), rx_ns);
      }
    }
  } else if (rows.has_events()) {
    for (size_t at = 0; at < batch.rows().size();) {
      const book::Event event = rows.read(batch, at);
      if (outcome.cut_levels == 0) [[likely]] {
        books_->apply(source_, rows.symbol(), event, rx_ns);
      } else {
        books_->lose(source_, rows.symbol(), rx_ns);
      }
    }
  }
}

}  // namespace tickwire::feed
