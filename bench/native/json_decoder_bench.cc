// Nanoseconds per message from JSON text to rows, on one thread, data in cache. One JSON line per case:
//   {"bench":"json-decoder","case":"book-ticker","engine":"both","bytes":101,"ns":58.3,"rows":2048,"mallocs":0}
// `mallocs` counts those of the last round, when everything is warm.
// `json_decoder_bench [case [engine]]` runs only those. The best of several rounds; messages differ in every value and
// lie back to back, as in a receive buffer.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/decoder.h"
#include "malloc_count.h"

namespace {

using tickwire::decode::Decoder;
using tickwire::decode::JsonEngines;
using tickwire::decode::RowBatch;
using tickwire::decode::SymbolTable;

constexpr size_t kMessages = 2048;
constexpr int kRounds = 100;

std::mt19937_64 random_source(42);
std::string only_engine;  // empty: both

std::string price(int digits, int fraction) {
  std::string text = std::to_string(1 + random_source() % 9);
  const int length = 1 + static_cast<int>(random_source() % static_cast<uint64_t>(digits));
  for (int i = 1; i < length; ++i) text += static_cast<char>('0' + random_source() % 10);
  text += '.';
  for (int i = 0; i < fraction; ++i) text += static_cast<char>('0' + random_source() % 10);
  return text;
}

std::string number(uint64_t low, uint64_t span) { return std::to_string(low + random_source() % span); }

std::string symbol() {
  static const char* const names[] = {"BNBUSDT", "BTCUSDT",      "ETHUSDT", "SOLUSDT",
                                      "XRPUSDT", "1000SHIBUSDT", "NKNBTC",  "ADAEUR"};
  return names[random_source() % 8];
}

std::string quoted(const std::string& text) { return '"' + text + '"'; }

std::string book_ticker() {
  return R"({"u":)" + number(400900217, 1000000) + R"(,"s":)" + quoted(symbol()) + R"(,"b":)" + quoted(price(3, 8)) +
         R"(,"B":)" + quoted(price(3, 8)) + R"(,"a":)" + quoted(price(3, 8)) + R"(,"A":)" + quoted(price(3, 8)) + "}";
}

std::string with_event(const std::string& event, const std::string& rest) {
  return R"({"e":")" + event + R"(",)" + rest + "}";
}

std::string ticker_event() {
  const std::string ticker = book_ticker();
  return with_event("bookTicker", ticker.substr(1, ticker.size() - 2));
}

std::string trade() {
  return with_event("aggTrade", R"("E":)" + number(1633998512068, 100000000) + R"(,"s":)" + quoted(symbol()) +
                                    R"(,"a":)" + number(100000, 900000) + R"(,"p":)" + quoted(price(5, 8)) +
                                    R"(,"q":)" + quoted(price(3, 8)) + R"(,"f":)" + number(100000, 900000) +
                                    R"(,"l":)" + number(100000, 900000) + R"(,"T":)" +
                                    number(1633998512068, 100000000) + R"(,"m":)" +
                                    (random_source() % 2 ? "true" : "false") + R"(,"M":true)");
}

std::string levels(size_t count) {
  std::string text = "[";
  for (size_t i = 0; i < count; ++i) {
    if (i != 0) text += ',';
    text.append("[").append(quoted(price(5, 8))).append(",").append(quoted(price(4, 8))).append("]");
  }
  return text + "]";
}

std::string depth(size_t count) {
  return with_event("depthUpdate", R"("E":)" + number(1633998512068, 100000000) + R"(,"s":)" + quoted(symbol()) +
                                       R"(,"U":)" + number(100000, 900000) + R"(,"u":)" + number(100000, 900000) +
                                       R"(,"b":)" + levels(count) + R"(,"a":)" + levels(count));
}

std::string mark_price() {
  return with_event("markPriceUpdate", R"("E":)" + number(1633998512068, 100000000) + R"(,"s":)" + quoted(symbol()) +
                                           R"(,"p":)" + quoted(price(5, 8)) + R"(,"i":)" + quoted(price(5, 8)) +
                                           R"(,"r":)" + quoted(price(1, 8)) + R"(,"T":)" +
                                           number(1633998512068, 100000000));
}

constexpr std::string_view kTickerShape = R"({"name":"ticker","words":9,"keyField":0,"fields":[
  {"name":"symbol","type":"symbol","path":["s"],"slot":3},{"name":"bid","type":"number","path":["b"],"slot":4},
  {"name":"bidSize","type":"number","path":["B"],"slot":5},{"name":"ask","type":"number","path":["a"],"slot":6},
  {"name":"askSize","type":"number","path":["A"],"slot":7},{"name":"id","type":"int64","path":["u"],"slot":8}]})";

const std::string kTickerSchema = R"({"shapes":[)" + std::string(kTickerShape) + "]}";

