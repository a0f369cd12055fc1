// The engine for known layouts against the general one: whatever it accepts must be the same to the last bit.
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "decode/json_general.h"
#include "decode/template_engine.h"
#include "decode/template_learner.h"
#include "decode_fixture.h"
#include "decode_pieces.h"
#include "decode_samples.h"

namespace tickwire::decode {
namespace {

using testing::Bench;
using testing::describe;
using testing::Engines;
using testing::Sample;
using testing::samples;
using testing::schema_of;

// One message through both; the two decoders keep their symbols and templates.
bool same(Bench& both, Bench& general, const std::string& message, std::string_view behind = {}) {
  const DecodeOutcome fast = both.decode(message, behind);
  const DecodeOutcome slow = general.decode(message, behind);
  if (describe(fast) == describe(slow) && both.dump() == general.dump()) return true;
  MESSAGE("message: " << message << "\nboth:    " << describe(fast) << "\n"
                      << both.dump() << "general: " << describe(slow) << "\n"
                      << general.dump());
  return false;
}

std::string mutate(const Sample& sample, std::mt19937_64& random) {
  const auto pick = [&random](size_t n) { return static_cast<size_t>(random() % n); };
  std::string text = sample.messages[pick(sample.messages.size())];
  static const char* const tokens[] = {"null",
                                       "true",
                                       "false",
                                       "0",
                                       "-0",
                                       "-1",
                                       "1e5",
                                       "1E400",
                                       "-1.5e-7",
                                       "00",
                                       "01",
                                       "1.",
                                       ".5",
                                       "+1",
                                       "9223372036854775808",
                                       "123456789012345678901234567890",
                                       "0.1234567890123456789",
                                       "\"\"",
                                       "\"a\"",
                                       "\"\\u0041\"",
                                       "\"\\ud800\"",
                                       "\"\xC3\xA9\"",
                                       "\"\xFF\"",
                                       "[]",
                                       "{}",
                                       "[[]]",
                                       "[1,2]",
                                       ",",
                                       ":",
                                       "\"",
                                       "\\",
                                       "[",
                                       "]",
                                       "{",
                                       "}",
                                       " ",
                                       "\t",
                                       "\n",
                                       "\x01",
                                       "e",
                                       ".",
                                       "9",
                                       "\"e\":",
                                       "\"b\":",
                                       "\"s\":\"Q\",",
                                       "nul",
                                       "truee",
                                       "1234567890123456",
                                       "0.00000000000000001"};
  const size_t changes = 1 + pick(3);
  for (size_t i = 0; i < changes; ++i) {
    const size_t at = text.empty() ? 0 : pick(text.size() + 1);
    const char* token = tokens[pick(std::size(tokens))];
    switch (pick(9)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(random());
        break;
      case 1:
        if (at < text.size()) text.erase(at, 1 + pick(4));
        break;
      case 2:
        text.insert(at, token);
        break;
      case 3:
        text.resize(at);
        break;
      case 4: {  // a value of its own
        const size_t begin = text.find_first_of("0123456789\"tfn", at);
        const size_t end = begin == text.npos ? text.npos : text.find_first_of(",]}", begin);
        if (end != text.npos) text.replace(begin, end - begin, token);
        break;
      }
      case 5:
        if (at < text.size() && text[at] >= '0' && text[at] <= '9') text[at] = static_cast<char>('0' + pick(10));
        break;
      case 6: {  // a piece twice
        const size_t n = at < text.size() ? pick(std::min<size_t>(30, text.size() - at)) : 0;
        text.insert(at, text.substr(at, n));
        break;
      }
      case 7: {  // the tail of another message
        const std::string& other = sample.messages[pick(sample.messages.size())];
        text = text.substr(0, at) + other.substr(std::min(other.size(), at));
        break;
      }
      default:
        text += token;
        break;
    }
  }
  return text;
}

TEST_CASE("samples give the same rows from both engines, every time they come") {
  for (const Sample& sample : samples()) {
    CAPTURE(sample.name);
    const Schema schema = schema_of(sample.schema);
    Bench both(schema);
    Bench general(schema, JsonEngines::kGeneral);
    for (int round = 0; round < 4; ++round) {
      for (const std::string& message : sample.messages) CHECK(same(both, general, message, message));
    }
  }
}

TEST_CASE("mutated messages give the same result from both engines") {
  std::mt19937_64 random(20240229);
  for (const Sample& sample : samples()) {
    CAPTURE(sample.name);
    const Schema schema = schema_of(sample.schema);
    auto both = std::make_unique<Bench>(schema);
    auto general = std::make_unique<Bench>(schema, JsonEngines::kGeneral);
    size_t accepted = 0;
    for (int i = 0; i < 40'000; ++i) {
      if (i % 5'000 == 0) {  // layouts of earlier mutations are forgotten
        both = std::make_unique<Bench>(schema);
        general = std::make_unique<Bench>(schema, JsonEngines::kGeneral);
        for (const std::string& message : sample.messages) static_cast<void>(both->decode(message));
      }
      const std::string text = mutate(sample, random);
      // Behind the message stands what would continue it.
      const std::string& original = sample.messages[random() % sample.messages.size()];
      const std::string behind = original.substr(std::min(original.size(), text.size()));
      REQUIRE(same(*both, *general, text, random() % 2 == 0 ? std::string_view(behind) : std::string_view(original)));
      if (both->decode(text).ok) ++accepted;
    }
    CHECK(accepted > 500);
  }
}

// Of lists within a list, messages with one that is not empty; an empty one where that is no row.
bool has_one_list(const Shape& shape, const std::string& message) {
  const size_t first = message.find("\"type\":");
  const bool one = first != std::string::npos && message.find("\"type\":", first + 1) == std::string::npos;
  return one && (shape.group_slot < 0 || message.find("[{\"side\"") != std::string::npos);
}

TEST_CASE("layouts that were learned are recognised with other values") {
  for (const Sample& sample : samples()) {
    CAPTURE(sample.name);
    Engines engines(sample.schema);
    for (const std::string& message : sample.messages) {
      CAPTURE(message);
      const testing::Padded padded(message);
      engines.batch.clear();
      const DecodeOutcome outcome = engines.general.decode(padded.message(), engines.batch);
      if (!outcome.ok) continue;
      const bool learned = engines.learn(message);
      if (outcome.ignored && engines.general.choice().shape >= 0) {  // for want of rows
        CHECK_FALSE(learned);
        continue;
      }
      const int shape = engines.general.choice().shape;
      if (shape >= 0 && !engines.schema.shapes[static_cast<size_t>(shape)].within.empty()) {
        CHECK(learned == has_one_list(engines.schema.shapes[static_cast<size_t>(shape)], message));
        if (learned) CHECK(engines.hits(message));
        continue;
      }
      // Escapes in wanted texts, and orders, are the only things in the other samples that can't be learned.
      const bool can = message.find("\\u0041") == std::string::npos && message.find("order_id") == std::string::npos;
      CHECK(learned == can);
      // A level that holds a key twice is always left to the general engine.
      if (learned) CHECK(engines.hits(message) == (message.find("dup@") == std::string::npos));
    }
  }
  Engines engines(samples()[0].schema);
  REQUIRE(engines.learn(samples()[0].messages[0]));
  for (const std::string& message : samples()[0].messages) CHECK(engines.hits(message));
}

TEST_CASE("what a layout does not fix must not be guessed") {
  const char* const schema =
      R"({"select":["e"],"cases":[{"text":"a","shape":0}],"absent":0,"otherwise":"ignore","shapes":[
    {"name":"x","words":7,"flagsSlot":6,"fields":[{"name":"v","type":"number","path":["v"],"slot":3},
    {"name":"o","type":"number","path":["o","p",2],"slot":4,"optional":true,"bit":0},
    {"name":"t","type":"text","path":["t"],"slot":5,"optional":true,"bit":1}]}]})";
  struct Case {
    const char* learned;
    const char* other;
    bool hit;
  };
  const Case cases[] = {
      {R"({"e":"a","v":1})", R"({"e":"a","v":"1"})", false},
      {R"({"e":"a","v":1})", R"({"e":"b","v":1})", false},
      {R"({"e":"a","v":1})", R"({"e":"ab","v":1})", false},
      {R"({"e":"a","v":1})", R"({"e":"a","v":12.5})", true},
      {R"({"e":"a","v":1})", R"({"e":"a","v":1e5})", true},
      {R"({"e":"a","v":1})", R"({"e":"a","v":01})", false},
      {R"({"e":"a","v":1})", R"({"e":"a","v":1} )", false},
      {R"({"e":"a","v":1})", R"({"e":"a","v":1}})", false},
      // Nothing stood at o.p[2]; one element more and something does.
      {R"({"e":"a","v":1,"o":{"p":[1,2]}})", R"({"e":"a","v":1,"o":{"p":[1,2,3]}})", false},
      {R"({"e":"a","v":1,"o":{"p":[1,2]}})", R"({"e":"a","v":1,"o":{"p":[5,67]}})", true},
      {R"({"e":"a","v":1,"o":{"p":[]}})", R"({"e":"a","v":1,"o":{"p":[1,2,3]}})", false},
      {R"({"e":"a","v":1,"o":{"q":1}})", R"({"e":"a","v":1,"o":{"p":1}})", false},
      {R"({"e":"a","v":1,"o":5})", R"({"e":"a","v":1,"o":{"p":[1,2,3]}})", false},
      {R"({"e":"a","v":1,"o":{"p":[1,2,3]}})", R"({"e":"a","v":1,"o":{"p":[1,2,3,4,[5]]}})", true},
      {R"({"e":"a","v":1,"o":{"p":[1,2,3]}})", R"({"e":"a","v":1,"o":{"p":[1,2]}})", false},
      {R"({"e":"a","v":1,"o":{"p":[1,2,null]}})", R"({"e":"a","v":1,"o":{"p":[1,2,3]}})", false},
      // text of another kind than a string or null
      {R"({"e":"a","v":1,"t":5})", R"({"e":"a","v":1,"t":[5]})", true},
      {R"({"e":"a","v":1,"t":5})", R"({"e":"a","v":1,"t":null})", false},
      {R"({"e":"a","v":1,"t":5})", R"({"e":"a","v":1,"t":"5"})", false},
      {R"({"e":"a","v":1,"t":"5"})", R"({"e":"a","v":1,"t":"é"})", true},
      {R"({"e":"a","v":1,"t":"5"})", R"({"e":"a","v":1,"t":"\n"})", false},
      // passed over
      {R"({"e":"a","v":1,"z":"5"})", R"({"e":"a","v":1,"z":"\n\ud800é"})", true},
      {R"({"e":"a","v":1,"z":[5]})", R"({"e":"a","v":1,"z":{"e":"b"}})", true},
      {R"({"e":"a","v":1,"z":[5]})", R"({"e":"a","v":1,"z":[5,}})", false},
      {R"({"e":"a","v":1,"z":true})", R"({"e":"a","v":1,"z":false})", true},
      // an object at the selecting place chooses nothing, a string would
      {R"({"e":[1],"v":1})", R"({"e":"a","v":1})", false},
      {R"({"e":{},"v":1})", R"({"e":"a","v":1})", false},
      {R"({"e":null,"v":1})", R"({"e":"a","v":1})", false},
      // of two the last one counts
      {R"({"e":"a","v":1,"v":2})", R"({"e":"a","v":"x","v":2})", false},
      {R"({"e":"a","v":1,"v":2})", R"({"e":"a","v":[],"v":2})", false},
      {R"({"e":"a","v":1,"v":2})", R"({"e":"a","v":7,"v":8})", true},
  };
  for (const Case& c : cases) {
    CAPTURE(c.learned);
    CAPTURE(c.other);
    Engines engines(schema);
    REQUIRE(engines.learn(c.learned));
    CHECK(engines.hits(c.learned));
    CHECK(engines.hits(c.other) == c.hit);
  }
}

