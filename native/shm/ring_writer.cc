#include "shm/ring_writer.h"

#include <bit>

#include "shm/words.h"

namespace tickwire::shm {

RingWriter::RingWriter(uint8_t* memory, const Geometry& geometry) noexcept
    : header_(&header_of(memory)),
      data_(memory + geometry.data_offset()),
      table_(memory + kTableOffset),
      mask_(geometry.mask()),
      capacity_(geometry.capacity),
      table_capacity_(geometry.table_capacity),
      block_mask_(geometry.block_bytes() - 1),
      block_shift_(static_cast<unsigned>(std::countr_zero(geometry.block_bytes()))),
      max_payload_(geometry.max_payload()),
      write_(header_->identity.first_position),
      published_(write_),
      claimed_(write_),
      oldest_(write_),
      last_block_((write_ >> block_shift_) - 1) {
  starts_.fill(write_);
}

uint8_t* RingWriter::reserve(size_t bytes) noexcept {
  if (bytes > max_payload_) return nullptr;
  const uint64_t need = record_bytes(bytes);
  const uint64_t to_end = capacity_ - (write_ & mask_);
  pad_ = need > to_end ? to_end : 0;
  const uint64_t end = write_ + pad_ + need;
  if (end > claimed_) claim(end);
  return data_ + ((write_ + pad_) & mask_) + kRecordHeader;
}

void RingWriter::commit(size_t bytes) noexcept {
  if (pad_ != 0) {
    start_record(write_, RecordKind::kPad, static_cast<uint32_t>(pad_ - kRecordHeader));
    write_ += pad_;
    pad_ = 0;
  }
  start_record(write_, RecordKind::kData, static_cast<uint32_t>(bytes));
  write_ += record_bytes(bytes);
  ++next_sequence_;
}

bool RingWriter::append(std::span<const uint8_t> payload) noexcept {
  uint8_t* const at = reserve(payload.size());
  if (at == nullptr) return false;
  copy_to_shared(at, payload.data(), payload.size());
  commit(payload.size());
  return true;
}

bool RingWriter::append_table(std::span<const uint8_t> entry) noexcept {
  const uint64_t need = (kTableHeader + entry.size() + kTableAlign - 1) & ~uint64_t{kTableAlign - 1};
  if (entry.size() > table_capacity_ || need > table_capacity_ - table_end_) return false;
  store_word(table_ + table_end_, entry.size());
  copy_to_shared(table_ + table_end_ + kTableHeader, entry.data(), entry.size());
  table_end_ += need;
  // Release: the entry is complete for whoever sees the new end.
  header_->table_end.store(table_end_, std::memory_order_release);
  return true;
}

// Tells readers, before the first byte changes, that the blocks up to `end` are being overwritten.
void RingWriter::claim(uint64_t end) noexcept {
  // So that `oldest` never passes what readers know of, however much is appended at once.
  if (unpublished()) publish();
  claimed_ = (end + block_mask_) & ~block_mask_;
  if (claimed_ - oldest_ <= capacity_) return;  // a first lap overwrites nothing
  const uint64_t floor = claimed_ - capacity_;
  uint64_t next = write_;
  for (uint64_t block = floor >> block_shift_; block <= last_block_; ++block) {
    const uint64_t start = starts_[block % kBlocks];
    if (start >> block_shift_ != block) continue;  // covered by a record that starts in front of it
    next = start;
    break;
  }
  oldest_ = next;
  header_->oldest.store(next, std::memory_order_relaxed);
  // Between this store and those that overwrite. A reader that has read one of them, and then passes its acquire fence,
  // finds `oldest` moved.
  std::atomic_thread_fence(std::memory_order_release);
}

void RingWriter::start_record(uint64_t position, RecordKind kind, uint32_t bytes) noexcept {
  uint8_t* const at = data_ + (position & mask_);
  store_word(at, uint64_t{bytes} | uint64_t{static_cast<uint32_t>(kind)} << 32);
  store_word(at + 8, next_sequence_);
  const uint64_t block = position >> block_shift_;
  if (block == last_block_) return;
  last_block_ = block;
  starts_[block % kBlocks] = position;
  header_->starts[block % kBlocks].store(position, std::memory_order_relaxed);
}

}  // namespace tickwire::shm
