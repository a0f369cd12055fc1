#include "ws/utf8.h"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

using tickwire::ws::Utf8Checker;
using tickwire::ws::valid_utf8;

namespace {

// A copy in memory of exactly its size, so that AddressSanitizer sees any read beyond it.
bool whole(const std::string& s) {
  const auto exact = std::make_unique<uint8_t[]>(s.size());
  std::copy(s.begin(), s.end(), exact.get());
  return valid_utf8({exact.get(), s.size()});
}

// The offset after which no continuation can make the text valid; size() when there is none. `complete` as the checker
// says.
size_t fails_at(const std::string& s, bool& complete) {
  Utf8Checker checker;
  for (size_t i = 0; i < s.size(); ++i) {
    const auto b = static_cast<uint8_t>(s[i]);
    if (!checker.add({&b, 1})) return i;
  }
  complete = checker.complete();
  return s.size();
}

bool piecewise(const std::string& s) {
  bool complete = false;
  return fails_at(s, complete) == s.size() && complete;
}

void encode(std::string& out, uint32_t cp) {
  const auto put = [&out](uint32_t b) { out += static_cast<char>(b); };
  if (cp < 0x80) {
    put(cp);
  } else if (cp < 0x800) {
    put(0xC0 | cp >> 6);
    put(0x80 | (cp & 63));
  } else if (cp < 0x10000) {
    put(0xE0 | cp >> 12);
    put(0x80 | (cp >> 6 & 63));
    put(0x80 | (cp & 63));
  } else {
    put(0xF0 | cp >> 18);
    put(0x80 | (cp >> 12 & 63));
    put(0x80 | (cp >> 6 & 63));
    put(0x80 | (cp & 63));
  }
}

// A second opinion: decodes to code points and applies RFC 3629 section 3 to them.
bool reference(const std::string& s) {
  for (size_t i = 0; i < s.size();) {
    const auto b = static_cast<uint8_t>(s[i]);
    const size_t n = b < 0x80 ? 1 : (b & 0xE0) == 0xC0 ? 2 : (b & 0xF0) == 0xE0 ? 3 : (b & 0xF8) == 0xF0 ? 4 : 0;
    if (n == 0 || s.size() - i < n) return false;
    uint32_t cp = n == 1 ? b : b & (0x7Fu >> n);
    for (size_t k = 1; k < n; ++k) {
      const auto c = static_cast<uint8_t>(s[i + k]);
      if ((c & 0xC0) != 0x80) return false;
      cp = cp << 6 | (c & 63u);
    }
    constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (cp < kLeast[n] || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)) return false;
    i += n;
  }
  return true;
}

}  // namespace

TEST_CASE("every code point is valid, and every surrogate and overlong form is not") {
  for (uint32_t cp = 0; cp <= 0x10FFFF; ++cp) {
    std::string s;
    encode(s, cp);
    const bool surrogate = cp >= 0xD800 && cp <= 0xDFFF;
    if (valid_utf8({reinterpret_cast<const uint8_t*>(s.data()), s.size()}) == surrogate) {
      FAIL("code point " << cp);
    }
  }
  CHECK_FALSE(whole("\xC0\x80"));
  CHECK_FALSE(whole("\xC1\xBF"));
  CHECK_FALSE(whole("\xE0\x80\x80"));
  CHECK_FALSE(whole("\xE0\x9F\xBF"));
  CHECK_FALSE(whole("\xF0\x80\x80\x80"));
  CHECK_FALSE(whole("\xF0\x8F\xBF\xBF"));
  CHECK_FALSE(whole("\xF4\x90\x80\x80"));
  CHECK_FALSE(whole("\xF8\x88\x80\x80\x80"));
  CHECK_FALSE(whole("\xFC\x84\x80\x80\x80\x80"));
  CHECK_FALSE(whole("\xFE"));
  CHECK_FALSE(whole("\xFF"));
}

