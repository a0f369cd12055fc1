// The same frames as the TypeScript encoder's tests and docs/wire-format.md have: read, decoded into rows, and written
// again byte for byte.
#include <doctest/doctest.h>
#include <simdjson.h>

#include <fstream>
#include <iterator>
#include <string>

#include "wire/control.h"
#include "wire/market.h"
#include "wire_rows.h"

using namespace tickwire;
using namespace tickwire::wire;
using namespace tickwire::wire::testing;

namespace {

namespace dom = simdjson::dom;

std::string file(const char* name) {
  std::ifstream in(std::string(TICKWIRE_SOURCE_DIR "/test/vectors/") + name, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  REQUIRE_FALSE(text.empty());
  return text;
}

Bytes of_hex(std::string_view hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string_view text(const dom::element& of, const char* key) { return of[key].get_string().value(); }

// The one frame in `bytes`, by way of the parser.
Bytes parsed(Bytes bytes, Header& header) {
  class Keep final : public EachFrameSink {
   public:
    Header header;
    Bytes payload;
    size_t frames = 0;
    Flow on_frame(const Frame& frame) override {
      header = frame.header;
      payload.assign(frame.payload.begin(), frame.payload.end());
      ++frames;
      return Flow::kContinue;
    }
  } sink;
  FrameParser parser;
  const ParseOutcome outcome = parser.feed(bytes, 1u << 20, sink);
  REQUIRE(outcome.consumed == bytes.size());
  REQUIRE(sink.frames == 1);
  header = sink.header;
  return sink.payload;
}

template <class M>
Bytes read_and_written(std::span<const uint8_t> payload) {
  M m{};
  REQUIRE(get(payload, m));
  Bytes room(8192);
  TlvWriter out(room);
  put(out, m);
  REQUIRE(out.ok());
  room.resize(out.size());
  return room;
}

Bytes rewritten(Type type, std::span<const uint8_t> payload) {
  switch (type) {
    case Type::kQuote:
      return read_and_written<Quote>(payload);
    case Type::kTrade:
      return read_and_written<Trade>(payload);
    case Type::kBookDelta:
    case Type::kBookSnapshot:
      return read_and_written<Book>(payload);
    case Type::kSignal:
      return read_and_written<Signal>(payload);
    case Type::kExecution:
      return read_and_written<Execution>(payload);
    case Type::kRaw:
      return read_and_written<Raw>(payload);
    default:
      return {payload.begin(), payload.end()};
  }
}

template <class... Parts>
Bytes written(const Parts&... parts) {
  Bytes room(1024);
  TlvWriter out(room);
  put(out, parts...);
  REQUIRE(out.ok());
  room.resize(out.size());
  return room;
}

}  // namespace

TEST_CASE("wire vectors: messages become rows, and are written as they were") {
  dom::parser json;
  const std::string source = file("wire.json");
  const dom::element root = json.parse(source);
  Rows rows(file("wire-rows.json"), 64, false);
  for (const auto& [name, id] : dom::object(root["symbols"])) {
    REQUIRE(rows.define(static_cast<uint32_t>(uint64_t(id)), name));
  }
  REQUIRE(rows.topic(7, "market"));
  size_t count = 0;
  for (const dom::element vector : dom::array(root["messages"])) {
    const std::string name(text(vector, "name"));
    CAPTURE(name);
    const Bytes frame = of_hex(text(vector, "frame"));
    Header h;
    const Bytes payload = parsed(frame, h);
    CHECK(payload == of_hex(text(vector, "payload")));
    CHECK(static_cast<uint64_t>(h.domain) == uint64_t(vector["domain"]));
    CHECK(h.type == uint64_t(vector["type"]));
    CHECK(h.flags == uint64_t(vector["flags"]));
    CHECK(h.source == uint64_t(vector["source"]));
    CHECK(h.sequence == uint64_t(vector["sequence"]));
    CHECK(std::to_string(h.time_ns) == text(vector, "time"));
    CHECK(make_frame(h, payload) == frame);
    CHECK(rewritten(static_cast<Type>(h.type), payload) == payload);

    rows.batch().clear();
    const decode::DecodeOutcome outcome = rows.decode(h, payload);
    if (vector["row"].is_null()) {
      CHECK(outcome.why == decode::Malformed::kMissing);  // a price that is not there, and is required
    } else {
      CHECK(outcome.ok);
      CHECK(rows.dump() == std::string(text(vector, "row")) + "\n");
    }
    ++count;
  }
  CHECK(count >= 13);
}

TEST_CASE("wire vectors: control messages are written so") {
  dom::parser json;
  const std::string source = file("wire.json");
  const dom::element root = json.parse(source);
  Hello hello;
  hello.token = "secret";
  hello.name = "example";
  Welcome welcome;
  welcome.epoch = 0x1122334455667788;
  welcome.heartbeat_ms = 1000;
  welcome.max_payload = 1 << 20;
  welcome.max_inbound = 1 << 16;
  welcome.max_subscriptions = 1024;
  welcome.name = "hub";
  Subscribe subscribe;
  subscribe.request = 1;
  Unsubscribe unsubscribe;
  unsubscribe.request = 2;
  Resend resend;
  resend.request = 3;
  ResendRefused refused;
  refused.request = 3;
  refused.oldest = 7;
  refused.range = {7, 5, 6};
  ErrorMessage error;
  error.code = ErrorCode::kUnknownTopic;
  error.text = "no such topic";
  error.request = 1;
  Bye bye;
  bye.text = "restart";
  bye.retry_after_ms = 250;
  const std::string_view market[] = {"market"};
  const std::string_view keys[] = {"BTCUSDT"};
  const SymbolEntry symbols[] = {{1, "BTCUSDT"}, {2, "ETHUSDT"}, {3, "USDT"}, {4, "momentum"}};
  const TopicEntry topics[] = {{7, 0, "market"}};
  const Range range[] = {{7, 5, 9}};
  const LastSequence last[] = {{7, 12}};
  const std::pair<std::string_view, Bytes> expected[] = {
      {"Hello", written(hello)},
      {"Welcome", written(welcome)},
      {"Subscribe", written(subscribe, market, keys)},
      {"Unsubscribe", written(unsubscribe, market)},
      {"Symbol", written(std::span<const SymbolEntry>(symbols))},
      {"Topic", written(uint32_t{1}, std::span<const TopicEntry>(topics))},
      {"Resend", written(resend, std::span<const Range>(range))},
      {"ResendRefused", written(refused)},
      {"Skipped", written(SkippedWhy::kSlow, std::span<const Range>(range))},
      {"Heartbeat", written(std::span<const LastSequence>(last))},
      {"Error", written(error)},
      {"Ping", written(Ping{42})},
      {"Pong", written(Pong{42})},
      {"Bye", written(bye)},
  };
  size_t count = 0;
  for (const dom::element vector : dom::array(root["controls"])) {
    const std::string_view name = text(vector, "name");
    CAPTURE(name);
    REQUIRE(count < std::size(expected));
    CHECK(expected[count].first == name);
    CHECK(expected[count].second == of_hex(text(vector, "payload")));
    Header h;
    const Bytes frame = of_hex(text(vector, "frame"));
    CHECK(parsed(frame, h) == expected[count].second);
    CHECK(h.domain == Domain::kControl);
    CHECK(h.type == uint64_t(vector["type"]));
    CHECK(make_frame(h, expected[count].second) == frame);
    ++count;
  }
  CHECK(count == std::size(expected));
}

TEST_CASE("wire vectors: a masked payload") {
  dom::parser json;
  const std::string source = file("wire.json");
  const dom::element masked = json.parse(source)["masked"];
  Header h;
  CHECK(parsed(of_hex(text(masked, "frame")), h) == of_hex(text(masked, "content")));
  CHECK(h.flags == kFlagMasked);
}
