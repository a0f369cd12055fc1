// What lies where in a segment, for the writer, the reader and whoever looks at a segment from outside.
// docs/shared-memory.md holds the same table with the protocol and its memory-order argument, lib/shm/layout.ts the
// offsets for JavaScript.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"

namespace tickwire::shm {

inline constexpr uint64_t kMagic = 0x474E495248535754;  // "TWSHRING"
inline constexpr uint32_t kVersion = 1;
// The ring is opened for writing in blocks, so that what readers have to look at changes 64 times per lap and not with
// every record.
inline constexpr uint32_t kBlocks = 64;
// Header, parking words and table start on boundaries of the largest page in use, so that readers can map the parking
// words alone for writing.
inline constexpr size_t kParkOffset = 65536;
inline constexpr size_t kTableOffset = 131072;
inline constexpr size_t kMinCapacity = size_t{64} << 10;
inline constexpr size_t kMaxCapacity = size_t{1} << 30;
inline constexpr size_t kMaxTableCapacity = size_t{64} << 20;
// Records start at multiples of 16 bytes: what is left at the end of the ring always has room for a header.
inline constexpr size_t kRecordAlign = 16;
inline constexpr size_t kRecordHeader = 16;
inline constexpr size_t kTableAlign = 8;
inline constexpr size_t kTableHeader = 8;

enum class RecordKind : uint32_t {
  kPad = 0,   // the rest of the ring up to its end; its sequence is that of the record behind it
  kData = 1,  // one message
};

enum class SegmentState : uint32_t {
  kLive = 1,     // a writer has it open, or died with it open: its lock tells
  kClosed = 2,   // its writer closed it
  kRetired = 3,  // its writer died, and another takes or has taken the name
};

// Set by a writer that orders its publishing before its look at the parking words by a fence of its own; otherwise
// readers have to make it do so (parking.h).
inline constexpr uint32_t kFlagWriterFences = 1;

// Never changes once the segment can be found by its name.
struct Identity {
  uint64_t magic;
  uint32_t version;
  uint32_t flags;
  uint64_t segment_bytes;
  uint64_t data_offset;
  uint64_t capacity;
  uint64_t table_capacity;
  uint64_t first_position;   // where the ring started to be written
  uint64_t epoch;            // differs for every start of a writer; grows by the wall clock
  uint64_t created_ns;       // wall clock
  uint64_t writer_start_ns;  // start of the writer's process, on a clock of the system's own; tells a reused pid apart
  uint32_t writer_pid;
  uint32_t reserved;
};
static_assert(sizeof(Identity) == 88);

using Word = std::atomic<uint64_t>;
using HalfWord = std::atomic<uint32_t>;
static_assert(Word::is_always_lock_free && sizeof(Word) == 8);
static_assert(HalfWord::is_always_lock_free && sizeof(HalfWord) == 4);

// Positions are counts of bytes since the ring was made; position & (capacity - 1) is the offset in the ring.
struct Header {
  Identity identity;
  alignas(128) HalfWord state;  // SegmentState
  HalfWord reserved;
  Word heartbeat_ns;                  // monotonic clock: when the writer last said that it was not stuck
  alignas(128) Word published;        // end of the records that may be read
  alignas(128) Word oldest;           // start of the oldest record that is not being overwritten
  alignas(128) Word table_end;        // bytes of the table that are complete
  alignas(128) Word starts[kBlocks];  // by block: position of the first record that starts in it
};
static_assert(offsetof(Header, state) == 128 && offsetof(Header, heartbeat_ns) == 136);
static_assert(offsetof(Header, published) == 256 && offsetof(Header, oldest) == 384);
static_assert(offsetof(Header, table_end) == 512 && offsetof(Header, starts) == 640);
static_assert(sizeof(Header) <= kParkOffset);

// The one thing that readers write.
struct Park {
  HalfWord parked;  // a reader sleeps, or did; the writer takes it back when it wakes them
  HalfWord wakes;   // what they sleep on: counts wake-ups
};

struct Geometry {
  uint64_t capacity = 0;
  uint64_t table_capacity = 0;

  [[nodiscard]] constexpr uint64_t mask() const noexcept { return capacity - 1; }
  [[nodiscard]] constexpr uint64_t block_bytes() const noexcept { return capacity / kBlocks; }
  [[nodiscard]] constexpr uint64_t data_offset() const noexcept {
    return (kTableOffset + table_capacity + kParkOffset - 1) / kParkOffset * kParkOffset;
  }
  [[nodiscard]] constexpr uint64_t segment_bytes() const noexcept { return data_offset() + capacity; }
  // A quarter: then at least two records of any size are there to be read while a third is written.
  [[nodiscard]] constexpr size_t max_payload() const noexcept { return capacity / 4 - kRecordHeader; }
};

[[nodiscard]] constexpr uint64_t record_bytes(uint64_t payload) noexcept {
  return (kRecordHeader + payload + kRecordAlign - 1) & ~uint64_t{kRecordAlign - 1};
}

// Rounds the sizes up to what a segment can have. Fails with kShmSize beyond the limits.
[[nodiscard]] Result<Geometry> make_geometry(uint64_t capacity, uint64_t table_capacity);

// Checks everything that a reader relies on later. `bytes`: what is really there. Fails with kShmLayout or kShmVersion.
[[nodiscard]] Result<Geometry> check_identity(const Identity& identity, uint64_t bytes);

struct FormatOptions {
  uint64_t epoch = 0;
  uint64_t first_position = 0;  // a multiple of kRecordAlign
  uint32_t flags = 0;
  uint64_t created_ns = 0;
  uint64_t writer_start_ns = 0;
  uint32_t writer_pid = 0;
};

// Writes the header of an empty segment into zeroed, page-aligned memory of geometry.segment_bytes() bytes.
void format(std::span<uint8_t> memory, const Geometry& geometry, const FormatOptions& options) noexcept;

[[nodiscard]] inline Header& header_of(uint8_t* memory) noexcept { return *reinterpret_cast<Header*>(memory); }
[[nodiscard]] inline const Header& header_of(const uint8_t* memory) noexcept {
  return *reinterpret_cast<const Header*>(memory);
}

}  // namespace tickwire::shm
