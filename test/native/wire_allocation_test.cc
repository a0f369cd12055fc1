// The data path of the wire format allocates nothing once it is warm: writing frames, finding them again and making
// rows of them, damage, masks and definitions that are known included.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "allocation_count.h"
#include "wire/market.h"
#include "wire_rows.h"

using namespace tickwire;
using namespace tickwire::wire;
using namespace tickwire::wire::testing;

namespace {

std::string everything() {
  std::ifstream in(TICKWIRE_SOURCE_DIR "/test/vectors/wire-rows.json", std::ios::binary);
  return {(std::istreambuf_iterator<char>(in)), {}};
}

class Decoding final : public FrameSink {
 public:
  explicit Decoding(Rows& rows) : rows_(rows) {}
  size_t made = 0;
  size_t definitions = 0;
  Flow on_frame(const Frame& frame) override {
    if (frame.header.is(Type::kSymbol)) {
      Symbols m;
      if (get(frame.payload, m) && rows_.decoder().define(m)) ++definitions;
      return Flow::kContinue;
    }
    rows_.batch().clear();
    if (rows_.decoder().decode(frame, rows_.batch()).ok) ++made;
    return Flow::kContinue;
  }
  Flow on_quotes(const uint8_t* frames, size_t count, size_t&) override {
    rows_.batch().clear();
    decode::DecodeOutcome outcome;
    made += rows_.decoder().decode_quotes(frames, count, rows_.batch(), outcome);
    return Flow::kContinue;
  }

 private:
  Rows& rows_;
};

template <class M>
size_t write(std::span<uint8_t> room, Type type, uint64_t sequence, const M& m) {
  TlvWriter out(room.subspan(kHeaderBytes, room.size() - kHeaderBytes - kMaskBytes));
  put(out, m);
  return out.ok() ? seal_frame(room.data(), header_of(type, 7, sequence), out.size()) : 0;
}

}  // namespace

TEST_CASE("wire data path: nothing is allocated once warm") {
  Rows rows(everything());
  Decoding sink(rows);
  FrameParser parser;
  Bytes stream(1u << 18);
  const Bytes levels(16 * 50, 1);
  const Bytes starts = {0x54, 0x57, 0x01, 0x54, 0x57, 0x01};
  Execution execution;
  execution.symbol = 2;
  execution.order_id = "order-1";
  execution.reason = "a text";
  Signal signal;
  signal.name = 1;
  signal.note = "another text";
  const SymbolEntry symbols[] = {{1, "BTC"}, {2, "ETH"}};
  size_t wrong = 0;
  const auto round = [&] {
    size_t at = 0;
    uint64_t n = 0;
    const auto add = [&](Type type, const auto& m) {
      const size_t size = write(std::span(stream).subspan(at), type, ++n, m);
      if (size == 0) ++wrong;
      at += size;
    };
    add(Type::kSymbol, std::span<const SymbolEntry>(symbols));
    for (int i = 0; i < 500; ++i) add(Type::kQuote, Quote{1, 2, 3, 100 + i, 101 + i, 5, 6, {}});
    stream[at - 10] ^= 1;  // damage in the last one
    for (int i = 0; i < 50; ++i) {
      add(Type::kQuote, Quote{2, 2, 3, 100, 101, 5, -6, {1, 2}});
      add(Type::kTrade, Trade{2, 2, 3, Side::kSell, 100 + i, 7, 8, {}});
      add(Type::kBookDelta, Book{1, 2, 3, 1, 2, Levels(levels), Levels(levels), {}});
      add(Type::kExecution, execution);
      add(Type::kSignal, signal);
      add(Type::kRaw, Raw{ContentKind::kText, 1, starts});  // is masked
    }
    if (parser.feed({stream.data(), at}, stream.size(), sink).consumed != at) ++wrong;
  };
  round();
  REQUIRE(sink.made == 499 + 6 * 50);
  REQUIRE(sink.definitions == 1);
  const size_t before = tickwire::testing::allocations();
  round();
  CHECK(tickwire::testing::allocations() == before);
  CHECK(sink.made == 2 * (499 + 6 * 50));
  CHECK(parser.counters().of(Damage::kChecksum) == 2);
  CHECK(wrong == 0);
  if (tickwire::testing::kCountsAllocations) {
    CHECK(before > 0);  // the counter counts
  } else {
    MESSAGE("allocations are not counted under a sanitizer");
  }
}