const std::string kFourShapes =
    R"({"select":["e"],"cases":[{"text":"bookTicker","shape":0},{"text":"aggTrade","shape":1},
  {"text":"depthUpdate","shape":2},{"text":"markPriceUpdate","shape":3}],"shapes":[)" +
    std::string(kTickerShape) + R"(,
  {"name":"trade","words":8,"keyField":0,"fields":[{"name":"symbol","type":"symbol","path":["s"],"slot":3},
   {"name":"price","type":"number","path":["p"],"slot":4},{"name":"size","type":"number","path":["q"],"slot":5},
   {"name":"time","type":"int64","path":["T"],"slot":6},{"name":"maker","type":"bool","path":["m"],"slot":7}]},
  {"name":"depth","words":7,"keyField":0,"fields":[{"name":"symbol","type":"symbol","path":["s"],"slot":3},
   {"name":"id","type":"int64","path":["u"],"slot":4},{"name":"bids","type":"levels","path":["b"],"slot":5},
   {"name":"asks","type":"levels","path":["a"],"slot":6}]},
  {"name":"mark","words":7,"keyField":0,"fields":[{"name":"symbol","type":"symbol","path":["s"],"slot":3},
   {"name":"price","type":"number","path":["p"],"slot":4},{"name":"rate","type":"number","path":["r"],"slot":5},
   {"name":"time","type":"int64","path":["T"],"slot":6}]}]})";

struct Stream {
  std::vector<uint8_t> bytes;
  std::vector<std::pair<size_t, size_t>> messages;
  void add(const std::string& text) {
    messages.emplace_back(bytes.size(), text.size());
    bytes.insert(bytes.end(), text.begin(), text.end());
    bytes.insert(bytes.end(), 4, 0x81);  // where a frame header would stand
  }
  void finish() { bytes.resize(bytes.size() + 128); }
};

void measure(const char* name, const std::string& description, Stream stream) {
  stream.finish();
  for (const JsonEngines engines : {JsonEngines::kGeneral, JsonEngines::kBoth}) {
    const char* const engine = engines == JsonEngines::kBoth ? "both" : "general";
    if (!only_engine.empty() && only_engine != engine) continue;
    auto schema = tickwire::decode::compile_schema(description);
    if (!schema.ok()) {
      std::fprintf(stderr, "%s: %s\n", name, schema.error().text.c_str());
      std::exit(1);
    }
    std::vector<uint64_t> memory(16 * 1024);
    SymbolTable symbols({reinterpret_cast<uint8_t*>(memory.data()), memory.size() * 8}, 4096);
    const std::unique_ptr<Decoder> decoder = make_json_decoder(std::move(schema.value()), symbols, engines);
    RowBatch batch;
    double best = 1e30;
    size_t rows = 0;
    for (int round = 0; round < kRounds; ++round) {
      rows = 0;
      mallocs = 0;
      const auto start = std::chrono::steady_clock::now();
      for (const auto& [offset, length] : stream.messages) {
        batch.clear();
        const auto outcome = decoder->decode({stream.bytes.data() + offset, length}, false, batch);
        rows += outcome.ok ? batch.rows().size() : 0;
      }
      const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
      best = std::min(best, took.count() / static_cast<double>(stream.messages.size()));
    }
    size_t bytes = 0;
    for (const auto& message : stream.messages) bytes += message.second;
    std::printf(
        "{\"bench\":\"json-decoder\",\"case\":\"%s\",\"engine\":\"%s\",\"bytes\":%.0f,\"ns\":%.1f,\"rows\":%zu,"
        "\"mallocs\":%zu}\n",
        name, engine, static_cast<double>(bytes) / static_cast<double>(stream.messages.size()), best, rows, mallocs);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string only = argc > 1 ? argv[1] : "";
  if (argc > 2) only_engine = argv[2];
  const auto wanted = [&only](const char* name) { return only.empty() || only == name; };
  Stream tickers;
  for (size_t i = 0; i < kMessages; ++i) tickers.add(book_ticker());
  if (wanted("book-ticker")) measure("book-ticker", kTickerSchema, tickers);

  const auto pick = [](uint64_t which) {
    switch (which % 4) {
      case 0:
        return ticker_event();
      case 1:
        return trade();
      case 2:
        return depth(2);
      default:
        return mark_price();
    }
  };
  Stream in_turn;
  for (size_t i = 0; i < kMessages; ++i) in_turn.add(pick(i));
  if (wanted("four-shapes")) measure("four-shapes", kFourShapes, in_turn);
  Stream mixed;
  for (size_t i = 0; i < kMessages; ++i) mixed.add(pick(random_source()));
  if (wanted("four-shapes-random")) measure("four-shapes-random", kFourShapes, mixed);

  Stream deep;
  for (size_t i = 0; i < kMessages / 4; ++i) deep.add(depth(20));
  if (wanted("depth-20")) measure("depth-20", kFourShapes, deep);
  return 0;
}
