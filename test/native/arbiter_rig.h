// An arbiter with what its reader finds of it; rows are made by hand.
#pragma once
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "feed/arbiter.h"
#include "feed_fixture.h"

namespace tickwire::feed::arbiter_test {

inline constexpr int64_t kMs = 1'000'000;
inline constexpr uint16_t kHandle = 55;
// Shapes in the order of the schema below.
enum ShapeIndex : uint8_t { kTrades, kTicker, kFills, kTexts, kQuotes, kFree };

inline decode::Schema arbiter_schema() {
  const std::string fields =
      R"("words":5,"keyField":0,"fields":[{"name":"symbol","type":"symbol","path":["s"],"slot":3},)";
  const std::string number = R"({"name":"n","type":"int64","path":["n"],"slot":4}])";
  const std::string text = R"({"name":"n","type":"text","path":["n"],"slot":4}])";
  const auto shape = [&](const char* name, const std::string& last, const char* role) {
    return std::string(R"({"name":")") + name + "\"," + fields + last + role + "}";
  };
  const std::string description =
      R"({"select":["e"],"cases":[{"text":"trades","shape":0},{"text":"ticker","shape":1},{"text":"fills","shape":2},)"
      R"({"text":"texts","shape":3},{"text":"quotes","shape":4},{"text":"free","shape":5}],"shapes":[)" +
      shape("trades", number, R"(,"sequence":{"mode":"contiguous","field":1})") + "," +
      shape("ticker", number, R"(,"sequence":{"mode":"increasing","field":1})") + "," +
      shape("fills", number, R"(,"sequence":{"mode":"distinct","field":1})") + "," +
      shape("texts", text, R"(,"sequence":{"mode":"distinct","field":1})") + "," +
      shape("quotes", number, R"(,"sequence":{"mode":"leader"})") + "," + shape("free", number, "") + "]}";
  auto schema = decode::compile_schema(description);
  REQUIRE_MESSAGE(schema.ok(), schema.error().text);
  return std::move(schema.value());
}

struct GapSeen {
  std::string key;
  uint8_t shape;
  int64_t first;
  int64_t last;
  bool operator==(const GapSeen&) const = default;
};

struct Bench {
  explicit Bench(ArbiterOptions options = {}, size_t ring = EventRing::kMinCapacity) : channel(ring) {
    options.schema = arbiter_schema();
    options.ring_window = 32 << 10;
    if (options.paths == 1) options.paths = 3;
    memory.resize(Arbiter::stats_bytes(options.paths) / 8);
    options.stats = {reinterpret_cast<uint8_t*>(memory.data()), memory.size() * 8};
    auto made = Arbiter::create(channel.channel, std::move(options), kHandle);
    REQUIRE_MESSAGE(made.ok(), made.error().text);
    arbiter = std::move(made.value());
    for (const char* name : {"A", "B", "C", "D"}) symbols.push_back(channel.channel.symbols().intern(name));
  }
  // Which of these numbers pass.
  std::vector<int64_t> offer(uint8_t shape, uint32_t symbol, const std::vector<int64_t>& numbers, uint32_t path,
                             int64_t now_ns, uint32_t lane = 0) {
    batch.clear_into_own();
    for (const int64_t n : numbers) {
      uint64_t* row = batch.begin(5);
      row[3] = symbols[symbol];
      row[4] = static_cast<uint64_t>(n);
      batch.commit(shape, symbols[symbol]);
    }
    last = arbiter->filter(batch, path, lane == 0 ? path + 1 : lane, now_ns);
    std::vector<int64_t> passed;
    for (const auto& row : batch.rows()) passed.push_back(static_cast<int64_t>(batch.row_words(row)[4]));
    return passed;
  }
  bool offer_text(const std::string& text, uint32_t symbol, uint32_t path) {
    batch.clear_into_own();
    uint64_t* row = batch.begin(5);
    row[3] = symbols[symbol];
    row[4] = uint64_t{5 * 8} | uint64_t{text.size()} << 32;
    const auto words = static_cast<uint32_t>((text.size() + 7) / 8);
    row = batch.extend(words);
    std::memcpy(row + 5, text.data(), text.size());
    batch.commit(kTexts, symbols[symbol]);
    last = arbiter->filter(batch, path, path + 1, 1);
    return !batch.rows().empty();
  }
  std::vector<GapSeen> gaps() {
    channel.channel.flush();
    std::vector<GapSeen> seen;
    tickwire::test::Record r;
    while (channel.reader.next(r)) {
      REQUIRE(r.kind == RecordKind::kSequenceGap);
      REQUIRE(r.feed == kHandle);
      seen.push_back(
          {r.text(40, r.high(4)), r.shape, static_cast<int64_t>(r.words.at(2)), static_cast<int64_t>(r.words.at(3))});
    }
    if (channel.reader.free()) channel.channel.on_nudge();
    return seen;
  }
  [[nodiscard]] uint64_t count(ArbiterCounter c) const {
    return memory.at(Arbiter::kCountersOffset / 8 + static_cast<size_t>(c));
  }
  [[nodiscard]] uint64_t count(uint32_t path, PathCounter c) const {
    return memory.at((Arbiter::kPathsOffset + path * Arbiter::kPathBytes) / 8 + static_cast<size_t>(c));
  }
  // Until nothing is waited for any more.
  void run_out() {
    for (int i = 0; i < 10'000 && count(ArbiterCounter::kOpenMissing) != 0; ++i) channel.loop->run_once(kMs);
    REQUIRE(count(ArbiterCounter::kOpenMissing) == 0);
  }
  void run_for(int64_t ms) {
    const int64_t until = channel.loop->refresh_now() + ms * kMs;
    while (channel.loop->refresh_now() < until) channel.loop->run_once(kMs);
  }

  std::vector<uint64_t> memory;
  tickwire::test::ChannelRig channel;
  std::shared_ptr<Arbiter> arbiter;
  std::vector<uint32_t> symbols;
  decode::RowBatch batch;
  Arbiter::Dropped last;
};

}  // namespace tickwire::feed::arbiter_test
