#include "book/decimal.h"

#include <doctest/doctest.h>

#include <random>

using namespace tickwire::book;

TEST_CASE("book decimal: doubles are correctly rounded, also beyond 2^53") {
  CHECK(decimal_to_double(35130000, 8) == 0.3513);
  CHECK(decimal_to_double(-35130000, 8) == -0.3513);
  CHECK(decimal_to_double(INT64_MAX, 18) == 9.223372036854775807);
  CHECK(decimal_to_double(INT64_MIN, 18) == -9.223372036854775808);
  CHECK(decimal_to_double(9007199254740993, 1) == 900719925474099.3);
  CHECK(decimal_to_double(1234567890123456789, 9) == 1234567890.123456789);
}

TEST_CASE("book decimal: a number is a multiple of a power of ten exactly when the remainder of a division says so") {
  std::mt19937_64 random(1);
  const auto check = [](int64_t value, int digits) {
    int64_t quotient = 12345;
    const bool even = divides_evenly(value, digits, quotient);
    REQUIRE(even == (value % kPowersOfTen[digits] == 0));
    REQUIRE(quotient == (even ? value / kPowersOfTen[digits] : 12345));
  };
  for (int digits = 0; digits <= kMaxScale; ++digits) {
    for (const int64_t value : {INT64_MIN, INT64_MIN + 1, int64_t{-1}, int64_t{0}, int64_t{1}, INT64_MAX}) {
      check(value, digits);
    }
    for (int i = 0; i < 2'000; ++i) {
      const auto any = static_cast<int64_t>(random());
      check(any, digits);
      check(any - any % kPowersOfTen[digits], digits);
    }
  }
}
