// Nanoseconds per message from frames of the wire format to rows, on one thread, data in cache. One JSON line per case:
//   {"bench":"wire-decoder","case":"quotes","stage":"parse","bytes":64,"ns":6.1,"messages":4096,"mallocs":0}
// Stages: "parse" finds and checks the frames, "decode" makes rows of them as well, "publish" copies each row once
// more, as into the event ring. `mallocs` counts those of the last round, when everything is warm. The best of several
// rounds. `wire_decoder_bench [case [stage]]` runs only those.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "malloc_count.h"
#include "wire/control.h"
#include "wire/frame_parser.h"
#include "wire/frame_writer.h"
#include "wire/market.h"
#include "wire/quote_frame.h"
#include "wire/row_decoder.h"

namespace {

using namespace tickwire;
using namespace tickwire::wire;

constexpr size_t kMessages = 4096;  // 256 KiB of quotes: in the second-level cache, as after a read
constexpr int kRounds = 200;
constexpr uint32_t kSymbols = 100;

std::mt19937_64 random_source(42);

int64_t below(uint64_t n) { return static_cast<int64_t>(random_source() % n); }

template <class M>
void append(std::vector<uint8_t>& stream, Type type, uint64_t sequence, const M& m) {
  uint8_t payload[4096];
  TlvWriter out(payload);
  put(out, m);
  Header h;
  h.domain = Domain::kMarketData;
  h.type = static_cast<uint8_t>(type);
  h.source = 1;
  h.sequence = sequence;
  h.time_ns = 1'700'000'000'000'000'000u + sequence * 1000;
  std::vector<uint8_t> frame(frame_room(out.size()));
  const size_t n = write_frame(frame.data(), h, {payload, out.size()});
  if (n == 0 || !out.ok()) std::abort();
  stream.insert(stream.end(), frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(n));
}

Quote quote() {
  const int64_t bid = 1'000'000 + below(1'000'000);
  return {
      static_cast<uint32_t>(below(kSymbols)), 2, 8, bid, bid + 1 + below(50), below(1ull << 40), below(1ull << 40), {}};
}

Trade trade() {
  return {static_cast<uint32_t>(below(kSymbols)),
          2,
          8,
          below(2) == 0 ? Side::kBuy : Side::kSell,
          1'000'000 + below(1'000'000),
          below(1ull << 40),
          static_cast<uint64_t>(below(1ull << 40)),
          {}};
}

std::vector<uint8_t> levels(size_t n) {
  std::vector<uint8_t> bytes(n * Levels::kBytes);
  for (size_t i = 0; i < n; ++i) {
    store(bytes.data() + i * Levels::kBytes, 1'000'000 + below(1'000'000));
    store(bytes.data() + i * Levels::kBytes + 8, below(1ull << 40));
  }
  return bytes;
}

// A row of a strategy's choice, and one of all that a quote has, as `wire.rows([Quote])` gives it.
const std::string kChosen = R"({"name":"quote","type":1,"words":9,"keyField":0,"fields":[
  {"name":"symbol","type":"symbol","of":"symbol","slot":3},{"name":"bid","type":"number","of":"bid","slot":4},
  {"name":"ask","type":"number","of":"ask","slot":5},{"name":"bidSize","type":"number","of":"bidSize","slot":6},
  {"name":"askSize","type":"number","of":"askSize","slot":7},{"name":"sequence","type":"int64","of":"sequence","slot":8}]})";
const std::string kExact = R"({"name":"quote","type":1,"words":12,"keyField":0,"fields":[
  {"name":"symbol","type":"symbol","of":"symbol","slot":3},{"name":"bid","type":"decimal","of":"bid","slot":4},
  {"name":"ask","type":"decimal","of":"ask","slot":6},{"name":"bidSize","type":"decimal","of":"bidSize","slot":8},
  {"name":"askSize","type":"decimal","of":"askSize","slot":10}]})";
