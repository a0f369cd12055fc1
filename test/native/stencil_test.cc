// Layouts with fixed places against the general engine: whatever fits one must be the same to the last bit.
#if defined(__AVX2__)
#include "decode/stencil.h"

#include <doctest/doctest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "decode/stencil_maker.h"
#include "decode/stencil_run.h"
#include "decode/stencil_set.h"
#include "decode_fixture.h"
#include "decode_pieces.h"
#include "decode_samples.h"

namespace tickwire::decode {
namespace {

using testing::Bench;
using testing::Padded;
using testing::Sample;
using testing::samples;
using testing::schema_of;

struct alignas(64) Line {
  uint8_t bytes[64];
};

// A stencil of one message, and what the general engine makes of others.
class Made {
 public:
  explicit Made(const Schema& schema) : of_(schema) {}

  bool make(std::string_view text, bool free_text = false) {
    const Padded padded(text);
    if (!decode(padded).ok) return false;
    layout_ = of_.learner.learn(padded.message());
    StencilMaker maker;
    if (!layout_ || !maker.make(*layout_, padded.message(), 7, free_text)) return false;
    lines_.resize((maker.bytes() + 63) / 64);
    maker.write(lines_[0].bytes);
    CHECK(stencil().origin == 7);
    return true;
  }
  bool fits(const Padded& padded) const { return stencil::fits(stencil(), padded.message()); }

  // For a message that fits: the general engine takes it, too, and makes the same of it.
  bool same(const Padded& padded) {
    const DecodeOutcome outcome = decode(padded);
    if (!outcome.ok || outcome.ignored != stencil().outcome.ignored) return false;
    const std::vector<uint64_t> expected = words();
    const std::vector<uint32_t> keys = keys_;
    // Once in memory that is large enough, once where all of it has to be made.
    for (const uint32_t room : {200u, 0u}) {
      std::vector<uint64_t> place(room + 1);
      of_.batch.clear_into(place.data(), room);
      if (!stencil::apply(stencil(), padded.message().data(), of_.symbols, of_.batch)) return false;
      if (words() != expected || keys_ != keys) return false;
    }
    return true;
  }

 private:
  [[nodiscard]] const Stencil& stencil() const { return *reinterpret_cast<const Stencil*>(lines_[0].bytes); }
  DecodeOutcome decode(const Padded& padded) {
    of_.batch.clear_into_own();
    return of_.general.decode(padded.message(), of_.batch);
  }
  // All words behind the rows' headers.
  std::vector<uint64_t> words() {
    std::vector<uint64_t> all;
    keys_.clear();
    for (const RowBatch::Row& row : of_.batch.rows()) {
      all.push_back(row.shape);
      all.push_back(row.word_count);
      keys_.push_back(row.key);
      all.insert(all.end(), of_.batch.row_words(row) + kRowHeaderWords, of_.batch.row_words(row) + row.word_count);
    }
    return all;
  }

  testing::Pieces of_;
  std::optional<Template> layout_;
  std::vector<Line> lines_;
  std::vector<uint32_t> keys_;
};

TEST_CASE("what fits a stencil is what the general engine makes of it, whatever byte is changed") {
  size_t made = 0;
  size_t fitted = 0;
  for (const Sample& sample : samples()) {
    const Schema schema = schema_of(sample.schema);
    for (const std::string& message : sample.messages) {
      CAPTURE(message);
      for (const bool free_text : {false, true}) {
        Made stencil(schema);
        if (!stencil.make(message, free_text)) continue;
        ++made;
        REQUIRE(stencil.fits(Padded(message)));
        REQUIRE(stencil.same(Padded(message, message)));
        for (size_t at = 0; at < message.size(); ++at) {
          for (int byte = 0; byte < 256; ++byte) {
            std::string other = message;
            other[at] = static_cast<char>(byte);
            const Padded padded(other, message);
            if (!stencil.fits(padded)) continue;
            ++fitted;
            CAPTURE(other);
            REQUIRE(stencil.same(padded));
          }
        }
        REQUIRE_FALSE(stencil.fits(Padded(message.substr(0, message.size() - 1), message)));
        REQUIRE_FALSE(stencil.fits(Padded(message + " ")));
      }
    }
  }
  CHECK(made > 10);
  CHECK(fitted > 10'000);
}

constexpr const char* kFields = R"({"shapes":[{"name":"x","words":16,"keyField":0,"flagsSlot":15,"fields":[
  {"name":"s","type":"symbol","path":["s"],"slot":3},{"name":"a","type":"number","path":["a"],"slot":4},
  {"name":"b","type":"number","path":["b"],"slot":5},{"name":"c","type":"number","path":["c"],"slot":6},
  {"name":"d","type":"decimal","path":["d"],"slot":7},{"name":"e","type":"int64","path":["e"],"slot":9},
  {"name":"f","type":"bool","path":["f"],"slot":10},{"name":"t","type":"text","path":["t"],"slot":11},
  {"name":"u","type":"text","path":["u"],"slot":12},{"name":"o","type":"number","path":["o"],"slot":13,"optional":true,"bit":4},
  {"name":"n","type":"symbol","path":["n"],"slot":14}]}]})";

