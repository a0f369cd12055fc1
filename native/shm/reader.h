// A ring in shared memory, from a reader's side: follows the name from one writer to the next, counts what it lost,
// sleeps when asked to. One thread at a time; any number of readers, which know nothing of each other.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/error.h"
#include "shm/ring_reader.h"
#include "shm/segment.h"

namespace tickwire::shm {

struct ReadOptions {
  From start =
      From::kNewest;  // where to begin in the segment that is opened; those that follow are read from their start
  From resume = From::kNewest;  // where to go on after records were lost
};

enum class Followed : uint8_t {
  kSame,     // nothing to follow: the writer lives, or nobody has taken its place, or records are still to be read
  kReplaced  // the reader is at the start of another writer's segment
};

class Reader {
 public:
  // See Segment::open() for what can fail.
  [[nodiscard]] static Result<std::unique_ptr<Reader>> open(const Place& place, const ReadOptions& options = {});
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Hands up to `max` records to `deliver(const Record&)`, each complete and in private memory that is valid until
  // `deliver` returns. Returns how many. A jump in Record::sequence is a loss of that many records; lost() has grown by
  // then. Not to be called from inside `deliver`.
  template <class F>
  size_t poll(F&& deliver, size_t max = SIZE_MAX) {
    return ring_.poll(std::forward<F>(deliver), max);
  }
  // One record, where it lies; see RingReader::peek().
  [[nodiscard]] bool peek(Record& record) { return ring_.peek(record); }
  [[nodiscard]] bool release() noexcept { return ring_.release(); }
  // Entries of the table that were not handed over yet.
  template <class F>
  size_t poll_table(F&& deliver) {
    return ring_.poll_table(std::forward<F>(deliver));
  }

  // Sleeps until something is there to be read, the writer has closed, or the time is over (nanoseconds; < 0: none).
  // Returns pending(). A writer that is killed wakes nobody: wait in turns and ask writer_alive(). Without permission
  // to write to the file it cannot be woken either, and looks every 200 µs.
  bool wait(int64_t timeout_ns) noexcept;

  [[nodiscard]] bool pending() const noexcept { return ring_.pending(); }
  // Records that were overwritten before they could be read, over all segments; exact.
  [[nodiscard]] uint64_t lost() const noexcept { return lost_before_ + ring_.lost(); }
  // kNone, or kShmCorrupt: the segment holds what no writer leaves behind; nothing more is read from it.
  [[nodiscard]] Errc status() const noexcept { return ring_.status(); }

  // Whether the process that writes this segment lives and has not closed it. One system call.
  [[nodiscard]] bool writer_alive() const noexcept { return segment_.writer_alive(); }
  [[nodiscard]] SegmentState state() const noexcept { return segment_.state(); }
  // When the writer last said that it was not stuck (monotonic clock); 0: never.
  [[nodiscard]] int64_t heartbeat_ns() const noexcept {
    return static_cast<int64_t>(header_of(segment_.memory()).heartbeat_ns.load(std::memory_order_relaxed));
  }
  // When everything of this segment was read and its writer is gone: goes on with the segment that has the name now.
  // Its records count from 1 again, its table starts anew and all of its loss is counted. Costs a few system calls;
  // fails as open() does, with kShmNotFound while there is no other.
  [[nodiscard]] Result<Followed> follow();

  [[nodiscard]] uint64_t epoch() const noexcept { return segment_.identity().epoch; }
  [[nodiscard]] uint32_t writer_pid() const noexcept { return segment_.identity().writer_pid; }
  [[nodiscard]] const Segment& segment() const noexcept { return segment_; }

 private:
  Reader(Place place, const ReadOptions& options, Segment segment);
  Place place_;
  ReadOptions options_;
  Segment segment_;
  RingReader ring_;
  uint64_t lost_before_ = 0;
};

}  // namespace tickwire::shm
