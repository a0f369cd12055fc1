// The core's end of the event ring: a single-producer single-consumer ring of 8-byte aligned records in memory that the
// JS side allocated. docs/event-ring.md holds the protocol and its memory-order argument; lib/native/addon.ts the same
// layout for the reader.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/error.h"

namespace tickwire {

enum class RecordKind : uint8_t {
  kPad = 0,
  kRow = 1,
  kConflated = 2,
  kText = 3,
  kBinary = 4,
  kState = 5,
  kGap = 6,
  kMalformed = 7,
  kPong = 8,
  kSequenceGap = 9,  // of a feed in the wire format, as the next two
  kSubscribed = 10,
  kRefused = 11,
  kBook = 12,          // of a set of books: native/feed/book_set.h
  kHttpResponse = 16,  // of a pool of HTTP connections; laid out in native/addon/pool_tenant.h
  kHttpPiece = 17,
  kHttpEnd = 18,
  kHttpFailed = 19,
  kHttpConnection = 20,
  kRestart = 31,  // the next record is at the front of the ring
  kHub = 32,      // what happened to a hub's clients; laid out in native/addon/hub_record.h
};

[[nodiscard]] constexpr uint64_t record_header(uint32_t bytes, RecordKind kind, uint8_t shape, uint16_t feed) noexcept {
  return uint64_t{bytes} | uint64_t{static_cast<uint8_t>(kind)} << 32 | uint64_t{shape} << 40 | uint64_t{feed} << 48;
}

class EventRing {
 public:
  static constexpr uint32_t kMagic = 0x474E5254;
  static constexpr uint32_t kVersion = 2;
  static constexpr size_t kDataOffset = 256;
  static constexpr size_t kMinCapacity = 64u << 10;
  static constexpr size_t kMaxCapacity = size_t{1} << 30;
  // How far a ring is written before it may start again at its front; the first time earlier, so that JS has seen that
  // before its code is optimized, which would otherwise be thrown away when it comes.
  static constexpr uint32_t kRestartAt = 64u << 10;
  static constexpr uint32_t kFirstRestartAt = 1u << 10;
  static constexpr uint32_t kLookEvery = 4u << 10;

  // Formats `memory` (kDataOffset + a power of two). The memory must outlive the ring.
  [[nodiscard]] static Result<EventRing> format(std::span<uint8_t> memory);

  // Contiguous room for a record of `bytes` (a multiple of 8), or null when the reader has not freed enough. The record
  // is visible to nobody before publish().
  [[nodiscard]] uint8_t* reserve(uint32_t bytes) noexcept {
    uint32_t pad = 0;
    if (bytes > end_ - place()) [[unlikely]]
      pad = pad_before(bytes);
    if (capacity_ - (write_ - tail_seen_) < bytes + pad) {
      look_at_tail();
      if (capacity_ - (write_ - tail_seen_) < bytes + pad) return nullptr;
    }
    if (pad != 0) {
      const uint64_t header = record_header(pad, RecordKind::kPad, 0, 0);
      std::memcpy(data_ + place(), &header, 8);
      write_ += pad;
      end_ = capacity_;
    }
    return data_ + place();
  }
  void commit(uint32_t bytes) noexcept { write_ += bytes; }

  // Contiguous free memory where the next records will be: as much as leaves no more than `limit` bytes unread, and no
  // more than max_record(). What was made there, record behind record, needs no reserve() before commit().
  struct Room {
    uint64_t* at;
    uint32_t bytes;
  };
  [[nodiscard]] Room room(uint32_t limit) noexcept {
    const uint32_t offset = place();
    const uint32_t unread = write_ - tail_seen_;
    const uint32_t free = limit > unread ? limit - unread : 0;
    return {reinterpret_cast<uint64_t*>(data_ + offset), std::min({free, end_ - offset, max_record()})};
  }

  // Goes on at the front when the reader has taken everything and the ring was written for a good way: a reader that
  // keeps up then has the same few cache lines again and again, instead of all of the ring one after the other. Nothing
  // may be reserved and not committed. What a flush sends later includes the record that tells the reader of it: who
  // then finds too little room flushes before he waits, or a reader that sleeps would leave it there.
  void restart_when_drained() noexcept {
    // Near the middle the largest record would fit neither in front of the place where this one stands nor behind it.
    const uint32_t at = place();
    const uint32_t half = capacity_ / 2;
    if (at < restart_at_ || (at > half - 16 && at < half + 8) || write_ != published_) return;
    if (static_cast<int32_t>(write_ - next_look_) < 0) return;
    look_at_tail();
    if (tail_seen_ != write_) {
      // A reader that is always a little behind: its cache line is not asked for with every read.
      next_look_ = write_ + kLookEvery;
      return;
    }
    const uint64_t header = record_header(8, RecordKind::kRestart, 0, 0);
    std::memcpy(data_ + at, &header, 8);
    // Until the reader has taken this record nothing may be written over it; 8 bytes in front of it are kept for the
    // head of a pad that leads past it.
    end_ = at - 8;
    restart_ = write_;
    restart_at_ = kRestartAt;
    write_ += 8;
    origin_ = write_;
    next_look_ = write_;  // kept close, or half a lap of all positions later it would seem to lie ahead
  }

