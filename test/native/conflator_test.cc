#include "feed/conflator.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

#include "decode/row_batch.h"

using namespace tickwire;
using namespace tickwire::feed;
using Stored = Conflator::Stored;

namespace {

struct Memory {
  explicit Memory(std::vector<ConflateRegion> r) : regions(std::move(r)) {
    size_t end = 0;
    for (const auto& region : regions)
      end = std::max(end, region.offset + TripleSlot::stride(region.row_bytes) * region.keys);
    words.assign(end / 8 + 8, kUntouched);
  }
  [[nodiscard]] std::span<uint8_t> span() { return {reinterpret_cast<uint8_t*>(words.data()), (words.size() - 8) * 8}; }
  [[nodiscard]] TripleSlotReader reader(size_t region, uint32_t slot) {
    const auto& r = regions[region];
    return {span().data() + r.offset + TripleSlot::stride(r.row_bytes) * slot, r.row_bytes};
  }
  [[nodiscard]] bool margin_untouched() const {
    return std::all_of(words.end() - 8, words.end(), [](uint64_t w) { return w == kUntouched; });
  }
  static constexpr uint64_t kUntouched = 0xA5A5A5A5A5A5A5A5;
  std::vector<ConflateRegion> regions;
  std::vector<uint64_t> words;
};

Stored store(Conflator& c, uint8_t shape, uint32_t key, uint64_t value, uint32_t& slot, uint32_t words = 4) {
  const std::vector<uint64_t> row(words, value);
  return c.store(shape, key, row.data(), words * 8, slot);
}

uint64_t value_of(const TripleSlotReader& reader) {
  uint64_t value;
  std::memcpy(&value, reader.value(), 8);
  return value;
}

}  // namespace

TEST_CASE("conflator: newest value per key, announced once per value taken") {
  Memory memory({{0, 32, 4}});
  Conflator c(memory.span(), memory.regions, 100);
  uint32_t slot = 99;
  CHECK(store(c, 0, 17, 1, slot) == Stored::kAnnounce);
  CHECK(slot == 0);
  CHECK(store(c, 0, 17, 2, slot) == Stored::kReplaced);
  CHECK(store(c, 0, 17, 3, slot) == Stored::kReplaced);
  CHECK(store(c, 0, 5, 10, slot) == Stored::kAnnounce);
  CHECK(slot == 1);
  auto first = memory.reader(0, 0);
  REQUIRE(first.take());
  CHECK(value_of(first) == 3);
  CHECK_FALSE(first.take());
  CHECK(store(c, 0, 17, 4, slot) == Stored::kAnnounce);
  CHECK(slot == 0);
  auto second = memory.reader(0, 1);
  REQUIRE(second.take());
  CHECK(value_of(second) == 10);
}

TEST_CASE("conflator: a full region refuses new keys and keeps serving the known ones") {
  Memory memory({{0, 32, 2}});
  Conflator c(memory.span(), memory.regions, 100);
  uint32_t slot = 0;
  CHECK(store(c, 0, 1, 1, slot) == Stored::kAnnounce);
  CHECK(store(c, 0, 2, 1, slot) == Stored::kAnnounce);
  for (int i = 0; i < 3; ++i) CHECK(store(c, 0, 3, 1, slot) == Stored::kNoSlot);
  CHECK(store(c, 0, 1, 2, slot) == Stored::kReplaced);
  CHECK(slot == 0);
  Memory none({{0, 32, 0}});
  Conflator empty(none.span(), none.regions, 100);
  CHECK(store(empty, 0, 1, 1, slot) == Stored::kNoSlot);
  CHECK(none.margin_untouched());
}

TEST_CASE("conflator: a row that is larger than its region's rows is refused and takes no slot") {
  Memory memory({{0, 32, 2}});
  Conflator c(memory.span(), memory.regions, 100);
  uint32_t slot = 0;
  for (uint32_t key = 0; key < 10; ++key) CHECK(store(c, 0, key, 1, slot, 5) == Stored::kNoSlot);
  CHECK(store(c, 0, 50, 1, slot) == Stored::kAnnounce);
  CHECK(slot == 0);
  CHECK(store(c, 0, 51, 1, slot, 3) == Stored::kAnnounce);  // shorter ones are fine
  CHECK(slot == 1);
  CHECK(memory.margin_untouched());
}

TEST_CASE("conflator: rows without a key share one slot, which is no symbol's") {
  Memory memory({{0, 32, 3}});
  Conflator c(memory.span(), memory.regions, 4);
  uint32_t slot = 9;
  CHECK(store(c, 0, decode::RowBatch::kNoKey, 1, slot) == Stored::kAnnounce);
  CHECK(slot == 0);
  CHECK(store(c, 0, decode::RowBatch::kNoKey, 2, slot) == Stored::kReplaced);
  CHECK(store(c, 0, 3, 1, slot) == Stored::kAnnounce);  // the last symbol id
  CHECK(slot == 1);
  CHECK(store(c, 0, 0, 1, slot) == Stored::kAnnounce);
  CHECK(slot == 2);
}

TEST_CASE("conflator: shapes have regions of their own") {
  const size_t second = TripleSlot::stride(32) * 8;
  Memory memory({{0, 32, 8}, {second, 64, 8}});
  Conflator c(memory.span(), memory.regions, 16);
  std::mt19937_64 random(5);
  std::map<std::pair<size_t, uint32_t>, uint64_t> newest;
  std::map<std::pair<size_t, uint32_t>, uint32_t> slot_of;
  std::map<std::pair<size_t, uint32_t>, TripleSlotReader> readers;
  uint64_t n = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto shape = static_cast<uint8_t>(random() % 2);
    const auto key = static_cast<uint32_t>(random() % 8);
    const std::pair<size_t, uint32_t> id{shape, key};
    uint32_t slot = 0;
    const bool fresh = newest.contains(id) && newest[id] != 0;
    const auto stored = store(c, shape, key, ++n, slot, shape == 0 ? 4 : 8);
    REQUIRE(stored == (fresh ? Stored::kReplaced : Stored::kAnnounce));
    if (!slot_of.contains(id)) {
      slot_of[id] = slot;
      readers.emplace(id, memory.reader(shape, slot));
    }
    REQUIRE(slot_of[id] == slot);
    newest[id] = n;
    if (random() % 4 != 0) continue;
    auto& reader = readers.at(id);
    REQUIRE(reader.take());
    REQUIRE(value_of(reader) == n);
    newest[id] = 0;
  }
  CHECK(slot_of.size() == 16);
  CHECK(memory.margin_untouched());
}
