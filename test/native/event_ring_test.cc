#include "base/event_ring.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "ring_reader.h"

using namespace tickwire;
using tickwire::test::Record;
using tickwire::test::RingMemory;
using tickwire::test::RingReader;

namespace {

// A record whose words all follow from `number`, so that a wrong byte anywhere shows.
void fill(uint8_t* at, uint32_t bytes, uint64_t number) {
  const uint64_t header =
      record_header(bytes, RecordKind::kRow, static_cast<uint8_t>(number), static_cast<uint16_t>(number >> 8));
  std::memcpy(at, &header, 8);
  for (uint32_t i = 8; i < bytes; i += 8) {
    const uint64_t word = number * 0x9E3779B97F4A7C15u + i;
    std::memcpy(at + i, &word, 8);
  }
}

bool intact(const Record& r, uint64_t number) {
  if (r.kind != RecordKind::kRow || r.shape != static_cast<uint8_t>(number) ||
      r.feed != static_cast<uint16_t>(number >> 8)) {
    return false;
  }
  for (uint32_t i = 8; i < r.bytes; i += 8) {
    if (r.words[i / 8] != number * 0x9E3779B97F4A7C15u + i) return false;
  }
  return true;
}

bool put(EventRing& ring, uint32_t bytes, uint64_t number) {
  uint8_t* at = ring.reserve(bytes);
  if (at == nullptr) return false;
  fill(at, bytes, number);
  ring.commit(bytes);
  return true;
}

EventRing make(RingMemory& memory) {
  auto ring = EventRing::format(memory.span());
  REQUIRE(ring.ok());
  return ring.value();
}

}  // namespace

TEST_CASE("event ring: which memory it takes") {
  alignas(8) static uint8_t memory[EventRing::kDataOffset + 2 * EventRing::kMinCapacity + 8];
  const auto format = [](size_t offset, size_t bytes) { return EventRing::format({memory + offset, bytes}).ok(); };
  CHECK(format(0, EventRing::kDataOffset + EventRing::kMinCapacity));
  CHECK(format(8, EventRing::kDataOffset + 2 * EventRing::kMinCapacity));
  CHECK_FALSE(format(0, 0));
  CHECK_FALSE(format(0, EventRing::kDataOffset));
  CHECK_FALSE(format(0, EventRing::kMinCapacity));
  CHECK_FALSE(format(0, EventRing::kDataOffset + EventRing::kMinCapacity - 8));
  CHECK_FALSE(format(0, EventRing::kDataOffset + EventRing::kMinCapacity + 8));
  CHECK_FALSE(format(0, EventRing::kDataOffset + EventRing::kMinCapacity * 3 / 2));
  CHECK_FALSE(format(4, EventRing::kDataOffset + EventRing::kMinCapacity));
}

TEST_CASE("event ring: the header that JS reads") {
  RingMemory memory;
  std::memset(memory.span().data(), 0xFF, EventRing::kDataOffset);  // what was there before does not matter
  auto ring = make(memory);
  RingReader reader(memory.span());
  CHECK(reader.word(0) == 0x474e5254);
  CHECK(reader.word(1) == EventRing::kVersion);
  CHECK(reader.word(2) == EventRing::kMinCapacity);
  for (const size_t i : {16, 32, 48, 49}) CHECK(reader.word(i) == 0);
  CHECK(ring.capacity() == EventRing::kMinCapacity);
  CHECK(ring.used() == 0);
  CHECK(record_header(0x01020304, RecordKind::kPong, 0xAB, 0xCDEF) == 0xCDEFAB0801020304);
}

TEST_CASE("event ring: nothing is visible before publish()") {
  RingMemory memory;
  auto ring = make(memory);
  RingReader reader(memory.span());
  Record r;
  CHECK_FALSE(ring.unpublished());
  CHECK_FALSE(ring.publish_and_check_sleeper());
  REQUIRE(put(ring, 24, 1));
  CHECK(ring.unpublished());
  CHECK_FALSE(reader.next(r));
  CHECK_FALSE(ring.publish_and_check_sleeper());  // nobody sleeps
  CHECK_FALSE(ring.unpublished());
  REQUIRE(reader.next(r));
  CHECK(intact(r, 1));
  CHECK_FALSE(reader.next(r));
  CHECK(ring.used() == 24);  // read, not yet freed
  CHECK_FALSE(reader.free());
  CHECK(ring.used_at_most() == 24);
  CHECK(ring.used() == 0);
  CHECK(ring.used_at_most() == 0);
}

