#include "feed/publisher.h"

#include <doctest/doctest.h>

#include <random>

#include "publisher_rig.h"

using namespace tickwire;
using namespace tickwire::feed;
using namespace tickwire::feed::publisher_test;

namespace {

struct Conflating {
  explicit Conflating(uint32_t keys, uint32_t slots)
      : key_count(keys), words(TripleSlot::stride(kRowBytes) / 8 * slots) {
    options = options_for(Overflow::kConflate, 0);
    options.schema.emplace();
    options.schema->shapes.emplace_back();
    options.conflate_regions = {{0, kRowBytes, slots}};
    options.conflate_memory = {reinterpret_cast<uint8_t*>(words.data()), words.size() * 8};
    for (uint32_t i = 0; i < slots; ++i) {
      readers.emplace_back(options.conflate_memory.data() + TripleSlot::stride(kRowBytes) * i, kRowBytes);
    }
  }
  // The row that a record announces.
  uint64_t take(const Record& r) {
    REQUIRE(r.kind == RecordKind::kConflated);
    REQUIRE(r.bytes == 16);
    REQUIRE(r.feed == kHandle);
    REQUIRE(r.high(1) == 0);
    auto& reader = readers.at(r.low(1));
    REQUIRE(reader.take());  // one record, one value
    uint64_t row[4];
    std::memcpy(row, reader.value(), sizeof row);
    CHECK(row[0] == record_header(kRowBytes, RecordKind::kRow, 0, kHandle));
    CHECK(std::bit_cast<double>(row[1]) == 222);
    return row[3];
  }
  static constexpr uint32_t kRowBytes = 32;
  uint32_t key_count;
  std::vector<uint64_t> words;
  FeedOptions options;
  std::vector<TripleSlotReader> readers;
};

}  // namespace

TEST_CASE("publisher, conflate: the newest of every key, in bounded room, however slow the reader") {
  for (const uint32_t keys : {1u, 7u, 200u}) {
    Conflating c(keys, keys);
    Bench b(c.options);
    std::mt19937_64 random(keys);
    std::vector<uint64_t> seen(keys, 0);
    uint64_t sent = 1;
    uint64_t taken = 0;
    const auto check = [&](const std::vector<Record>& all) {
      for (const auto& r : all) {
        const uint64_t n = c.take(r);
        REQUIRE(n > seen[n % keys]);
        seen[n % keys] = n;
        ++taken;
      }
    };
    for (int i = 0; i < 5000; ++i) {
      const auto rows = static_cast<uint32_t>(random() % 50);
      REQUIRE(b.offer(sent, rows, 4, keys));
      sent += rows;
      b.publisher->end_of_read(0);
      REQUIRE(b.rig.reader.unread() <= keys * 16);
      if (random() % 3 == 0) check(b.read(random() % 20));
    }
    check(b.read_all());
    for (uint32_t k = 0; k < keys; ++k) {
      const uint64_t last = (sent - 1) - ((sent - 1) % keys + keys - k) % keys;
      CHECK(seen[k] == last);
    }
    CHECK(b.count(Counter::kRows) == sent - 1);
    CHECK(b.count(Counter::kConflated) == sent - 1 - taken);
    CHECK(b.count(Counter::kConflateKeysFull) == 0);
  }
}

TEST_CASE("publisher, conflate: announcements that find no room wait, one per key, and follow") {
  constexpr uint32_t kKeys = 150;
  Conflating c(kKeys, kKeys);
  Bench b(c.options);
  // Somebody else has filled the ring.
  while (b.rig.channel.ring().reserve(1024) != nullptr) b.rig.put(1024);
  (void)b.rig.channel.flush();
  for (uint64_t n = 0; n < 10; ++n) REQUIRE(b.offer(n * kKeys, kKeys, 4, kKeys));
  b.control(0);
  CHECK(b.count(Counter::kConflated) == 9 * kKeys);
  std::vector<Record> own;
  for (auto& r : b.read_all()) {
    if (r.kind != RecordKind::kRow) own.push_back(r);
  }
  REQUIRE(own.size() == kKeys + 1);
  CHECK(own[0].kind == RecordKind::kPong);
  for (uint32_t i = 0; i < kKeys; ++i) CHECK(c.take(own[i + 1]) == 9 * kKeys + i);
  CHECK(b.clear);
  REQUIRE(b.offer(10 * kKeys, 1, 4, kKeys));
  CHECK(c.take(b.read_all().at(0)) == 10 * kKeys);
}

TEST_CASE("publisher, conflate: keys without a slot are counted") {
  Conflating c(10, 3);
  Bench b(c.options);
  REQUIRE(b.offer(0, 10, 4, 10));
  CHECK(b.count(Counter::kConflateKeysFull) == 7);
  CHECK(b.count(Counter::kRows) == 3);
  CHECK(b.read_all().size() == 3);
}