  // Makes everything committed visible to a reader that is awake. One store.
  void publish() noexcept {
    if (write_ == published_) return;
    published_ = write_;
    head().store(write_, std::memory_order_release);
  }
  // publish(), then: true when the reader sleeps and must be woken, which this call has then taken on. After the last
  // publish() of a read this must be called once, or the reader sleeps on.
  [[nodiscard]] bool publish_and_check_sleeper() noexcept {
    publish();
    if (published_ == checked_) return false;
    checked_ = published_;
    // The reader stores `sleeping`, then loads head; we store head, then load `sleeping`. Only sequential consistency
    // of these four forbids that both miss the other's store, hence the fence here and Atomics (seq_cst) there.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (sleeping().load(std::memory_order_relaxed) == 0) return false;
    return sleeping().exchange(0, std::memory_order_acq_rel) != 0;
  }
  [[nodiscard]] bool unpublished() const noexcept { return write_ != checked_; }

  // Announces that the producer waits for room. The caller must try reserve() once more afterwards: the reader may have
  // freed room before it could see the announcement (same store/load argument as in publish()).
  void announce_starved() noexcept {
    starved().store(1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  void clear_starved() noexcept { starved().store(0, std::memory_order_relaxed); }

  // Bytes that the reader has not freed, as of now.
  [[nodiscard]] uint32_t used() noexcept {
    look_at_tail();
    return write_ - tail_seen_;
  }
  // Like used(), by the last tail that was seen: never too small, free of cache traffic.
  [[nodiscard]] uint32_t used_at_most() const noexcept { return write_ - tail_seen_; }
  [[nodiscard]] uint32_t capacity() const noexcept { return capacity_; }
  // The largest record that fits at any position once the ring is empty.
  [[nodiscard]] uint32_t max_record() const noexcept { return capacity_ / 2; }

 private:
  EventRing(uint8_t* base, uint32_t capacity) noexcept
      : base_(base), data_(base + kDataOffset), capacity_(capacity), mask_(capacity - 1), end_(capacity) {}
  // Offset of the next record.
  [[nodiscard]] uint32_t place() const noexcept { return (write_ - origin_) & mask_; }
  // Acquire: what the reader did with the freed records happened before we overwrite them.
  void look_at_tail() noexcept { tail_seen_ = tail().load(std::memory_order_acquire); }
  // `bytes` do not fit in front of `end_`: how long a pad has to be so that they fit behind it. 0 when they fit now.
  [[nodiscard]] uint32_t pad_before(uint32_t bytes) noexcept;
  // std::atomic<uint32_t> is lock-free and has the layout of uint32_t on every platform we build for (asserted in the
  // .cc).
  [[nodiscard]] std::atomic<uint32_t>& word(size_t i) const noexcept {
    return *reinterpret_cast<std::atomic<uint32_t>*>(base_ + i * 4);
  }
  [[nodiscard]] std::atomic<uint32_t>& head() const noexcept { return word(16); }
  [[nodiscard]] std::atomic<uint32_t>& tail() const noexcept { return word(32); }
  [[nodiscard]] std::atomic<uint32_t>& sleeping() const noexcept { return word(48); }
  [[nodiscard]] std::atomic<uint32_t>& starved() const noexcept { return word(49); }

  uint8_t* base_;
  uint8_t* data_;
  uint32_t capacity_;
  uint32_t mask_;
  uint32_t end_;         // offset up to which records may be written in one piece
  uint32_t origin_ = 0;  // the position that lies at offset 0
  uint32_t restart_at_ = kFirstRestartAt;
  uint32_t next_look_ = 0;  // position from which on it is worth asking whether everything was taken
  uint32_t restart_ = 0;    // position of the last record of that kind, where end_ is not the ring's end
  uint32_t write_ = 0;      // positions are byte counts modulo 2^32
  uint32_t published_ = 0;
  uint32_t checked_ = 0;  // published_ at the last look at `sleeping`
  uint32_t tail_seen_ = 0;
};

}  // namespace tickwire