const std::string kEverything = R"({"name":"quote","type":1,"words":14,"flagsSlot":13,"keyField":0,"fields":[
  {"name":"symbol","type":"symbol","of":"symbol","slot":3},{"name":"bid","type":"number","of":"bid","slot":4},
  {"name":"ask","type":"number","of":"ask","slot":5},{"name":"bidSize","type":"number","of":"bidSize","slot":6},
  {"name":"askSize","type":"number","of":"askSize","slot":7},{"name":"topic","type":"symbol","of":"topic","slot":8},
  {"name":"sequence","type":"int64","of":"sequence","slot":9},{"name":"sendTime","type":"int64","of":"sendTime","slot":10},
  {"name":"time","type":"int64","of":"exchangeTime","slot":11,"optional":true,"bit":0},
  {"name":"venueSeq","type":"int64","of":"exchangeSequence","slot":12,"optional":true,"bit":1}]})";
const std::string kTrade = R"({"name":"trade","type":2,"words":8,"keyField":0,"fields":[
  {"name":"symbol","type":"symbol","of":"symbol","slot":3},{"name":"price","type":"number","of":"price","slot":4},
  {"name":"size","type":"number","of":"size","slot":5},{"name":"side","type":"symbol","of":"side","slot":6},
  {"name":"id","type":"int64","of":"tradeId","slot":7}]})";
const std::string kBook = R"({"name":"book","type":3,"words":7,"keyField":0,"fields":[
  {"name":"symbol","type":"symbol","of":"symbol","slot":3},{"name":"id","type":"int64","of":"lastUpdateId","slot":4},
  {"name":"bids","type":"levels","of":"bids","slot":5},{"name":"asks","type":"levels","of":"asks","slot":6}]})";

enum class Stage : uint8_t { kParse, kDecode, kPublish };
constexpr const char* kStageNames[] = {"parse", "decode", "publish"};

class Sink final : public FrameSink {
 public:
  Sink(RowDecoder& decoder, Stage stage) : decoder_(decoder), stage_(stage), ring_((1u << 20) / 8 + 1024) {}
  size_t messages = 0;
  Flow on_frame(const Frame& frame) override {
    ++messages;
    if (stage_ == Stage::kParse) return Flow::kContinue;
    batch_.clear();
    if (!decoder_.decode(frame, batch_).ok) std::abort();
    if (stage_ == Stage::kPublish) publish();
    return Flow::kContinue;
  }
  Flow on_quotes(const uint8_t* frames, size_t count, size_t&) override {
    messages += count;
    if (stage_ == Stage::kParse) return Flow::kContinue;
    batch_.clear();
    decode::DecodeOutcome outcome;
    if (decoder_.decode_quotes(frames, count, batch_, outcome) != count) std::abort();
    if (stage_ == Stage::kPublish) publish();
    return Flow::kContinue;
  }

 private:
  void publish() {
    for (const auto& row : batch_.rows()) {
      uint64_t* words = batch_.row_words(row);
      words[0] = row.word_count * 8;
      words[1] = words[2] = 0;
      if (at_ + row.word_count > ring_.size()) at_ = 0;
      std::memcpy(ring_.data() + at_, words, size_t{row.word_count} * 8);
      at_ += row.word_count;
    }
  }
  RowDecoder& decoder_;
  Stage stage_;
  decode::RowBatch batch_;
  std::vector<uint64_t> ring_;
  size_t at_ = 0;
};

