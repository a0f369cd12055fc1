// The books of many instruments on one channel, fed by any number of feeds of that channel: several paths at once, or
// one after the other. Each changed book writes its best levels into a triple slot that JS reads (feed/book_view.h),
// and tells the reader by a record only when that had taken the value before: a book that changes a thousand times
// while the reader does something else costs one record.
//
// Record kBook, after the 8-byte header: u32 book | u32 0. Book kUnreadable: messages could not be read that may have
// been of any book; how many, counters() has.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/triple_slot.h"
#include "book/book_sync.h"
#include "feed/book_source.h"
#include "feed/book_view.h"
#include "feed/channel.h"
#include "feed/order_view.h"
#include "loop/timer.h"

namespace tickwire::feed {

// Books of orders.
struct OrderOptions {
  book::L3Policy policy;
  uint32_t shown = 10;  // orders of each level in a view, 1..kMaxOrdersShown
};

struct BookSetOptions {
  book::Policy policy;  // with `orders`: books follow one connection each, as with Continuity::kNone
  uint32_t depth = 20;  // levels of each side in a view, 1..kMaxBookDepth
  std::optional<OrderOptions> orders;
  [[nodiscard]] size_t view_bytes() const noexcept {
    return orders ? order_view_bytes(depth, orders->shown) : book_view_bytes(depth);
  }
};

struct BookSetCounters {
  std::atomic<uint64_t> events = 0;      // shown to books
  std::atomic<uint64_t> unknown = 0;     // events of instruments that have no book
  std::atomic<uint64_t> elsewhere = 0;   // deltas left out, since another connection feeds the book (Continuity::kNone)
  std::atomic<uint64_t> records = 0;     // changes told to the reader
  std::atomic<uint64_t> unreadable = 0;  // messages that could not be read and may have been of any book
  std::atomic<uint64_t> no_symbol = 0;   // names of books that found no room in the symbol table
};

// Lives on the loop's thread, but for the constructor, options(), counters() and handle().
class BookSet final : public ChannelTenant, private SpaceListener {
 public:
  BookSet(Channel& channel, BookSetOptions options, uint16_t handle);
  ~BookSet() override;
  BookSet(const BookSet&) = delete;
  BookSet& operator=(const BookSet&) = delete;

  [[nodiscard]] uint16_t handle() const noexcept override { return handle_; }
  [[nodiscard]] Channel& channel() noexcept { return channel_; }
  [[nodiscard]] const BookSetOptions& options() const noexcept { return options_; }
  [[nodiscard]] const BookSetCounters& counters() const noexcept { return counters_; }

  // A book by the names that messages have for it; `memory` is a triple slot of view_bytes(). Nothing
  // when there is one of this number.
  void add(uint32_t id, std::span<const std::string> names, std::span<uint8_t> memory);
  // Its memory is not touched any more.
  void remove(uint32_t id);
  // Its deltas are subscribed on the connection of this feed: when that goes, the book is stale, even if none came.
  // With `ask`, what it needs to begin is wanted now, not from the first delta on. Nothing when the feed has no
  // connection just now, or brings no events.
  void expect(uint32_t id, uint16_t feed, bool ask);
  // Whoever owns it does not trust it.
  void invalidate(uint32_t id);
  // A fetched snapshot.
  void seed(uint32_t id, const book::Event& snapshot, int64_t rx_ns);

  // A feed that brings events. The source stays where it is until it was detached.
  void attach(BookSource& source);
  void detach(BookSource& source);
  // An event of the book that messages call so.
  void apply(BookSource& source, uint32_t symbol, const book::Event& event, int64_t rx_ns);
  // The same of a book of orders.
  void apply(BookSource& source, uint32_t symbol, const book::OrderEvent& event, int64_t rx_ns);
  // Events of this book were lost on their way here.
  void lose(BookSource& source, uint32_t symbol, int64_t rx_ns);
  // A message could not be read, of which these texts are left. Where it names one book that this connection feeds,
  // that book has lost something; else who reads is told. For rules by which a later event shows it.
  void unreadable(BookSource& source, std::span<const std::string_view> texts, int64_t rx_ns);
  static constexpr uint32_t kUnreadable = UINT32_MAX;
  // Of any book of the connection.
  void lose_all(BookSource& source, book::Reason reason, int64_t expected, int64_t got, int64_t rx_ns);
  void connected(BookSource& source) noexcept { source.open_ = true; }
  // The connection is gone.
  void disconnected(BookSource& source);
  // Whether a message that could not be read leaves a hole that nobody would notice.
  [[nodiscard]] bool trusts_order() const noexcept {
    return options_.orders || options_.policy.continuity == book::Continuity::kNone ||
           options_.policy.continuity == book::Continuity::kIncreasing;
  }

