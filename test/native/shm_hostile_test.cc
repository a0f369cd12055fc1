// Memory that no writer leaves behind: a reader says so, or loses records and counts them; it never believes it.
#include <doctest/doctest.h>

#include <random>

#include "shm/ring_reader.h"
#include "shm/ring_writer.h"
#include "shm/words.h"
#include "shm_memory.h"

using namespace tickwire;
using namespace tickwire::shm;
using tickwire::test::payload_of;
using tickwire::test::SegmentMemory;

namespace {

struct Ring {
  SegmentMemory memory{kMinCapacity, 1024};
  RingWriter writer{memory.data(), memory.geometry()};

  explicit Ring(int records = 100) {
    const auto payload = payload_of(1, 48);
    bool all = true;
    for (int i = 0; i < records; ++i) all = writer.append(payload) && all;
    REQUIRE(all);
    writer.publish();
    for (int i = 0; i < 5; ++i) REQUIRE(writer.append_table(payload_of(1, 20)));
  }
  [[nodiscard]] RingReader reader(From start = From::kOldest) const {
    return {memory.data(), memory.geometry(), start, From::kNewest};
  }
  [[nodiscard]] uint8_t* record(int index) const {
    return memory.data() + memory.geometry().data_offset() + index * 64;
  }
  void set_record(int index, uint32_t bytes, uint32_t kind, uint64_t sequence) const {
    store_word(record(index), bytes | uint64_t{kind} << 32);
    store_word(record(index) + 8, sequence);
  }
};

// Reads all there is in every way; returns the status.
Errc read_all(const Ring& ring, From start = From::kOldest) {
  auto reader = ring.reader(start);
  size_t n = reader.poll([](const Record&) {}, 1'000'000);
  auto in_place = ring.reader(start);
  Record record;
  size_t looked = 0;
  while (looked < 1'000'000 && in_place.peek(record)) {
    ++looked;
    if (!in_place.release()) break;
  }
  CHECK(n == looked);
  CHECK(reader.status() == in_place.status());
  if (reader.status() != Errc::kNone) {
    CHECK_FALSE(reader.pending());
    CHECK(reader.poll([](const Record&) {}) == 0);
  }
  return reader.status();
}

}  // namespace

TEST_CASE("shm hostile: the intact ring, so that the rest means something") {
  const Ring ring;
  CHECK(read_all(ring) == Errc::kNone);
  auto reader = ring.reader();
  CHECK(reader.poll([](const Record&) {}) == 100);
  CHECK(reader.poll_table([](std::span<const uint8_t>) {}) == 5);
}

TEST_CASE("shm hostile: records that cannot be") {
  const struct {
    uint32_t bytes, kind;
    uint64_t sequence;
  } wrong[] = {
      {UINT32_MAX, 1, 51},  // so long that its end wraps
      {UINT32_MAX - 15, 1, 51},
      {0x7FFFFFFF, 1, 51},
      {kMinCapacity / 4, 1, 51},  // longer than the longest
      {50 * 64 - 15, 1, 51},      // beyond what is published
      {48, 2, 51},                // no such kind
      {48, 0xFFFFFFFF, 51},
      {48, 0, 51},  // padding that does not end the ring
      {48, 1, 50},  // twice
      {48, 1, 52},  // one missing
      {48, 1, UINT64_MAX},
      {48, 1, 0},
  };
  for (const auto& [bytes, kind, sequence] : wrong) {
    const Ring ring;
    ring.set_record(50, bytes, kind, sequence);
    auto reader = ring.reader();
    CHECK(reader.poll([](const Record&) {}) == 50);
    CHECK(reader.status() == Errc::kShmCorrupt);
    CHECK(read_all(ring) == Errc::kShmCorrupt);
  }
}

