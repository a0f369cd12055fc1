// The protocol between one writer and its readers, in memory of one process.
#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "shm/ring_reader.h"
#include "shm/ring_writer.h"
#include "shm_memory.h"

using namespace tickwire;
using namespace tickwire::shm;
using tickwire::test::intact;
using tickwire::test::payload_of;
using tickwire::test::SegmentMemory;

namespace {

std::vector<uint64_t> drain(RingReader& reader, size_t max = SIZE_MAX) {
  std::vector<uint64_t> seen;
  reader.poll(
      [&](const Record& record) {
        CHECK(intact(record));
        seen.push_back(record.sequence);
      },
      max);
  CHECK(reader.status() == Errc::kNone);
  return seen;
}

void put(RingWriter& writer, size_t bytes) {
  const auto payload = payload_of(writer.sequence() + 1, bytes);
  REQUIRE(writer.append(payload));
}

void write(RingWriter& writer, size_t bytes) {
  put(writer, bytes);
  writer.publish();
}

}  // namespace

TEST_CASE("shm ring: nothing is visible before it is published") {
  SegmentMemory memory;
  RingWriter writer(memory.data(), memory.geometry());
  RingReader reader(memory.data(), memory.geometry(), From::kNewest, From::kNewest);
  CHECK_FALSE(reader.pending());
  CHECK(reader.expected() == 1);
  put(writer, 10);
  put(writer, 0);
  CHECK_FALSE(reader.pending());
  CHECK(drain(reader).empty());
  writer.publish();
  CHECK(reader.pending());
  CHECK(drain(reader) == std::vector<uint64_t>{1, 2});
  CHECK_FALSE(reader.pending());
}