TEST_CASE("depth is counted through learned layouts") {
  const char* const schema = R"({"maxDepth":4,"shapes":[{"name":"x","words":4,"fields":[
    {"name":"v","type":"number","path":["v"],"slot":3}]}]})";
  Engines engines(schema);
  REQUIRE(engines.learn(R"({"v":1,"z":[1]})"));
  CHECK(engines.hits(R"({"v":1,"z":[[[1]]]})"));
  CHECK_FALSE(engines.hits(R"({"v":1,"z":[[[[1]]]]})"));
}

TEST_CASE("a stream without regular layout is not learned for ever") {
  const char* const schema =
      R"({"shapes":[{"name":"x","words":4,"fields":[{"name":"v","type":"number","path":["v"],"slot":3}]}]})";
  Engines engines(schema);
  size_t wanted = 0;
  for (int i = 0; i < 100'000; ++i) wanted += engines.templates.wants_to_learn() ? 1 : 0;
  CHECK(wanted < 1'700);
  CHECK(wanted > 1'000);
  for (int i = 0; i < 100; ++i) {
    const std::string message = "{\"v\":1,\"k" + std::to_string(i) + "\":2}";
    REQUIRE_FALSE(engines.hits(message));
    REQUIRE(engines.learn(message));
  }
  CHECK(engines.templates.templates() == 16);
  CHECK(engines.hits(R"({"v":5,"k99":6})"));
  CHECK_FALSE(engines.hits(R"({"v":5,"k3":6})"));
}

TEST_CASE("a guess that fails leaves no symbol behind") {
  const char* const schema = R"({"select":["e"],"cases":[{"text":"a","shape":0},{"text":"b","shape":1}],"shapes":[
    {"name":"a","words":4,"fields":[{"name":"s","type":"symbol","path":["s"],"slot":3}]},
    {"name":"b","words":4,"fields":[{"name":"s","type":"text","path":["s"],"slot":3}]}]})";
  const Schema compiled = schema_of(schema);
  Bench both(compiled);
  for (int i = 0; i < 50; ++i) {
    CHECK(both.decode(R"({"s":"SYM","e":"a"})").ok);
    CHECK(both.decode("{\"s\":\"unique" + std::to_string(i) + "\",\"e\":\"b\"}").ok);
    CHECK_FALSE(both.decode("{\"s\":\"broken" + std::to_string(i) + "\",\"e\":\"a\"").ok);
  }
  CHECK(both.symbols().size() == 1);
}

}  // namespace
}  // namespace tickwire::decode