  // apply(), lose() and lose_all() leave the ring alone, where the message's rows may lie that they are called for.
  // Afterwards: that a book is not to be trusted any more is told before anything else is done.
  void end_of_message() noexcept {
    if (urgent_) [[unlikely]]
      flush();
  }
  // Hands the views of changed books over. What that committed is for the caller to flush.
  void publish() noexcept;

 private:
  struct Entry {
    Entry(const BookSetOptions& options, uint32_t number, uint8_t* memory)
        : sync(options.policy), slot(memory, options.view_bytes()), id(number) {
      if (options.orders) orders = std::make_unique<book::L3Book>(options.orders->policy);
    }
    [[nodiscard]] book::State state() const noexcept { return orders ? orders->state() : sync.state(); }
    [[nodiscard]] book::Reason reason() const noexcept { return orders ? orders->reason() : sync.reason(); }
    void lose(book::Reason why, int64_t wanted = 0, int64_t got = 0) {
      (void)(orders ? orders->lose(why) : sync.lose(why, wanted, got));
    }
    void disconnected() { (void)(orders ? orders->disconnected() : sync.disconnected()); }
    book::BookSync sync;
    std::unique_ptr<book::L3Book> orders;  // of a book of orders: in place of sync
    TripleSlot slot;
    BookNumbers numbers;
    uint32_t id;
    uint32_t sources = 0;               // connections that have brought events of it
    uint32_t expected = 0;              // connections that have brought none, though it is subscribed there
    const BookSource* owner = nullptr;  // the one that it follows, with Continuity::kNone
    std::vector<uint32_t> symbols;
    bool deaf = false;  // a name of it found no room in the symbol table
    bool changed = false;
    bool waiting = false;       // in waiting_
    int64_t held_since_ns = 0;  // since when events are held back, 0: none are; otherwise it is in holding_
  };

  [[nodiscard]] Entry* entry(uint32_t id) noexcept { return id < entries_.size() ? entries_[id].get() : nullptr; }
  [[nodiscard]] Entry* entry_of(uint32_t symbol) noexcept;
  [[nodiscard]] bool follows(Entry& entry, BookSource& source, book::Kind kind) noexcept;
  void fed_by(Entry& entry, BookSource& source);
  void leave(Entry& entry, BookSource& source);
  [[nodiscard]] bool only_snapshots() const noexcept {
    return options_.policy.continuity == book::Continuity::kIncreasing && options_.policy.restart_id == book::kAbsent;
  }
  [[nodiscard]] book::Event marked(const Entry& entry, BookSource& source, const book::Event& event);
  void after(Entry& entry, book::State before, int64_t rx_ns);
  void mark(Entry& entry);
  void watch(Entry& entry);
  void give_up(Entry& entry);
  void on_timer(int64_t now_ns);
  void announce(Entry& entry) noexcept;
  [[nodiscard]] bool put(uint32_t id) noexcept;
  void tell_unreadable() noexcept;
  void on_space() override;
  void flush() noexcept;

  Channel& channel_;
  const BookSetOptions options_;
  const uint16_t handle_;
  BookSetCounters counters_;
  std::vector<std::unique_ptr<Entry>> entries_;  // by id
  std::vector<uint32_t> by_symbol_;              // id + 1
  std::vector<BookSource*> sources_;
  std::vector<uint32_t> changed_;
  std::vector<uint32_t> waiting_;  // their records found no room
  std::vector<uint32_t> holding_;  // they hold events back
  MemberTimer<BookSet, &BookSet::on_timer> timer_{*this};
  bool urgent_ = false;
  bool unreadable_untold_ = false;
};

}  // namespace tickwire::feed
