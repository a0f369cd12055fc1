#include "wire/row_decoder.h"

#include <doctest/doctest.h>

#include <limits>

#include "wire/quote_frame.h"
#include "wire/scaled.h"
#include "wire_rows.h"

using namespace tickwire;
using namespace tickwire::decode;
using namespace tickwire::wire;
using namespace tickwire::wire::testing;

namespace {

// All that a quote has, every way in which it can be had.
const std::string kAllOfQuotes =
    R"({"shapes":[{"name":"quote","type":1,"words":24,"flagsSlot":23,"keyField":0,"fields":[
  {"name":"symbol","type":"symbol","of":"symbol","slot":3},
  {"name":"bid","type":"number","of":"bid","slot":4},
  {"name":"ask","type":"decimal","of":"ask","slot":5},
  {"name":"bidSize","type":"decimal","of":"bidSize","slot":7},
  {"name":"askSize","type":"number","of":"askSize","slot":9},
  {"name":"n","type":"int64","of":"sequence","slot":10},
  {"name":"m","type":"number","of":"sequence","slot":11},
  {"name":"at","type":"int64","of":"sendTime","slot":12},
  {"name":"topic","type":"symbol","of":"topic","slot":13,"optional":true,"bit":0},
  {"name":"snap","type":"bool","of":"snapshot","slot":14},
  {"name":"again","type":"bool","of":"resent","slot":15,"optional":true,"bit":1},
  {"name":"gap","type":"bool","of":"conflated","slot":16},
  {"name":"time","type":"int64","of":"exchangeTime","slot":17,"optional":true,"bit":2},
  {"name":"bid2","type":"decimal","of":"bid","slot":18,"optional":true,"bit":63},
  {"name":"xs","type":"number","of":"exchangeSequence","slot":20,"optional":true,"bit":5}]}]})";

const std::string kBidOnly =
    R"({"shapes":[{"name":"q","type":1,"words":4,"fields":[{"name":"b","type":"number","of":"bid","slot":3}]}]})";

std::string of_type(int type, const std::string& fields, const std::string& more = "") {
  return R"({"shapes":[{"name":"x","type":)" + std::to_string(type) + R"(,"words":40,"flagsSlot":39,)" + more +
         R"("fields":[{"name":"z","type":"int64","of":"sequence","slot":38,"optional":true,"bit":63})" + fields +
         "]}]}";
}

Header header(Type type, uint64_t sequence = 5) { return header_of(type, 7, sequence); }

}  // namespace

TEST_CASE("wire rows: a quote, all of it") {
  Rows rows(kAllOfQuotes);
  Quote q{1, 2, 3, 10'050, 10'075, 1'500, 2'000, {}};
  Header h = header(Type::kQuote);
  h.flags = kFlagSnapshot | kFlagConflated;
  REQUIRE(rows.encode(h, q).ok);
  CHECK(rows.dump() ==
        "quote symbol=BTC bid=100.5 ask=10075e-2 bidSize=1500e-3 askSize=2 n=5 m=5 at=1700000000000000005 "
        "topic=others snap=true again=false gap=true time=- bid2=10050e-2 xs=- key=BTC\n");
  rows.batch().clear();
  q.exchange = {-3, 8};
  q.bid_size = -1;  // wide
  REQUIRE(rows.encode(h, q).ok);
  CHECK(rows.dump().find("bidSize=-1e-3 askSize=2") != std::string::npos);
  CHECK(rows.dump().find("time=-3 bid2=10050e-2 xs=8") != std::string::npos);
}

