// A reader's half of the ring's protocol, over memory that somebody else has mapped and that need not be writable.
// Nothing that is read from there is believed before it is checked: the writer may lap the reader, die in the middle of
// a record, or be no writer at all.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "shm/layout.h"

namespace tickwire::shm {

struct Record {
  uint64_t sequence = 0;             // from 1, without gaps within a segment: a jump is a loss
  std::span<const uint8_t> payload;  // 8-byte aligned
};

enum class From : uint8_t {
  kNewest,  // as near to the end as possible
  kOldest,  // as much as is still there
  kStart,   // as kOldest, and what was overwritten since the first record counts as lost
};

class RingReader {
 public:
  // Records are copied out of the ring in runs of about so many bytes, checked once per run.
  static constexpr size_t kRunBytes = size_t{16} << 10;

  // `memory` passed check_identity() and outlives the reader. `start`: where to begin; `resume`: where to go on after
  // records were lost.
  RingReader(const uint8_t* memory, const Geometry& geometry, From start, From resume);

  // The next record, in private memory: complete, valid until the next call. False when there is none.
  [[nodiscard]] bool next(Record& record) {
    for (;;) {
      if (at_ == run_end_ && !fetch()) return false;
      if (step(record)) return true;
    }
  }

  // Hands up to `max` records to `deliver(const Record&)`; returns how many. Not to be called from inside `deliver`.
  template <class F>
  size_t poll(F&& deliver, size_t max = SIZE_MAX) {
    Record record;
    size_t n = 0;
    while (n < max && next(record)) {
      ++n;
      deliver(static_cast<const Record&>(record));
    }
    return n;
  }

  // The next record where it lies, for payloads that are worth not copying. It may change while it is read: use nothing
  // of it before release() has said true. Between the two only release() may be called.
  [[nodiscard]] bool peek(Record& record);
  // Done with what peek() gave. False: it was overwritten meanwhile, what was read of it is worthless, and the next
  // call counts it as lost.
  [[nodiscard]] bool release() noexcept;

  // Hands each entry of the table that was not handed over yet to `deliver(std::span<const uint8_t>)`; returns how
  // many. The span points into shared memory, where entries do not change.
  template <class F>
  size_t poll_table(F&& deliver) {
    std::span<const uint8_t> entry;
    size_t n = 0;
    while (next_table_entry(entry)) {
      ++n;
      deliver(entry);
    }
    return n;
  }

  // Whether something waits to be read.
  [[nodiscard]] bool pending() const noexcept {
    return status_ == Errc::kNone &&
           (at_ != run_end_ || header_->published.load(std::memory_order_acquire) != position_);
  }

  // Records that were overwritten before they could be read, since this reader began. Exact.
  [[nodiscard]] uint64_t lost() const noexcept { return lost_; }
  // Sequence of the next record; 0 when it is not known yet.
  [[nodiscard]] uint64_t expected() const noexcept { return expected_; }
  // Start of what has not been copied out yet.
  [[nodiscard]] uint64_t position() const noexcept { return position_; }
  // kNone, or kShmCorrupt once the memory turned out to hold something that no writer leaves behind. Nothing is read
  // from then on.
  [[nodiscard]] Errc status() const noexcept { return status_; }

 private:
  struct RecordHeader {
    uint32_t bytes;
    uint32_t kind;
    uint64_t sequence;
  };

  [[nodiscard]] RecordHeader header_at(uint64_t position) const noexcept;
  [[nodiscard]] bool overtaken(uint64_t position) const noexcept;
  [[nodiscard]] bool plausible(const RecordHeader& header, uint64_t position, uint64_t available) const noexcept;
  [[nodiscard]] bool fetch();
  [[nodiscard]] bool step(Record& record) noexcept;
  [[nodiscard]] bool recover();
  [[nodiscard]] bool join_newest();
  [[nodiscard]] bool join_oldest();
  void begin_at(uint64_t position, uint64_t sequence) noexcept;
  [[nodiscard]] uint64_t boundary_near(uint64_t published) const noexcept;
  [[nodiscard]] bool next_table_entry(std::span<const uint8_t>& entry) noexcept;
  void corrupt() noexcept;

  const Header* header_;
  const uint8_t* data_;
  const uint8_t* table_;
  Geometry geometry_;
  From resume_;
  Errc status_ = Errc::kNone;

  std::vector<uint8_t> run_;  // copied out and checked
  size_t at_ = 0;             // start of the next record in run_
  size_t run_end_ = 0;        // end of what was copied; may cut the last record off
  uint64_t position_ = 0;
  uint64_t expected_ = 0;
  uint64_t lost_ = 0;
  uint64_t peeked_ = 0;  // bytes of the record that peek() gave from the ring itself; 0 when it came from run_
  uint64_t table_at_ = 0;
};

}  // namespace tickwire::shm
