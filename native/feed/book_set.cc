#include "feed/book_set.h"

#include <algorithm>
#include <cstring>

namespace tickwire::feed {
namespace {

constexpr uint32_t kRecordBytes = 16;
// With several paths: so many events that are ahead wait, so long, for another path to bring what is before them.
constexpr uint32_t kMostHeld = 16;
constexpr int64_t kPatienceNs = 500'000'000;
constexpr int64_t kLookNs = 100'000'000;
constexpr auto kRelaxed = std::memory_order_relaxed;  // counters: read at leisure, they order nothing

void count(std::atomic<uint64_t>& counter) noexcept { counter.store(counter.load(kRelaxed) + 1, kRelaxed); }

}  // namespace

BookSet::BookSet(Channel& channel, BookSetOptions options, uint16_t handle)
    : channel_(channel), options_(options), handle_(handle) {}

BookSet::~BookSet() {
  channel_.loop().timers().disarm(timer_);
  channel_.stop_waiting(*this);
}

// ---- which books there are
// ----------------------------------------------------------------------------------------------------

void BookSet::add(uint32_t id, std::span<const std::string> names, std::span<uint8_t> memory) {
  if (entry(id) != nullptr || memory.size() < TripleSlot::stride(options_.view_bytes())) return;
  if (id >= entries_.size()) entries_.resize(size_t{id} + 1);
  if (by_symbol_.empty()) by_symbol_.resize(channel_.max_symbols(), 0);
  auto made = std::make_unique<Entry>(options_, id, memory.data());
  for (const std::string& name : names) {
    const uint32_t symbol = channel_.symbols().intern(name);
    if (symbol < by_symbol_.size()) {
      made->symbols.push_back(symbol);
    } else {
      count(counters_.no_symbol);
      made->deaf = true;
    }
  }
  // A book that does not hear everything must hear nothing, not even a snapshot, or it would look as if nothing
  // changed.
  if (made->deaf) made->symbols.clear();
  for (const uint32_t symbol : made->symbols) by_symbol_[symbol] = id + 1;
  entries_[id] = std::move(made);
  // Nothing per change is allocated later.
  changed_.reserve(entries_.size());
  waiting_.reserve(entries_.size());
  holding_.reserve(entries_.size());
}

void BookSet::remove(uint32_t id) {
  Entry* const gone = entry(id);
  if (gone == nullptr) return;
  for (const uint32_t symbol : gone->symbols) {
    if (by_symbol_[symbol] == id + 1) by_symbol_[symbol] = 0;
  }
  for (BookSource* source : sources_) {
    if (id < source->feeds_.size()) source->feeds_[id] = BookSource::Feeds::kNot;
  }
  std::erase(changed_, id);
  std::erase(waiting_, id);
  std::erase(holding_, id);
  entries_[id].reset();
}

BookSet::Entry* BookSet::entry_of(uint32_t symbol) noexcept {
  const uint32_t id1 = symbol < by_symbol_.size() ? by_symbol_[symbol] : 0;
  return id1 == 0 ? nullptr : entries_[id1 - 1].get();
}

void BookSet::expect(uint32_t id, uint16_t feed, bool ask) {
  Entry* const book = entry(id);
  if (book == nullptr || book->deaf) return;
  const auto from = std::find_if(sources_.begin(), sources_.end(),
                                 [feed](const BookSource* source) { return source->handle() == feed; });
  if (from == sources_.end() || !(*from)->open_) return;
  BookSource& source = **from;
  if (source.feeds_.size() <= id) source.feeds_.resize(entries_.size(), BookSource::Feeds::kNot);
  if (source.feeds_[id] == BookSource::Feeds::kNot) {
    source.feeds_[id] = BookSource::Feeds::kExpected;
    ++book->expected;
  }
  if (!ask || options_.orders) return;  // whole books of orders come in the stream
  const book::State before = book->sync.state();
  (void)book->sync.connected();
  after(*book, before, book->numbers.rx_ns);
  flush();
}

void BookSet::invalidate(uint32_t id) {
  Entry* const book = entry(id);
  if (book == nullptr || book->deaf) return;
  const book::State before = book->state();
  // Without a connection there is nothing that what it asked for could be joined to.
  if (book->sources + book->expected == 0) {
    book->disconnected();
  } else {
    book->lose(book::Reason::kLost);
  }
  after(*book, before, book->numbers.rx_ns);
  flush();
}

void BookSet::seed(uint32_t id, const book::Event& snapshot, int64_t rx_ns) {
  Entry* const book = entry(id);
  if (book == nullptr || book->deaf || book->orders) return;
  const book::State before = book->sync.state();
  (void)book->sync.on_event(snapshot);
  ++book->numbers.fetched;
  after(*book, before, std::max(rx_ns, book->numbers.rx_ns));
  flush();
}

// ---- connections
// -----------------------------------------------------------------------------------------------------------------

void BookSet::attach(BookSource& source) { sources_.push_back(&source); }

void BookSet::detach(BookSource& source) {
  disconnected(source);
  std::erase(sources_, &source);
}

void BookSet::fed_by(Entry& entry, BookSource& source) {
  if (source.feeds_.size() <= entry.id) source.feeds_.resize(entries_.size(), BookSource::Feeds::kNot);
  BookSource::Feeds& feeds = source.feeds_[entry.id];
  if (feeds == BookSource::Feeds::kHas) return;
  if (feeds == BookSource::Feeds::kExpected) --entry.expected;
  feeds = BookSource::Feeds::kHas;
  if (++entry.sources == 2) entry.sync.hold(kMostHeld);
}

void BookSet::leave(Entry& entry, BookSource& source) {
  BookSource::Feeds& feeds = source.feeds_[entry.id];
  --(feeds == BookSource::Feeds::kHas ? entry.sources : entry.expected);
  feeds = BookSource::Feeds::kNot;
  if (entry.sources <= 1) {
    entry.sync.hold(0);
    give_up(entry);
  }
  const bool owned = entry.owner == &source;
  if (owned) entry.owner = nullptr;
  if (entry.sources != 0 && !owned) return;
  const book::State before = entry.state();
  // While another connection is there, what is missing can be asked for. One that has only been expected to bring
  // something is none: who knows whether it does.
  if (entry.sources == 0) {
    entry.disconnected();
  } else {
    entry.lose(book::Reason::kDisconnected);
  }
  after(entry, before, entry.numbers.rx_ns);
}

void BookSet::disconnected(BookSource& source) {
  source.sequence_.reset();
  source.open_ = false;
  source.last_ids_.clear();
  for (size_t id = 0; id < source.feeds_.size(); ++id) {
    if (source.feeds_[id] != BookSource::Feeds::kNot) leave(*entries_[id], source);
  }
  flush();
}

// Without ids that say what follows what, the order of one connection is all there is: a book follows one of them, and
// changes over only with a snapshot.
bool BookSet::follows(Entry& entry, BookSource& source, book::Kind kind) noexcept {
  if (options_.policy.continuity != book::Continuity::kNone || entry.owner == &source) return true;
  if (entry.owner != nullptr && kind == book::Kind::kDelta) return false;
  entry.owner = &source;
  return true;
}

void BookSet::apply(BookSource& source, uint32_t symbol, const book::Event& event, int64_t rx_ns) {
  Entry* const book = entry_of(symbol);
  if (book == nullptr || book->orders) [[unlikely]]
    return count(counters_.unknown);
  fed_by(*book, source);
  if (!follows(*book, source, event.kind)) [[unlikely]]
    return count(counters_.elsewhere);
  count(counters_.events);
  const book::State before = book->sync.state();
  const book::Outcome outcome = book->sync.on_event(only_snapshots() ? marked(*book, source, event) : event);
  // An event that came before changes nothing that is to be seen.
  if (outcome.action != book::Action::kDuplicate || outcome.want != book::Want::kNothing) after(*book, before, rx_ns);
  if (book->sync.held() != 0 && book->held_since_ns == 0) [[unlikely]]
    watch(*book);
}

void BookSet::apply(BookSource& source, uint32_t symbol, const book::OrderEvent& event, int64_t rx_ns) {
  Entry* const book = entry_of(symbol);
  if (book == nullptr || !book->orders) [[unlikely]]
    return count(counters_.unknown);
  fed_by(*book, source);
  if (!follows(*book, source, event.kind)) [[unlikely]]
    return count(counters_.elsewhere);
  count(counters_.events);
  const book::State before = book->state();
  (void)book->orders->on_event(event);
  after(*book, before, rx_ns);
}

// Whole books that two connections bring are not the same ones: each has its own rhythm. One that lags shows states
// that the book has never been in, though it was beyond them; what tells that from numbers that began anew is that on
// the connection itself they grow.
book::Event BookSet::marked(const Entry& entry, BookSource& source, const book::Event& event) {
  if (source.last_ids_.size() <= entry.id) source.last_ids_.resize(entries_.size(), book::kAbsent);
  int64_t& last = source.last_ids_[entry.id];
  book::Event seen = event;
  seen.behind = entry.sources > 1 && event.last_id > last && event.last_id < entry.sync.last_id();
  last = event.last_id;
  return seen;
}

void BookSet::lose(BookSource& source, uint32_t symbol, int64_t rx_ns) {
  Entry* const book = entry_of(symbol);
  if (book == nullptr) return count(counters_.unknown);
  fed_by(*book, source);
  const book::State before = book->state();
  book->lose(book::Reason::kLost);
  after(*book, before, rx_ns);
}

void BookSet::unreadable(BookSource& source, std::span<const std::string_view> texts, int64_t rx_ns) {
  Entry* only = nullptr;
  for (const std::string_view text : texts) {
    Entry* const book = entry_of(channel_.symbols().find(text));
    if (book == nullptr || book == only) continue;
    if (only != nullptr) {  // it names several: it may have been of any
      only = nullptr;
      break;
    }
    only = book;
  }
  const bool feeds =
      only != nullptr && only->id < source.feeds_.size() && source.feeds_[only->id] != BookSource::Feeds::kNot;
  if (!feeds) {
    count(counters_.unreadable);
    return tell_unreadable();
  }
  const book::State before = only->state();
  only->lose(book::Reason::kLost);
  after(*only, before, rx_ns);
}

void BookSet::lose_all(BookSource& source, book::Reason reason, int64_t expected, int64_t got, int64_t rx_ns) {
  for (size_t id = 0; id < source.feeds_.size(); ++id) {
    if (source.feeds_[id] != BookSource::Feeds::kHas) continue;
    Entry& book = *entries_[id];
    if (book.owner != nullptr && book.owner != &source) continue;
    const book::State before = book.state();
    book.lose(reason, expected, got);
    after(book, before, rx_ns);
  }
}

// ---- events that are held back
// ------------------------------------------------------------------------------------------------

void BookSet::watch(Entry& entry) {
  entry.held_since_ns = std::max<int64_t>(channel_.loop().now_ns(), 1);
  holding_.push_back(entry.id);
  if (!timer_.armed()) channel_.loop().arm_in(timer_, kLookNs);
}

void BookSet::give_up(Entry& entry) {
  if (entry.sync.held() == 0) return;
  const book::State before = entry.sync.state();
  (void)entry.sync.give_up();
  after(entry, before, entry.numbers.rx_ns);
}

void BookSet::on_timer(int64_t now_ns) {
  std::erase_if(holding_, [&](uint32_t id) {
    Entry& book = *entries_[id];
    if (book.sync.held() != 0 && now_ns - book.held_since_ns < kPatienceNs) return false;
    give_up(book);
    book.held_since_ns = 0;
    return true;
  });
  if (!holding_.empty()) channel_.loop().arm_in(timer_, kLookNs);
  flush();
}

// ---- handing over
// ----------------------------------------------------------------------------------------------------------------

void BookSet::after(Entry& entry, book::State before, int64_t rx_ns) {
  entry.numbers.rx_ns = rx_ns;
  const book::State now = entry.state();
  if (now != before) {
    ++entry.numbers.epoch;
    if (now == book::State::kSynced && before == book::State::kStale) ++entry.numbers.resyncs;
    if (now == book::State::kStale) entry.numbers.last_reason = entry.reason();
  }
  mark(entry);
  if (now != before && before == book::State::kSynced) urgent_ = true;
}

void BookSet::mark(Entry& entry) {
  if (entry.changed) return;
  entry.changed = true;
  changed_.push_back(entry.id);
}

void BookSet::publish() noexcept {
  for (const uint32_t id : changed_) {
    Entry& book = *entries_[id];
    book.changed = false;
    if (book.orders) {
      write_order_view(book.slot.back(), options_.depth, options_.orders->shown, *book.orders, book.numbers);
    } else {
      write_book_view(book.slot.back(), options_.depth, book.sync, book.numbers);
    }
    if (book.slot.swap_in()) announce(book);
  }
  changed_.clear();
}

void BookSet::announce(Entry& entry) noexcept {
  if (entry.waiting || (waiting_.empty() && put(entry.id))) return;
  entry.waiting = true;
  waiting_.push_back(entry.id);
  channel_.wait_for_space(*this);
  // Room that was freed before the reader could see that we wait is announced by nobody.
  on_space();
}

bool BookSet::put(uint32_t id) noexcept {
  uint8_t* const at = channel_.ring().reserve(kRecordBytes);
  if (at == nullptr) return false;
  const uint64_t record[2] = {record_header(kRecordBytes, RecordKind::kBook, 0, handle_), id};
  std::memcpy(at, record, sizeof record);
  channel_.ring().commit(kRecordBytes);
  count(counters_.records);
  return true;
}

void BookSet::on_space() {
  size_t done = 0;
  for (; done < waiting_.size(); ++done) {
    Entry& book = *entries_[waiting_[done]];
    if (!put(book.id)) break;
    book.waiting = false;
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(done));
  if (unreadable_untold_ && waiting_.empty() && put(kUnreadable)) unreadable_untold_ = false;
  if (!waiting_.empty() || unreadable_untold_) channel_.wait_for_space(*this);
}

void BookSet::tell_unreadable() noexcept {
  if (unreadable_untold_) return;
  unreadable_untold_ = true;
  // Room that was freed before the reader could see that we wait is announced by nobody.
  on_space();
  urgent_ = true;
}

void BookSet::flush() noexcept {
  urgent_ = false;
  publish();
  channel_.flush();
}

}  // namespace tickwire::feed
