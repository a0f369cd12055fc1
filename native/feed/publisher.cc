#include "feed/publisher.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/clock.h"

namespace tickwire::feed {

namespace {

uint64_t as_word(int64_t ns) { return std::bit_cast<uint64_t>(static_cast<double>(ns)); }

constexpr uint32_t kRawHeaderBytes = 32;
constexpr uint32_t kConflatedBytes = 16;
constexpr uint32_t kGapBytes = 24;
// Rows after which a reader that is awake sees them: one store to a cache line that it polls.
constexpr uint32_t kPublishRows = 64;

}  // namespace

Publisher::Publisher(Channel& channel, const CoreOptions& options, uint16_t handle, Stats& stats, SpaceListener& space)
    : channel_(channel),
      stats_(stats),
      space_(space),
      overflow_(options.overflow),
      makes_in_place_(options.overflow == Overflow::kBlock),
      handle_(handle),
      row_handle_(options.row_handle != 0 ? options.row_handle : handle),
      // Announcements of conflated values are few and small: nothing but the ring's end limits them.
      window_(options.overflow == Overflow::kConflate ? channel.ring().capacity()
                                                      : std::min(options.ring_window, channel.ring().capacity())),
      flush_rows_(options.flush_rows),
      publish_rows_(std::min(options.flush_rows, kPublishRows)),
      wake_at_(options.flush_rows),
      publish_at_(options.flush_interval_ns != 0 ? flush_rows_ : publish_rows_),
      flush_interval_ns_(options.flush_interval_ns) {}

Publisher::~Publisher() { channel_.stop_waiting(space_); }

Result<std::unique_ptr<Publisher>> Publisher::create(Channel& channel, const CoreOptions& options, uint16_t handle,
                                                     Stats& stats, SpaceListener& space) {
  // What can fail comes first: a publisher that is destroyed touches the channel, which belongs to the loop's thread.
  std::optional<PendingQueue> pending;
  if (options.overflow == Overflow::kDropOldest) {
    auto made = PendingQueue::create(options.pending_bytes);
    if (!made.ok()) return made.error();
    pending.emplace(std::move(made.value()));
  }
  if (options.overflow == Overflow::kConflate && options.conflator == nullptr &&
      (!options.schema || options.conflate_regions.size() < options.schema->shapes.size())) {
    return Error{Errc::kSchema, 0, "conflate needs a schema and a region for each of its shapes"};
  }
  std::unique_ptr<Publisher> p(new Publisher(channel, options, handle, stats, space));
  p->pending_ = std::move(pending);
  if (options.overflow == Overflow::kConflate) {
    p->conflator_ =
        options.conflator != nullptr
            ? options.conflator
            : std::make_shared<Conflator>(options.conflate_memory, options.conflate_regions, channel.max_symbols());
  }
  return p;
}

inline uint8_t* Publisher::reserve(uint32_t bytes) noexcept {
  EventRing& ring = channel_.ring();
  // The tail last seen is good enough to go on; only when it says "full" is the reader's cache line touched.
  if (ring.used_at_most() + bytes > window_ && ring.used() + bytes > window_) return nullptr;
  return ring.reserve(bytes);
}

uint8_t* Publisher::reserve_or_wait(uint32_t bytes) {
  if (uint8_t* at = reserve(bytes)) return at;
  channel_.wait_for_space(space_);
  return reserve(bytes);
}

inline void Publisher::committed(uint32_t bytes) noexcept {
  channel_.ring().commit(bytes);
  if (++unflushed_ >= publish_at_) [[unlikely]]
    publish_some();
}

void Publisher::publish_some() noexcept {
  if (flush_interval_ns_ != 0) {
    flush();
    return;
  }
  publish_at_ = unflushed_ + publish_rows_;
  // A reader that is awake sees the rows at once. One that sleeps is woken after the first few, so that it works while
  // we do, and then at growing distances: a wake-up costs both threads more than many rows.
  if (unflushed_ >= wake_at_) {
    wake_at_ *= 4;
    if (channel_.flush()) stats_.add(Counter::kWakes);
  } else {
    channel_.ring().publish();
  }
}

void Publisher::flush() noexcept {
  unflushed_ = 0;
  wake_at_ = flush_rows_;
  publish_at_ = flush_interval_ns_ != 0 ? flush_rows_ : publish_rows_;
  if (channel_.flush()) stats_.add(Counter::kWakes);
}

void Publisher::end_of_read(int64_t now_ns) {
  if (!channel_.ring().unpublished()) return;
  if (flush_interval_ns_ == 0) {
    flush();
  } else if (!flush_timer_.armed()) {
    channel_.loop().timers().arm(flush_timer_, now_ns + flush_interval_ns_);
  }
}

void Publisher::on_flush_timer(int64_t) { flush(); }

bool Publisher::put(const void* record, uint32_t bytes) {
  uint8_t* at = reserve_or_wait(bytes);
  if (at == nullptr) return false;
  std::memcpy(at, record, bytes);
  committed(bytes);
  return true;
}

bool Publisher::rows(decode::RowBatch& batch, const ReceiveTimes& times) {
  const uint64_t rx = as_word(times.rx_ns);
  const uint64_t kernel = as_word(times.kernel_ns);
  if (batch.in_place()) [[likely]] {
    publish_in_place(batch, rx, kernel);
    return true;
  }
  if (!backlog_.empty() && !drain_backlog() && overflow_ == Overflow::kBlock) return false;
  switch (overflow_) {
    case Overflow::kBlock:
      return rows_or_wait(batch, rx, kernel);
    case Overflow::kDropOldest:
      rows_newest(batch, rx, kernel);
      break;
    case Overflow::kConflate:
      rows_conflated(batch, rx, kernel);
      break;
  }
  return true;
}

inline void Publisher::publish_in_place(decode::RowBatch& batch, uint64_t rx, uint64_t kernel) {
  for (const auto& row : batch.rows()) {
    uint64_t* const words = batch.row_words(row);
    words[0] = header_of(row);
    words[1] = rx;
    words[2] = kernel;
    committed(row.word_count * 8);
  }
  stats_.add(Counter::kRows, batch.rows().size());
}

bool Publisher::rows_or_wait(decode::RowBatch& batch, uint64_t rx, uint64_t kernel) {
  const auto& rows = batch.rows();
  const auto count = static_cast<uint32_t>(rows.size());
  uint32_t done = rows_done_;
  uint64_t published = 0;
  for (; done < count; ++done) {
    if (lost_ != 0 && !put_gap()) [[unlikely]]
      break;
    const auto& row = rows[done];
    const uint32_t bytes = row.word_count * 8;
    if (!can_ever_fit(bytes)) [[unlikely]] {
      lose(1);
      continue;
    }
    uint8_t* at = reserve_or_wait(bytes);
    if (at == nullptr) break;
    const uint64_t head[decode::kRowHeaderWords] = {header_of(row), rx, kernel};
    std::memcpy(at, head, sizeof head);
    std::memcpy(at + sizeof head, batch.row_words(row) + decode::kRowHeaderWords, bytes - sizeof head);
    committed(bytes);
    ++published;
  }
  stats_.add(Counter::kRows, published);
  if (done < count || (lost_ != 0 && !put_gap())) [[unlikely]] {
    rows_done_ = done;
    return false;
  }
  rows_done_ = 0;
  return true;
}

void Publisher::rows_newest(decode::RowBatch& batch, uint64_t rx, uint64_t kernel) {
  for (const auto& row : batch.rows()) {
    uint64_t* words = batch.row_words(row);
    words[0] = header_of(row);
    words[1] = rx;
    words[2] = kernel;
    if (keep_newest(words, row.word_count * 8)) stats_.add(Counter::kRows);
  }
}

void Publisher::rows_conflated(decode::RowBatch& batch, uint64_t rx, uint64_t kernel) {
  for (const auto& row : batch.rows()) {
    uint64_t* words = batch.row_words(row);
    words[0] = header_of(row);
    words[1] = rx;
    words[2] = kernel;
    uint32_t slot = 0;
    const auto stored = conflator_->store(row.shape, row.key, words, row.word_count * 8, slot);
    if (stored == Conflator::Stored::kNoSlot) {
      stats_.add(Counter::kConflateKeysFull);
      continue;
    }
    stats_.add(Counter::kRows);
    if (stored == Conflator::Stored::kReplaced) {
      stats_.add(Counter::kConflated);
      continue;
    }
    const uint64_t record[2] = {record_header(kConflatedBytes, RecordKind::kConflated, row.shape, row_handle_), slot};
    // What waits may be another's who shares the slots and has ended: then nobody else looks for room.
    const bool others_wait = !conflator_->waiting().empty() && (conflator_.use_count() == 1 || !drain_announcements());
    if (!backlog_.empty() || others_wait || !put(record, kConflatedBytes)) {
      conflator_->waiting().push_back({row.shape, slot});
    }
  }
}

bool Publisher::raw(RecordKind kind, std::span<const uint8_t> bytes, const ReceiveTimes& times) {
  const uint64_t total64 = kRawHeaderBytes + ((bytes.size() + 7) & ~uint64_t{7});
  if (total64 > UINT32_MAX || !can_ever_fit(static_cast<uint32_t>(total64))) {
    if (rows_done_ == 0) lose(1);
    // With dropOldest the gap is reported in front of what is kept next.
    rows_done_ = overflow_ == Overflow::kBlock && !put_gap() ? 1 : 0;
    return rows_done_ == 0;
  }
  const auto total = static_cast<uint32_t>(total64);
  const uint64_t header[4] = {record_header(total, kind, 0, handle_), as_word(times.rx_ns), as_word(times.kernel_ns),
                              bytes.size()};
  const auto fill = [&](uint8_t* at) {
    std::memcpy(at, header, sizeof header);
    if (!bytes.empty()) std::memcpy(at + kRawHeaderBytes, bytes.data(), bytes.size());
  };
  if (!backlog_.empty() && !drain_backlog() && overflow_ == Overflow::kBlock) return false;
  if (overflow_ == Overflow::kBlock) {
    uint8_t* at = reserve_or_wait(total);
    if (at == nullptr) return false;
    fill(at);
    committed(total);
    stats_.add(Counter::kRows);
    return true;
  }
  scratch_.resize(std::max<size_t>(scratch_.size(), total / 8));
  fill(reinterpret_cast<uint8_t*>(scratch_.data()));
  if (keep_newest(scratch_.data(), total)) stats_.add(Counter::kRows);
  return true;
}

bool Publisher::keep_newest(const uint64_t* row, uint32_t bytes) {
  if (!can_ever_fit(bytes) || bytes > pending_->capacity()) {
    lose(1);
    return false;
  }
  if (backlog_.empty() && drain_pending() && put(row, bytes)) return true;
  keep_back(row, bytes);
  channel_.wait_for_space(space_);
  return true;
}

void Publisher::keep_back(const void* record, uint32_t bytes) {
  while (pending_->room() < bytes) {
    // A row goes; a control record does not count as one and is never dropped for rows: the backlog, which precedes all
    // that is kept back here, is where it keeps its place.
    const uint8_t* front = pending_->front();
    const auto kind = static_cast<RecordKind>(front[4]);
    if (kind == RecordKind::kRow || kind == RecordKind::kText || kind == RecordKind::kBinary) {
      lose(1);
    } else if (const uint32_t lost = backlog_.push({front, front + pending_->front_bytes()}); lost > 0) {
      stats_.add(Counter::kControlLost, lost);
    }
    pending_->pop();
  }
  pending_->push(record, bytes);
}

bool Publisher::put_gap() {
  const uint64_t record[3] = {record_header(kGapBytes, RecordKind::kGap, 0, row_handle_), as_word(mono_ns()), lost_};
  if (!put(record, kGapBytes)) return false;
  lost_ = 0;
  return true;
}

bool Publisher::drain_pending() {
  while (!pending_->empty() || lost_ > 0) {
    if (lost_ > 0 && !put_gap()) return false;
    if (pending_->empty()) break;
    const uint32_t bytes = pending_->front_bytes();
    if (!put(pending_->front(), bytes)) return false;
    pending_->pop();
  }
  return true;
}

bool Publisher::drain_backlog() {
  EventRing& ring = channel_.ring();
  while (!backlog_.empty()) {
    const auto& record = backlog_.front();
    const auto bytes = static_cast<uint32_t>(record.size());
    // Control records may use the ring to its end: the window is for rows.
    uint8_t* at = ring.reserve(bytes);
    if (at == nullptr) {
      channel_.wait_for_space(space_);
      at = ring.reserve(bytes);
      if (at == nullptr) return false;
    }
    std::memcpy(at, record.data(), bytes);
    committed(bytes);
    backlog_.pop();
  }
  return true;
}

void Publisher::control(std::span<uint8_t> record) {
  const auto bytes = static_cast<uint32_t>(record.size());
  if (bytes > channel_.ring().max_record()) {  // would never fit, and block all that comes after it
    stats_.add(Counter::kControlLost);
    return;
  }
  if (pending_ && !pending_->empty() && bytes <= pending_->capacity()) {
    keep_back(record.data(), bytes);  // behind the rows that are kept back, so that the order holds
    channel_.wait_for_space(space_);
    return;
  }
  if (backlog_.empty()) {
    if (uint8_t* at = channel_.ring().reserve(bytes)) {
      std::memcpy(at, record.data(), bytes);
      committed(bytes);
      flush();
      return;
    }
  }
  if (const uint32_t lost = backlog_.push({record.begin(), record.end()}); lost > 0) {
    stats_.add(Counter::kControlLost, lost);
  }
  // Not wait_for_space() alone: room that was freed before the reader could see that we wait is announced by nobody.
  if (drain_backlog()) flush();
}

void Publisher::notices(decode::RowBatch& batch, const ReceiveTimes& times) {
  std::vector<uint64_t> record;  // the batch may lie where the record will
  for (const auto& row : batch.rows()) {
    const uint64_t* const words = batch.row_words(row);
    record.assign(words, words + row.word_count);
    record[0] = record_header(row.word_count * 8, RecordKind::kRow, row.shape, handle_);
    record[1] = as_word(times.rx_ns);
    record[2] = as_word(times.kernel_ns);
    control({reinterpret_cast<uint8_t*>(record.data()), record.size() * 8});
  }
}

bool Publisher::drain_announcements() {
  auto& waiting = conflator_->waiting();
  size_t done = 0;
  for (; done < waiting.size(); ++done) {
    const uint64_t record[2] = {
        record_header(kConflatedBytes, RecordKind::kConflated, waiting[done].shape, row_handle_), waiting[done].slot};
    if (!put(record, kConflatedBytes)) break;
  }
  waiting.erase(waiting.begin(), waiting.begin() + static_cast<ptrdiff_t>(done));
  return waiting.empty();
}

bool Publisher::on_space() {
  bool all = drain_backlog();
  if (all && pending_) all = drain_pending();
  if (all && conflator_) all = drain_announcements();
  flush();
  return all;
}

}  // namespace tickwire::feed
