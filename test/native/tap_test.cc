#include "feed/tap.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

using namespace tickwire;
using feed::Tap;

namespace {

struct Record {
  Tap::Kind kind;
  bool binary;
  uint16_t code;
  int64_t time_ns;
  std::vector<uint8_t> bytes;
};

// Memory of a tap, and what JS does with it.
class Memory {
 public:
  explicit Memory(size_t capacity) : words_((Tap::kDataOffset + capacity) / 8), mask_(capacity - 1) {}
  std::span<uint8_t> bytes() { return {reinterpret_cast<uint8_t*>(words_.data()), words_.size() * 8}; }
  uint64_t lost() { return *reinterpret_cast<std::atomic<uint64_t>*>(bytes().data() + Tap::kLostOffset); }

  // The next record; false when there is none.
  bool take(Record& r) {
    uint8_t* const base = bytes().data();
    const uint32_t head = reinterpret_cast<std::atomic<uint32_t>*>(base)->load(std::memory_order_acquire);
    while (tail_ != head) {
      const uint8_t* const at = base + Tap::kDataOffset + (tail_ & mask_);
      uint32_t words[2];
      std::memcpy(words, at, sizeof words);
      const auto kind = static_cast<Tap::Kind>(words[1] & 0xff);
      if (kind != Tap::Kind::kPad) {
        double time = 0;
        uint32_t length = 0;
        std::memcpy(&time, at + 8, sizeof time);
        std::memcpy(&length, at + 16, sizeof length);
        const uint8_t* const from = at + Tap::kRecordHeaderBytes;
        r = {kind, (words[1] & 0x100) != 0, static_cast<uint16_t>(words[1] >> 16), static_cast<int64_t>(time),
             std::vector<uint8_t>(from, from + length)};
      }
      tail_ += words[0];
      reinterpret_cast<std::atomic<uint32_t>*>(base + Tap::kTailOffset)->store(tail_, std::memory_order_release);
      if (kind != Tap::Kind::kPad) return true;
    }
    return false;
  }

 private:
  std::vector<uint64_t> words_;
  size_t mask_;
  uint32_t tail_ = 0;
};

std::vector<uint8_t> message(uint32_t number, size_t length) {
  std::vector<uint8_t> bytes(length);
  for (size_t i = 0; i < length; ++i) bytes[i] = static_cast<uint8_t>(number + i);
  return bytes;
}

}  // namespace

TEST_CASE("a tap's memory has the size of a ring") {
  CHECK(Tap::fits(Tap::kDataOffset + 4096));
  CHECK(Tap::fits(Tap::kDataOffset + (size_t{1} << 30)));
  for (const size_t size : {size_t{0}, size_t{4096}, size_t{Tap::kDataOffset + 2048}, size_t{Tap::kDataOffset + 4104},
                            Tap::kDataOffset + (size_t{1} << 31)}) {
    CHECK_FALSE(Tap::fits(size));
  }
}

TEST_CASE("what a tap takes comes out whole and in order, what it does not take is counted") {
  std::mt19937 random(7);
  Memory memory(4096);
  Tap tap(memory.bytes());
  std::vector<Record> expected;
  size_t at = 0;
  uint64_t lost = 0;
  for (uint32_t number = 0; number < 20'000; ++number) {
    const auto bytes = message(number, random() % (number % 50 == 0 ? 5'000 : 300));
    const auto kind = static_cast<Tap::Kind>(random() % 4);
    const Record r{kind, random() % 2 == 0, static_cast<uint16_t>(random()), number * int64_t{1'000}, bytes};
    tap.write(r.kind, r.binary, r.code, r.bytes, r.time_ns);
    if (memory.lost() != lost) {
      REQUIRE(memory.lost() == ++lost);
    } else {
      expected.push_back(r);
    }
    Record got;
    while (random() % 3 != 0 && memory.take(got)) {
      REQUIRE(at < expected.size());
      const Record& e = expected[at++];
      REQUIRE(got.kind == e.kind);
      REQUIRE(got.binary == e.binary);
      REQUIRE(got.code == e.code);
      REQUIRE(got.time_ns == e.time_ns);
      REQUIRE(got.bytes == e.bytes);
    }
  }
  Record got;
  while (memory.take(got)) REQUIRE(got.bytes == expected[at++].bytes);
  CHECK(at == expected.size());
  CHECK(lost > 0);
  CHECK(at > 10'000);
}

TEST_CASE("a tap that was empty takes what is as long as its ring but for a header") {
  Memory memory(4096);
  Tap tap(memory.bytes());
  tap.write(Tap::Kind::kReceived, false, 0, message(1, 4096 - Tap::kRecordHeaderBytes), 1);
  CHECK(memory.lost() == 0);
  tap.write(Tap::Kind::kReceived, false, 0, {}, 2);
  CHECK(memory.lost() == 1);
  Record got;
  REQUIRE(memory.take(got));
  CHECK(got.bytes == message(1, 4096 - Tap::kRecordHeaderBytes));
  CHECK_FALSE(memory.take(got));
}

TEST_CASE("two threads, one at each end of a tap") {
  Memory memory(8192);
  Tap tap(memory.bytes());
  constexpr uint32_t kMessages = 100'000;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (uint32_t number = 0; number < kMessages; ++number) {
      tap.write(Tap::Kind::kReceived, false, 0, message(number, number % 200), number);
    }
    done.store(true, std::memory_order_release);
  });
  uint64_t taken = 0;
  int64_t last = -1;
  Record got;
  while (true) {
    const bool was_done = done.load(std::memory_order_acquire);
    while (memory.take(got)) {
      REQUIRE(got.time_ns > last);
      last = got.time_ns;
      REQUIRE(got.bytes == message(static_cast<uint32_t>(last), static_cast<size_t>(last) % 200));
      ++taken;
    }
    if (was_done) break;
  }
  writer.join();
  CHECK(taken + memory.lost() == kMessages);
}