TEST_CASE("shm ring: records of all sizes round and round, also where 32 bits of a position end") {
  for (const uint64_t first : {uint64_t{0}, (uint64_t{1} << 32) - 65536 * 2 + 16, (uint64_t{1} << 32) - 16,
                               (uint64_t{3} << 32) - 40000 / 16 * 16}) {
    SegmentMemory memory(kMinCapacity, 0, first);
    RingWriter writer(memory.data(), memory.geometry());
    RingReader reader(memory.data(), memory.geometry(), From::kNewest, From::kNewest);
    std::mt19937 random(7);
    uint64_t next = 1;
    for (int i = 0; i < 20'000; ++i) {
      const size_t most = i % 100 == 0 ? writer.max_payload() : 300;
      write(writer, random() % (most + 1));
      if (random() % 3 == 0) {
        for (const uint64_t sequence : drain(reader)) CHECK(sequence == next++);
      }
      if (writer.position() - reader.position() > 30'000) {
        for (const uint64_t sequence : drain(reader)) CHECK(sequence == next++);
      }
    }
    for (const uint64_t sequence : drain(reader)) CHECK(sequence == next++);
    CHECK(next == 20'001);
    CHECK(reader.lost() == 0);
    CHECK(writer.position() > first + 30 * kMinCapacity);
  }
}

TEST_CASE("shm ring: the longest payload and one byte more") {
  SegmentMemory memory;
  RingWriter writer(memory.data(), memory.geometry());
  RingReader reader(memory.data(), memory.geometry(), From::kNewest, From::kNewest);
  CHECK(writer.max_payload() == kMinCapacity / 4 - kRecordHeader);
  CHECK(writer.reserve(writer.max_payload() + 1) == nullptr);
  CHECK_FALSE(writer.append(std::vector<uint8_t>(writer.max_payload() + 1)));
  CHECK_FALSE(writer.unpublished());
  for (int i = 1; i <= 9; ++i) {
    write(writer, writer.max_payload());
    CHECK(drain(reader) == std::vector<uint64_t>{static_cast<uint64_t>(i)});
  }
}

TEST_CASE("shm ring: a reservation that is replaced, shortened or abandoned") {
  SegmentMemory memory;
  RingWriter writer(memory.data(), memory.geometry());
  RingReader reader(memory.data(), memory.geometry(), From::kNewest, From::kNewest);
  for (int round = 1; round <= 2000; ++round) {
    REQUIRE(writer.reserve(5000) != nullptr);
    REQUIRE(writer.reserve(writer.max_payload()) != nullptr);
    const auto payload = payload_of(writer.sequence() + 1, 77);
    uint8_t* at = writer.reserve(1000);
    REQUIRE(at != nullptr);
    CHECK(reinterpret_cast<uintptr_t>(at) % 8 == 0);
    std::memcpy(at, payload.data(), payload.size());
    writer.commit(payload.size());
    writer.publish();
    CHECK(drain(reader) == std::vector<uint64_t>{static_cast<uint64_t>(round)});
  }
}

TEST_CASE("shm ring: a reader that is overtaken knows exactly how many it lost") {
  for (const From resume : {From::kNewest, From::kOldest}) {
    SegmentMemory memory;
    RingWriter writer(memory.data(), memory.geometry());
    RingReader reader(memory.data(), memory.geometry(), From::kNewest, resume);
    std::mt19937 random(11);
    uint64_t received = 0;
    uint64_t last = 0;
    for (int round = 0; round < 300; ++round) {
      const int burst = static_cast<int>(random() % 3000);
      for (int i = 0; i < burst; ++i) write(writer, random() % 400);
      const size_t most = random() % 2 == 0 ? SIZE_MAX : random() % 100;
      for (const uint64_t sequence : drain(reader, most)) {
        CHECK(sequence > last);
        last = sequence;
        ++received;
      }
      CHECK(received + reader.lost() == last);
    }
    for (const uint64_t sequence : drain(reader)) {
      last = sequence;
      ++received;
    }
    CHECK(last == writer.sequence());
    CHECK(received + reader.lost() == writer.sequence());
    CHECK(reader.lost() > 10'000);
  }
}

TEST_CASE("shm ring: where a reader goes on after a loss") {
  const auto lag_after_loss = [](From resume) {
    SegmentMemory memory;
    RingWriter writer(memory.data(), memory.geometry());
    RingReader reader(memory.data(), memory.geometry(), From::kNewest, resume);
    for (int i = 0; i < 5000; ++i) write(writer, 48);  // records of 64 bytes: 1,024 fit
    const auto seen = drain(reader);
    CHECK(seen.back() == 5000);
    CHECK(seen.size() + reader.lost() == 5000);
    return seen.size();
  };
  CHECK(lag_after_loss(From::kNewest) <= 16);  // one block
  CHECK(lag_after_loss(From::kOldest) >= 1024 - 2 * 16);
}

TEST_CASE("shm ring: where a reader begins") {
  SegmentMemory memory;
  RingWriter writer(memory.data(), memory.geometry());
  const auto reader_from = [&](From start) {
    return RingReader(memory.data(), memory.geometry(), start, From::kNewest);
  };
  for (int lap = 0; lap < 3; ++lap) {
    for (int i = 0; i < 700; ++i) write(writer, 48);
    auto newest = reader_from(From::kNewest);
    auto oldest = reader_from(From::kOldest);
    auto start = reader_from(From::kStart);
    CHECK(newest.expected() == writer.sequence() + 1);
    CHECK(drain(newest).empty());
    const auto kept = drain(oldest);
    CHECK(kept.back() == writer.sequence());
    CHECK(kept.size() == std::min<size_t>(writer.sequence(), kept.size()));
    CHECK(kept.size() >= std::min<uint64_t>(writer.sequence(), 1024 - 2 * 16));
    CHECK(oldest.lost() == 0);
    CHECK(drain(start).size() + start.lost() == writer.sequence());
    // What is lost between joining and the first look is counted too.
    auto joined = reader_from(From::kNewest);
    auto joined_oldest = reader_from(From::kOldest);
    const uint64_t since = writer.sequence();
    for (int i = 0; i < 3000; ++i) write(writer, 48);
    CHECK(drain(joined).size() + joined.lost() == 3000);
    CHECK(drain(joined_oldest).size() + joined_oldest.lost() == 3000 + kept.size());
    CHECK(writer.sequence() == since + 3000);
  }
}

TEST_CASE("shm ring: looking at a record in place") {
  SegmentMemory memory;
  RingWriter writer(memory.data(), memory.geometry());
  RingReader reader(memory.data(), memory.geometry(), From::kNewest, From::kOldest);
  Record record;
  CHECK_FALSE(reader.peek(record));
  for (int i = 0; i < 4000; ++i) {
    write(writer, 100);
    REQUIRE(reader.peek(record));
    CHECK(record.sequence == static_cast<uint64_t>(i) + 1);
    CHECK(record.payload.data() >= memory.data());
    CHECK(record.payload.data() < memory.data() + memory.geometry().segment_bytes());
    CHECK(intact(record));
    CHECK(reader.release());
  }
  write(writer, 100);
  REQUIRE(reader.peek(record));
  for (int i = 0; i < 2000; ++i) write(writer, 100);
  CHECK_FALSE(reader.release());
  REQUIRE(reader.peek(record));
  CHECK(reader.lost() > 0);
  CHECK(record.sequence == 4001 + reader.lost());
  CHECK(intact(record));
  CHECK(reader.release());
  // Records that poll() had copied already come from there.
  CHECK(reader.poll([](const Record&) {}, 1) == 1);
  const uint64_t next = reader.expected();
  for (int i = 0; i < 2000; ++i) write(writer, 100);
  REQUIRE(reader.peek(record));
  CHECK(record.sequence == next);
  CHECK(intact(record));
  CHECK(reader.release());
}

TEST_CASE("shm ring: the table keeps everything from its first entry on") {
  SegmentMemory memory(kMinCapacity, 256);
  RingWriter writer(memory.data(), memory.geometry());
  RingReader early(memory.data(), memory.geometry(), From::kNewest, From::kNewest);
  std::vector<size_t> seen;
  const auto look = [&](RingReader& reader) {
    seen.clear();
    reader.poll_table([&](std::span<const uint8_t> entry) {
      seen.push_back(entry.size());
      CHECK(std::all_of(entry.begin(), entry.end(), [&](uint8_t b) { return b == entry.size(); }));
    });
    return seen;
  };
  CHECK(look(early).empty());
  const auto add = [&](size_t bytes) {
    return writer.append_table(std::vector<uint8_t>(bytes, static_cast<uint8_t>(bytes)));
  };
  CHECK(add(3));
  CHECK(add(0));
  CHECK(add(16));
  CHECK(look(early) == std::vector<size_t>{3, 0, 16});
  CHECK_FALSE(add(249));
  CHECK_FALSE(add(208));
  CHECK(add(192));  // to the last byte
  CHECK(writer.table_used() == 256 - 8);
  CHECK_FALSE(add(1));
  CHECK(add(0));
  CHECK_FALSE(add(0));
  CHECK(look(early) == std::vector<size_t>{192, 0});
  RingReader late(memory.data(), memory.geometry(), From::kNewest, From::kNewest);
  CHECK(look(late) == std::vector<size_t>{3, 0, 16, 192, 0});
  SegmentMemory none(kMinCapacity, 0);
  RingWriter without(none.data(), none.geometry());
  CHECK_FALSE(without.append_table({}));
}

TEST_CASE("shm ring: readers on other threads get each record whole, or know that it is lost") {
  SegmentMemory memory;
  RingWriter writer(memory.data(), memory.geometry());
  constexpr int kReaders = 3;
  const uint64_t count = 200'000;
  std::atomic<int> ready{0};
  std::atomic<int> broken{0};
  std::vector<std::thread> threads;
  std::array<uint64_t, kReaders> received{};
  std::array<uint64_t, kReaders> lost{};
  for (size_t who = 0; who < kReaders; ++who) {
    threads.emplace_back([&, who] {
      RingReader reader(memory.data(), memory.geometry(), From::kStart, who == 0 ? From::kOldest : From::kNewest);
      ++ready;
      uint64_t last = 0;
      while (last < count) {
        const size_t n = reader.poll([&](const Record& record) {
          if (!intact(record) || record.sequence <= last) ++broken;
          last = record.sequence;
        });
        received[who] += n;
        if (reader.status() != Errc::kNone) {
          ++broken;
          break;
        }
        if (n == 0) std::this_thread::yield();
      }
      lost[who] = reader.lost();
    });
  }
  while (ready < kReaders) std::this_thread::yield();
  std::mt19937 random(3);
  while (writer.sequence() < count) {
    write(writer, random() % 200);
    if (writer.sequence() % 500 == 0) std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();
  CHECK(broken == 0);
  for (size_t who = 0; who < kReaders; ++who) CHECK(received[who] + lost[who] == count);
}
