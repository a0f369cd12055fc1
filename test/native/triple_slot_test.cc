#include "base/triple_slot.h"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

using namespace tickwire;

namespace {

struct alignas(64) SlotMemory {
  explicit SlotMemory(size_t value_bytes) : words(TripleSlot::stride(value_bytes) / 8 + 8) {}
  [[nodiscard]] uint8_t* data() { return reinterpret_cast<uint8_t*>(words.data()); }
  std::vector<uint64_t> words;
};

void write(TripleSlot& slot, size_t words, uint64_t n) {
  for (size_t i = 0; i < words; ++i) {
    const uint64_t word = n * 1'000'003 + i;
    std::memcpy(slot.back() + i * 8, &word, 8);
  }
}

// The number that was written, or nothing when the words do not belong together.
uint64_t read(const TripleSlotReader& reader, size_t words) {
  uint64_t first;
  std::memcpy(&first, reader.value(), 8);
  for (size_t i = 1; i < words; ++i) {
    uint64_t word;
    std::memcpy(&word, reader.value() + i * 8, 8);
    if (word != first + i) return UINT64_MAX;
  }
  return first % 1'000'003 == 0 ? first / 1'000'003 : UINT64_MAX;
}

}  // namespace

TEST_CASE("triple slot: stride as JS computes it") {
  for (const size_t bytes : {size_t{8}, size_t{24}, size_t{40}, size_t{64}, size_t{72}, size_t{4096}}) {
    const size_t stride = TripleSlot::stride(bytes);
    CHECK(stride % 64 == 0);
    CHECK(stride >= 64 + 3 * bytes);
    CHECK(stride < 64 + 3 * bytes + 64);
  }
  CHECK(TripleSlot::stride(0) == 64);
  CHECK(TripleSlot::stride(64) == 256);
}

TEST_CASE("triple slot: who has to be told") {
  SlotMemory memory(16);
  TripleSlot slot(memory.data(), 16);
  TripleSlotReader reader(memory.data(), 16);
  CHECK_FALSE(reader.take());
  write(slot, 2, 1);
  CHECK_FALSE(reader.take());  // not handed over
  CHECK(slot.swap_in());
  REQUIRE(reader.take());
  CHECK(read(reader, 2) == 1);
  CHECK_FALSE(reader.take());  // never twice
  CHECK(read(reader, 2) == 1);
  write(slot, 2, 2);
  CHECK(read(reader, 2) == 1);
  CHECK(slot.swap_in());
  CHECK(read(reader, 2) == 1);  // the value that was taken stays until the next take()
  for (uint64_t n = 3; n < 10; ++n) {
    write(slot, 2, n);
    CHECK_FALSE(slot.swap_in());
    CHECK(read(reader, 2) == 1);
  }
  REQUIRE(reader.take());
  CHECK(read(reader, 2) == 9);
  CHECK_FALSE(reader.take());
}

TEST_CASE("triple slot: the three values never coincide and stay inside the slot") {
  constexpr size_t kBytes = 40;
  SlotMemory memory(kBytes);
  memory.words[TripleSlot::stride(kBytes) / 8] = 0x5A5A;
  TripleSlot slot(memory.data(), kBytes);
  TripleSlotReader reader(memory.data(), kBytes);
  std::mt19937_64 random(3);
  for (uint64_t n = 0; n < 10'000; ++n) {
    REQUIRE(slot.back() != reader.value());
    REQUIRE(slot.back() >= memory.data() + TripleSlot::kValuesOffset);
    REQUIRE(slot.back() + kBytes <= memory.data() + TripleSlot::stride(kBytes));
    write(slot, kBytes / 8, n);
    (void)slot.swap_in();
    if (random() % 3 == 0) {
      REQUIRE(reader.take());
      REQUIRE(read(reader, kBytes / 8) == n);
    }
  }
  CHECK(memory.words[TripleSlot::stride(kBytes) / 8] == 0x5A5A);
}

// One writer, one reader who takes a value only when it was told to, as JS does.
TEST_CASE("triple slot: two threads, never torn, never twice, never older, told once per value taken") {
  for (const size_t words : {size_t{1}, size_t{5}, size_t{64}}) {
    SlotMemory memory(words * 8);
    TripleSlot slot(memory.data(), words * 8);
    TripleSlotReader reader(memory.data(), words * 8);
    constexpr uint64_t kValues = 200'000;
    std::atomic<uint64_t> told{0};
    std::atomic<bool> done{false};
    std::atomic<uint64_t> progress{0};  // values that the reader has taken
    uint64_t replaced = 0;
    std::thread writer([&] {
      for (uint64_t n = 1; n <= kValues; ++n) {
        write(slot, words, n);
        if (slot.swap_in()) {
          told.fetch_add(1, std::memory_order_release);
        } else {
          ++replaced;
        }
        if (n % 64 == 0) std::this_thread::yield();
        // On a busy machine one of the two may run alone for a while: now and then the writer lets the reader catch up.
        if (n % (kValues / 4) == 0) {
          const uint64_t before = told.load(std::memory_order_relaxed);
          while (progress.load(std::memory_order_acquire) < before) std::this_thread::yield();
        }
      }
      done.store(true, std::memory_order_release);
    });
    uint64_t taken = 0;
    uint64_t last = 0;
    uint64_t torn = 0;
    uint64_t not_newer = 0;
    uint64_t empty = 0;
    for (;;) {
      const bool over = done.load(std::memory_order_acquire);
      while (taken + empty < told.load(std::memory_order_acquire)) {
        if (!reader.take()) {
          ++empty;
          continue;
        }
        ++taken;
        progress.store(taken, std::memory_order_release);
        const uint64_t n = read(reader, words);
        if (n == UINT64_MAX) ++torn;
        if (n <= last) ++not_newer;
        last = n;
        // Still the same while the writer goes on.
        if (read(reader, words) != n) ++torn;
      }
      if (over) break;
      std::this_thread::yield();
    }
    writer.join();
    CHECK(torn == 0);
    CHECK(not_newer == 0);
    CHECK(empty == 0);       // every announcement has its value
    CHECK(last == kValues);  // the newest is always delivered
    CHECK(taken == told);
    CHECK(taken + replaced == kValues);
    CHECK_FALSE(reader.take());
    CHECK(taken > 1);
  }
}
