// Every rule of RFC 6455 section 5 that a client can see broken, each case delivered whole, byte by byte and in random
// pieces, through a ring that holds it and through one that is too small for it: always with the same outcome.
#include "ws/frame_parser.h"

#include <doctest/doctest.h>

#include "ws_peer.h"

using namespace tickwire;
using namespace tickwire::ws;
using namespace tickwire::ws::test;

namespace {

struct Case {
  std::string name;
  Bytes input;
  std::vector<std::string> events;
  Errc error = Errc::kNone;
  int32_t close_code = 0;
};

void check(const Case& c, Role role = Role::kClient, Limits limits = {}) {
  CAPTURE(c.name);
  std::mt19937 random(42);
  const std::function<size_t()> ways[] = {
      [] { return SIZE_MAX; },
      [] { return size_t{1}; },
      [&] { return size_t{1 + random() % 7}; },
      [&] { return size_t{random() % 300}; },
      [] { return size_t{997}; },
  };
  for (const size_t capacity : {size_t{1} << 20, size_t{4096}, FrameParser::kMinCapacity}) {
    CAPTURE(capacity);
    for (size_t way = 0; way < std::size(ways); ++way) {
      CAPTURE(way);
      // The ring of the test is copied for every piece.
      if (way >= 1 && way <= 3 && c.input.size() > 10'000 && capacity > FrameParser::kMinCapacity) continue;
      FrameParser parser(role, limits);
      Recorder sink;
      const Seen seen = deliver(parser, c.input, capacity, ways[way], sink);
      CHECK(seen.events == c.events);
      CHECK(seen.error == c.error);
      CHECK(seen.close_code == c.close_code);
      if (c.error == Errc::kNone) CHECK(seen.consumed == c.input.size());
    }
  }
}

void check_all(const std::vector<Case>& cases) {
  for (const Case& c : cases) check(c);
}

Bytes header(std::initializer_list<int> b) {
  Bytes out;
  for (const int v : b) out.push_back(static_cast<uint8_t>(v));
  return out;
}

Bytes with_bits(Bytes b, uint8_t bits) {
  b[0] |= bits;
  return b;
}

const Bytes kMarker = text("end");

}  // namespace

TEST_CASE("1.* framing: text and binary of every length encoding") {
  for (const size_t n : {0u, 1u, 124u, 125u, 126u, 127u, 128u, 200u, 240u, 252u, 253u, 256u, 4090u, 4096u, 65'534u,
                         65'535u, 65'536u, 70'000u}) {
    const std::string body(n, '*');
    check({"text " + std::to_string(n), text(body) + kMarker, {"text:" + body, "text:end"}});
    check({"binary " + std::to_string(n),
           binary(Bytes(n, 0xFE)) + kMarker,
           {"binary:" + std::string(n, '\xFE'), "text:end"}});
  }
}

TEST_CASE("2.* pings and pongs") {
  const std::string most(125, 'p');
  check_all({
      {"empty ping", ping(), {"ping:"}},
      {"ping with text", ping("Hello, world!"), {"ping:Hello, world!"}},
      {"ping with bytes that are not text",
       frame({Opcode::kPing, {0x00, 0xFF, 0xFE, 0xFD}}),
       {std::string("ping:\x00\xFF\xFE\xFD", 9)}},
      {"ping of 125", ping(most), {"ping:" + most}},
      {"ping of 126", frame({Opcode::kPing, Bytes(126, 'p')}), {}, Errc::kWsControlTooLong, 1002},
      {"pong of 126", frame({Opcode::kPong, Bytes(126, 'p')}), {}, Errc::kWsControlTooLong, 1002},
      {"ping of 65536", header({0x89, 127, 0, 0, 0, 0, 0, 1, 0, 0}), {}, Errc::kWsControlTooLong, 1002},
      {"unsolicited pongs", pong() + pong("x") + ping(), {"pong:", "pong:x", "ping:"}},
      {"ten pings", ping("0") + ping("1") + ping("2") + ping("3"), {"ping:0", "ping:1", "ping:2", "ping:3"}},
      {"fragmented ping", frame({Opcode::kPing, {}, false}), {}, Errc::kWsControlFragmented, 1002},
      {"fragmented pong", frame({Opcode::kPong, {}, false}), {}, Errc::kWsControlFragmented, 1002},
      {"fragmented close", frame({Opcode::kClose, {}, false}), {}, Errc::kWsControlFragmented, 1002},
  });
}

TEST_CASE("3.* reserved bits, without an extension that gives them a meaning") {
  for (uint8_t bits = 0x10; bits <= 0x70; bits = static_cast<uint8_t>(bits + 0x10)) {
    for (const Bytes& f : {text("x"), text(""), binary({1}), ping("x"), pong(), close_frame(1000), text("y", false)}) {
      check({"bits " + std::to_string(bits),
             text("first") + with_bits(f, bits) + ping(),
             {"text:first"},
             Errc::kWsReservedBits,
             1002});
    }
    check({"continuation with bits",
           text("a", false) + with_bits(cont("b", true), bits),
           {},
           Errc::kWsReservedBits,
           1002});
  }
}

TEST_CASE("4.* reserved opcodes") {
  for (const uint8_t op : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    for (const Bytes& payload : {Bytes{}, bytes_of("reserved")}) {
      check({"opcode " + std::to_string(op),
             text("first") + frame({static_cast<Opcode>(op), payload}) + ping(),
             {"text:first"},
             Errc::kWsOpcode,
             1002});
    }
    check({"opcode inside a message",
           text("a", false) + frame({static_cast<Opcode>(op), {}}),
           {},
           Errc::kWsOpcode,
           1002});
  }
}

TEST_CASE("5.* fragmentation") {
  check_all({
      {"two fragments", text("frag", false) + cont("ment", true) + kMarker, {"text:fragment", "text:end"}},
      {"binary fragments", binary({1, 2}, false) + cont("\x03", true), {"binary:\x01\x02\x03"}},
      {"ping between", text("a", false) + ping("p") + cont("b", true), {"ping:p", "text:ab"}},
      {"pong between", text("a", false) + pong("q") + cont("b", true), {"pong:q", "text:ab"}},
      {"many with pings",
       text("1", false) + ping("a") + cont("2", false) + ping("b") + cont("3", false) + pong() + cont("4", true),
       {"ping:a", "ping:b", "pong:", "text:1234"}},
      {"empty fragments", text("", false) + cont("", false) + cont("", true) + kMarker, {"text:", "text:end"}},
      {"empty but the middle", text("", false) + cont("middle", false) + cont("", true), {"text:middle"}},
      {"continuation first", cont("x", true), {}, Errc::kWsUnexpectedContinuation, 1002},
      {"continuation first, not final", cont("x", false) + text("y"), {}, Errc::kWsUnexpectedContinuation, 1002},
      {"continuation after a whole message",
       text("x") + cont("y", true),
       {"text:x"},
       Errc::kWsUnexpectedContinuation,
       1002},
      {"continuation after a fragmented one",
       text("x", false) + cont("y", true) + cont("z", true),
       {"text:xy"},
       Errc::kWsUnexpectedContinuation,
       1002},
      {"text inside a message", text("x", false) + text("y"), {}, Errc::kWsExpectedContinuation, 1002},
      {"binary inside a message",
       text("x", false) + cont("y", false) + binary({1}),
       {},
       Errc::kWsExpectedContinuation,
       1002},
      {"close inside a message", text("x", false) + close_frame(1000), {"close:1000:"}},
  });
}

TEST_CASE("6.* UTF-8") {
  const std::string kosme = "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5";
  const std::string bad = kosme + "\xED\xA0\x80" + "edited";
  check_all({
      {"valid", text(kosme), {"text:" + kosme}},
      {"invalid in one frame", text(bad) + kMarker, {}, Errc::kWsInvalidUtf8, 1007},
      {"invalid in the second fragment",
       text(kosme, false) + cont("\xED\xA0\x80", false) + cont("edited", true),
       {},
       Errc::kWsInvalidUtf8,
       1007},
      {"a character over two fragments", text("\xCE", false) + cont("\xBA", true), {"text:\xCE\xBA"}},
      {"a character over two fragments with a ping between",
       text("\xE1\xBD", false) + ping("\xFF") + cont("\xB9", true),
       {"ping:\xFF", "text:\xE1\xBD\xB9"}},
      {"ends inside a character", text("abc\xE1\xBD"), {}, Errc::kWsInvalidUtf8, 1007},
      {"fragments end inside a character", text("abc", false) + cont("\xE1\xBD", true), {}, Errc::kWsInvalidUtf8, 1007},
      {"an open character does not reach into the next message",
       text("\xE1", false) + cont("\xBD\xB9", true) + text("\xB9"),
       {"text:\xE1\xBD\xB9"},
       Errc::kWsInvalidUtf8,
       1007},
      {"binary is not checked", binary({0xFF, 0xFE}, false) + cont("\x80", true), {"binary:\xFF\xFE\x80"}},
      {"U+0000", text(std::string(1, '\0')), {std::string("text:\0", 6)}},
      {"U+10FFFF", text("\xF4\x8F\xBF\xBF"), {"text:\xF4\x8F\xBF\xBF"}},
      {"U+110000", text("\xF4\x90\x80\x80"), {}, Errc::kWsInvalidUtf8, 1007},
      {"overlong slash", text("\xC0\xAF"), {}, Errc::kWsInvalidUtf8, 1007},
      {"long text, bad at the very end", text(std::string(5000, 'x') + "\xFF"), {}, Errc::kWsInvalidUtf8, 1007},
  });
}

TEST_CASE("6.4 fails as soon as the bad byte is there, not when the message is") {
  const std::string start = "\xCE\xBA\xE1\xBD\xB9";
  SUBCASE("in a later fragment") {
    FrameParser parser(Role::kClient, {});
    Recorder sink;
    Bytes in = text(start, false) + cont("\xF4\x90", false);
    CHECK(parser.feed(in, 4096, sink).error.code == Errc::kWsInvalidUtf8);
  }
  SUBCASE("in a frame of which more is to come") {
    Bytes in = text(start + "\xF4\x90\x80\x80" + "edited");
    in.resize(2 + start.size() + 1);
    FrameParser parser(Role::kClient, {});
    Recorder sink;
    ParseOutcome out = parser.feed(in, 4096, sink);
    CHECK_FALSE(out.error);
    CHECK(out.consumed == 0);
    in.push_back(0x90);
    CHECK(parser.feed(in, 4096, sink).error.code == Errc::kWsInvalidUtf8);
  }
  SUBCASE("in a frame that is taken piece by piece") {
    Bytes in = text(std::string(1000, 'x'));
    in.resize(300);
    in[290] = 0xFF;
    FrameParser parser(Role::kClient, {});
    Recorder sink;
    CHECK(parser.feed(in, 256, sink).error.code == Errc::kWsInvalidUtf8);
  }
}

TEST_CASE("7.* close frames") {
  std::vector<Case> cases = {
      {"empty", close_frame(-1), {"close:1005:"}},
      {"code", close_frame(1000), {"close:1000:"}},
      {"code and reason", close_frame(1000, "Hello"), {"close:1000:Hello"}},
      {"longest reason", close_frame(1000, std::string(123, 'r')), {"close:1000:" + std::string(123, 'r')}},
      {"reason too long", frame({Opcode::kClose, Bytes{3, 232} + Bytes(124, 'r')}), {}, Errc::kWsControlTooLong, 1002},
      {"one byte", frame({Opcode::kClose, {3}}), {}, Errc::kWsClosePayload, 1002},
      {"reason not UTF-8", close_frame(1000, "\xCE\xBA\xED\xA0\x80"), {}, Errc::kWsInvalidUtf8, 1007},
      {"reason ends inside a character", close_frame(1000, "\xCE"), {}, Errc::kWsInvalidUtf8, 1007},
      {"whatever follows is ignored",
       close_frame(1000) + text("late") + ping() + close_frame(-1) + header({0xFF, 0xFF}),
       {"close:1000:"}},
      {"after a message", text("x") + close_frame(1001, "bye"), {"text:x", "close:1001:bye"}},
  };
  for (const int code :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}) {
    cases.push_back({"valid " + std::to_string(code), close_frame(code), {"close:" + std::to_string(code) + ":"}});
  }
  for (const int code : {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65'535}) {
    cases.push_back({"invalid " + std::to_string(code), close_frame(code, "x"), {}, Errc::kWsCloseCode, 1002});
  }
  check_all(cases);
}

TEST_CASE("every close code is judged as the table says") {
  int valid = 0;
  for (int code = 0; code < 65'536; ++code) valid += valid_close_code(static_cast<uint16_t>(code)) ? 1 : 0;
  CHECK(valid == 4 + 8 + 2000);
}

TEST_CASE("lengths must be encoded in as few bytes as possible, and below 2^63") {
  check_all({
      {"16 bits for 125", header({0x82, 126, 0, 125}) + Bytes(125, 'x'), {}, Errc::kWsLengthEncoding, 1002},
      {"16 bits for 0", header({0x81, 126, 0, 0}), {}, Errc::kWsLengthEncoding, 1002},
      {"64 bits for 65535", header({0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}), {}, Errc::kWsLengthEncoding, 1002},
      {"64 bits for 1", header({0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1}) + Bytes(1, 'x'), {}, Errc::kWsLengthEncoding, 1002},
      {"top bit", header({0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}), {}, Errc::kWsLengthEncoding, 1002},
      {"all bits",
       header({0x82, 127, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}),
       {},
       Errc::kWsLengthEncoding,
       1002},
      {"2^63 - 1",
       header({0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}),
       {},
       Errc::kWsMessageTooLarge,
       1009},
  });
}

TEST_CASE("a client refuses masked frames, a server those that are not") {
  const Bytes masked = frame({Opcode::kText, bytes_of("x"), true, false, true});
  check({"masked", masked, {}, Errc::kWsMasked, 1002});
  check({"masked ping", frame({Opcode::kPing, {}, true, false, true}), {}, Errc::kWsMasked, 1002});
  check({"not masked", text("x"), {}, Errc::kWsNotMasked, 1002}, Role::kServer);
  check({"ping not masked", ping(), {}, Errc::kWsNotMasked, 1002}, Role::kServer);
}

TEST_CASE("a server unmasks everything") {
  const auto masked = [](Opcode op, std::string_view s, bool fin) {
    return frame({op, bytes_of(s), fin, false, true});
  };
  for (const size_t n : {0u, 1u, 3u, 4u, 5u, 31u, 33u, 125u, 126u, 300u, 5000u, 70'000u}) {
    std::string s;
    for (size_t i = 0; i < n; ++i) s += static_cast<char>('a' + i % 26);
    check({"masked " + std::to_string(n),
           masked(Opcode::kText, s, true) + masked(Opcode::kPing, "ping", true) + masked(Opcode::kText, s, false) +
               masked(Opcode::kPong, "", true) + masked(Opcode::kContinuation, s, true) +
               masked(Opcode::kClose,
                      "\x03\xE8"
                      "bye",
                      true),
           {"text:" + s, "ping:ping", "pong:", "text:" + s + s, "close:1000:bye"}},
          Role::kServer);
  }
}

TEST_CASE("9.* limits: refused by the header alone") {
  Limits limits;
  limits.max_message = 1000;
  const std::string most(1000, 'm');
  check({"exactly the limit", text(most) + kMarker, {"text:" + most, "text:end"}}, Role::kClient, limits);
  check({"one more, header only", header({0x81, 126, 3, 233}), {}, Errc::kWsMessageTooLarge, 1009}, Role::kClient,
        limits);
  check({"2^62, header only", header({0x82, 127, 0x40, 0, 0, 0, 0, 0, 0, 0}), {}, Errc::kWsMessageTooLarge, 1009},
        Role::kClient, limits);
  check(
      {"fragments up to the limit", text(most.substr(0, 600), false) + cont(most.substr(600), true), {"text:" + most}},
      Role::kClient, limits);
  check({"fragments beyond", text(most, false) + header({0x80, 1}), {}, Errc::kWsMessageTooLarge, 1009}, Role::kClient,
        limits);
  check({"fragments that would overflow the sum",
         text(most, false) + header({0x80, 127, 0x7F, 255, 255, 255, 255, 255, 255, 255}),
         {},
         Errc::kWsMessageTooLarge,
         1009},
        Role::kClient, limits);
  check({"pings do not count",
         text(most, false) + ping(std::string(125, 'p')) + cont("", true),
         {"ping:" + std::string(125, 'p'), "text:" + most}},
        Role::kClient, limits);
  limits.max_message = 0;
  check({"nothing but empty messages", text("") + text("x"), {"text:"}, Errc::kWsMessageTooLarge, 1009}, Role::kClient,
        limits);
  limits.max_message = UINT64_MAX;
  check({"no limit",
         text("x") + header({0x82, 127, 0x7F, 255, 255, 255, 255, 255, 255, 255}),
         {"text:x"},
         Errc::kWsMessageTooLarge,
         1009},
        Role::kClient, limits);
}

TEST_CASE("9.* limits: fragments are counted") {
  Limits limits;
  limits.max_fragments = 3;
  check({"as many as allowed, twice",
         text("a", false) + cont("b", false) + cont("c", true) + text("d", false) + cont("e", true),
         {"text:abc", "text:de"}},
        Role::kClient, limits);
  check({"one more",
         text("a", false) + cont("", false) + ping() + cont("", false) + cont("", true),
         {"ping:"},
         Errc::kWsTooManyFragments,
         1009},
        Role::kClient, limits);
}

TEST_CASE("9.* large messages, in one frame and in thousands, with bounded memory") {
  Limits limits;
  limits.max_message = 4u << 20;
  const Bytes body(3'000'000, 'L');
  const std::string expected = "text:" + std::string(body.begin(), body.end());
  Bytes pieces = text(std::string(1000, 'L'), false);
  for (int i = 1; i < 3000; ++i) pieces = std::move(pieces) + cont(std::string(1000, 'L'), i == 2999);
  for (const Bytes& input : {frame({Opcode::kText, body}), pieces}) {
    FrameParser parser(Role::kClient, limits);
    Recorder sink;
    size_t most = 0;
    sink.answer = [&](const std::string&) {
      most = parser.assembled_bytes();
      return Flow::kContinue;
    };
    const Seen seen = deliver(
        parser, input + kMarker, 65'536, [] { return size_t{10'000}; }, sink);
    CHECK(seen.error == Errc::kNone);
    REQUIRE(seen.events.size() == 2);
    CHECK(seen.events[0] == expected);
    CHECK(most <= limits.max_message);
    CHECK(parser.assembled_bytes() == 0);  // more than 1 MiB is given back
  }
}

TEST_CASE("small assembly memory is kept, and none is taken by what lies whole in the ring") {
  FrameParser parser(Role::kClient, {});
  Recorder sink;
  Bytes in = text(std::string(3000, 'x'));
  CHECK(parser.feed(in, 4096, sink).consumed == in.size());
  CHECK(parser.assembled_bytes() == 0);
  in = text("a", false) + cont("b", true);
  CHECK(parser.feed(in, 4096, sink).consumed == in.size());
  const size_t kept = parser.assembled_bytes();
  CHECK(kept > 0);
  CHECK(parser.feed(in, 4096, sink).consumed == in.size());
  CHECK(parser.assembled_bytes() == kept);
}

TEST_CASE("a huge frame that is announced but does not come takes no memory") {
  Limits limits;
  limits.max_message = 1u << 30;
  FrameParser parser(Role::kClient, limits);
  Recorder sink;
  Bytes in = header({0x82, 127, 0, 0, 0, 0, 0x3F, 0, 0, 0}) + Bytes(100, 'x');
  CHECK(parser.feed(in, 4096, sink).consumed == in.size());
  CHECK(parser.assembled_bytes() <= 4096);
}

TEST_CASE("a message that lies whole in the ring is passed on where it lies") {
  class Where final : public FrameSink {
   public:
    const uint8_t* data = nullptr;
    Flow on_message(const Message& m) override {
      data = m.data.data();
      return Flow::kContinue;
    }
    Flow on_control(Opcode, std::span<const uint8_t>) override { return Flow::kContinue; }
    Flow on_close(uint16_t, std::span<const uint8_t>) override { return Flow::kContinue; }
  } sink;
  FrameParser parser(Role::kClient, {});
  Bytes in = text(std::string(150, 'x'));
  CHECK(parser.feed(in, 4096, sink).consumed == in.size());
  CHECK(sink.data == in.data() + 4);
}

TEST_CASE("a refused message is offered again, whatever kind it is, and nothing overtakes it") {
  const auto masked = [](Opcode op, std::string_view s, bool fin = true) {
    return frame({op, bytes_of(s), fin, false, true});
  };
  const std::string long_text(600, 'l');
  const Bytes server_in = masked(Opcode::kText, "one") + masked(Opcode::kText, "") + masked(Opcode::kPing, "two") +
                          masked(Opcode::kText, "th", false) + masked(Opcode::kContinuation, "ree") +
                          masked(Opcode::kText, long_text) + masked(Opcode::kBinary, "four") +
                          masked(Opcode::kClose,
                                 "\x03\xE8"
                                 "five");
  const Bytes client_in = text("one") + text("") + ping("two") + text("th", false) + cont("ree", true) +
                          text(long_text) + binary(bytes_of("four")) + close_frame(1000, "five");
  const std::vector<std::string> expected = {"text:one",          "text:",       "ping:two",       "text:three",
                                             "text:" + long_text, "binary:four", "close:1000:five"};
  std::mt19937 random(3);
  for (const Role role : {Role::kClient, Role::kServer}) {
    for (const size_t capacity : {size_t{4096}, size_t{256}}) {
      for (int round = 0; round < 50; ++round) {
        FrameParser parser(role, {});
        Recorder sink;
        int refusals = 0;
        sink.answer = [&](const std::string&) {
          if (random() % 3 == 0) return Flow::kContinue;
          ++refusals;
          return Flow::kPause;
        };
        const Seen seen = deliver(
            parser, role == Role::kClient ? client_in : server_in, capacity, [&] { return random() % 40; }, sink);
        CHECK(seen.events == expected);
        CHECK(seen.error == Errc::kNone);
        CHECK(refusals > 0);
      }
    }
  }
}

TEST_CASE("a refused assembled message counts as consumed and comes again without new bytes") {
  FrameParser parser(Role::kClient, {});
  Recorder sink;
  bool refuse = true;
  sink.answer = [&](const std::string&) { return refuse ? Flow::kPause : Flow::kContinue; };
  Bytes in = text("a", false) + cont("b", true) + text("c");
  ParseOutcome out = parser.feed(in, 4096, sink);
  CHECK(out.flow == Flow::kPause);
  CHECK(out.consumed == in.size() - 3);
  out = parser.feed({}, 4096, sink);
  CHECK(out.flow == Flow::kPause);
  refuse = false;
  out = parser.feed({}, 4096, sink);
  CHECK(out.flow == Flow::kContinue);
  CHECK(sink.events == std::vector<std::string>{"text:ab"});
}

TEST_CASE("kStop takes the message and leaves the rest") {
  for (const Bytes& first : {text("one"), text("on", false) + cont("e", true), ping("one")}) {
    FrameParser parser(Role::kClient, {});
    Recorder sink;
    sink.answer = [](const std::string&) { return Flow::kStop; };
    Bytes in = first + text("two");
    const ParseOutcome out = parser.feed(in, 4096, sink);
    CHECK(out.flow == Flow::kStop);
    CHECK(out.consumed == first.size());
    CHECK(sink.events.size() == 1);
    const ParseOutcome next = parser.feed(std::span(in).subspan(out.consumed), 4096, sink);
    CHECK(next.consumed == 5);
    CHECK(sink.events.back() == "text:two");
  }
}

TEST_CASE("after a violation nothing more is parsed, until reset") {
  FrameParser parser(Role::kClient, {});
  Recorder sink;
  Bytes bad = text("ok") + header({0x83, 0});
  CHECK(parser.feed(bad, 4096, sink).error.code == Errc::kWsOpcode);
  Bytes good = text("late");
  const ParseOutcome again = parser.feed(good, 4096, sink);
  CHECK(again.error.code == Errc::kWsOpcode);
  CHECK(again.error.detail == 1002);
  CHECK(again.consumed == 0);
  CHECK(sink.events == std::vector<std::string>{"text:ok"});
  parser.reset();
  CHECK(parser.feed(good, 4096, sink).consumed == good.size());
  CHECK(sink.events.back() == "text:late");
}

TEST_CASE("reset forgets half a message and half a frame") {
  FrameParser parser(Role::kClient, {});
  Recorder sink;
  Bytes half = text("\xE1", false);
  CHECK_FALSE(parser.feed(half, 256, sink).error);
  parser.reset();
  Bytes big = text(std::string(5000, 'x'));
  CHECK_FALSE(parser.feed(std::span(big).first(200), 256, sink).error);
  parser.reset();
  Bytes whole = text("fresh");
  CHECK(parser.feed(whole, 256, sink).consumed == whole.size());
  CHECK(sink.events == std::vector<std::string>{"text:fresh"});
}

TEST_CASE("random streams of valid frames come out as they went in, however they are cut") {
  std::mt19937 random(99);
  for (int round = 0; round < 300; ++round) {
    const bool server = random() % 2 == 0;
    Bytes in;
    std::vector<std::string> expected;
    const auto random_text = [&](size_t n) {
      std::string s;
      while (s.size() < n) s += random() % 8 == 0 ? "\xE2\x82\xAC" : "abc";
      return s;
    };
    const size_t messages = 1 + random() % 20;
    for (size_t i = 0; i < messages; ++i) {
      const std::string s = random_text(random() % (random() % 5 == 0 ? 2000 : 200));
      const size_t frames = 1 + (random() % 3 == 0 ? random() % 6 : 0);
      size_t at = 0;
      for (size_t f = 0; f < frames; ++f) {
        const size_t n = f + 1 == frames ? s.size() - at : random() % (s.size() - at + 1);
        in = std::move(in) + frame({f == 0 ? Opcode::kText : Opcode::kContinuation,
                                    bytes_of(std::string_view(s).substr(at, n)), f + 1 == frames, false, server});
        at += n;
        if (random() % 4 == 0) {
          in = std::move(in) + frame({Opcode::kPing, bytes_of("p"), true, false, server});
          if (f + 1 == frames) {
            expected.push_back("text:" + s);
            expected.push_back("ping:p");
            goto next;
          }
          expected.push_back("ping:p");
        }
      }
      expected.push_back("text:" + s);
    next:;
    }
    FrameParser parser(server ? Role::kServer : Role::kClient, {});
    Recorder sink;
    const Seen seen = deliver(
        parser, in, random() % 2 == 0 ? 256 : 4096, [&] { return size_t{1} + random() % 500; }, sink);
    REQUIRE(seen.error == Errc::kNone);
    REQUIRE(seen.events == expected);
    REQUIRE(seen.consumed == in.size());
  }
}

TEST_CASE("arbitrary bytes end the same way however they are cut") {
  std::mt19937 random(1234);
  for (int round = 0; round < 3000; ++round) {
    Bytes in(random() % 60);
    for (uint8_t& b : in)
      b = static_cast<uint8_t>(random() % 3 == 0 ? 0x81 : random() % 2 == 0 ? random() % 8 : random());
    FrameParser whole(Role::kClient, {});
    FrameParser cut(Role::kClient, {});
    Recorder a;
    Recorder b;
    const Seen one = deliver(
        whole, in, 4096, [] { return SIZE_MAX; }, a);
    const Seen two = deliver(
        cut, in, 4096, [] { return size_t{1}; }, b);
    REQUIRE(one.events == two.events);
    REQUIRE(one.error == two.error);
    REQUIRE(one.close_code == two.close_code);
  }
}
