#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <string>

#include "decode/decimal.h"

namespace tickwire::decode {
namespace {

NumberError read(const std::string& text, Decimal& out) {
  const auto* begin = reinterpret_cast<const uint8_t*>(text.data());
  NumberText number;
  REQUIRE(scan_number(begin, begin + text.size(), number) == begin + text.size());
  return to_decimal(number, out);
}

TEST_CASE("decimals as written") {
  struct Case {
    const char* text;
    int64_t mantissa;
    int64_t scale;
  };
  const Case cases[] = {{"0", 0, 0},
                        {"-0", 0, 0},
                        {"0.00", 0, 2},
                        {"-0.000", 0, 3},
                        {"1", 1, 0},
                        {"-1.5", -15, 1},
                        {"0.35130000", 35130000, 8},
                        {"10968.00000000", 1096800000000, 8},
                        {"1e-7", 1, 7},
                        {"1.5E3", 1500, 0},
                        {"1.50e1", 150, 1},
                        {"1.5e1", 15, 0},
                        {"12e0", 12, 0},
                        {"0.000000000000000001", 1, 18},
                        {"9.223372036854775807", 9223372036854775807, 18},
                        {"9223372036854775807", 9223372036854775807, 0},
                        {"-9223372036854775807", -9223372036854775807, 0},
                        {"922337203685477580e1", 9223372036854775800, 0},
                        {"1000e-20", 10, 18},
                        {"0e-50", 0, 18},
                        {"0e50", 0, 0},
                        {"0.0e5", 0, 0},
                        {"0e99999999999999999999", 0, 0}};
  for (const Case& c : cases) {
    CAPTURE(c.text);
    Decimal got;
    CHECK(read(c.text, got) == NumberError::kNone);
    CHECK(got.mantissa == c.mantissa);
    CHECK(got.scale == c.scale);
  }
}

TEST_CASE("decimals that do not fit") {
  for (const char* text :
       {"9223372036854775808", "-9223372036854775808", "10000000000000000000", "0.0000000000000000001",
        "1.0000000000000000000", "0.0000000000000000000", "922337203685477581e1", "1e19", "1e-19", "12e-19", "1e400",
        "1e-400", "1e99999999999999999999", "1e-99999999999999999999", "123456789012345678901234567890",
        "0.12345678901234567890"}) {
    CAPTURE(text);
    Decimal got;
    CHECK(read(text, got) == NumberError::kOutOfRange);
  }
}

TEST_CASE("a decimal can be written back") {
  std::mt19937_64 random(3);
  for (int i = 0; i < 200'000; ++i) {
    const auto mantissa = static_cast<int64_t>(random() >> (1 + random() % 62));
    const auto scale = static_cast<size_t>(random() % 19);
    std::string digits = std::to_string(mantissa);
    if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
    if (scale != 0) digits.insert(digits.size() - scale, 1, '.');
    Decimal got;
    REQUIRE(read(digits, got) == NumberError::kNone);
    REQUIRE(got.mantissa == mantissa);
    REQUIRE(got.scale == static_cast<int64_t>(scale));
    REQUIRE(read("-" + digits, got) == NumberError::kNone);
    REQUIRE(got.mantissa == -mantissa);
  }
}

}  // namespace
}  // namespace tickwire::decode