TEST_CASE("all strings of up to three bytes agree with the definition") {
  std::string s;
  for (uint32_t a = 0; a < 256; ++a) {
    s.assign(1, static_cast<char>(a));
    REQUIRE(whole(s) == reference(s));
    for (uint32_t b = 0; b < 256; ++b) {
      s.assign({static_cast<char>(a), static_cast<char>(b)});
      if (piecewise(s) != reference(s)) FAIL("bytes " << a << " " << b);
      if (a < 0xC0) continue;
      for (uint32_t c = 0; c < 256; ++c) {
        s.assign({static_cast<char>(a), static_cast<char>(b), static_cast<char>(c)});
        const std::span<const uint8_t> bytes{reinterpret_cast<const uint8_t*>(s.data()), 3};
        if (valid_utf8(bytes) != reference(s)) FAIL("bytes " << a << " " << b << " " << c);
      }
    }
  }
}

TEST_CASE("the checker fails at the first byte that cannot be right") {
  struct Case {
    const char* text;
    size_t at;
  };
  // The last of them is Autobahn's text of 6.4: valid characters, then U+110000, then more.
  const Case cases[] = {
      {"\x80", 0},
      {"abc\xBF", 3},
      {"\xC3\x28", 1},
      {"\xE0\x9F", 1},
      {"\xED\xA0", 1},
      {"\xE2\x82\x28", 2},
      {"\xF0\x8F", 1},
      {"\xF4\x90", 1},
      {"\xF5", 0},
      {"\xF0\x9F\x98\x28", 3},
      {"\xC0", 0},
      {"\xC1", 0},
      {"\xE2\x28", 1},
      {"\xFF", 0},
      {"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90\x80\x80"
       "edited",
       12},
  };
  for (const Case& c : cases) {
    bool complete = false;
    CHECK(fails_at(c.text, complete) == c.at);
    CHECK_FALSE(whole(c.text));
  }
}

TEST_CASE("a text that ends inside a character is not valid, but nothing of it is wrong") {
  for (const char* s :
       {"\xC3", "\xE2\x82", "\xE2", "\xF0\x9F\x98", "\xF0\x9F", "\xF0", "0123456789012345678901234567890123\xE2\x82"}) {
    bool complete = true;
    const std::string text = s;
    CHECK(fails_at(text, complete) == text.size());
    CHECK_FALSE(complete);
    CHECK_FALSE(whole(text));
  }
}

TEST_CASE("one bad byte is found at every place of every length") {
  for (size_t n = 0; n <= 200; ++n) {
    std::string s(n, 'x');
    REQUIRE(whole(s));
    for (size_t i = 0; i < n; ++i) {
      s[i] = '\xFF';
      if (whole(s)) FAIL("length " << n << " at " << i);
      s[i] = 'x';
    }
  }
}

TEST_CASE("random mixtures agree with the definition, whole and in pieces") {
  std::mt19937 random(20'260'501);
  for (int round = 0; round < 20'000; ++round) {
    std::string s;
    const size_t parts = random() % 20;
    for (size_t i = 0; i < parts; ++i) {
      if (random() % 3 == 0) {
        s.append(random() % 70, 'a');
      } else {
        uint32_t cp = random() % 0x110000;
        if (cp >= 0xD800 && cp <= 0xDFFF) cp = 0x20AC;
        encode(s, cp);
      }
    }
    if (!s.empty() && random() % 2 == 0) s[random() % s.size()] = static_cast<char>(random());
    const bool expected = reference(s);
    REQUIRE(whole(s) == expected);
    Utf8Checker checker;
    bool ok = true;
    for (size_t at = 0; at < s.size() && ok;) {
      const size_t n = std::min<size_t>(1 + random() % 40, s.size() - at);
      ok = checker.add({reinterpret_cast<const uint8_t*>(s.data()) + at, n});
      at += n;
    }
    REQUIRE((ok && checker.complete()) == expected);
  }
}

TEST_CASE("reset forgets an open character") {
  Utf8Checker checker;
  const uint8_t lead = 0xE2;
  CHECK(checker.add({&lead, 1}));
  CHECK_FALSE(checker.complete());
  checker.reset();
  CHECK(checker.complete());
  const uint8_t letter = 'a';
  CHECK(checker.add({&letter, 1}));
}