TEST_CASE("wire rows: a quote with one side") {
  Quote q{1, 2, 3, kNoPrice, 10'075, 0, 2'000, {}};
  Rows strict(kAllOfQuotes);
  const DecodeOutcome outcome = strict.encode(header(Type::kQuote), q);
  CHECK_FALSE(outcome.ok);
  CHECK(outcome.why == Malformed::kMissing);
  CHECK(outcome.field == 1);
  CHECK(strict.batch().rows().empty());
  Rows lenient(of_type(1, R"(,{"name":"bid","type":"number","of":"bid","slot":3,"optional":true,"bit":0},
    {"name":"ask","type":"number","of":"ask","slot":4,"optional":true,"bit":1},
    {"name":"size","type":"number","of":"bidSize","slot":5})"));
  REQUIRE(lenient.encode(header(Type::kQuote), q).ok);
  CHECK(lenient.dump() == "x z=5 bid=- ask=100.75 size=0 key=none\n");
}

TEST_CASE("wire rows: runs of quotes give what each of them gives") {
  std::mt19937_64 random(5);
  const std::string none = R"({"otherwise":"ignore","shapes":[{"name":"t","type":2,"words":4,"fields":[]}]})";
  const std::string by_topic = R"({"shapes":[{"name":"q","type":1,"words":5,"keyField":1,"fields":[
    {"name":"b","type":"number","of":"bid","slot":3},{"name":"t","type":"symbol","of":"topic","slot":4}]}]})";
  const std::string wants_more = R"({"shapes":[{"name":"q","type":1,"words":5,"fields":[
    {"name":"b","type":"number","of":"bid","slot":3},{"name":"t","type":"int64","of":"exchangeTime","slot":4}]}]})";
  for (const std::string& description : {kAllOfQuotes, kBidOnly, by_topic, wants_more, none}) {
    for (int round = 0; round < 300; ++round) {
      Rows at_once(description);
      Rows single(description);
      Bytes run;
      const size_t count = random() % 300;
      const bool with_faults = random() % 2 == 0;
      for (size_t i = 0; i < count; ++i) {
        const bool odd = with_faults && random() % 50 == 0;
        Bytes frame = make_quote(random() % 3 == 0 ? random() % 1000 : i,
                                 odd && random() % 2 == 0 ? 77 : 1 + random() % 2, odd && random() % 2 == 0 ? 9 : 7);
        frame[5] = static_cast<uint8_t>(random() % 8);
        const auto any = [&] { return static_cast<int64_t>(random()) >> (random() % 64); };
        if (random() % 3 == 0) store(frame.data() + 40, any());
        if (random() % 3 == 0) frame[38] = static_cast<uint8_t>(random() % 19);
        if (random() % 3 == 0) store(frame.data() + 48, static_cast<int32_t>(any()));
        if (odd && random() % 3 == 0) frame[39] = 19;
        if (odd && random() % 3 == 0) store(frame.data() + 16, uint64_t{1} << 63);
        append(run, frame);
      }
      size_t at = 0;
      while (at < count) {
        DecodeOutcome outcome;
        const size_t n = at_once.decoder().decode_quotes(run.data() + at * 64, count - at, at_once.batch(), outcome);
        REQUIRE(n <= count - at);
        for (size_t i = 0; i < n; ++i) {
          const uint8_t* f = run.data() + (at + i) * 64;
          const DecodeOutcome each = single.decode(read_header(f), std::span(f + 32, 32));
          CHECK((each.ok && !each.ignored));
        }
        at += n;
        if (at == count) break;
        const uint8_t* f = run.data() + at * 64;
        const DecodeOutcome each = single.decode(read_header(f), std::span(f + 32, 32));
        CHECK(each.ok == outcome.ok);
        CHECK(each.ignored == outcome.ignored);
        CHECK(each.why == outcome.why);
        CHECK(each.field == outcome.field);
        CHECK((!each.ok || each.ignored));
        ++at;
      }
      CHECK(at_once.dump() == single.dump());
    }
  }
}

TEST_CASE("wire rows: numbers of sender and receiver") {
  Rows rows(kAllOfQuotes, 64, false);
  const Quote q{1, 0, 0, 1, 2, 3, 4, {}};
  DecodeOutcome outcome = rows.encode(header(Type::kQuote), q);
  CHECK(outcome.why == Malformed::kUnknownSymbol);
  CHECK(outcome.field == 0);
  CHECK(rows.define(1, "SOL"));
  outcome = rows.encode(header(Type::kQuote), q);
  CHECK(outcome.why == Malformed::kUnknownSymbol);
  CHECK(outcome.field == 8);
  CHECK(rows.topic(7, "t"));
  CHECK(rows.encode(header(Type::kQuote), q).ok);
  CHECK(rows.dump().find("symbol=SOL") != std::string::npos);
  rows.decoder().begin_connection();
  CHECK_FALSE(rows.encode(header(Type::kQuote), q).ok);
  CHECK(rows.define(1, "XRP"));
  CHECK(rows.topic(7, "t"));
  rows.batch().clear();
  CHECK(rows.encode(header(Type::kQuote), q).ok);
  CHECK(rows.dump().find("symbol=XRP") != std::string::npos);
  CHECK_FALSE(rows.define(SenderNames::kMaxSymbol + 1, "far"));
  CHECK(rows.define(SenderNames::kMaxSymbol, "near"));
}

