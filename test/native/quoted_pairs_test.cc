// Many levels in one go, against the numbers read one by one.
#include "decode/quoted_pairs.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/decimal.h"
#include "decode/number.h"
#include "decode_fixture.h"

namespace tickwire::decode {
namespace {

using testing::Padded;

#if defined(__AVX2__)
constexpr bool kReadsPairs = true;
#else
constexpr bool kReadsPairs = false;
#endif

constexpr uint64_t kUntouched = 0x5A5A5A5A5A5A5A5Au;

struct Got {
  size_t bytes;
  uint32_t count;
  bool open;
  std::vector<uint64_t> words;
};

template <bool kExact>
Got read(std::string_view text, uint32_t limit = 100, std::string_view behind = {}) {
  const Padded padded(text, behind);
  const uint8_t* const begin = padded.message().data();
  Got got{0, 0, false, std::vector<uint64_t>(size_t{limit + 1} * 4, kUntouched)};
  const QuotedPairs pairs = read_quoted_pairs<kExact>(begin, begin + text.size(), limit, got.words.data());
  got.bytes = static_cast<size_t>(pairs.end - begin);
  got.count = pairs.count;
  got.open = pairs.open;
  return got;
}

// A number on its own, by the general way; false when it is none or more than the fast way takes.
bool reference(const std::string& text, uint64_t& as_double, uint64_t (&exact)[2]) {
  const auto* at = reinterpret_cast<const uint8_t*>(text.data());
  NumberText number;
  const uint8_t* after = scan_number(at, at + text.size(), number);
  if (text.size() > 15 || after != at + text.size() || number.negative || number.has_exponent) return false;
  double value = 0;
  Decimal decimal;
  if (to_double(number, at, after, value) != NumberError::kNone) return false;
  if (to_decimal(number, decimal) != NumberError::kNone) return false;
  as_double = std::bit_cast<uint64_t>(value);
  exact[0] = static_cast<uint64_t>(decimal.mantissa);
  exact[1] = static_cast<uint64_t>(decimal.scale);
  return true;
}

void check_pair(const std::string& price, const std::string& size) {
  const std::string text = "[\"" + price + "\",\"" + size + "\"]";
  uint64_t doubles[2] = {};
  uint64_t exact[2][2] = {};
  const bool good = reference(price, doubles[0], exact[0]) && reference(size, doubles[1], exact[1]);
  CAPTURE(text);
  const Got fast = read<false>(text);
  const Got decimals = read<true>(text);
  REQUIRE(fast.count == (good && kReadsPairs ? 1u : 0u));
  REQUIRE(decimals.count == fast.count);
  REQUIRE(fast.bytes == (fast.count == 1 ? text.size() : 0u));
  REQUIRE(decimals.bytes == fast.bytes);
  REQUIRE(!fast.open);
  if (fast.count == 0) return;
  REQUIRE(fast.words[0] == doubles[0]);
  REQUIRE(fast.words[1] == doubles[1]);
  for (size_t i = 0; i < 4; ++i) REQUIRE(decimals.words[i] == exact[i / 2][i % 2]);
}

TEST_CASE("quoted pairs: every length and every place of the point") {
  std::mt19937_64 random(7);
  std::vector<std::string> texts = {"", ".", "0", "00", "0.", ".0", "0.0", "00.1", "01", "999999999999999"};
  for (size_t length = 1; length <= 18; ++length) {
    for (size_t point = 0; point <= length; ++point) {
      for (const int first : {0, 1}) {
        std::string text;
        for (size_t i = 0; i < length; ++i) text += static_cast<char>('0' + (i == 0 ? first : random() % 10));
        if (point < length) text[point] = '.';
        texts.push_back(text);
      }
    }
  }
  for (const std::string& price : texts) {
    for (const std::string& size : texts) check_pair(price, size);
  }
}

TEST_CASE("quoted pairs: any byte anywhere") {
  for (const std::string good : {"64250.12", "7", "0.53210000"}) {
    for (size_t at = 0; at < good.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text = good;
        text[at] = static_cast<char>(byte);
        if (byte == '"') continue;  // another text altogether
        check_pair(text, good);
        check_pair(good, text);
      }
    }
  }
}

TEST_CASE("quoted pairs: rounding of random numbers") {
  std::mt19937_64 random(11);
  const auto number = [&random] {
    std::string text = std::to_string(random() % 1'000'000'000'000'000u >> random() % 50);
    if (text.size() < 15 && random() % 4 != 0) text.insert(1 + random() % text.size(), ".");
    if (text.back() == '.') text += "5";
    return text;
  };
  for (int i = 0; i < 200'000; ++i) check_pair(number(), number());
}

// Some levels of one text, by the general way: as many as the fast way has to read.
template <bool kExact>
std::vector<uint64_t> expected(const std::vector<std::pair<std::string, std::string>>& levels, size_t& good) {
  std::vector<uint64_t> words;
  for (good = 0; good < levels.size(); ++good) {
    uint64_t doubles[2] = {};
    uint64_t exact[2][2] = {};
    if (!reference(levels[good].first, doubles[0], exact[0])) break;
    if (!reference(levels[good].second, doubles[1], exact[1])) break;
    for (size_t i = 0; i < 2; ++i) {
      if constexpr (kExact) {
        words.insert(words.end(), {exact[i][0], exact[i][1]});
      } else {
        words.push_back(doubles[i]);
      }
    }
  }
  return words;
}

std::string text_of(const std::vector<std::pair<std::string, std::string>>& levels) {
  std::string text;
  for (const auto& [price, size] : levels) {
    if (!text.empty()) text += ',';
    text += "[\"" + price + "\",\"" + size + "\"]";
  }
  return text;
}

template <bool kExact>
void check_levels_as(const std::vector<std::pair<std::string, std::string>>& levels) {
  size_t good = 0;
  const std::vector<uint64_t> words = expected<kExact>(levels, good);
  const std::string text = text_of(levels);
  CAPTURE(text);
  const Got got = read<kExact>(text + "]");
  REQUIRE(got.count == (kReadsPairs ? good : 0u));
  if (!kReadsPairs) return;
  REQUIRE(!got.open);
  REQUIRE(got.bytes == text_of({levels.begin(), levels.begin() + static_cast<ptrdiff_t>(good)}).size());
  REQUIRE(std::vector<uint64_t>(got.words.begin(), got.words.begin() + static_cast<ptrdiff_t>(words.size())) == words);
}

void check_levels(const std::vector<std::pair<std::string, std::string>>& levels) {
  check_levels_as<false>(levels);
  check_levels_as<true>(levels);
}

// The fast way takes two at a time, and one where that is not possible: each of some pairs is the first and the second
// of two, and the one that is left.
TEST_CASE("quoted pairs: every length and every place of the point, among others") {
  std::mt19937_64 random(13);
  std::vector<std::string> texts = {"", ".", "0", "00", "0.", ".0", "0.0", "00.1", "01", "999999999999999"};
  for (size_t length = 1; length <= 17; ++length) {
    for (size_t point = 0; point <= length; ++point) {
      for (const int first : {0, 1}) {
        std::string text;
        for (size_t i = 0; i < length; ++i) text += static_cast<char>('0' + (i == 0 ? first : random() % 10));
        if (point < length) text[point] = '.';
        texts.push_back(text);
      }
    }
  }
  for (const std::string& text : texts) {
    for (const std::string other : {"1", "0.53210000", "123456.12345678"}) {
      for (size_t place = 0; place < 10; ++place) {
        std::vector<std::pair<std::string, std::string>> levels(5, {other, other});
        (place % 2 == 0 ? levels[place / 2].first : levels[place / 2].second) = text;
        check_levels(levels);
      }
    }
  }
}

TEST_CASE("quoted pairs: any byte anywhere, among others") {
  const std::vector<std::pair<std::string, std::string>> levels = {
      {"64250.12", "7"}, {"64250", "0.53210000"}, {"64249.5", "104000.0"}, {"9", "12"}, {"8.25", "0.5"}};
  const std::string good = text_of(levels) + "]";
  // What remains when one byte is another: all levels in front of it, and those from it on if it is one digit for
  // another.
  for (size_t at = 0; at + 1 < good.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      if (static_cast<char>(byte) == good[at]) continue;
      std::string text = good;
      text[at] = static_cast<char>(byte);
      CAPTURE(at);
      CAPTURE(byte);
      const Got got = read<false>(text);
      if (!kReadsPairs) {
        REQUIRE(got.count == 0);
        continue;
      }
      size_t in_front = 0;  // levels that end in front of it
      for (size_t i = 1; i < at; ++i) in_front += good[i] == ']' ? 1 : 0;
      REQUIRE(got.count >= in_front);
      // The same by reading one at a time, each on its own.
      const uint32_t count = got.count;
      size_t offset = 0;
      for (uint32_t i = 0; i < count; ++i) {
        const Got one = read<false>(std::string_view(text).substr(offset), 1);
        REQUIRE(one.count == 1);
        REQUIRE(one.words[0] == got.words[2 * i]);
        REQUIRE(one.words[1] == got.words[2 * i + 1]);
        offset += one.bytes + 1;
      }
      REQUIRE(got.bytes == (count == 0 ? 0 : offset - 1));
      // It did not stop before it had to.
      if (!got.open && count < levels.size() && text[offset - (count == 0 ? 0 : 1)] == (count == 0 ? '[' : ',')) {
        REQUIRE(read<false>(std::string_view(text).substr(offset), 1).count == 0);
      }
    }
  }
}

TEST_CASE("quoted pairs: levels of random lengths, as many as fit") {
  std::mt19937_64 random(17);
  const auto number = [&random](size_t most) {
    switch (random() % 8) {
      case 0:
        return std::string("0.00000000");
      case 1:
        return std::string("104000.00000000");
      default:
        break;
    }
    std::string text = std::to_string(1 + random() % 9);
    const size_t length = 1 + random() % most;
    while (text.size() < length) text += static_cast<char>('0' + random() % 10);
    if (length > 2 && random() % 4 != 0) text[1 + random() % (length - 2)] = '.';
    return text;
  };
  for (int i = 0; i < 20'000; ++i) {
    const size_t most = 1 + random() % (random() % 16 == 0 ? 16 : 15);
    std::vector<std::pair<std::string, std::string>> levels(1 + random() % 40);
    for (auto& level : levels) level = {number(most), number(most)};
    check_levels(levels);
    // And with a limit.
    const auto limit = static_cast<uint32_t>(random() % (levels.size() + 2));
    const Got got = read<false>(text_of(levels), limit);
    size_t good = 0;
    (void)expected<false>(levels, good);
    REQUIRE(got.count == (kReadsPairs ? std::min<size_t>(limit, good) : 0u));
    REQUIRE(got.words[size_t{limit} * 2] == kUntouched);
  }
}

TEST_CASE("quoted pairs: what stands between, and where it stops") {
  const std::string one = R"(["1.5","2"])";
  struct Case {
    std::string text;
    uint32_t limit;
    uint32_t count;
    size_t bytes;
    bool open;
  };
  const size_t n = one.size();
  const Case cases[] = {
      {"", 9, 0, 0, false},
      {"[", 9, 0, 0, false},
      {"[[", 9, 0, 0, false},
      {one, 0, 0, 0, false},
      {one, 9, 1, n, false},
      {one + "]", 9, 1, n, false},
      {one + "," + one + "]", 9, 2, 2 * n + 1, false},
      {one + "," + one + "," + one + "]", 2, 2, 2 * n + 1, false},
      {one + "," + one + "," + one + "]", 3, 3, 3 * n + 2, false},
      {one + ", " + one + "]", 9, 1, n, false},
      {one + " ," + one + "]", 9, 1, n, false},
      {one + ",[ \"1\",\"2\"]]", 9, 1, n, false},
      {one + ",[1,2]]", 9, 1, n, false},
      {one + R"(,["1","-2"]])", 9, 1, n, false},
      {one + R"(,["1e3","2"]])", 9, 1, n, false},
      {one + R"(,["1" ,"2"]])", 9, 1, n, false},
      {one + R"(,["1", "2"]])", 9, 1, n, false},
      {one + R"(,["1","2" ]])", 9, 1, n, false},
      {one + R"(,["1","2"}])", 9, 1, n, false},
      {one + R"(,["1":"2"]])", 9, 1, n, false},
      {one + "," + one + R"(,["1.5","2","0","1"],["1.5","2"]])", 9, 3, 3 * n + 1, true},
      {one + "," + one + "," + one + "," + one + "]", 1, 1, n, false},
      {one + "," + one + "," + one + R"(,["1","02"]])", 9, 3, 3 * n + 2, false},
      {one + "," + one + R"(,["01","2"],["1","2"]])", 9, 2, 2 * n + 1, false},
      {one + R"(,["1.5","2"}])", 9, 1, n, false},
      {one + R"(,["1.5","2",)", 9, 2, 2 * n, true},
      {R"(["1.5","2","0","1"],["1.5","2"]])", 9, 1, 10, true},
      {R"(["1.5","2",)", 9, 1, 10, true},
      {R"(["123456.12345678","123456.12345678"],["1","2"]])", 9, 2, 47, false},
  };
  for (const Case& each : cases) {
    CAPTURE(each.text);
    CAPTURE(each.limit);
    const Got fast = read<false>(each.text, each.limit);
    const Got exact = read<true>(each.text, each.limit);
    if (!kReadsPairs) {
      CHECK(fast.count == 0);
      CHECK(fast.bytes == 0);
      continue;
    }
    CHECK(fast.count == each.count);
    CHECK(fast.bytes == each.bytes);
    CHECK(fast.open == each.open);
    CHECK(exact.count == each.count);
    CHECK(exact.bytes == each.bytes);
    CHECK(exact.open == each.open);
    CHECK(fast.words[size_t{each.limit} * 2] == kUntouched);
    CHECK(exact.words[size_t{each.limit} * 4] == kUntouched);
  }
}

TEST_CASE("quoted pairs: nothing is taken from behind the end, wherever it is") {
  const std::string levels =
      R"(["64250.12000000","0.53210000"],["1","2"],["123456.12345678","123456.12345678"],["3","4"]])";
  for (size_t size = 0; size <= levels.size(); ++size) {
    const Got got = read<false>(levels.substr(0, size), 100, levels.substr(size));
    CAPTURE(size);
    CHECK(got.bytes <= size);
    if (got.count != 0) CHECK(levels[got.bytes - 1] == ']');
    uint32_t closed = 0;  // pairs whose bracket is inside
    for (size_t i = 0; i < size; ++i) closed += levels[i] == ']' && (i == 0 || levels[i - 1] == '"') ? 1 : 0;
    CHECK(got.count == (kReadsPairs ? closed : 0u));
  }
}

}  // namespace
}  // namespace tickwire::decode
