// A ring in shared memory, from the writer's side: a segment, the ring in it, and waking readers that sleep. One thread
// at a time.
//
// Writing never waits for anybody and makes no system call but to wake readers that sleep. A process that is killed at
// any instruction leaves a ring of which everything published can be read.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/error.h"
#include "shm/parking.h"
#include "shm/ring_writer.h"
#include "shm/segment.h"

namespace tickwire::shm {

class Writer {
 public:
  // Makes the segment; see Segment::create() for what can fail.
  [[nodiscard]] static Result<std::unique_ptr<Writer>> create(const Place& place, const CreateOptions& options = {});
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { close(); }

  // Writes one record and publishes it. False when it is longer than max_payload(), or the writer is closed: nothing
  // was written.
  [[nodiscard]] bool write(std::span<const uint8_t> payload) noexcept {
    if (!append(payload)) return false;
    publish();
    return true;
  }
  // As write(), without publishing: for several records at once.
  [[nodiscard]] bool append(std::span<const uint8_t> payload) noexcept { return open_ && ring_.append(payload); }

  // Room for a payload that is built in place; null when it is longer than max_payload(), or the writer is closed.
  // commit() completes the record with as many bytes as were used; publish() shows it to readers.
  [[nodiscard]] uint8_t* try_reserve(size_t bytes) noexcept { return open_ ? ring_.reserve(bytes) : nullptr; }
  void commit(size_t bytes) noexcept { ring_.commit(bytes); }

  void publish() noexcept {
    ring_.publish();
    if (fences_) std::atomic_thread_fence(std::memory_order_seq_cst);
    if (anybody_parked(*segment_.park())) [[unlikely]]
      wake_readers(*segment_.park());
  }

  // Adds to what every reader gets however late it comes: definitions that records refer to. False when the table is
  // full or the writer is closed. Publish the entry's first use afterwards.
  [[nodiscard]] bool append_table(std::span<const uint8_t> entry) noexcept {
    return open_ && ring_.append_table(entry);
  }

  // Says that the writer is not stuck, at `now_ns` on the monotonic clock. Whether its process lives, readers know
  // without.
  void heartbeat(int64_t now_ns) noexcept {
    header_of(segment_.memory()).heartbeat_ns.store(static_cast<uint64_t>(now_ns), std::memory_order_relaxed);
  }

  // Tells readers that no more will come and takes the name away. What was published stays readable for those who have
  // it.
  void close() noexcept;

  [[nodiscard]] bool is_open() const noexcept { return open_; }
  [[nodiscard]] uint64_t epoch() const noexcept { return segment_.identity().epoch; }
  [[nodiscard]] uint64_t sequence() const noexcept { return ring_.sequence(); }  // of the last record
  [[nodiscard]] uint64_t position() const noexcept { return ring_.position(); }
  [[nodiscard]] size_t max_payload() const noexcept { return ring_.max_payload(); }
  [[nodiscard]] size_t capacity() const noexcept { return segment_.geometry().capacity; }
  [[nodiscard]] uint64_t table_used() const noexcept { return ring_.table_used(); }
  [[nodiscard]] const Segment& segment() const noexcept { return segment_; }

 private:
  explicit Writer(Segment segment) noexcept;
  Segment segment_;
  RingWriter ring_;
  bool fences_;
  bool open_ = true;
};

}  // namespace tickwire::shm
