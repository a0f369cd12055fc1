// The writer's half of the ring's protocol, over memory that somebody else has mapped. One thread at a time.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "shm/layout.h"

namespace tickwire::shm {

class RingWriter {
 public:
  // `memory` was formatted by format() and nothing was written to it since; it must outlive the writer.
  RingWriter(uint8_t* memory, const Geometry& geometry) noexcept;

  // Room for a payload of up to `bytes`, 8-byte aligned and contiguous; null when it is longer than max_payload(). What
  // was there is lost to readers from now on; nothing is visible before commit() and publish(). A second reserve()
  // replaces the first.
  [[nodiscard]] uint8_t* reserve(size_t bytes) noexcept;
  // Completes the record that was reserved, with `bytes` ≤ what was reserved.
  void commit(size_t bytes) noexcept;

  // reserve(), copy, commit(). False when the payload is too long: nothing was written.
  [[nodiscard]] bool append(std::span<const uint8_t> payload) noexcept;

  // Lets readers see all that was committed. Happens by itself whenever the next 64th of the ring is begun.
  void publish() noexcept {
    // Release: whoever sees this position sees the records before it.
    header_->published.store(write_, std::memory_order_release);
    published_ = write_;
  }
  [[nodiscard]] bool unpublished() const noexcept { return write_ != published_; }

  // Adds to the table, which keeps everything from its first entry on, for readers that come late. False when it is
  // full: nothing was written. Visible at once.
  [[nodiscard]] bool append_table(std::span<const uint8_t> entry) noexcept;

  // Sequence of the last committed record; 0 before the first.
  [[nodiscard]] uint64_t sequence() const noexcept { return next_sequence_ - 1; }
  [[nodiscard]] uint64_t position() const noexcept { return write_; }
  [[nodiscard]] size_t max_payload() const noexcept { return max_payload_; }
  [[nodiscard]] uint64_t table_used() const noexcept { return table_end_; }

 private:
  void claim(uint64_t end) noexcept;
  void start_record(uint64_t position, RecordKind kind, uint32_t bytes) noexcept;

  Header* header_;
  uint8_t* data_;
  uint8_t* table_;
  uint64_t mask_;
  uint64_t capacity_;
  uint64_t table_capacity_;
  uint64_t block_mask_;
  unsigned block_shift_;
  size_t max_payload_;

  uint64_t write_;      // end of the committed records
  uint64_t published_;  // as readers see it
  uint64_t claimed_;    // readers were told that everything up to here may be overwritten; ends a block
  uint64_t oldest_;     // start of the oldest record that readers may still read
  uint64_t next_sequence_ = 1;
  uint64_t pad_ = 0;     // bytes of the pad record in front of what was reserved
  uint64_t last_block_;  // the last one in which a record starts; counted on, not modulo
  uint64_t table_end_ = 0;
  std::array<uint64_t, kBlocks> starts_{};  // what the header holds, where no reader can have changed it
};

}  // namespace tickwire::shm
