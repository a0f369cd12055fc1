// A publisher without a feed: what it is given, what its reader finds.
#pragma once
#include <doctest/doctest.h>

#include <map>
#include <optional>

#include "feed/publisher.h"
#include "feed/records.h"
#include "feed_fixture.h"

namespace tickwire::feed::publisher_test {

using tickwire::test::ChannelRig;
using tickwire::test::Record;
using tickwire::test::StatsMemory;

inline constexpr uint16_t kHandle = 0xABC;
inline constexpr ws::ReceiveTimes kTimes{111, 222};

// A publisher and the feed's part in the deal: to offer again, after on_space(), what was refused.
struct Bench final : SpaceListener {
  explicit Bench(FeedOptions options, size_t ring_bytes = EventRing::kMinCapacity)
      : rig(ring_bytes), stats(stats_memory.span()) {
    auto made = Publisher::create(rig.channel, options, kHandle, stats, *this);
    REQUIRE_MESSAGE(made.ok(), made.error().text);
    publisher = std::move(made.value());
  }
  ~Bench() { publisher.reset(); }
  void on_space() override {
    ++space_calls;
    clear = publisher->on_space();
  }

  // Rows of `words` words whose word 3 is a running number; `key` by number when conflating.
  static void fill(decode::RowBatch& batch, uint64_t first, uint32_t count, uint32_t words, uint32_t keys = 0) {
    for (uint64_t n = first; n < first + count; ++n) {
      uint64_t* row = batch.begin(words);
      for (uint32_t i = 3; i < words; ++i) row[i] = n;
      batch.commit(0, keys == 0 ? decode::RowBatch::kNoKey : static_cast<uint32_t>(n % keys));
    }
  }
  bool offer(uint64_t first, uint32_t count, uint32_t words = 4, uint32_t keys = 0) {
    publisher->prepare(batch);
    fill(batch, first, count, words, keys);
    in_place += batch.in_place() ? 1 : 0;
    return publisher->rows(batch, kTimes);
  }
  void control(int64_t number) {
    auto record = pong_record(kHandle, 1, number);
    publisher->control(record);
  }
  bool raw(const std::string& text) {
    return publisher->raw(RecordKind::kText, {reinterpret_cast<const uint8_t*>(text.data()), text.size()}, kTimes);
  }
  // The reader takes up to `limit` records and gives their space back; a nudge is passed on, as JS does.
  std::vector<Record> read(size_t limit = SIZE_MAX) {
    std::vector<Record> all;
    Record r;
    while (all.size() < limit && rig.reader.next(r)) all.push_back(r);
    if (rig.reader.free()) rig.channel.on_nudge();
    return all;
  }
  // Until nothing comes any more.
  std::vector<Record> read_all() {
    publisher->flush();
    std::vector<Record> all;
    for (;;) {
      auto some = read();
      if (some.empty()) return all;
      all.insert(all.end(), some.begin(), some.end());
    }
  }
  [[nodiscard]] uint64_t count(Counter c) { return stats_memory.get(c); }

  ChannelRig rig;
  StatsMemory stats_memory;
  Stats stats;
  decode::RowBatch batch;
  std::unique_ptr<Publisher> publisher;
  size_t in_place = 0;  // messages whose rows were made in the ring
  int space_calls = 0;
  bool clear = false;
};

inline FeedOptions options_for(Overflow overflow, uint32_t window = 16'384, size_t pending = 4096) {
  FeedOptions o;
  o.overflow = overflow;
  o.ring_window = window;
  o.pending_bytes = pending;
  o.flush_rows = 8;
  return o;
}

inline bool is_row(const Record& r, uint64_t number) {
  if (r.kind != RecordKind::kRow || r.feed != kHandle || r.shape != 0 || r.number(1) != 222 || r.number(2) != 111)
    return false;
  for (size_t i = 3; i < r.words.size(); ++i) {
    if (r.words[i] != number) return false;
  }
  return true;
}

// Rows, gaps and pongs of a dropOldest feed as they must follow each other.
class Ledger {
 public:
  void sent_control(int64_t number, uint64_t rows_before) { before_[number] = rows_before; }
  void take(const Record& r) {
    switch (r.kind) {
      case RecordKind::kRow: {
        const uint64_t n = r.words.at(3);
        REQUIRE(is_row(r, n));
        REQUIRE(n == next_row_ + gap_);  // exactly as many are missing as were reported
        next_row_ = n + 1;
        gap_ = 0;
        ++rows_;
        break;
      }
      case RecordKind::kGap:
        REQUIRE(r.words.at(2) > 0);
        gap_ += r.words[2];
        lost_ += r.words[2];
        break;
      case RecordKind::kPong: {
        const auto number = static_cast<int64_t>(r.number(2));
        REQUIRE(number == next_control_);
        ++next_control_;
        // Behind no row that came after it, before none that came earlier.
        REQUIRE(next_row_ <= before_.at(number));
        floor_ = before_.at(number);
        break;
      }
      default:
        FAIL("unexpected record");
    }
    if (r.kind == RecordKind::kRow) REQUIRE(next_row_ > floor_);
  }
  [[nodiscard]] uint64_t accounted() const { return next_row_ + gap_; }
  [[nodiscard]] uint64_t lost() const { return lost_; }
  [[nodiscard]] uint64_t rows() const { return rows_; }
  [[nodiscard]] int64_t controls() const { return next_control_; }

 private:
  std::map<int64_t, uint64_t> before_;
  uint64_t next_row_ = 0;
  uint64_t gap_ = 0;
  uint64_t lost_ = 0;
  uint64_t rows_ = 0;
  uint64_t floor_ = 0;
  int64_t next_control_ = 0;
};

}  // namespace tickwire::feed::publisher_test