TEST_CASE("event ring: a reservation that is not committed leaves no trace") {
  RingMemory memory;
  auto ring = make(memory);
  RingReader reader(memory.span());
  uint8_t* first = ring.reserve(64);
  CHECK(ring.reserve(128) == first);
  CHECK_FALSE(ring.unpublished());
  REQUIRE(put(ring, 16, 7));
  (void)ring.publish_and_check_sleeper();
  const auto all = reader.drain();
  REQUIRE(all.size() == 1);
  CHECK(intact(all[0], 7));
}

TEST_CASE("event ring: sleeping reader is woken exactly once") {
  RingMemory memory;
  auto ring = make(memory);
  RingReader reader(memory.span());
  REQUIRE(reader.sleep());
  CHECK_FALSE(ring.publish_and_check_sleeper());  // nothing new: no reason to wake
  CHECK(reader.word(48) == 1);
  REQUIRE(put(ring, 16, 1));
  CHECK(ring.publish_and_check_sleeper());
  CHECK(reader.word(48) == 0);
  REQUIRE(put(ring, 16, 2));
  CHECK_FALSE(ring.publish_and_check_sleeper());
  CHECK_FALSE(reader.sleep());  // records wait
  CHECK(reader.word(48) == 0);
  CHECK(reader.drain().size() == 2);
  CHECK(reader.sleep());
}

TEST_CASE("event ring: starved is told once, by whoever frees") {
  RingMemory memory;
  auto ring = make(memory);
  RingReader reader(memory.span());
  uint64_t n = 0;
  while (put(ring, 1024, n)) ++n;
  CHECK(n == 64);  // to the last byte
  CHECK(ring.used() == ring.capacity());
  (void)ring.publish_and_check_sleeper();
  Record r;
  REQUIRE(reader.next(r));
  CHECK_FALSE(reader.free());
  ring.announce_starved();
  CHECK(ring.reserve(1024) != nullptr);  // freed before the announcement
  REQUIRE(put(ring, 1024, n));
  CHECK(ring.reserve(8) == nullptr);
  REQUIRE(reader.next(r));
  CHECK(reader.free());
  CHECK_FALSE(reader.free());
  ring.announce_starved();
  ring.clear_starved();
  CHECK_FALSE(reader.free());
}

TEST_CASE("event ring: the largest record fits at every position of an empty ring") {
  RingMemory memory;
  auto ring = make(memory);
  RingReader reader(memory.span());
  CHECK(ring.max_record() == EventRing::kMinCapacity / 2);
  const std::vector<uint32_t> steps{8, 16, 4096, 32760, 32768, 8, 24, 32752};
  uint64_t number = 0;
  for (int round = 0; round < 2000; ++round) {
    REQUIRE(put(ring, steps[static_cast<size_t>(round) % steps.size()], number));
    (void)ring.publish_and_check_sleeper();
    REQUIRE(intact(reader.drain().at(0), number));
    ++number;
    REQUIRE(put(ring, ring.max_record(), number));
    (void)ring.publish_and_check_sleeper();
    REQUIRE(intact(reader.drain().at(0), number));
    ++number;
  }
  CHECK_FALSE(reader.corrupt());
  CHECK(reader.pads() > 100);
  CHECK(memory.margin_untouched());
}

