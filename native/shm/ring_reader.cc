#include "shm/ring_reader.h"

#include <algorithm>
#include <cstring>

#include "shm/words.h"

namespace tickwire::shm {
namespace {

// How often to look for a record to begin with while the writer overwrites one after the other. Each attempt takes far
// less time than a lap, so that the second mostly succeeds; beyond that the next poll tries again.
constexpr int kReadAttempts = 16;

}  // namespace

RingReader::RingReader(const uint8_t* memory, const Geometry& geometry, From start, From resume)
    : header_(&header_of(memory)),
      data_(memory + geometry.data_offset()),
      table_(memory + kTableOffset),
      geometry_(geometry),
      resume_(resume),
      run_(kRunBytes) {
  if (start == From::kStart) {
    begin_at(header_->identity.first_position, 1);
    return;
  }
  for (int i = 0; i < kReadAttempts; ++i) {
    if (start == From::kOldest ? join_oldest() : join_newest()) return;
  }
  // A writer that laps this loop so many times in a row: begin with the first record that is caught.
  begin_at(header_->published.load(std::memory_order_acquire), 0);
}

void RingReader::begin_at(uint64_t position, uint64_t sequence) noexcept {
  position_ = position;
  expected_ = sequence;
  if (position % kRecordAlign != 0) corrupt();
}

RingReader::RecordHeader RingReader::header_at(uint64_t position) const noexcept {
  const uint8_t* const at = data_ + (position & geometry_.mask());
  const uint64_t word = load_word(at);
  return {static_cast<uint32_t>(word), static_cast<uint32_t>(word >> 32), load_word(at + 8)};
}

// Whether what was read at `position` may have been overwritten before it was read. To be asked after reading.
bool RingReader::overtaken(uint64_t position) const noexcept {
  // Pairs with the writer's release fence: if one of the reads before saw a byte of a later lap, this load sees an
  // `oldest` beyond `position`.
  std::atomic_thread_fence(std::memory_order_acquire);
  return header_->oldest.load(std::memory_order_relaxed) > position;
}

// Whether a writer can have written such a record there. `available`: published bytes from `position` on.
bool RingReader::plausible(const RecordHeader& header, uint64_t position, uint64_t available) const noexcept {
  const uint64_t to_end = geometry_.capacity - (position & geometry_.mask());
  const uint64_t whole = record_bytes(header.bytes);
  if (whole > available || whole > to_end) return false;
  if (header.kind == static_cast<uint32_t>(RecordKind::kPad)) return whole == to_end;
  return header.kind == static_cast<uint32_t>(RecordKind::kData) && header.bytes <= geometry_.max_payload();
}

void RingReader::corrupt() noexcept {
  status_ = Errc::kShmCorrupt;
  at_ = run_end_ = 0;
}

// Copies the next run of whole records. False when there is none.
bool RingReader::fetch() {
  at_ = run_end_ = 0;
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    if (status_ != Errc::kNone) return false;
    const uint64_t published = header_->published.load(std::memory_order_acquire);
    if (published == position_) return false;
    const uint64_t available = published - position_;
    if (published < position_ || available % kRecordAlign != 0) {
      corrupt();
      return false;
    }
    const uint64_t offset = position_ & geometry_.mask();
    const uint64_t in_reach = std::min(available, geometry_.capacity - offset);
    const auto bytes = static_cast<size_t>(std::min<uint64_t>(in_reach, run_.size()));
    copy_from_shared(run_.data(), data_ + offset, bytes);
    if (overtaken(position_)) {
      if (!recover()) return false;
      continue;
    }
    // From here on run_ is private and what is wrong in it was wrong in the ring.
    RecordHeader first{};
    std::memcpy(&first, run_.data(), sizeof first);
    if (!plausible(first, position_, available) || (first.sequence != expected_ && expected_ != 0)) {
      corrupt();
      return false;
    }
    expected_ = first.sequence;
    const uint64_t whole = record_bytes(first.bytes);
    if (first.kind == static_cast<uint32_t>(RecordKind::kPad)) {
      position_ += whole;
    } else if (whole > bytes) {
      run_.resize(whole);  // longer than a run: once more, with room for it
    } else {
      run_end_ = bytes;
      return true;
    }
  }
  return false;
}

// The record at at_, or what has to be skipped there. True: `record` is one.
bool RingReader::step(Record& record) noexcept {
  RecordHeader header{};
  const size_t left = run_end_ - at_;
  std::memcpy(&header, run_.data() + at_, sizeof header);
  const uint64_t whole = record_bytes(header.bytes);
  if (whole > left) {
    // Cut off by the end of the run; whether it can be longer than that is checked when it is fetched as the first.
    at_ = run_end_ = 0;
    return false;
  }
  if (!plausible(header, position_, left) || header.sequence != expected_) {
    corrupt();
    return false;
  }
  const uint8_t* const payload = run_.data() + at_ + kRecordHeader;
  at_ += whole;
  position_ += whole;
  if (header.kind == static_cast<uint32_t>(RecordKind::kPad)) return false;
  record = {header.sequence, {payload, header.bytes}};
  ++expected_;
  return true;
}