TEST_CASE("wire rows: a full symbol table") {
  Rows rows(of_type(2, R"(,{"name":"side","type":"symbol","of":"side","slot":3})"), 1, false);
  CHECK(rows.define(1, "A"));
  CHECK(rows.define(2, "A"));
  CHECK_FALSE(rows.define(3, "B"));
  const DecodeOutcome outcome = rows.encode(header(Type::kTrade), Trade{1, 0, 0, Side::kBuy, 1, 1, 1, {}});
  CHECK(outcome.why == Malformed::kTooManySymbols);
}

TEST_CASE("wire rows: trades") {
  Rows rows(of_type(2, R"(,{"name":"symbol","type":"symbol","of":"symbol","slot":3},
    {"name":"price","type":"decimal","of":"price","slot":4},{"name":"size","type":"number","of":"size","slot":6},
    {"name":"side","type":"symbol","of":"side","slot":7},
    {"name":"id","type":"int64","of":"tradeId","slot":8,"optional":true,"bit":1})",
                    R"("keyField":1,)"));
  CHECK(rows.encode(header(Type::kTrade), Trade{2, 2, 1, Side::kBuy, 999, 15, 42, {}}).ok);
  CHECK(rows.encode(header(Type::kTrade), Trade{2, 2, 1, Side::kSell, -999, 15, 0, {}}).ok);
  CHECK(rows.encode(header(Type::kTrade), Trade{1, 2, 1, Side::kUnknown, INT64_MIN, 15, INT64_MAX, {}}).ok);
  CHECK(rows.dump() ==
        "x z=5 symbol=ETH price=999e-2 size=1.5 side=buy id=42 key=ETH\n"
        "x z=5 symbol=ETH price=-999e-2 size=1.5 side=sell id=- key=ETH\n"
        "x z=5 symbol=BTC price=-9223372036854775808e-2 size=1.5 side=unknown id=9223372036854775807 key=BTC\n");
  const DecodeOutcome outcome =
      rows.encode(header(Type::kTrade), Trade{2, 2, 1, Side::kBuy, 1, 1, uint64_t{1} << 63, {}});
  CHECK(outcome.why == Malformed::kOutOfRange);
  CHECK(outcome.field == 5);
  CHECK(rows.batch().rows().size() == 3);
}

