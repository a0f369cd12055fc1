#include "wire/frame_parser.h"

#include <doctest/doctest.h>

#include "wire/quote_frame.h"
#include "wire_stream.h"

using namespace tickwire;
using namespace tickwire::wire;
using namespace tickwire::wire::testing;

namespace {

constexpr size_t kCapacity = 1u << 16;

struct Seen {
  std::vector<Bytes> frames;
  ParserCounters counters;
  bool partial = false;
};

Seen parse(const Bytes& stream, bool finish = false, size_t piece = SIZE_MAX, uint32_t max_payload = kMaxPayload) {
  FrameParser parser(max_payload);
  Recorder sink;
  show(
      parser, stream, kCapacity, sink, [piece](size_t) { return piece; }, finish);
  return {sink.frames, parser.counters(), parser.partial()};
}

Bytes raw(uint64_t sequence, std::span<const uint8_t> payload, Type type = Type::kRaw) {
  return make_frame(header_of(type, 7, sequence), payload);
}

// A stream, and the same in which one byte is another.
Bytes with(Bytes stream, size_t at, uint8_t value) {
  stream[at] = value;
  return stream;
}

void reseal(Bytes& frame) { store(frame.data() + 12, frame_crc(frame.data(), frame.size() - kHeaderBytes)); }

}  // namespace

TEST_CASE("wire parser: quotes and others, whole and byte by byte") {
  Bytes stream;
  std::vector<Bytes> expected;
  const auto add = [&](const Bytes& frame) {
    append(stream, frame);
    expected.push_back(plain(frame));
  };
  for (uint64_t i = 1; i <= 300; ++i) add(make_quote(i));
  add(raw(1, {}));
  add(raw(2, Bytes(1000, 3)));
  for (uint64_t i = 301; i <= 303; ++i) add(make_quote(i));
  add(raw(3, Bytes(kCapacity - kHeaderBytes, 4)));  // fills the ring
  for (const size_t piece : {SIZE_MAX, size_t{1}, size_t{63}, size_t{64}, size_t{65}, size_t{1000}}) {
    const Seen seen = parse(stream, false, piece);
    CHECK(seen.frames == expected);
    CHECK(seen.counters.frames == expected.size());
    CHECK(seen.counters.skipped_bytes == 0);
    CHECK_FALSE(seen.partial);
    for (const uint64_t n : seen.counters.damaged) CHECK(n == 0);
  }
}

TEST_CASE("wire parser: a changed byte anywhere in a frame loses that frame alone") {
  Bytes stream;
  for (uint64_t i = 1; i <= 9; ++i) append(stream, make_quote(i));
  const std::vector<Bytes> all = parse(stream).frames;
  for (size_t at = 4 * 64; at < 5 * 64; ++at) {
    for (const uint8_t bit : {0x01, 0x80}) {
      const Bytes damaged = with(stream, at, stream[at] ^ bit);
      std::vector<Bytes> expected = all;
      expected.erase(expected.begin() + 4);
      CHECK(parse(damaged, true).frames == expected);
      const Seen seen = parse(damaged, true, 7);
      CHECK(seen.frames == expected);
      CHECK(seen.counters.skipped_bytes == 64);
    }
  }
}

TEST_CASE("wire parser: what is wrong is counted by kind") {
  const Bytes good = make_quote(1);
  const auto behind = [&good](Bytes first) {
    append(first, good);
    append(first, good);
    return parse(first, true);
  };
  SUBCASE("checksum") {
    const Seen seen = behind(with(good, 40, 99));
    CHECK(seen.frames.size() == 2);
    CHECK(seen.counters.of(Damage::kChecksum) == 1);
    CHECK(seen.counters.skipped_bytes == 64);
  }
  SUBCASE("length over the limit") {
    const Seen seen = behind(with(good, 11, 2));
    CHECK(seen.frames.size() == 2);
    CHECK(seen.counters.of(Damage::kLength) == 1);
  }
  SUBCASE("length over what the ring holds") {
    const Seen seen = behind(with(good, 10, 1));
    CHECK(seen.frames.size() == 2);
    CHECK(seen.counters.of(Damage::kLength) == 1);
  }
  SUBCASE("length that reaches into the next frame") {
    const Seen seen = behind(with(good, 8, 60));
    CHECK(seen.frames.size() == 2);
    CHECK(seen.counters.of(Damage::kCutShort) == 1);
  }
  SUBCASE("type 0") {
    const Seen seen = behind(with(good, 4, 0));
    CHECK(seen.frames.size() == 2);
    CHECK(seen.counters.of(Damage::kType) == 1);
  }
  SUBCASE("another version is not this format") {
    const Seen seen = behind(with(good, 2, 2));
    CHECK(seen.frames.size() == 2);
    CHECK(seen.counters.skipped_bytes == 64);
    for (const uint64_t n : seen.counters.damaged) CHECK(n == 0);
  }
  SUBCASE("reserved flags hide an intact payload") {
    for (const uint8_t flag : {kFlagCompressed, kFlagEncrypted, uint8_t{64}, uint8_t{128}}) {
      Bytes hidden = with(good, 5, flag);
      reseal(hidden);
      const Seen seen = behind(hidden);
      CHECK(seen.frames.size() == 2);
      CHECK(seen.counters.unsupported == 1);
      CHECK(seen.counters.skipped_bytes == 0);
    }
  }
  SUBCASE("a mask without room for its key") {
    const uint8_t three[] = {1, 2, 3};
    Bytes hidden = with(raw(1, three), 5, kFlagMasked);
    reseal(hidden);
    const Seen seen = behind(hidden);
    CHECK(seen.frames.size() == 2);
    CHECK(seen.counters.unsupported == 1);
  }
  SUBCASE("not whole at the end") {
    Bytes stream = good;
    append(stream, std::span(good).first(63));
    const Seen open = parse(stream);
    CHECK(open.partial);
    CHECK(open.counters.skipped_bytes == 0);
    const Seen closed = parse(stream, true);
    CHECK(closed.frames.size() == 1);
    CHECK(closed.counters.of(Damage::kGivenUp) == 1);
    CHECK(closed.counters.skipped_bytes == 63);
  }
}