TEST_CASE("event ring: a pad that makes no room for the record is still a whole record") {
  RingMemory memory;
  auto ring = make(memory);
  RingReader reader(memory.span());
  REQUIRE(put(ring, 40'000, 1));
  (void)ring.publish_and_check_sleeper();
  CHECK(reader.drain().size() == 1);
  // 25,536 bytes to the end: 30,000 needs all of them and the start, which is free up to the reader's tail.
  REQUIRE(put(ring, 30'000, 2));
  CHECK(ring.used() == 25'536 + 30'000);
  CHECK(ring.reserve(10'008) == nullptr);
  REQUIRE(put(ring, 10'000, 3));
  (void)ring.publish_and_check_sleeper();
  const auto all = reader.drain();
  REQUIRE(all.size() == 2);
  CHECK(intact(all[0], 2));
  CHECK(intact(all[1], 3));
  CHECK(reader.pads() == 1);
}

TEST_CASE("event ring: it starts again at the front when the reader keeps up, and only then") {
  RingMemory memory(4 * EventRing::kMinCapacity);
  auto ring = make(memory);
  RingReader reader(memory.span());
  const uint8_t* const front = memory.span().data() + EventRing::kDataOffset;
  const auto flush = [&] { (void)ring.publish_and_check_sleeper(); };
  // The first time early.
  REQUIRE(put(ring, EventRing::kFirstRestartAt - 8, 0));
  flush();
  REQUIRE(reader.drain().size() == 1);
  ring.restart_when_drained();  // not far enough
  REQUIRE(put(ring, 8, 1));
  flush();
  REQUIRE(reader.drain().size() == 1);
  ring.restart_when_drained();
  CHECK(ring.reserve(16) == front);
  REQUIRE(put(ring, EventRing::kRestartAt - 8, 1));
  flush();
  REQUIRE(reader.drain().size() == 1);
  REQUIRE(reader.restarts() == 1);
  ring.restart_when_drained();  // that led past the first one, so 1024 bytes are missing at least
  REQUIRE(ring.used() == 8);
  flush();
  REQUIRE(reader.drain().empty());
  REQUIRE(put(ring, EventRing::kRestartAt - 8, 1));
  flush();
  REQUIRE(reader.drain().size() == 1);
  ring.restart_when_drained();  // not far enough
  REQUIRE(put(ring, 16, 2));
  ring.restart_when_drained();  // not published
  flush();
  ring.restart_when_drained();  // not read
  Record r;
  REQUIRE(reader.next(r));
  ring.restart_when_drained();  // not given back
  CHECK_FALSE(ring.unpublished());
  (void)reader.free();
  ring.restart_when_drained();  // asked in vain a short while ago
  CHECK_FALSE(ring.unpublished());
  REQUIRE(put(ring, EventRing::kLookEvery, 2));
  flush();
  REQUIRE(reader.drain().size() == 1);
  ring.restart_when_drained();
  CHECK(ring.used() == 8);
  CHECK(ring.reserve(16) == front);
  REQUIRE(put(ring, 16, 3));
  flush();
  const auto all = reader.drain();
  REQUIRE(all.size() == 1);
  CHECK(intact(all[0], 3));
  CHECK(reader.restarts() == 3);
  // Once the record is taken the whole ring is there again: nothing has to be led past it.
  for (uint64_t i = 4; i < 240; ++i) REQUIRE(put(ring, 1024, i));
  flush();
  uint64_t expected = 4;
  for (const Record& each : reader.drain()) REQUIRE(intact(each, expected++));
  CHECK(expected == 240);
  CHECK(reader.pads() == 1);
}

TEST_CASE("event ring: what comes after a restart leads past the record that tells of it, until that is taken") {
  for (const uint32_t first :
       {64u << 10, 72u << 10, (128u << 10) - 16, (128u << 10) + 8, 200u << 10, (256u << 10) - 8}) {
    for (const uint32_t each : {8u, 24u, 1000u, 4096u, 30'000u, 128u << 10}) {
      CAPTURE(first);
      CAPTURE(each);
      RingMemory memory(4 * EventRing::kMinCapacity);
      auto ring = make(memory);
      RingReader reader(memory.span());
      for (uint32_t written = 0; written < first;) {
        const uint32_t bytes = std::min(first - written, 32u << 10);
        REQUIRE(put(ring, bytes, 0));
        written += bytes;
        (void)ring.publish_and_check_sleeper();
        (void)reader.drain();
      }
      ring.restart_when_drained();
      REQUIRE(ring.used() == 8);
      uint64_t n = 0;
      while (put(ring, each, n)) ++n;
      CHECK(n >= 1);  // any record fits into a ring that is empty but for that
      // No more is lost than what a record is too large for, on either side.
      CHECK(ring.used() + 2 * each + 24 >= ring.capacity());
      (void)ring.publish_and_check_sleeper();
      uint64_t read = 0;
      for (const Record& record : reader.drain()) REQUIRE(intact(record, read++));
      CHECK(read == n);
      CHECK(reader.restarts() == 1);
      CHECK_FALSE(reader.corrupt());
      CHECK(memory.margin_untouched());
    }
  }
}

TEST_CASE("event ring: it starts again at any position") {
  RingMemory memory(4 * EventRing::kMinCapacity);
  auto ring = make(memory);
  RingReader reader(memory.span());
  constexpr uint32_t kBytes = 72u << 10;
  uint64_t missed = 0;
  for (uint64_t written = 0; written < uint64_t{5} << 30; written += kBytes) {
    uint8_t* at = ring.reserve(kBytes);
    REQUIRE(at != nullptr);
    ring.commit(kBytes);
    (void)ring.publish_and_check_sleeper();
    reader.word(32).store(reader.word(16).load());
    ring.restart_when_drained();
    if (ring.used() != 8) ++missed;
  }
  CHECK(missed == 0);
}

TEST_CASE("event ring: positions wrap at 2^32") {
  RingMemory memory;
  auto ring = make(memory);
  RingReader reader(memory.span());
  // 2^32 bytes in records of half a ring, each read at once; then random ones across the wrap.
  const uint32_t half = ring.max_record();
  const uint64_t rounds = (uint64_t{1} << 32) / half - 4;
  for (uint64_t i = 0; i < rounds; ++i) {
    uint8_t* at = ring.reserve(half);
    REQUIRE(at != nullptr);
    const uint64_t header = record_header(half, RecordKind::kRow, 0, 0);
    std::memcpy(at, &header, 8);
    ring.commit(half);
    (void)ring.publish_and_check_sleeper();
    reader.word(32).store(reader.word(16).load());
  }
  std::mt19937_64 random(42);
  uint32_t tail = reader.word(32);
  const uint32_t before = tail;
  uint64_t written = 0;
  uint64_t read = 0;
  std::vector<uint32_t> sizes;
  const uint8_t* data = memory.span().data() + EventRing::kDataOffset;
  while (written < 2000) {
    const auto bytes = static_cast<uint32_t>(8 * (1 + random() % 256));
    if (put(ring, bytes, written)) {
      ++written;
      sizes.push_back(bytes);
      if (random() % 4 != 0) continue;
    }
    (void)ring.publish_and_check_sleeper();
    while (tail != reader.word(16)) {
      const uint8_t* at = data + (tail & (ring.capacity() - 1));
      uint64_t header;
      std::memcpy(&header, at, 8);
      const auto length = static_cast<uint32_t>(header);
      if ((header >> 32 & 0xFF) != 0) {
        REQUIRE(length == sizes[read]);
        std::vector<uint8_t> expected(length);
        fill(expected.data(), length, read);
        REQUIRE(std::memcmp(expected.data(), at, length) == 0);
        ++read;
      }
      tail += length;
    }
    reader.word(32).store(tail);
  }
  CHECK(tail < before);
  CHECK(ring.used() <= ring.capacity());
}

TEST_CASE("event ring: random traffic against a queue, single thread") {
  uint64_t restarts = 0;
  for (const uint64_t seed : {1, 2, 3, 4, 5, 6, 7, 8}) {
    RingMemory memory(seed > 4 ? 2 * EventRing::kMinCapacity : EventRing::kMinCapacity);
    auto ring = make(memory);
    RingReader reader(memory.span());
    std::mt19937_64 random(seed);
    const uint32_t limit = seed % 4 == 1 ? 64 : seed % 4 == 2 ? 4096 : ring.max_record();
    uint64_t written = 0;
    uint64_t published = 0;
    uint64_t read = 0;
    uint64_t refused = 0;
    for (int i = 0; i < 20'000; ++i) {
      switch (random() % 4) {
        case 0:
        case 1: {
          const auto bytes = static_cast<uint32_t>(8 * (1 + random() % (limit / 8)));
          ring.restart_when_drained();
          const uint32_t used = ring.used();
          if (put(ring, bytes, written)) {
            ++written;
          } else {
            ++refused;
            REQUIRE(used > 8);  // an empty ring, or one that has just started again, refuses nothing up to max_record()
          }
          break;
        }
        case 2:
          (void)ring.publish_and_check_sleeper();
          published = written;
          break;
        default: {
          Record r;
          for (uint64_t n = random() % 8; n > 0 && reader.next(r); --n) {
            REQUIRE(intact(r, read));
            ++read;
          }
          REQUIRE(read <= published);
          if (random() % 2 == 0) (void)reader.free();
        }
      }
      REQUIRE_FALSE(reader.corrupt());
    }
    (void)ring.publish_and_check_sleeper();
    for (const auto& r : reader.drain()) REQUIRE(intact(r, read++));
    CHECK(read == written);
    if (limit > 64 && seed < 5) CHECK(refused > 0);
    CHECK(memory.margin_untouched());
    restarts += reader.restarts();
  }
  CHECK(restarts > 100);
}

namespace {

// A semaphore that counts how often it was raised.
class Bell {
 public:
  void ring() {
    const std::lock_guard lock(mutex_);
    ++rung_;
    ++waiting_;
    cv_.notify_one();
  }
  // False: nobody rang for far longer than any scheduling hiccup.
  bool wait() {
    std::unique_lock lock(mutex_);
    if (!cv_.wait_for(lock, std::chrono::seconds(20), [&] { return waiting_ > 0; })) return false;
    --waiting_;
    return true;
  }
  uint64_t rung() {
    const std::lock_guard lock(mutex_);
    return rung_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable cv_;
  uint64_t rung_ = 0;
  uint64_t waiting_ = 0;
};

}  // namespace

// Both sides sleep whenever they can, so that a signal that is lost in either direction ends in a time-out.
TEST_CASE("event ring: two threads, no torn record, no lost wake-up in either direction") {
  RingMemory memory(2 * EventRing::kMinCapacity);
  auto ring = make(memory);
  constexpr uint64_t kRecords = 150'000;
  Bell for_reader;
  Bell for_writer;
  std::atomic<bool> writer_lost{false};
  RingReader reader(memory.span());
  std::atomic<uint32_t>& starved = reader.word(49);
  std::thread producer([&] {
    std::mt19937_64 random(7);
    for (uint64_t i = 0; i < kRecords; ++i) {
      // Mostly small; phases of large ones fill the ring.
      const uint32_t bytes = static_cast<uint32_t>(8 * (1 + random() % ((i >> 12) % 2 == 0 ? 8 : 1024)));
      ring.restart_when_drained();
      while (!put(ring, bytes, i)) {
        if (ring.publish_and_check_sleeper()) for_reader.ring();
        ring.announce_starved();
        // A signal that is on its way is taken, so that it cannot stand in for a later one that gets lost.
        if (ring.reserve(bytes) != nullptr && starved.exchange(0) != 0) continue;
        if (!for_writer.wait()) {
          writer_lost = true;
          return;
        }
      }
      if (random() % 3 == 0 && ring.publish_and_check_sleeper()) for_reader.ring();
    }
    if (ring.publish_and_check_sleeper()) for_reader.ring();
  });
  uint64_t read = 0;
  uint64_t slept = 0;
  bool reader_lost = false;
  bool wrong = false;
  Record r;
  std::mt19937_64 random(8);
  while (read < kRecords && !reader_lost && !writer_lost && !reader.corrupt()) {
    for (uint64_t n = 1 + random() % 200; n > 0 && reader.next(r); --n) {
      wrong = wrong || !intact(r, read);
      ++read;
    }
    if (reader.free()) for_writer.ring();
    if (reader.unread() != 0 || read == kRecords || reader.fall_asleep() == RingReader::Sleep::kAwake) continue;
    ++slept;
    reader_lost = !for_reader.wait();
  }
  producer.join();
  CHECK(read == kRecords);
  CHECK_FALSE(wrong);
  CHECK_FALSE(reader.corrupt());
  CHECK_FALSE(reader_lost);
  CHECK_FALSE(writer_lost);
  CHECK(for_reader.rung() ==
        slept);  // each sleep is ended by one signal, and no signal is sent to a reader that is awake
  CHECK(slept > 0);
  CHECK(reader.restarts() > 0);
}

// Ping-pong: each record is published only after the reader went to sleep or is about to, which is where a wake-up gets
// lost.
TEST_CASE("event ring: publish against falling asleep") {
  RingMemory memory;
  auto ring = make(memory);
  constexpr uint64_t kRecords = 100'000;
  Bell bell;
  std::atomic<uint64_t> taken{0};
  std::atomic<bool> stop{false};
  std::thread producer([&] {
    for (uint64_t i = 0; i < kRecords; ++i) {
      while (taken.load(std::memory_order_relaxed) < i) {
        if (stop) return;
        if ((i & 15) == 0) std::this_thread::yield();
      }
      if (put(ring, 16, i) && ring.publish_and_check_sleeper()) bell.ring();
    }
  });
  RingReader reader(memory.span());
  uint64_t read = 0;
  Record r;
  bool lost = false;
  while (read < kRecords && !lost) {
    while (reader.next(r)) ++read;
    (void)reader.free();
    taken.store(read, std::memory_order_relaxed);
    if (read < kRecords && reader.fall_asleep() != RingReader::Sleep::kAwake) lost = !bell.wait();
  }
  stop = true;
  producer.join();
  CHECK(read == kRecords);
  CHECK_FALSE(lost);
}