std::string with(const char* name, const std::string& value) {
  const auto field = [&](const char* own, const char* text) {
    return std::string("\"") + own + "\":" + (std::string_view(own) == name ? value : std::string(text));
  };
  return "{" + field("s", "\"BTC-USD\"") + "," + field("a", "\"1.50\"") + "," + field("b", "22") + "," +
         field("c", "-0.125") + "," + field("d", "\"100.250\"") + "," + field("e", "1726000000003") + "," +
         field("f", "true") + "," + field("t", "\"ab\"") + "," + field("u", "\"a rather long text\"") + "," +
         field("n", "12") + "," + field("skipped", "\"x1\"") + "}";
}

TEST_CASE("which values may have a fixed place") {
  struct Case {
    const char* field;
    const char* value;
    bool made;
  };
  const Case cases[] = {
      {"a", "\"123456789.12345\"", true},
      {"a", "\"1234567890.12345\"", false},  // 15 and 16 characters
      {"a", "-123456789.12345", true},
      {"a", "1e3", false},
      {"a", "0", true},
      {"a", "-0", true},
      {"e", "1234567890123456", true},
      {"e", "12345678901234567", false},
      {"e", "-1", false},
      {"e", "0", true},
      {"d", "123456789012.345", true},
      {"d", "1234567890123.345", false},
      {"d", "-1.5", false},
      {"d", "7", true},
      {"f", "false", true},
      {"s", "\"\"", true},
      {"s", "\"a symbol of more than sixteen bytes\"", true},
      {"s", "\"caf\xC3\xA9\"", false},
      {"s", "\"a\\n\"", false},
      {"t", "\"\"", true},
      {"skipped", "-1.5E-7", true},
      {"skipped", "[1,2]", false},
      {"skipped", "\"a\\nb\"", false},
      {"skipped", "null", true},
      {"o", "1.25", true},
  };
  for (const Case& each : cases) {
    CAPTURE(each.field);
    CAPTURE(each.value);
    const std::string message = with(each.field, each.value);
    Made stencil(schema_of(kFields));
    CHECK(stencil.make(message) == each.made);
    if (!each.made) continue;
    CHECK(stencil.fits(Padded(message)));
    CHECK(stencil.same(Padded(message)));
  }
  // Longer than what a stencil may be.
  Made stencil(schema_of(kFields));
  CHECK(stencil.make(with("skipped", '"' + std::string(300, 'x') + '"')));
  CHECK_FALSE(stencil.make(with("skipped", '"' + std::string(512, 'x') + '"')));
}

TEST_CASE("strings that nobody wants may be anything of their length, if that is asked for") {
  Made narrow(schema_of(kFields));
  REQUIRE(narrow.make(with("skipped", "\"a1B\"")));
  CHECK(narrow.fits(Padded(with("skipped", "\"z9Q\""))));
  CHECK_FALSE(narrow.fits(Padded(with("skipped", "\"Z9Q\""))));
  Made wide(schema_of(kFields));
  REQUIRE(wide.make(with("skipped", "\"a1B\""), true));
  CHECK(wide.fits(Padded(with("skipped", "\"Z9q\""), "\\\\\\\\")));
  CHECK_FALSE(wide.fits(Padded(with("skipped", "\"Z\\\\\""))));
}