TEST_CASE("wire parser: a frame whose payload holds the start of another is refused, whole or in pieces") {
  Bytes inner = make_quote(5);
  Bytes outer(kHeaderBytes);
  Header h = header_of(Type::kRaw, 7, 1);
  h.length = static_cast<uint32_t>(inner.size());
  write_header(outer.data(), h);
  append(outer, inner);
  reseal(outer);  // as no sender may: the checksum is right
  for (const size_t piece : {SIZE_MAX, size_t{1}, size_t{40}}) {
    const Seen seen = parse(outer, true, piece);
    CHECK(seen.counters.of(Damage::kCutShort) == 1);
    CHECK(seen.frames.size() == 1);  // the inner one: it is intact, and nobody may send it so
  }
}

TEST_CASE("wire parser: content that is a frame stays content, whatever is damaged around it") {
  Bytes recording;
  for (uint64_t i = 1; i <= 20; ++i) append(recording, make_quote(i, 2, 9));
  const Bytes outer = raw(1, recording);
  Bytes stream = outer;
  append(stream, make_quote(1));
  CHECK(parse(stream).frames == std::vector<Bytes>{plain(outer), plain(make_quote(1))});
  for (size_t at = 0; at < outer.size(); ++at) {
    const Seen seen = parse(with(stream, at, stream[at] ^ 0x40), true, at % 3 == 0 ? 100 : SIZE_MAX);
    CHECK(seen.frames == std::vector<Bytes>{plain(make_quote(1))});
  }
}

TEST_CASE("wire parser: a damaged length holds the next frame back until one more begins, and no longer") {
  Bytes stream = make_quote(1);
  append(stream, make_quote(2));
  append(stream, make_quote(3));
  append(stream, std::span<const uint8_t>(make_quote(4)).first(3));
  stream[64 + 9] = 0x80;  // of the second: 32 KiB
  FrameParser parser;
  Recorder sink;
  size_t consumed = 0;
  for (size_t shown = 0; shown < stream.size(); ++shown) {
    const ParseOutcome out = parser.feed({stream.data() + consumed, shown + 1 - consumed}, kCapacity, sink);
    consumed += out.consumed;
    CHECK(sink.frames.size() == (shown + 1 < 64 ? 0 : shown + 1 < 128 + 64 ? 1 : 2));
  }
  CHECK(sink.frames[1] == plain(make_quote(3)));
}

TEST_CASE("wire parser: what does not get whole can be given up") {
  Bytes stream = make_quote(1);
  stream[9] = 0x40;
  append(stream, make_quote(2));
  FrameParser parser;
  Recorder sink;
  parser.give_up();  // of nothing
  CHECK(parser.feed({stream.data(), 50}, kCapacity, sink).consumed == 0);
  CHECK(parser.partial());
  // The start of the second frame shows that the first is damaged; the header of the second still says nothing wrong.
  ParseOutcome out = parser.feed({stream.data(), 100}, kCapacity, sink);
  CHECK(out.consumed == 64);
  CHECK(parser.partial());
  parser.give_up();
  out = parser.feed({stream.data() + 64, 64}, kCapacity, sink);  // whole by now: not given up
  CHECK(out.consumed == 64);
  CHECK(sink.frames.size() == 1);

  Bytes longer = make_quote(3);
  longer[9] = 0x40;
  out = parser.feed(longer, kCapacity, sink);
  CHECK(out.consumed == 0);
  CHECK(parser.partial());
  parser.give_up();
  out = parser.feed(longer, kCapacity, sink);
  CHECK(out.consumed == 64);
  CHECK_FALSE(parser.partial());
  CHECK(parser.counters().of(Damage::kGivenUp) == 1);
  // It holds for that beginning alone.
  CHECK(parser.feed({stream.data(), 50}, kCapacity, sink).consumed == 0);
}

