#include <doctest/doctest.h>
#include <locale.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

#include "decode/number.h"

namespace tickwire::decode {
namespace {

struct Read {
  bool number = false;  // a number starts at the first byte and ends at the last
  NumberError error = NumberError::kNone;
  double value = 0;
};

Read read(const std::string& text) {
  Read result;
  const auto* begin = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t* end = begin + text.size();
  NumberText number;
  const uint8_t* after = scan_number(begin, end, number);
  CHECK(after == skip_number(begin, end));
  result.number = after == end && begin != end;
  if (result.number) result.error = to_double(number, begin, end, result.value);
  return result;
}

bool same_bits(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

// What strtod makes of it; an infinity must have been refused.
bool agrees(const std::string& text) {
  const Read got = read(text);
  if (!got.number) return false;
  const double expected = std::strtod(text.c_str(), nullptr);
  return std::isinf(expected) ? got.error == NumberError::kOutOfRange
                              : got.error == NumberError::kNone && same_bits(got.value, expected);
}

std::string digits(std::mt19937_64& random, size_t n) {
  std::string text;
  for (size_t i = 0; i < n; ++i) text += static_cast<char>('0' + random() % 10);
  return text;
}

TEST_CASE("the grammar of JSON numbers") {
  for (const char* good :
       {"0", "-0", "1", "-1", "10", "0.0", "-0.5", "1.25", "1e5", "1E5", "1e+5", "1e-5", "0e0", "0.0e-0", "1.5E300",
        "123456789012345678901234567890", "0.000000000000000000000000000001", "9e00000000000000000001"}) {
    CAPTURE(good);
    CHECK(read(good).number);
  }
  for (const char* bad :
       {"",   "-",    "+1",  "00",       "01",  "-01", ".5", "1.", "1.e5", "1e",    "1e+",      "1e-", "e5",  "1.5.5",
        "1-", "0x10", "NaN", "Infinity", "1_0", " 1",  "1 ", "1,", "--1",  "1e5.5", "\xD9\xA1", "/",   "1/2", "1/"}) {
    CAPTURE(bad);
    CHECK_FALSE(read(bad).number);
  }
}

TEST_CASE("a number ends where its grammar ends, and never beyond the text") {
  const std::string text = "1.5e7,";
  const auto* begin = reinterpret_cast<const uint8_t*>(text.data());
  NumberText number;
  CHECK(scan_number(begin, begin + 6, number) == begin + 5);
  CHECK(scan_number(begin, begin + 5, number) == begin + 5);
  CHECK(scan_number(begin, begin + 4, number) == nullptr);
  CHECK(scan_number(begin, begin + 3, number) == begin + 3);
  CHECK(scan_number(begin, begin + 2, number) == nullptr);
  CHECK(scan_number(begin, begin, number) == nullptr);
}

TEST_CASE("hard roundings") {
  for (const char* text :
       {"9007199254740993",
        "9007199254740992.5",
        "9007199254740993.00000000000000000000000000000001",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.797693134862315807e308",
        "1.797693134862315808e308",
        "1.8e308",
        "1e309",
        "-1e309",
        "1e400",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.5e-324",
        "1e-400",
        "-1e-400",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "0.1",
        "0.3",
        "123456789012345678901234567890",
        "1e22",
        "1e23",
        "8.5e22",
        "6929495644600919.5",
        "3.1415926535897932384626433832795028841971693993751",
        "100000000000000016777215",
        "100000000000000016777216",
        "7.2057594037927933e16",
        "0.000000000000000000000000000000000000000000001e45",
        "9223372036854775807",
        "18446744073709551616",
        "5e-324",
        "17976931348623157081452742373170435679807056752584499659891747680315726078002853876058955863276687817154045895"
        "35143824642343213268894641827684675467035375169860499105765512820762454900903893289440758685084551339423045832"
        "3690322294816580855933212334774797826204144723168738177180919299881250404026184124858368"}) {
    CAPTURE(text);
    CHECK(agrees(text));
  }
  // Exponents that cancel absurdly many digits.
  CHECK(agrees("1" + std::string(70'000, '0') + "e-70000"));
  CHECK(agrees("1234567890123456789012345" + std::string(70'000, '0') + "e-70000"));
  CHECK(agrees("0." + std::string(70'000, '0') + "12345678901234567890123456e70000"));
  CHECK(agrees("1e999999999999999999999999"));
  CHECK(agrees("0e999999999999999999999999"));
  CHECK(agrees("-0e-999999999999999999999999"));
  // Decided by the very last of many digits.
  CHECK(agrees("9007199254740993" + std::string(900, '0')));
  CHECK(agrees("9007199254740993" + std::string(900, '0') + "1"));
  CHECK(agrees("9007199254740993." + std::string(900, '0') + "1"));
  CHECK(same_bits(read("-0").value, -0.0));
  CHECK(same_bits(read("-0.0e5").value, -0.0));
}

TEST_CASE("a million random texts agree with strtod") {
  std::mt19937_64 random(7);
  size_t wrong = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    std::string text = random() % 4 == 0 ? "-" : "";
    const std::string whole = digits(random, 1 + random() % (random() % 8 == 0 ? 30 : 8));
    const size_t first = whole.find_first_not_of('0');
    text += first == std::string::npos ? "0" : whole.substr(first);
    if (random() % 3 != 0) text += "." + digits(random, 1 + random() % (random() % 8 == 0 ? 40 : 10));
    if (random() % 4 == 0) text += "e" + std::to_string(static_cast<int>(random() % 700) - 350);
    if (!agrees(text)) {
      ++wrong;
      MESSAGE(text);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("the bit patterns of random doubles survive their shortest and longest texts") {
  std::mt19937_64 random(11);
  for (int i = 0; i < 100'000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    char text[64];
    std::snprintf(text, sizeof text, i % 2 == 0 ? "%.17g" : "%.25e", value);
    const Read got = read(text);
    REQUIRE(got.number);
    REQUIRE(same_bits(got.value, value));
  }
}

TEST_CASE("a foreign locale changes nothing") {
  const char* const before = setlocale(LC_NUMERIC, nullptr);
  const std::string saved = before == nullptr ? "C" : before;
  if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == nullptr)
    MESSAGE("no such locale here: the check is that of the C locale");
  CHECK(read("1.5").value == 1.5);
  CHECK(read("12345678901234567890.5").value == 12345678901234567890.5);
  static_cast<void>(setlocale(LC_NUMERIC, saved.c_str()));
}

TEST_CASE("int64") {
  struct Case {
    const char* text;
    NumberError error;
    int64_t value;
  };
  const Case cases[] = {{"0", NumberError::kNone, 0},
                        {"-0", NumberError::kNone, 0},
                        {"1633998512068", NumberError::kNone, 1633998512068},
                        {"9223372036854775807", NumberError::kNone, INT64_MAX},
                        {"9223372036854775808", NumberError::kOutOfRange, 0},
                        {"-9223372036854775808", NumberError::kNone, INT64_MIN},
                        {"-9223372036854775809", NumberError::kOutOfRange, 0},
                        {"18446744073709551616", NumberError::kOutOfRange, 0},
                        {"100000000000000000000", NumberError::kOutOfRange, 0},
                        {"1.0", NumberError::kWrongType, 0},
                        {"1e3", NumberError::kWrongType, 0},
                        {"0e0", NumberError::kWrongType, 0}};
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto* begin = reinterpret_cast<const uint8_t*>(c.text);
    NumberText number;
    REQUIRE(scan_number(begin, begin + std::strlen(c.text), number) != nullptr);
    int64_t value = 0;
    CHECK(to_int64(number, value) == c.error);
    if (c.error == NumberError::kNone) CHECK(value == c.value);
  }
}

// The short way must take only what the long way takes, with the same value and end.
void check_simple(const std::string& text) {
  std::string padded = text + std::string(32, ' ');
  const auto* begin = reinterpret_cast<const uint8_t*>(padded.data());
  uint64_t mantissa = 0;
  uint32_t width = 0;
  const uint8_t* after = scan_simple_decimal(begin, mantissa, width);
  if (after == nullptr) return;
  NumberText number;
  const uint8_t* expected = scan_number(begin, after, number);
  REQUIRE_MESSAGE(expected == after, text);
  REQUIRE(number.mantissa == mantissa);
  REQUIRE(-number.exponent == static_cast<int64_t>(width) - (width != 0 ? 1 : 0));
  REQUIRE(number.has_fraction == (width != 0));
  // No digit may be left over.
  REQUIRE((*after < '0' || *after > '9'));
  double value = 0;
  REQUIRE(to_double(number, begin, after, value) == NumberError::kNone);
  REQUIRE(same_bits(value, static_cast<double>(mantissa) / kDivisors[width]));
}

TEST_CASE("simple decimals: every arrangement of up to seven characters") {
  static const char alphabet[] = {'0', '1', '9', '.', '/', 'e', '"', ':'};
  for (uint32_t code = 0; code < (1u << 21); ++code) {
    std::string text;
    for (uint32_t i = 0; i < 7; ++i) text += alphabet[code >> (3 * i) & 7];
    check_simple(text);
  }
}

TEST_CASE("simple decimals: random texts, and that the usual ones take the short way") {
  std::mt19937_64 random(5);
  for (int i = 0; i < 300'000; ++i) {
    std::string text;
    const size_t n = random() % 18;
    for (size_t k = 0; k < n; ++k)
      text += random() % 8 == 0 ? static_cast<char>(random()) : static_cast<char>('0' + random() % 10);
    if (n > 2 && random() % 2 == 0) text[1 + random() % (n - 1)] = '.';
    check_simple(text);
  }
  for (const char* text :
       {"0", "7", "0.1", "25.35190000", "400900217", "1633998512068", "123456789012345", "1234567890123.4"}) {
    CAPTURE(text);
    const std::string padded = text + std::string(32, '"');
    uint64_t mantissa = 0;
    uint32_t width = 0;
    const auto* begin = reinterpret_cast<const uint8_t*>(padded.data());
    CHECK(scan_simple_decimal(begin, mantissa, width) == begin + std::strlen(text));
  }
}

}  // namespace
}  // namespace tickwire::decode