// How many of `messages` were taken at once.
size_t at_once(StencilSet& set, const Template& layout, const std::vector<std::string>& messages) {
  size_t taken = 0;
  for (const std::string& message : messages) {
    const Padded padded(message);
    const Stencil* const found = set.find(padded.message());
    if (found != nullptr && stencil::fits(*found, padded.message())) {
      ++taken;
      set.hit();
    } else {
      set.missed(layout, padded.message(), 0);
    }
  }
  return taken;
}

TEST_CASE("stencils are made of layouts that come again and again, and make room for others") {
  testing::Pieces of(schema_of(kFields));
  const Padded first(with("b", "1"));
  REQUIRE(of.general.decode(first.message(), of.batch).ok);
  const std::optional<Template> layout = of.learner.learn(first.message());
  REQUIRE(layout);
  auto set = std::make_unique<StencilSet>();
  const std::vector<std::string> same(100, with("b", "123.5"));
  CHECK(at_once(*set, *layout, same) == 96);
  // Letters of the other kind: made anew once, for any text.
  const std::vector<std::string> free(100, with("skipped", "\"X1\""));
  CHECK(at_once(*set, *layout, std::vector<std::string>(100, with("skipped", "\"y1\""))) == 96);
  CHECK(at_once(*set, *layout, free) == 99);
  CHECK(at_once(*set, *layout, std::vector<std::string>(100, with("skipped", "\"y1\""))) == 100);

  // More layouts than there is room for, each only now and then: they are not worth it, and it rests for a while.
  std::mt19937_64 random(7);
  const auto digits = [&random] { return std::string(1 + random() % 14, '7'); };
  int rested = 0;
  for (int i = 0; i < 60'000; ++i) {
    if (set->resting()) ++rested;
    const std::string message = with("skipped", '"' + std::string(random() % 120, 'q') + '.' + digits() + '"');
    at_once(*set, *layout, {message});
  }
  CHECK(rested > 40'000);
  // Whatever it holds then, a regular stream is taken again.
  at_once(*set, *layout, std::vector<std::string>(20'000, with("b", "9.75")));
  CHECK(at_once(*set, *layout, std::vector<std::string>(100, with("b", "9.75"))) == 100);

  // Of another template with its marks in the same places, which stays: the first one gives way.
  const Padded regular(with("b", "9.75"));
  REQUIRE(set->find(regular.message())->origin == 0);
  for (int i = 0; i < 1'000; ++i) {
    static_cast<void>(set->find(regular.message()));
    set->missed(*layout, regular.message(), 3);
  }
  REQUIRE(set->find(regular.message()) != nullptr);
  CHECK(set->find(regular.message())->origin == 3);
  set->forget(0);
  CHECK(set->find(regular.message()) != nullptr);
  set->forget(3);
  CHECK(set->find(regular.message()) == nullptr);
}

TEST_CASE("a decoder learns stencils and stays the same as the general engine") {
  std::mt19937_64 random(20260229);
  for (const Sample& sample : samples()) {
    CAPTURE(sample.name);
    const Schema schema = schema_of(sample.schema);
    Bench both(schema);
    Bench general(schema, JsonEngines::kGeneral);
    for (int round = 0; round < 400; ++round) {
      for (const std::string& message : sample.messages) {
        std::string text = message;
        // Digits and letters only: their layout stays.
        for (int change = 0; change < round % 4; ++change) {
          const size_t at = random() % text.size();
          if (text[at] >= '0' && text[at] <= '9') text[at] = static_cast<char>('0' + random() % 10);
          if (round % 16 == 3 && text[at] >= '0') text[at] = static_cast<char>('0' + random() % 200);
        }
        const DecodeOutcome fast = both.decode(text, message);
        const DecodeOutcome slow = general.decode(text, message);
        CAPTURE(text);
        REQUIRE(testing::describe(fast) == testing::describe(slow));
        if (slow.ok) REQUIRE(both.dump() == general.dump());
      }
    }
  }
}

}  // namespace
}  // namespace tickwire::decode
#endif