TEST_CASE("wire parser: junk is passed over at once but for what may be a beginning") {
  FrameParser parser;
  Recorder sink;
  Bytes junk(1000, 0x33);
  CHECK(parser.feed(junk, kCapacity, sink).consumed == 1000);
  junk.back() = 0x54;
  CHECK(parser.feed(junk, kCapacity, sink).consumed == 999);
  junk[998] = 0x54;
  junk[999] = 0x57;
  CHECK(parser.feed(junk, kCapacity, sink).consumed == 998);
  junk[997] = 0x54;
  junk[998] = 0x57;
  junk[999] = 0x01;
  CHECK(parser.feed(junk, kCapacity, sink).consumed == 997);
  CHECK(sink.frames.empty());
}

TEST_CASE("wire parser: a sink that pauses gets the same frame again") {
  class Halting final : public Recorder {
   public:
    uint32_t calls = 0;
    Flow answer() override { return ++calls % 3 == 0 ? Flow::kContinue : Flow::kPause; }
  };
  Bytes stream;
  std::vector<Bytes> expected;
  for (uint64_t i = 1; i <= 40; ++i) {
    const uint8_t masked[] = {2, 3, 0x54, 0x57, 0x01, 9};
    const Bytes frame = i % 5 == 0 ? raw(i, masked) : make_quote(i);
    append(stream, frame);
    expected.push_back(plain(frame));
  }
  FrameParser parser;
  Halting sink;
  show(parser, stream, kCapacity, sink, [](size_t) { return size_t{100}; });
  CHECK(sink.frames == expected);
  CHECK(parser.counters().frames == 40);
  CHECK(parser.counters().skipped_bytes == 0);
}

TEST_CASE("wire parser: a sink that stops is called no more") {
  class Stopping final : public Recorder {
   public:
    Flow answer() override { return frames.size() == 2 ? Flow::kStop : Flow::kContinue; }
  };
  for (const bool quotes : {true, false}) {
    Bytes stream;
    for (uint64_t i = 1; i <= 6; ++i) append(stream, quotes ? make_quote(i) : raw(i, Bytes(8, 1)));
    FrameParser parser;
    Stopping sink;
    const ParseOutcome out = parser.feed(stream, kCapacity, sink);
    CHECK(out.flow == Flow::kStop);
    CHECK(out.consumed == stream.size() / 2);
    CHECK(sink.frames.size() == 3);
    CHECK(parser.counters().frames == 3);
  }
}

TEST_CASE("wire parser: a receiver's own limit") {
  Bytes stream = raw(1, Bytes(101, 1));
  append(stream, raw(2, Bytes(100, 1)));
  append(stream, make_quote(1));
  const Seen seen = parse(stream, false, SIZE_MAX, 100);
  CHECK(seen.frames.size() == 2);
  CHECK(seen.counters.of(Damage::kLength) == 1);
  CHECK(parse(stream, false, SIZE_MAX, 10).frames.empty());
}

TEST_CASE("wire parser: reset forgets what was begun") {
  FrameParser parser;
  Recorder sink;
  Bytes quote = make_quote(1);
  CHECK(parser.feed({quote.data(), 60}, kCapacity, sink).consumed == 0);
  parser.reset();
  CHECK_FALSE(parser.partial());
  CHECK(parser.feed(quote, kCapacity, sink).consumed == 64);
  CHECK(sink.frames.size() == 1);
}

TEST_CASE("wire quotes: fields of the compact form") {
  const Bytes quote = make_quote(7, 0xAABBCCDD);
  REQUIRE(looks_like_quote(quote.data()));
  CompactQuote q{};
  REQUIRE(read_compact_quote(quote.data() + 34, q));
  CHECK(q.symbol == 0xAABBCCDD);
  CHECK(q.price_scale == 2);
  CHECK(q.size_scale == 3);
  CHECK(q.bid == 10'007);
  CHECK(q.ask == 10'012);
  CHECK(q.bid_size == 1'007);
  CHECK(q.ask_size == 2'007);
  Bytes extreme = quote;
  store(extreme.data() + 40, INT64_MAX);
  CHECK_FALSE(read_compact_quote(extreme.data() + 34, q));  // the ask is beyond 64 bits
  store(extreme.data() + 48, int32_t{-1});
  CHECK(read_compact_quote(extreme.data() + 34, q));
  CHECK(q.ask == INT64_MAX - 1);
  extreme[38] = 19;
  CHECK_FALSE(read_compact_quote(extreme.data() + 34, q));
}
