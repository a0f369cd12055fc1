// How known layouts are run: long literals, numbers read two at a time, integers of the usual width, and which layout
// is tried first.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "decode_fixture.h"
#include "decode_pieces.h"

namespace tickwire::decode {
namespace {

using testing::Bench;
using testing::describe;

struct Engines : testing::Engines {
  using testing::Engines::Engines;
  void learn(std::string_view text) { REQUIRE(testing::Engines::learn(text)); }
  double number(uint16_t slot) {
    double value;
    std::memcpy(&value, batch.row_words(batch.rows().at(0)) + slot, 8);
    return value;
  }
};

void check_same(Bench& both, Bench& general, const std::string& message, std::string_view behind = {}) {
  CAPTURE(message);
  const DecodeOutcome fast = both.decode(message, behind);
  const DecodeOutcome slow = general.decode(message, behind);
  REQUIRE(describe(fast) == describe(slow));
  REQUIRE(both.dump() == general.dump());
}

constexpr const char* kOneNumber =
    R"({"shapes":[{"name":"x","words":4,"fields":[{"name":"v","type":"number","path":["v"],"slot":3}]}]})";

TEST_CASE("literals of every length are compared to their last byte") {
  for (size_t length = 1; length <= 140; ++length) {
    CAPTURE(length);
    Engines engines(kOneNumber);
    const std::string key(length, 'k');
    const std::string message = "{\"" + key + "\":0,\"v\":1,\"" + key + "x\":5}";
    engines.learn(message);
    REQUIRE(engines.hits(message));
    for (size_t at = 0; at < message.size(); ++at) {
      if (message[at] >= '0' && message[at] <= '9') continue;
      std::string other = message;
      other[at] = static_cast<char>(other[at] ^ 1);
      CHECK_FALSE(engines.hits(other));
    }
    // The message ends inside a literal, and what stands behind it is the rest.
    for (size_t end = 0; end < message.size(); ++end) {
      CHECK_FALSE(engines.hits(message.substr(0, end), message.substr(end)));
    }
  }
}

const std::string kTwoNumbers = R"({"shapes":[{"name":"x","words":5,"fields":[
  {"name":"p","type":"number","path":["p"],"slot":3},{"name":"q","type":"number","path":["q"],"slot":4}]}]})";

TEST_CASE("two numbers in quotes are read as each by itself") {
  Engines engines(kTwoNumbers);
  engines.learn(R"({"p":"1.5","q":"2.5"})");
  const std::vector<std::string> numbers = {"0",
                                            "7",
                                            "1.5",
                                            "0.5",
                                            "0.00000001",
                                            "123456789012345",
                                            "12345678901234567",
                                            "99999.12345678",
                                            "00",
                                            "01",
                                            "1.",
                                            ".5",
                                            "-1",
                                            "-0.25",
                                            "1e5",
                                            "1E-7",
                                            "",
                                            "1.2.3",
                                            "1 2",
                                            "a",
                                            "1a",
                                            "0x10",
                                            "0.1234567890123456789",
                                            "1/2",
                                            "-",
                                            "9007199254740993"};
  const Schema schema = compile_schema(kTwoNumbers).value();
  Bench both(schema);
  Bench general(schema, JsonEngines::kGeneral);
  check_same(both, general, R"({"p":"1.5","q":"2.5"})");
  for (const std::string& p : numbers) {
    for (const std::string& q : numbers) {
      const std::string message = R"({"p":")" + p + R"(","q":")" + q + R"("})";
      check_same(both, general, message, R"(","q":"1"})");
      check_same(both, general, message.substr(0, message.size() - 1), "}");
      check_same(both, general, message.substr(0, message.size() - 2), "\"}");
    }
  }
  CHECK(engines.hits(R"({"p":"123456.78","q":"0.001"})"));
  CHECK(engines.number(3) == 123456.78);
  CHECK(engines.number(4) == 0.001);
  CHECK(engines.hits(R"({"p":"-123456.78","q":"1e-3"})"));
  CHECK(engines.number(3) == -123456.78);
  CHECK(engines.number(4) == 0.001);
  CHECK_FALSE(engines.hits(R"({"p":"1","r":"2"})"));
  CHECK_FALSE(engines.hits(R"({"p":"1","q":2})"));
}

