#include "ws/deflate.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <random>

#include "ws_peer.h"

using namespace tickwire;
using namespace tickwire::ws;
using namespace tickwire::ws::test;

namespace {

Bytes contents(const ByteBuffer& b) { return {b.bytes().begin(), b.bytes().end()}; }

std::unique_ptr<Inflater> inflater(int bits = 15, bool takeover = true) {
  auto made = Inflater::create(bits, takeover);
  REQUIRE(made.ok());
  return std::move(made.value());
}

std::unique_ptr<Deflater> deflater(int bits = 15, bool takeover = true, int level = 1) {
  auto made = Deflater::create(bits, takeover, level);
  REQUIRE(made.ok());
  return std::move(made.value());
}

Bytes deflated(Deflater& d, const Bytes& in) {
  ByteBuffer out;
  REQUIRE(d.deflate(in, out).ok());
  return contents(out);
}

// One message; an error becomes a failed check.
Bytes inflated(Inflater& i, const Bytes& in) {
  ByteBuffer out;
  const Result<void> result = i.inflate(in, true, 1u << 26, out);
  CHECK_MESSAGE(result.ok(), result.error().text);
  return contents(out);
}

Errc fails_with(Inflater& i, const Bytes& in, size_t limit = 1u << 26) {
  ByteBuffer out;
  return i.inflate(in, true, limit, out).error().code;
}

// What zlib makes of `in` in one go with the given flush.
Bytes raw_deflate(const Bytes& in, int flush, int bits = 15) {
  z_stream zs{};
  REQUIRE(deflateInit2(&zs, 6, Z_DEFLATED, -bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(in.size() * 2 + 100);
  zs.next_in = const_cast<Bytef*>(in.data());
  zs.avail_in = static_cast<uInt>(in.size());
  zs.next_out = out.data();
  zs.avail_out = static_cast<uInt>(out.size());
  ::deflate(&zs, flush);
  out.resize(zs.total_out);
  deflateEnd(&zs);
  return out;
}

Bytes book_update(std::mt19937& random) {
  return bytes_of("{\"e\":\"bookTicker\",\"s\":\"BTCUSDT\",\"b\":\"" + std::to_string(random() % 100'000) +
                  ".10\",\"a\":\"" + std::to_string(random() % 100'000) + ".20\",\"u\":" + std::to_string(random()) +
                  "}");
}

}  // namespace

TEST_CASE("the examples of RFC 7692 section 7.2.3") {
  const Bytes hello = bytes_of("Hello");
  const Bytes one_block = {0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00};
  SUBCASE("one block") { CHECK(inflated(*inflater(), one_block) == hello); }
  SUBCASE("sharing the window") {
    const auto i = inflater();
    CHECK(inflated(*i, one_block) == hello);
    CHECK(inflated(*i, {0xF2, 0x00, 0x11, 0x00, 0x00}) == hello);
  }
  SUBCASE("not sharing it") {
    const auto i = inflater(15, false);
    CHECK(inflated(*i, one_block) == hello);
    CHECK(inflated(*i, one_block) == hello);
    CHECK(fails_with(*i, {0xF2, 0x00, 0x11, 0x00, 0x00}) == Errc::kWsInflate);
  }
  SUBCASE("no compression") {
    CHECK(inflated(*inflater(), {0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00}) == hello);
  }
  SUBCASE("a final block, and a message after it") {
    const auto i = inflater();
    CHECK(inflated(*i, {0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00}) == hello);
    CHECK(inflated(*i, one_block) == hello);
  }
  SUBCASE("two blocks in a message") {
    CHECK(inflated(*inflater(), {0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00}) ==
          hello);
  }
  SUBCASE("an empty message") {
    CHECK(inflated(*inflater(), {0x00}).empty());
    CHECK(deflated(*deflater(), {}) == Bytes{0x00});
  }
  SUBCASE("two fragments") {
    const auto i = inflater();
    ByteBuffer out;
    REQUIRE(i->inflate(std::span(one_block).first(3), false, 100, out).ok());
    REQUIRE(i->inflate(std::span(one_block).subspan(3), true, 100, out).ok());
    CHECK(contents(out) == hello);
  }
}

TEST_CASE("a final block whose padding was left off still ends the message, and the window goes on") {
  const auto i = inflater();
  const Bytes text = bytes_of("the quick brown fox jumps over the lazy dog, the quick brown fox");
  CHECK(inflated(*i, raw_deflate(text, Z_FINISH)) == text);
  // A match into the window of the finished stream: "Hello"'s sibling, distance 64.
  const auto d = deflater();
  const Bytes first = deflated(*d, text);
  const Bytes second = deflated(*d, text);
  CHECK(second.size() < first.size());
  CHECK(inflated(*i, first) == text);
  CHECK(inflated(*i, second) == text);
}

TEST_CASE("round trips: every window, with and without context takeover, every kind of content") {
  std::mt19937 random(17);
  for (int bits = 8; bits <= 15; ++bits) {
    for (const bool takeover : {true, false}) {
      for (const int level : {0, 1, 6, 9}) {
        CAPTURE(bits);
        CAPTURE(takeover);
        CAPTURE(level);
        const auto d = deflater(bits, takeover, level);
        const auto i = inflater(bits, takeover);
        for (int round = 0; round < 40; ++round) {
          Bytes message;
          switch (random() % 5) {
            case 0:
              break;
            case 1:
              message = book_update(random);
              break;
            case 2:
              message.assign(random() % 5000, 'r');
              break;
            case 3:
              message.resize(random() % 3000);
              for (uint8_t& b : message) b = static_cast<uint8_t>(random());
              break;
            default:
              for (int k = 0; k < 200; ++k) message = std::move(message) + book_update(random);
          }
          if (inflated(*i, deflated(*d, message)) != message) FAIL("round " << round);
        }
      }
    }
  }
}

TEST_CASE("12.*, 13.*: a message may be cut into fragments anywhere") {
  std::mt19937 random(18);
  const auto d = deflater();
  const auto i = inflater();
  for (int round = 0; round < 100; ++round) {
    Bytes message;
    for (size_t k = 0; k < random() % 50; ++k) message = std::move(message) + book_update(random);
    const Bytes packed = deflated(*d, message);
    ByteBuffer out;
    for (size_t at = 0; at < packed.size();) {
      const size_t n = std::min<size_t>(random() % 50, packed.size() - at);
      at += n;
      REQUIRE(i->inflate(std::span(packed).subspan(at - n, n), at == packed.size(), 1u << 24, out).ok());
    }
    CHECK(contents(out) == message);
  }
}

TEST_CASE("the smaller window is kept to: what an 8-bit sender makes, zlib reads with 256 bytes of history") {
  std::mt19937 random(19);
  const auto d = deflater(8, true, 9);
  const auto i = inflater(8, true);
  Bytes block(300);
  for (uint8_t& b : block) b = static_cast<uint8_t>('a' + random() % 26);
  const Bytes message = block + block + block + Bytes(1000, 'z');
  CHECK(inflated(*i, deflated(*d, message)) == message);
  CHECK(deflated(*d, Bytes(10'000, 'q')).size() < 200);  // runs are still compressed
}

TEST_CASE("a distance beyond the agreed window is refused") {
  std::mt19937 random(20);
  Bytes block(600);
  for (uint8_t& b : block) b = static_cast<uint8_t>(random());
  const auto d = deflater(15);
  const Bytes first = deflated(*d, block);
  const Bytes second = deflated(*d, block);
  const auto i = inflater(9);
  CHECK(inflated(*i, first) == block);
  CHECK(fails_with(*i, second) == Errc::kWsInflate);
}

TEST_CASE("bombs stop at the limit, without the memory for what they would become") {
  const Bytes bomb = raw_deflate(Bytes(64u << 20, 0), Z_SYNC_FLUSH);
  REQUIRE(bomb.size() < 100'000);
  const auto i = inflater();
  ByteBuffer out;
  const Result<void> result = i->inflate({bomb.data(), bomb.size() - 4}, true, 1u << 20, out);
  CHECK(result.error().code == Errc::kWsMessageTooLarge);
  CHECK(result.error().detail == 1009);
  CHECK(out.capacity() <= (1u << 20) + 1);
}

TEST_CASE("the limit is exact, and counts what the fragments before brought") {
  const auto d = deflater(15, false);
  const Bytes packed = deflated(*d, Bytes(1000, 'x'));
  CHECK(fails_with(*inflater(), packed, 1000) == Errc::kNone);
  CHECK(fails_with(*inflater(), packed, 999) == Errc::kWsMessageTooLarge);
  CHECK(fails_with(*inflater(), packed, 0) == Errc::kWsMessageTooLarge);
  CHECK(fails_with(*inflater(), {0x00}, 0) == Errc::kNone);
  ByteBuffer out;
  REQUIRE(out.append(Bytes(500, 'y')));
  CHECK(inflater()->inflate(packed, true, 1499, out).error().code == Errc::kWsMessageTooLarge);
}

TEST_CASE("bad data is refused, and so is a message that stops in the middle") {
  const Bytes good = {0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00};
  CHECK(fails_with(*inflater(), {0x07}) == Errc::kWsInflate);                          // reserved block type
  CHECK(fails_with(*inflater(), {0x00, 0x05, 0x00, 0x00, 0x00}) == Errc::kWsInflate);  // length and complement differ
  CHECK(fails_with(*inflater(), {0xFF, 0xFF, 0xFF}) == Errc::kWsInflate);
  for (size_t n = 0; n < good.size() - 1; ++n) {
    CAPTURE(n);
    CHECK(fails_with(*inflater(), {good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n)}) == Errc::kWsInflate);
  }
  const Result<void> result = [&] {
    ByteBuffer out;
    return inflater()->inflate(Bytes{0x07}, true, 100, out);
  }();
  CHECK(result.error().detail == 1007);
  CHECK_FALSE(result.error().text.empty());
}

TEST_CASE("nothing at all is not a compressed message") { CHECK(fails_with(*inflater(), {}) == Errc::kWsInflate); }

TEST_CASE("a message of nothing but final blocks is refused before it costs time") {
  Bytes many;
  for (int k = 0; k < 10'000; ++k) many = std::move(many) + Bytes{0x03, 0x00};
  CHECK(fails_with(*inflater(), many) == Errc::kWsInflate);
}

TEST_CASE("reset makes it usable again after an error") {
  const auto i = inflater();
  CHECK(fails_with(*i, {0x07}) == Errc::kWsInflate);
  i->reset();
  CHECK(inflated(*i, {0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00}) == bytes_of("Hello"));
}

TEST_CASE("the output keeps its memory") {
  const auto d = deflater();
  const auto i = inflater();
  ByteBuffer out;
  ByteBuffer packed;
  const Bytes message(5000, 'm');
  REQUIRE(d->deflate(message, packed).ok());
  REQUIRE(i->inflate(packed.bytes(), true, 10'000, out).ok());
  const uint8_t* const where = out.data();
  out.clear();
  REQUIRE(d->deflate(message, packed).ok());
  REQUIRE(i->inflate(packed.bytes(), true, 10'000, out).ok());
  CHECK(out.data() == where);
}

TEST_CASE("parameters out of range are errors") {
  CHECK_FALSE(Inflater::create(7, true).ok());
  CHECK_FALSE(Inflater::create(16, true).ok());
  CHECK_FALSE(Deflater::create(7, true, 1).ok());
  CHECK_FALSE(Deflater::create(16, true, 1).ok());
  CHECK_FALSE(Deflater::create(15, true, 10).ok());
  CHECK_FALSE(Deflater::create(15, true, -1).ok());
}

TEST_CASE("the offer names what was asked for") {
  DeflateOptions o;
  CHECK(deflate_offer(o).empty());
  o.enabled = true;
  CHECK(deflate_offer(o) == "permessage-deflate; client_max_window_bits");
  o.client_max_window_bits = 10;
  o.server_max_window_bits = 9;
  o.client_no_context_takeover = o.server_no_context_takeover = true;
  CHECK(deflate_offer(o) ==
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover; server_max_window_bits=9; "
        "client_max_window_bits=10");
}

TEST_CASE("the server's answer: what is accepted") {
  struct Case {
    const char* header;
    bool client_reset;
    bool server_reset;
    int client_bits;
    int server_bits;
  };
  const Case cases[] = {
      {"permessage-deflate", false, false, 15, 15},
      {"  permessage-deflate\t", false, false, 15, 15},
      {"Permessage-Deflate", false, false, 15, 15},
      {"permessage-deflate;client_no_context_takeover", true, false, 15, 15},
      {"permessage-deflate; server_no_context_takeover", false, true, 15, 15},
      {"permessage-deflate ; server_no_context_takeover ; client_no_context_takeover", true, true, 15, 15},
      {"permessage-deflate; client_max_window_bits=8", false, false, 8, 15},
      {"permessage-deflate; client_max_window_bits=\"12\"; server_max_window_bits=10", false, false, 12, 10},
      {"permessage-deflate; server_max_window_bits = 8", false, false, 15, 8},
  };
  DeflateOptions offered;
  offered.enabled = true;
  for (const Case& c : cases) {
    CAPTURE(c.header);
    const Result<DeflateParams> r = accept_deflate(c.header, offered);
    REQUIRE_MESSAGE(r.ok(), r.error().text);
    CHECK(r.value().client_no_context_takeover == c.client_reset);
    CHECK(r.value().server_no_context_takeover == c.server_reset);
    CHECK(r.value().client_max_window_bits == c.client_bits);
    CHECK(r.value().server_max_window_bits == c.server_bits);
  }
}

TEST_CASE("the server's answer: what is refused") {
  DeflateOptions offered;
  offered.enabled = true;
  for (const char* header : {
           "",
           "x-webkit-deflate-frame",
           "permessage-deflate, permessage-deflate",
           "permessage-deflate; client_no_context_takeover, x",
           "permessage-deflate; unknown",
           "permessage-deflate; unknown=1",
           "permessage-deflate; client_no_context_takeover=1",
           "permessage-deflate; server_no_context_takeover=\"\"",
           "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
           "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
           "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
           "permessage-deflate; client_max_window_bits=10; client_max_window_bits=10",
           "permessage-deflate; client_max_window_bits",
           "permessage-deflate; server_max_window_bits",
           "permessage-deflate; server_max_window_bits=",
           "permessage-deflate; server_max_window_bits=7",
           "permessage-deflate; server_max_window_bits=16",
           "permessage-deflate; server_max_window_bits=08",
           "permessage-deflate; server_max_window_bits=+9",
           "permessage-deflate; server_max_window_bits=1O",
           "permessage-deflate; server_max_window_bits=\"10",
           "permessage-deflate; server_max_window_bits=100",
           "permessage-deflate;",
           "permessage-deflate;;",
           "permessage-deflate =",
           "permessage-deflate x",
           "; permessage-deflate",
       }) {
    CAPTURE(header);
    CHECK(accept_deflate(header, offered).error().code == Errc::kHandshakeExtension);
  }
  DeflateOptions none;
  CHECK(accept_deflate("permessage-deflate", none).error().code == Errc::kHandshakeExtension);
}

TEST_CASE("the server's answer: windows no larger than offered; hints it ignored are provided for") {
  DeflateOptions offered;
  offered.enabled = true;
  offered.client_max_window_bits = 11;
  offered.server_max_window_bits = 10;
  offered.client_no_context_takeover = offered.server_no_context_takeover = true;
  CHECK_FALSE(accept_deflate("permessage-deflate; client_max_window_bits=12", offered).ok());
  CHECK_FALSE(accept_deflate("permessage-deflate; server_max_window_bits=11", offered).ok());
  const Result<DeflateParams> r = accept_deflate("permessage-deflate", offered);
  REQUIRE(r.ok());
  CHECK(r.value().client_max_window_bits == 11);
  CHECK(r.value().client_no_context_takeover);
  CHECK(r.value().server_max_window_bits == 15);
  CHECK_FALSE(r.value().server_no_context_takeover);
}

// ---- together with the frame parser

namespace {

Bytes packed_frame(Opcode op, Bytes payload, bool fin = true) {
  return frame({op, std::move(payload), fin, op != Opcode::kContinuation});
}

void check_parsed(const Bytes& in, const std::vector<std::string>& events, Errc error = Errc::kNone,
                  int32_t close_code = 0, Limits limits = {}, int bits = 15, bool takeover = true) {
  std::mt19937 random(5);
  const std::function<size_t()> ways[] = {[] { return SIZE_MAX; }, [] { return size_t{1}; },
                                          [&] { return size_t{1 + random() % 99}; }};
  for (const size_t capacity : {size_t{1} << 20, FrameParser::kMinCapacity}) {
    for (const auto& way : ways) {
      FrameParser parser(Role::kClient, limits);
      parser.set_inflater(inflater(bits, takeover));
      Recorder sink;
      const Seen seen = deliver(parser, in, capacity, way, sink);
      CHECK(seen.events == events);
      CHECK(seen.error == error);
      CHECK(seen.close_code == close_code);
    }
  }
}

}  // namespace

TEST_CASE("compressed frames: whole, fragmented, mixed with plain ones and with pings") {
  for (const int bits : {8, 9, 12, 15}) {
    for (const bool takeover : {true, false}) {
      std::mt19937 random(21);
      const auto d = deflater(bits, takeover);
      Bytes in;
      std::vector<std::string> events;
      for (int k = 0; k < 30; ++k) {
        Bytes message = book_update(random);
        if (k % 10 == 9) {
          message.clear();
          for (int n = 0; n < 60; ++n) message = std::move(message) + book_update(random);
        }
        const Bytes packed = deflated(*d, message);
        const auto cut = static_cast<std::ptrdiff_t>(random() % (packed.size() + 1));
        switch (k % 3) {
          case 0:
            in = std::move(in) + packed_frame(Opcode::kText, packed);
            break;
          case 1:
            in = std::move(in) + packed_frame(Opcode::kText, {packed.begin(), packed.begin() + cut}, false) +
                 ping("between") + frame({Opcode::kContinuation, {}, false}) +
                 frame({Opcode::kContinuation, {packed.begin() + cut, packed.end()}});
            events.push_back("ping:between");
            break;
          default:
            in = std::move(in) + text("plain") + packed_frame(Opcode::kText, packed);
            events.push_back("text:plain");
        }
        events.push_back("text:" + std::string(message.begin(), message.end()));
      }
      check_parsed(in, events, Errc::kNone, 0, {}, bits, takeover);
    }
  }
}

TEST_CASE("compressed frames: the rules of RFC 7692") {
  const Bytes hello = {0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00};
  check_parsed(frame({Opcode::kPing, {}, true, true}), {}, Errc::kWsCompressedControl, 1002);
  check_parsed(frame({Opcode::kClose, {}, true, true}), {}, Errc::kWsCompressedControl, 1002);
  check_parsed(packed_frame(Opcode::kText, hello, false) + frame({Opcode::kContinuation, {}, true, true}), {},
               Errc::kWsReservedBits, 1002);
  check_parsed(text("a", false) + frame({Opcode::kContinuation, {}, true, true}), {}, Errc::kWsReservedBits, 1002);
  check_parsed(frame({Opcode::kText, hello, true, true, false, 0x20}), {}, Errc::kWsReservedBits, 1002);
  check_parsed(packed_frame(Opcode::kText, {0x07, 0x07, 0x07}), {}, Errc::kWsInflate, 1007);
  check_parsed(packed_frame(Opcode::kText, deflated(*deflater(), {0xFF, 0xFE})), {}, Errc::kWsInvalidUtf8, 1007);
  check_parsed(packed_frame(Opcode::kText, deflated(*deflater(), {'a', 0xE2, 0x82})), {}, Errc::kWsInvalidUtf8, 1007);
  check_parsed(packed_frame(Opcode::kBinary, deflated(*deflater(), {0xFF, 0xFE})), {"binary:\xFF\xFE"});
  check_parsed(packed_frame(Opcode::kText, {0x00}), {"text:"});
  check_parsed(packed_frame(Opcode::kText, hello), {"text:Hello"});
}

TEST_CASE("compressed frames: limits hold for what they become, and for empty blocks without end") {
  Limits limits;
  limits.max_message = 1000;
  const Bytes over = deflated(*deflater(), Bytes(1001, 'x'));
  const Bytes most = deflated(*deflater(), Bytes(1000, 'x'));
  check_parsed(packed_frame(Opcode::kText, over), {}, Errc::kWsMessageTooLarge, 1009, limits);
  check_parsed(packed_frame(Opcode::kText, most), {"text:" + std::string(1000, 'x')}, Errc::kNone, 0, limits);
  Bytes noise(1000);
  std::mt19937 random(6);
  for (uint8_t& b : noise) b = static_cast<uint8_t>(random());
  check_parsed(packed_frame(Opcode::kBinary, deflated(*deflater(), noise)),
               {"binary:" + std::string(noise.begin(), noise.end())}, Errc::kNone, 0, limits);
  Bytes empty_blocks;
  for (int k = 0; k < 600; ++k) empty_blocks = std::move(empty_blocks) + Bytes{0x00, 0x00, 0x00, 0xFF, 0xFF};
  check_parsed(packed_frame(Opcode::kText, empty_blocks), {}, Errc::kWsMessageTooLarge, 1009, limits);
}

TEST_CASE("a refused inflated message is kept and offered again") {
  const auto d = deflater();
  FrameParser parser(Role::kClient, {});
  parser.set_inflater(inflater());
  Recorder sink;
  int refusals = 3;
  sink.answer = [&](const std::string&) { return refusals-- > 0 ? Flow::kPause : Flow::kContinue; };
  const Seen seen = deliver(
      parser,
      packed_frame(Opcode::kText, deflated(*d, bytes_of("one"))) +
          packed_frame(Opcode::kText, deflated(*d, bytes_of("two"))),
      4096, [] { return SIZE_MAX; }, sink);
  CHECK(seen.events == std::vector<std::string>{"text:one", "text:two"});
}
