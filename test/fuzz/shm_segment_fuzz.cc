// A segment that somebody damages while a writer writes and a reader reads: the reader gives whole spans of its own
// memory or of the segment, says that the segment is damaged, or loses records; it reads nothing out of bounds and
// comes to an end. The header's unchanging part is checked as it would be when the segment is opened.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "shm/ring_reader.h"
#include "shm/ring_writer.h"
#include "shm/words.h"

namespace {

using namespace tickwire;
using namespace tickwire::shm;

// The input, taken in pieces; zeros once it is used up.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data, size) {}
  [[nodiscard]] bool empty() const { return data_.empty(); }
  template <class T>
  T take() {
    T value{};
    const size_t n = std::min(sizeof value, data_.size());
    std::memcpy(&value, data_.data(), n);
    data_ = data_.subspan(n);
    return value;
  }

 private:
  std::span<const uint8_t> data_;
};

void check_header(Input input) {
  Identity identity{};
  identity.magic = kMagic;
  identity.version = kVersion;
  if (input.take<uint8_t>() % 4 == 0) identity.magic = input.take<uint64_t>();
  identity.capacity = input.take<uint64_t>();
  identity.table_capacity = input.take<uint64_t>();
  identity.data_offset = input.take<uint64_t>();
  identity.segment_bytes = input.take<uint64_t>();
  identity.first_position = input.take<uint64_t>();
  const auto geometry = check_identity(identity, input.take<uint64_t>());
  if (!geometry.ok()) return;
  const Geometry& g = geometry.value();
  // What is accepted lies one behind the other in what is there.
  if (g.data_offset() < kTableOffset + g.table_capacity || g.data_offset() + g.capacity != identity.segment_bytes) {
    std::abort();
  }
}

struct Free {
  void operator()(uint8_t* memory) const { std::free(memory); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  check_header(input);

  const auto flags = input.take<uint8_t>();
  const Geometry geometry{.capacity = kMinCapacity, .table_capacity = 256};
  // Kept between inputs, as a quarter of a megabyte each would be most of the work; nothing but the header has to start
  // anew.
  static const std::unique_ptr<uint8_t, Free> memory(
      static_cast<uint8_t*>(std::aligned_alloc(4096, geometry.segment_bytes())));
  std::memset(memory.get(), 0, sizeof(Header));
  const uint64_t first = (flags & 1) != 0 ? (uint64_t{1} << 32) - 4096 : 0;
  format({memory.get(), geometry.segment_bytes()}, geometry, {.epoch = 1, .first_position = first});
  RingWriter writer(memory.get(), geometry);
  RingReader reader(memory.get(), geometry, static_cast<From>((flags >> 1) % 3), static_cast<From>((flags >> 3) & 1));
  const uint8_t* const begin = memory.get();
  const uint8_t* const end = begin + geometry.segment_bytes();
  uint64_t sum = 0;  // of every byte that is handed over, so that each is read
  const auto touch = [&](std::span<const uint8_t> bytes) {
    for (const uint8_t byte : bytes) sum += byte;
  };
  std::vector<uint8_t> payload(geometry.max_payload());
  for (int step = 0; step < 64 && !input.empty(); ++step) {
    switch (input.take<uint8_t>() % 8) {
      case 0:
      case 1: {
        const size_t bytes = input.take<uint16_t>() % (geometry.max_payload() + 1);
        for (int i = input.take<uint8_t>(); i >= 0; --i) {
          if (!writer.append({payload.data(), bytes})) std::abort();
        }
        writer.publish();
        break;
      }
      case 2: {  // a record's header, or a word of the header or the table
        const auto which = input.take<uint8_t>();
        const auto at = input.take<uint16_t>();
        const size_t offset = which % 3 == 0   ? 256 + at % (sizeof(Header) - 264)
                              : which % 3 == 1 ? kTableOffset + at % 256
                                               : geometry.data_offset() + at;
        store_word(memory.get() + offset / 8 * 8, input.take<uint64_t>());
        break;
      }
      case 3: {  // where the reader will look next
        const uint64_t offset = reader.position() & geometry.mask() & ~uint64_t{7};
        store_word(memory.get() + geometry.data_offset() + offset, input.take<uint64_t>());
        break;
      }
      case 4: {
        Record record;
        if (!reader.peek(record)) break;
        touch(record.payload);
        (void)reader.release();
        break;
      }
      case 5:
        if (!writer.append_table({payload.data(), input.take<uint8_t>()})) break;
        break;
      case 6:
        reader.poll_table([&](std::span<const uint8_t> entry) {
          if (entry.data() < begin || entry.data() + entry.size() > end) std::abort();
          touch(entry);
        });
        break;
      default: {
        const size_t max = input.take<uint8_t>();
        if (reader.poll([&](const Record& record) { touch(record.payload); }, max) > max) std::abort();
        break;
      }
    }
  }
  // At most what fits into a ring, however often it is asked.
  size_t n = 0;
  for (int i = 0; i < 4; ++i) n += reader.poll([&](const Record& record) { touch(record.payload); }, 100'000);
  if (n > 4 * geometry.capacity / kRecordHeader) std::abort();
  if (reader.status() != Errc::kNone && (reader.pending() || reader.poll([](const Record&) {}) != 0)) std::abort();
  return sum == UINT64_MAX ? 1 : 0;
}