bool RingReader::peek(Record& record) {
  if (at_ != run_end_) {
    peeked_ = 0;
    return next(record);
  }
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    if (status_ != Errc::kNone) return false;
    const uint64_t published = header_->published.load(std::memory_order_acquire);
    if (published == position_) return false;
    const RecordHeader header = header_at(position_);
    if (overtaken(position_)) {
      if (!recover()) return false;
      continue;
    }
    const uint64_t available = published - position_;
    if (published < position_ || available % kRecordAlign != 0 || !plausible(header, position_, available) ||
        (header.sequence != expected_ && expected_ != 0)) {
      corrupt();
      return false;
    }
    expected_ = header.sequence;
    peeked_ = record_bytes(header.bytes);
    if (header.kind == static_cast<uint32_t>(RecordKind::kPad)) {
      position_ += peeked_;
      continue;
    }
    record = {header.sequence, {data_ + (position_ & geometry_.mask()) + kRecordHeader, header.bytes}};
    return true;
  }
  return false;
}

bool RingReader::release() noexcept {
  if (peeked_ == 0) return true;
  const uint64_t bytes = peeked_;
  peeked_ = 0;
  if (overtaken(position_)) return false;
  position_ += bytes;
  ++expected_;
  return true;
}

// The newest start of a record that the writer has noted down before `published`; the oldest record when there is none.
uint64_t RingReader::boundary_near(uint64_t published) const noexcept {
  const uint64_t oldest = header_->oldest.load(std::memory_order_acquire);
  uint64_t best = oldest;
  for (const Word& slot : header_->starts) {
    const uint64_t start = slot.load(std::memory_order_relaxed);
    if (start < published && start > best && start % kRecordAlign == 0) best = start;
  }
  return best;
}

// Overtaken: go on at a record that is still there, and count those in between.
bool RingReader::recover() {
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    const uint64_t published = header_->published.load(std::memory_order_acquire);
    const uint64_t target =
        resume_ == From::kNewest ? boundary_near(published) : header_->oldest.load(std::memory_order_acquire);
    if (target == published) return false;  // nothing complete is there at the moment
    if (target % kRecordAlign != 0) {
      corrupt();
      return false;
    }
    if (target > published || target <= position_) continue;  // the writer has moved on between the loads
    const RecordHeader header = header_at(target);
    if (overtaken(target)) continue;
    if (!plausible(header, target, published - target) || header.sequence < expected_) {
      corrupt();
      return false;
    }
    if (expected_ != 0) lost_ += header.sequence - expected_;
    expected_ = header.sequence;
    position_ = target;
    return true;
  }
  return false;
}

// Begins behind the last published record, whose sequence is found by walking there from the nearest noted start. False
// when the writer overtook the walk.
bool RingReader::join_newest() {
  const uint64_t published = header_->published.load(std::memory_order_acquire);
  uint64_t at = boundary_near(published);
  uint64_t sequence = published == header_->identity.first_position ? 1 : 0;
  while (at < published) {
    if (at % kRecordAlign != 0) break;
    const RecordHeader header = header_at(at);
    if (overtaken(at)) return false;
    if (!plausible(header, at, published - at)) break;
    at += record_bytes(header.bytes);
    sequence = header.sequence + (header.kind == static_cast<uint32_t>(RecordKind::kData) ? 1 : 0);
  }
  begin_at(published, sequence);
  if (at < published) corrupt();
  return true;
}

// Begins with the oldest record that is there. False when it was overwritten just now.
bool RingReader::join_oldest() {
  const uint64_t published = header_->published.load(std::memory_order_acquire);
  const uint64_t oldest = header_->oldest.load(std::memory_order_acquire);
  if (oldest == published) {
    begin_at(oldest, oldest == header_->identity.first_position ? 1 : 0);
    return true;
  }
  begin_at(oldest, 0);
  if (status_ != Errc::kNone) return true;
  expected_ = header_at(oldest).sequence;
  return oldest < published && !overtaken(oldest);
}

bool RingReader::next_table_entry(std::span<const uint8_t>& entry) noexcept {
  if (status_ != Errc::kNone) return false;
  const uint64_t end = header_->table_end.load(std::memory_order_acquire);
  if (end == table_at_) return false;
  if (end < table_at_ || end > geometry_.table_capacity || end - table_at_ < kTableHeader) {
    corrupt();
    return false;
  }
  const uint64_t bytes = load_word(table_ + table_at_);
  const uint64_t room = end - table_at_ - kTableHeader;
  if (bytes > room) {
    corrupt();
    return false;
  }
  entry = {table_ + table_at_ + kTableHeader, static_cast<size_t>(bytes)};
  table_at_ += (kTableHeader + bytes + kTableAlign - 1) & ~uint64_t{kTableAlign - 1};
  if (table_at_ > end) corrupt();
  return status_ == Errc::kNone;
}

}  // namespace tickwire::shm