void measure(const char* name, const std::string& shapes, std::vector<uint8_t> stream, size_t messages,
             const std::string& only_stage) {
  stream.resize(stream.size() + 64);
  for (const Stage stage : {Stage::kParse, Stage::kDecode, Stage::kPublish}) {
    const char* stage_name = kStageNames[static_cast<size_t>(stage)];
    if (!only_stage.empty() && only_stage != stage_name) continue;
    auto schema = compile_row_schema(R"({"shapes":[)" + shapes + "]}");
    if (!schema.ok()) {
      std::fprintf(stderr, "%s: %s\n", name, schema.error().text.c_str());
      std::exit(1);
    }
    std::vector<uint64_t> memory(16 * 1024);
    decode::SymbolTable symbols({reinterpret_cast<uint8_t*>(memory.data()), memory.size() * 8}, 4096);
    RowDecoder decoder(std::move(schema.value()), symbols);
    uint8_t room[4096];
    for (uint32_t i = 0; i < kSymbols; ++i) {
      const std::string text = "SYM" + std::to_string(i) + "USDT";
      const SymbolEntry entries[] = {{i, text}};
      TlvWriter out(room);
      put(out, std::span<const SymbolEntry>(entries));
      Symbols m;
      if (!get({room, out.size()}, m) || !decoder.define(m)) std::abort();
    }
    const TopicEntry topic[] = {{1, 0, "market"}};
    TlvWriter out(room);
    put(out, 0, std::span<const TopicEntry>(topic));
    Topics m;
    if (!get({room, out.size()}, m) || !decoder.define(m)) std::abort();

    double best = 1e30;
    Sink sink(decoder, stage);
    FrameParser parser;
    const std::span<uint8_t> in{stream.data(), stream.size() - 64};
    for (int round = 0; round < kRounds; ++round) {
      sink.messages = 0;
      mallocs = 0;
      const auto start = std::chrono::steady_clock::now();
      const ParseOutcome outcome = parser.feed(in, 1u << 24, sink);
      const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
      if (outcome.consumed != in.size() || sink.messages != messages) std::abort();
      best = std::min(best, took.count() / static_cast<double>(messages));
    }
    std::printf(
        "{\"bench\":\"wire-decoder\",\"case\":\"%s\",\"stage\":\"%s\",\"bytes\":%.0f,\"ns\":%.1f,\"messages\":%zu,"
        "\"mallocs\":%zu}\n",
        name, stage_name, static_cast<double>(in.size()) / static_cast<double>(messages), best, messages, mallocs);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string only = argc > 1 ? argv[1] : "";
  const std::string stage = argc > 2 ? argv[2] : "";
  const auto wanted = [&only](const char* name) { return only.empty() || only == name; };

  std::vector<uint8_t> quotes;
  for (size_t i = 1; i <= kMessages; ++i) append(quotes, Type::kQuote, i, quote());
  if (wanted("quotes")) measure("quotes", kChosen, quotes, kMessages, stage);
  if (wanted("quotes-exact")) measure("quotes-exact", kExact, quotes, kMessages, stage);
  if (wanted("quotes-everything")) measure("quotes-everything", kEverything, quotes, kMessages, stage);

  std::vector<uint8_t> mixed;
  for (size_t i = 1; i <= kMessages; ++i) {
    if (below(4) == 0) {
      append(mixed, Type::kTrade, i, trade());
    } else {
      append(mixed, Type::kQuote, i, quote());
    }
  }
  if (wanted("quotes-and-trades")) measure("quotes-and-trades", kChosen + "," + kTrade, mixed, kMessages, stage);

  std::vector<uint8_t> trades;
  for (size_t i = 1; i <= kMessages; ++i) append(trades, Type::kTrade, i, trade());
  if (wanted("trades")) measure("trades", kTrade, trades, kMessages, stage);

  std::vector<uint8_t> books;
  for (size_t i = 1; i <= kMessages / 8; ++i) {
    const std::vector<uint8_t> bids = levels(20);
    const std::vector<uint8_t> asks = levels(20);
    append(books, Type::kBookDelta, i,
           Book{static_cast<uint32_t>(below(kSymbols)), 2, 8, i, i, Levels(bids), Levels(asks), {}});
  }
  if (wanted("book-20")) measure("book-20", kBook, books, kMessages / 8, stage);
  return 0;
}