TEST_CASE("shm hostile: positions that cannot be") {
  const auto with = [](auto change, From start = From::kOldest) {
    const Ring ring;
    change(ring.memory.header());
    return read_all(ring, start);
  };
  for (const From start : {From::kOldest, From::kNewest, From::kStart}) {
    CHECK(with([](Header& h) { h.published = h.published + 8; }, start) == Errc::kShmCorrupt);
    CHECK(with([](Header& h) { h.published = UINT64_MAX; }, start) == Errc::kShmCorrupt);
  }
  CHECK(with([](Header& h) { h.published = h.published + (uint64_t{1} << 40); }) == Errc::kShmCorrupt);
  CHECK(with([](Header& h) { h.oldest = 8; }) == Errc::kShmCorrupt);
  CHECK(with([](Header& h) { h.starts[3] = 8; }, From::kNewest) == Errc::kNone);  // not believed
  // A published position that goes back.
  const Ring ring;
  auto reader = ring.reader();
  CHECK(reader.poll([](const Record&) {}) == 100);
  ring.memory.header().published = 64;
  CHECK(reader.poll([](const Record&) {}) == 0);
  CHECK(reader.status() == Errc::kShmCorrupt);
  // An oldest record beyond all that is published: nothing to read, and no end to it; but no record out of thin air
  // either.
  const Ring overtaken;
  overtaken.memory.header().oldest = 1 << 20;
  auto stuck = overtaken.reader(From::kStart);
  CHECK(stuck.poll([](const Record&) {}) == 0);
}

TEST_CASE("shm hostile: tables that cannot be") {
  const auto with = [](auto change) {
    const Ring ring;
    change(ring.memory.header(), ring.memory.data() + kTableOffset);
    auto reader = ring.reader();
    const size_t n = reader.poll_table([](std::span<const uint8_t>) {});
    CHECK(n <= 5);
    return reader.status();
  };
  CHECK(with([](Header& h, uint8_t*) { h.table_end = 4; }) == Errc::kShmCorrupt);
  CHECK(with([](Header& h, uint8_t*) { h.table_end = 1032; }) == Errc::kShmCorrupt);
  CHECK(with([](Header& h, uint8_t*) { h.table_end = UINT64_MAX; }) == Errc::kShmCorrupt);
  CHECK(with([](Header& h, uint8_t*) { h.table_end = h.table_end - 8; }) == Errc::kShmCorrupt);
  CHECK(with([](Header&, uint8_t* table) { store_word(table, UINT64_MAX); }) == Errc::kShmCorrupt);
  CHECK(with([](Header&, uint8_t* table) { store_word(table, UINT64_MAX - 15); }) == Errc::kShmCorrupt);
  CHECK(with([](Header&, uint8_t* table) { store_word(table, 1017); }) == Errc::kShmCorrupt);
}

TEST_CASE("shm hostile: random damage while a writer writes and a reader reads") {
  std::mt19937_64 random(1);
  int corrupt = 0;
  constexpr int kRounds = 1000;
  const auto payload = payload_of(1, 1000);
  for (int round = 0; round < kRounds; ++round) {
    Ring ring(static_cast<int>(random() % 3000));
    auto reader = ring.reader(static_cast<From>(random() % 3));
    const uint64_t bytes = ring.memory.geometry().segment_bytes();
    for (int step = 0; step < 5; ++step) {
      // Half of it where it hurts.
      const uint64_t at =
          random() % 2 == 0 ? 256 + random() % 1024 : kTableOffset + random() % (bytes - kTableOffset - 8);
      store_word(ring.memory.data() + at / 8 * 8, random() >> (random() % 64));
      reader.poll([](const Record&) {}, random() % 200);
      reader.poll_table([](std::span<const uint8_t>) {});
      Record record;
      if (reader.peek(record)) (void)reader.release();
      const int more = static_cast<int>(random() % 300);
      bool all = true;
      for (int i = 0; i < more; ++i) all = ring.writer.append({payload.data(), random() % 1000}) && all;
      REQUIRE(all);
      ring.writer.publish();
    }
    corrupt += reader.status() == Errc::kShmCorrupt ? 1 : 0;
  }
  CHECK(corrupt > kRounds / 30);
  CHECK(corrupt < kRounds);
}
