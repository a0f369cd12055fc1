#include "shm/layout.h"

#include <algorithm>
#include <bit>
#include <new>

namespace tickwire::shm {
namespace {

static_assert(std::endian::native == std::endian::little, "segments are little endian and are read in place");

Error refuse(const char* why) { return {Errc::kShmLayout, 0, why}; }

}  // namespace

Result<Geometry> make_geometry(uint64_t capacity, uint64_t table_capacity) {
  if (capacity > kMaxCapacity || table_capacity > kMaxTableCapacity) {
    return Error{Errc::kShmSize, 0, "a ring has at most 1 GiB and its table 64 MiB"};
  }
  return Geometry{.capacity = std::bit_ceil(std::max<uint64_t>(capacity, kMinCapacity)),
                  .table_capacity = (table_capacity + kTableAlign - 1) & ~uint64_t{kTableAlign - 1}};
}

Result<Geometry> check_identity(const Identity& identity, uint64_t bytes) {
  if (identity.magic != kMagic) return refuse("this is no tickwire segment");
  if (identity.version != kVersion) {
    return Error{Errc::kShmVersion, static_cast<int32_t>(identity.version), "the segment is of another version"};
  }
  if (!std::has_single_bit(identity.capacity) || identity.capacity < kMinCapacity || identity.capacity > kMaxCapacity ||
      identity.table_capacity > kMaxTableCapacity || identity.table_capacity % kTableAlign != 0) {
    return refuse("the segment's sizes are impossible");
  }
  const Geometry geometry{.capacity = identity.capacity, .table_capacity = identity.table_capacity};
  if (identity.data_offset != geometry.data_offset() || identity.segment_bytes != geometry.segment_bytes()) {
    return refuse("the segment's sizes contradict each other");
  }
  if (bytes != identity.segment_bytes) return refuse("the segment is cut off or has grown");
  if (identity.first_position % kRecordAlign != 0) return refuse("the segment's first position is impossible");
  return geometry;
}

void format(std::span<uint8_t> memory, const Geometry& geometry, const FormatOptions& options) noexcept {
  auto* const header = new (memory.data()) Header;
  header->identity = Identity{.magic = kMagic,
                              .version = kVersion,
                              .flags = options.flags,
                              .segment_bytes = geometry.segment_bytes(),
                              .data_offset = geometry.data_offset(),
                              .capacity = geometry.capacity,
                              .table_capacity = geometry.table_capacity,
                              .first_position = options.first_position,
                              .epoch = options.epoch,
                              .created_ns = options.created_ns,
                              .writer_start_ns = options.writer_start_ns,
                              .writer_pid = options.writer_pid,
                              .reserved = 0};
  // Nobody else can see the memory yet; whoever finds it does so through the file system.
  header->heartbeat_ns.store(0, std::memory_order_relaxed);
  header->published.store(options.first_position, std::memory_order_relaxed);
  header->oldest.store(options.first_position, std::memory_order_relaxed);
  header->table_end.store(0, std::memory_order_relaxed);
  for (Word& start : header->starts) start.store(options.first_position, std::memory_order_relaxed);
  auto* const park = new (memory.data() + kParkOffset) Park;
  park->parked.store(0, std::memory_order_relaxed);
  park->wakes.store(0, std::memory_order_relaxed);
  header->state.store(static_cast<uint32_t>(SegmentState::kLive), std::memory_order_release);
}

}  // namespace tickwire::shm