TEST_CASE("two numbers with another literal between them than was learned") {
  // Between them stand 3 to 40 bytes; only short ones are part of one operation.
  for (size_t length = 1; length <= 38; ++length) {
    CAPTURE(length);
    const std::string key(length, 'q');
    Engines engines(R"({"shapes":[{"name":"x","words":5,"fields":[{"name":"p","type":"number","path":["p"],"slot":3},
      {"name":"q","type":"number","path":[")" +
                    key + R"("],"slot":4}]}]})");
    const std::string message = R"({"p":"17.25",")" + key + R"(":"0.5"})";
    engines.learn(message);
    REQUIRE(engines.hits(message));
    CHECK(engines.number(3) == 17.25);
    CHECK(engines.number(4) == 0.5);
    for (size_t at = 11; at < message.size() - 6; ++at) {
      std::string other = message;
      other[at] = static_cast<char>(other[at] ^ 1);
      CHECK_FALSE(engines.hits(other));
    }
  }
}

TEST_CASE("integers of changing width, read or passed over") {
  const std::string description = R"({"shapes":[{"name":"x","words":5,"fields":[
    {"name":"i","type":"int64","path":["i"],"slot":3},{"name":"f","type":"number","path":["f"],"slot":4}]}]})";
  const Schema schema = compile_schema(description).value();
  Bench both(schema);
  Bench general(schema, JsonEngines::kGeneral);
  Engines engines(description);
  engines.learn(R"({"z":1,"i":2,"f":3})");
  std::mt19937_64 random(5);
  const std::vector<std::string> odd = {"00", "01", "-", "1.0", "1e3", "1E3", "1.", "", "9223372036854775808", "-7"};
  for (int i = 0; i < 20'000; ++i) {
    const auto integer = [&]() -> std::string {
      if (random() % 50 == 0) return odd[random() % odd.size()];
      return std::to_string(random() >> (random() % 64) >> 1);
    };
    const std::string message = R"({"z":)" + integer() + R"(,"i":)" + integer() + R"(,"f":1})";
    check_same(both, general, message, "0}");
    check_same(both, general, message.substr(0, message.size() - random() % 12), "0,\"f\":1}");
  }
  // None of these needs the general engine.
  for (const char* value :
       {"1", "12", "123456789012345", "1234567890123456789", "0", "1.5", "0.25", "-3", "1e9", "15"}) {
    CAPTURE(value);
    CHECK(engines.hits(R"({"z":)" + std::string(value) + R"(,"i":10,"f":3})"));
    CHECK(engines.hits(R"({"z":)" + std::string(value) + R"(,"i":100000,"f":3})"));
  }
}

TEST_CASE("the layout of a message is found whichever came before it") {
  // Told apart by their first bytes, by later ones, and not at all before a value that varies.
  const auto check = [](const char* select, const std::vector<std::string>& starts) {
    std::string description = R"({"select":[)" + std::string(select) + R"(],"cases":[)";
    for (size_t i = 0; i < starts.size(); ++i) {
      description += (i == 0 ? "" : ",") + (R"({"text":"shape)" + std::to_string(i) + R"(","shape":0})");
    }
    description +=
        R"(],"shapes":[{"name":"x","words":4,"fields":[{"name":"v","type":"number","path":["v"],"slot":3}]}]})";
    Engines engines(description);
    for (const std::string& start : starts) engines.learn(start + R"("v":1})");
    CHECK(engines.templates.templates() == starts.size());
    std::mt19937_64 random(3);
    for (int i = 0; i < 2'000; ++i) {
      const size_t which = random() % starts.size();
      const std::string message = starts[which] + R"("v":)" + std::to_string(random() % 1000) + "}";
      CAPTURE(message);
      REQUIRE(engines.hits(message));
    }
    CHECK_FALSE(engines.hits(R"({"e":"shape99","v":1})"));
    CHECK_FALSE(engines.hits("{"));
  };
  std::vector<std::string> first;
  std::vector<std::string> late;
  std::vector<std::string> behind;
  for (int i = 0; i < 12; ++i) {
    const std::string event = R"("e":"shape)" + std::to_string(i) + R"(",)";
    first.push_back("{" + event);
    late.push_back(R"({"common_prefix_of_all":null,)" + event);
    behind.push_back(R"({"time":17,)" + event);
  }
  check(R"("e")", first);
  check(R"("e")", late);
  check(R"("e")", behind);
}

}  // namespace
}  // namespace tickwire::decode