TEST_CASE("wire rows: books") {
  Bytes levels(16 * 5);
  for (size_t i = 0; i < 5; ++i) {
    store(levels.data() + i * 16, static_cast<int64_t>(100 + i));
    store(levels.data() + i * 16 + 8, static_cast<int64_t>(i));
  }
  Rows rows(of_type(3, R"(,{"name":"bids","type":"levels","of":"bids","slot":3,"maxLevels":4},
    {"name":"asks","type":"levels","of":"asks","slot":4,"exact":true},
    {"name":"first","type":"int64","of":"firstUpdateId","slot":5,"optional":true,"bit":1},
    {"name":"last","type":"number","of":"lastUpdateId","slot":6})"));
  const Book b{1, 1, 0, 0, 9, Levels(levels), Levels(std::span(levels).first(32)), {}};
  const DecodeOutcome outcome = rows.encode(header(Type::kBookDelta), b);
  REQUIRE(outcome.ok);
  CHECK(outcome.cut_levels == 1);
  CHECK(rows.encode(header(Type::kBookDelta), Book{1, 0, 0, 3, 9, {}, {}, {}}).ok);
  CHECK(rows.dump() ==
        "x z=5 bids=[10:0;10.1:1;10.2:2;10.3:3;] asks=[100e-1:0e-0;101e-1:1e-0;] first=- last=9 key=none\n"
        "x z=5 bids=[] asks=[] first=3 last=9 key=none\n");
  CHECK(rows.encode(header(Type::kBookSnapshot), b).why == Malformed::kUnknownShape);
}

TEST_CASE("wire rows: signals, executions, raw content") {
  Rows signals(of_type(5, R"(,{"name":"symbol","type":"symbol","of":"symbol","slot":3,"optional":true,"bit":1},
    {"name":"name","type":"symbol","of":"name","slot":4},{"name":"value","type":"number","of":"value","slot":5},
    {"name":"confidence","type":"number","of":"confidence","slot":6,"optional":true,"bit":2},
    {"name":"until","type":"int64","of":"validUntil","slot":7,"optional":true,"bit":3},
    {"name":"note","type":"text","of":"note","slot":8,"optional":true,"bit":4,"maxBytes":10})"));
  Signal s;
  s.name = 2;
  s.value = 0.5;
  CHECK(signals.encode(header(Type::kSignal), s).ok);
  s.symbol = 1;
  s.confidence = 1;
  s.valid_until_ns = -7;
  s.note = "h\xC3\xA9llo";
  CHECK(signals.encode(header(Type::kSignal), s).ok);
  CHECK(signals.dump() ==
        "x z=5 symbol=- name=ETH value=0.5 confidence=- until=- note=- key=none\n"
        "x z=5 symbol=BTC name=ETH value=0.5 confidence=1 until=-7 note='h\xC3\xA9llo' key=none\n");
  s.note = "\xFF";
  CHECK(signals.encode(header(Type::kSignal), s).why == Malformed::kUtf8);
  s.note = "longer than ten";
  CHECK(signals.encode(header(Type::kSignal), s).why == Malformed::kTooLong);

  Rows executions(of_type(6, R"(,{"name":"status","type":"symbol","of":"status","slot":3},
    {"name":"order","type":"text","of":"orderId","slot":4},{"name":"client","type":"text","of":"clientOrderId","slot":5,
     "optional":true,"bit":1},{"name":"avg","type":"decimal","of":"averagePrice","slot":6,"optional":true,"bit":2},
    {"name":"fee","type":"number","of":"fee","slot":8,"optional":true,"bit":3},
    {"name":"cur","type":"symbol","of":"feeCurrency","slot":9,"optional":true,"bit":4},
    {"name":"filled","type":"decimal","of":"filledSize","slot":10})"));
  Execution e;
  e.symbol = 1;
  e.size_scale = 1;
  e.filled_size = 12;
  e.order_id = "o";
  e.status = OrderStatus::kPartiallyFilled;
  CHECK(executions.encode(header(Type::kExecution), e).ok);
  e.status = static_cast<OrderStatus>(99);
  e.client_order_id = "longer than eight";
  e.average_price = ScaledNumber{3, 5};
  e.fee = ScaledNumber{1, -5};
  e.fee_currency = 2;
  CHECK(executions.encode(header(Type::kExecution), e).ok);
  CHECK(executions.dump() ==
        "x z=5 status=partiallyFilled order='o' client=- avg=- fee=- cur=- filled=12e-1 key=none\n"
        "x z=5 status=unknown order='o' client='longer than eight' avg=5e-3 fee=-0.5 cur=ETH filled=12e-1 key=none\n");

  Rows raw(of_type(21, R"(,{"name":"symbol","type":"symbol","of":"symbol","slot":3,"optional":true,"bit":1},
    {"name":"kind","type":"symbol","of":"kind","slot":4},{"name":"content","type":"text","of":"content","slot":5})"));
  const Bytes json = {'{', '}'};
  CHECK(raw.encode(header(Type::kRaw), Raw{ContentKind::kJson, 1, json}).ok);
  CHECK(raw.dump() == "x z=5 symbol=BTC kind=json content='{}' key=none\n");
}

TEST_CASE("wire rows: user types") {
  Rows rows(of_type(200, R"(,{"name":"a","type":"number","tag":1,"kind":"number","slot":3},
    {"name":"b","type":"number","tag":2,"kind":"decimal","slot":4},
    {"name":"c","type":"decimal","tag":2,"kind":"decimal","slot":5},
    {"name":"d","type":"int64","tag":3,"kind":"int64","slot":7},
    {"name":"e","type":"symbol","tag":4,"kind":"symbol","slot":8},
    {"name":"f","type":"text","tag":5,"kind":"text","slot":9,"optional":true,"bit":0},
    {"name":"g","type":"bool","tag":6,"kind":"bool","slot":10},
    {"name":"h","type":"levels","tag":254,"kind":"levels","slot":11},
    {"name":"i","type":"levels","tag":254,"kind":"levels","slot":12,"exact":true,"optional":true,"bit":1})",
                    R"("keyField":5,)"));
  const auto payload = [](int leave_out = 0, int spoil = 0) {
    Bytes room(500);
    TlvWriter out(room);
    const auto field = [&](int tag, Bytes value) {
      if (tag == spoil) value.push_back(0);
      if (tag != leave_out) out.bytes(static_cast<uint8_t>(tag), value);
    };
    const auto word = [](auto value) {
      Bytes bytes(sizeof value);
      store(bytes.data(), value);
      return bytes;
    };
    Bytes decimal = {2};
    append(decimal, word(int64_t{-150}));
    Bytes levels = {1, 0};
    append(levels, word(int64_t{15}));
    append(levels, word(int64_t{3}));
    field(99, {1, 2, 3});  // of a later schema
    field(254, levels);
    field(1, word(2.5));
    field(2, decimal);
    field(3, word(int64_t{INT64_MIN}));
    field(4, word(uint32_t{2}));
    field(5, {'h', 'i'});
    field(6, {1});
    room.resize(out.size());
    return room;
  };
  Header h = header(Type::kQuote);
  h.type = 200;
  REQUIRE(rows.decode(h, payload()).ok);
  REQUIRE(rows.decode(h, payload(5)).ok);
  CHECK(rows.dump() ==
        "x z=5 a=2.5 b=-1.5 c=-150e-2 d=-9223372036854775808 e=ETH f='hi' g=true h=[1.5:3;] i=[15e-1:3e-0;] key=ETH\n"
        "x z=5 a=2.5 b=-1.5 c=-150e-2 d=-9223372036854775808 e=ETH f=- g=true h=[1.5:3;] i=[15e-1:3e-0;] key=ETH\n");
  const int fields[] = {0, 1, 2, 4, 5, 6, 7};  // by tag: the first that reads it
  for (const int tag : {1, 2, 3, 4, 6}) {
    const DecodeOutcome missing = rows.decode(h, payload(tag));
    CHECK(missing.why == Malformed::kMissing);
    CHECK(missing.field == fields[tag]);
    const DecodeOutcome wrong = rows.decode(h, payload(0, tag));
    CHECK(wrong.why == Malformed::kWrongType);
    CHECK(wrong.field == fields[tag]);
  }
  CHECK(rows.decode(h, payload(0, 254)).why == Malformed::kWrongType);
  Bytes doubled = payload();
  append(doubled, payload());
  CHECK(rows.decode(h, doubled).why == Malformed::kSyntax);
  Bytes cut = payload();
  cut.pop_back();
  CHECK(rows.decode(h, cut).why == Malformed::kSyntax);
  CHECK(rows.batch().rows().size() == 2);
  h.type = 201;
  CHECK(rows.decode(h, payload()).why == Malformed::kUnknownShape);
}

TEST_CASE("wire rows: a batch that is full refuses, and stays as it is") {
  Rows rows(of_type(21, R"(,{"name":"content","type":"text","of":"content","slot":5,"maxBytes":16777216})"));
  const Bytes large(16'000'000, 'x');
  size_t taken = 0;
  DecodeOutcome outcome;
  do {
    Bytes payload(large.size() + 20);
    TlvWriter out(payload);
    put(out, Raw{ContentKind::kText, kNoSymbol, large});
    payload.resize(out.size());
    outcome = rows.decode(header(Type::kRaw), payload);
    if (outcome.ok) ++taken;
  } while (outcome.ok && taken < 10);
  CHECK(taken == 4);
  CHECK(outcome.why == Malformed::kTooManyRows);
  CHECK(rows.batch().rows().size() == 4);
  CHECK(rows.batch().total_bytes() == 4 * (40 * 8 + large.size()));
}

TEST_CASE("wire rows: scaled numbers are rounded once") {
  CHECK(to_number(3513, 4) == 0.3513);
  CHECK(to_number(-1, 18) == -1e-18);
  CHECK(to_number(9007199254740993, 0) == 9007199254740992.0);  // ties to even
  CHECK(to_number(9007199254740993, 2) == 90071992547409.93);
  CHECK(to_number(INT64_MAX, 18) == 9.223372036854775807);
  CHECK(to_number(INT64_MIN, 0) == -9223372036854775808.0);
  CHECK(to_number(INT64_MIN, 5) == -92233720368547.75808);
  std::mt19937_64 random(6);
  for (int i = 0; i < 20'000; ++i) {
    const auto mantissa = static_cast<int64_t>(random()) >> (random() % 20);
    const auto scale = static_cast<uint8_t>(random() % 19);
    const std::string text = std::to_string(mantissa) + "e-" + std::to_string(scale);
    CHECK(to_number(mantissa, scale) == std::strtod(text.c_str(), nullptr));
  }
}
