// Between a feed's decoder and the books: takes the rows that are book events by the roles in the schema, and shows
// them to the feed's set of books.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "book/event.h"
#include "book/l3_book.h"
#include "decode/decoder.h"
#include "decode/row_batch.h"
#include "decode/schema.h"
#include "decode/shape_selector.h"
#include "feed/book_set.h"
#include "feed/book_source.h"

namespace tickwire::feed {

// The events in rows of one shape.
class BookRows {
 public:
  BookRows(const decode::Shape& shape, const decode::SymbolTable& symbols);

  // What a row says. With a side per row: of the rows from `at` on that belong together; `at` moves behind them.
  [[nodiscard]] book::Event read(decode::RowBatch& batch, size_t& at);
  // The same of rows whose sides are orders.
  [[nodiscard]] book::OrderEvent read_orders(const uint64_t* row);
  [[nodiscard]] bool has_orders() const noexcept { return has_orders_; }
  // Of the event that was read last; SymbolTable::kFull: the rows have none.
  [[nodiscard]] uint32_t symbol() const noexcept { return symbol_; }
  // Whether rows are events, rather than only numbers in a sequence.
  [[nodiscard]] bool has_events() const noexcept { return role_.bids >= 0 || role_.side >= 0; }
  // Whether rows have numbers in the sequence of their connection.
  [[nodiscard]] bool counts() const noexcept { return role_.sequence >= 0; }
  // A row's number in the sequence of its connection; book::kAbsent: it has none.
  [[nodiscard]] int64_t sequence(const uint64_t* row) const noexcept { return integer(row, role_.sequence); }

 private:
  [[nodiscard]] bool present(const uint64_t* row, int16_t field) const noexcept;
  [[nodiscard]] int64_t integer(const uint64_t* row, int16_t field) const noexcept;
  [[nodiscard]] uint32_t symbol_at(const uint64_t* row, int16_t field) const noexcept;
  [[nodiscard]] bool is(uint32_t symbol, const std::string& text, uint32_t& known) const noexcept;
  // What lies behind a row's fixed part.
  template <class Item>
  [[nodiscard]] std::span<const Item> items(const uint64_t* row, int16_t field) const noexcept;
  [[nodiscard]] bool is_snapshot(const uint64_t* row) const noexcept;
  void gather(decode::RowBatch& batch, size_t& at);

  struct Place {
    uint16_t slot;
    uint64_t bit;  // 0: always present
  };
  const decode::BookRole role_;
  const decode::SymbolTable& symbols_;
  std::vector<Place> places_;  // by field
  int32_t flags_slot_;
  int32_t group_slot_;
  uint32_t symbol_ = decode::SymbolTable::kFull;
  mutable uint32_t snapshot_id_ = decode::SymbolTable::kFull;  // of the texts in the role, once they were met
  mutable uint32_t bid_id_ = decode::SymbolTable::kFull;
  std::vector<book::RowLevel> bids_;
  std::vector<book::RowLevel> asks_;
  bool has_orders_;
};

// Lives on the loop's thread, but for the constructor.
class BookStage {
 public:
  // `also_rows`: book events are handed over as rows, too.
  // `feed`: the handle of the feed whose messages they are.
  BookStage(std::shared_ptr<BookSet> books, const decode::Schema& schema, bool also_rows, uint16_t feed);
  ~BookStage();
  BookStage(const BookStage&) = delete;
  BookStage& operator=(const BookStage&) = delete;

  void connected();
  void disconnected();
  // Whether the rows of a message are for books alone.
  [[nodiscard]] bool keeps(const decode::RowBatch& batch) const noexcept {
    return !batch.rows().empty() && shapes_[batch.rows().front().shape].keeps;
  }
  // A message's rows. They may lie where the ring goes on: nothing is committed to it before end_of_message().
  void take(decode::RowBatch& batch, const decode::DecodeOutcome& outcome, int64_t rx_ns) {
    Shape& shape = shapes_[batch.rows().empty() ? outcome.shape : batch.rows().front().shape];
    if (shape.rows) take_rows(*shape.rows, batch, outcome, rx_ns);
  }
  // After take(), when the rows are published, kept or dropped.
  void end_of_message() noexcept { books_->end_of_message(); }
  // A message that could not be read.
  void refused(const decode::DecodeOutcome& outcome, std::span<const uint8_t> message, int64_t rx_ns);
  void end_of_read() noexcept { books_->publish(); }

 private:
  struct Shape {
    std::optional<BookRows> rows;
    bool keeps = false;
  };
  void take_rows(BookRows& rows, decode::RowBatch& batch, const decode::DecodeOutcome& outcome, int64_t rx_ns);
  [[nodiscard]] bool is_of_books(std::span<const uint8_t> message);
  void check_sequence(BookRows& rows, decode::RowBatch& batch, int64_t rx_ns);

  const std::shared_ptr<BookSet> books_;
  std::vector<Shape> shapes_;
  const std::optional<decode::ShapeSelector> selector_;  // where the schema has several shapes
  std::vector<std::string_view> texts_;                  // of a message that could not be read
  BookSource source_;
  bool has_events_ = false;  // some shape's rows are events
  bool attached_ = false;
};

}  // namespace tickwire::feed
