// What of an SBE message comes into its rows, and which messages are refused and why.
#include <doctest/doctest.h>

#include <bit>
#include <random>
#include <string>

#include "decode/decimal.h"
#include "sbe_fixture.h"

namespace tickwire::decode {
namespace {

using testing::fills_message;
using testing::kSbeDescription;
using testing::order_block;
using testing::order_rest;
using testing::sbe_message;
using testing::SbeBench;
using testing::Wire;

SbeSchema sbe_schema() {
  Result<SbeSchema> schema = compile_sbe_schema(kSbeDescription);
  REQUIRE_MESSAGE(schema.ok(), schema.error().text);
  return schema.value();
}

double as_double(uint64_t word) { return std::bit_cast<double>(word); }

std::string text_of(const uint64_t* row, size_t slot) {
  const char* const bytes = reinterpret_cast<const char*>(row);
  return {bytes + (row[slot] & 0xFFFFFFFFu), row[slot] >> 32};
}

Malformed why_of(SbeBench& bench, std::string_view message, bool binary = true) {
  const DecodeOutcome outcome = bench.decode(message, binary);
  CHECK_FALSE(outcome.ok);
  CHECK(bench.batch().rows().empty());
  return outcome.why;
}

TEST_CASE("SBE: every kind of value comes into its place") {
  SbeBench bench(sbe_schema());
  // The second time the symbols are known.
  for (int round = 0; round < 2; ++round) {
    const DecodeOutcome outcome = bench.decode(sbe_message(1, 0, order_block(), order_rest()));
    REQUIRE(outcome.ok);
    REQUIRE(bench.batch().rows().size() == 1);
    const RowBatch::Row& row = bench.batch().rows()[0];
    const uint64_t* words = bench.batch().row_words(row);
    CHECK(row.shape == 0);
    CHECK(row.key == words[3]);
    CHECK(bench.symbol(words[3]) == "BTCUSDT");
    CHECK(words[4] == 1'760'000'000'000'000);
    CHECK(as_double(words[5]) == -123.45);
    CHECK(static_cast<int64_t>(words[6]) == -12'345);
    CHECK(words[7] == 2);
    CHECK(bench.symbol(words[8]) == "sell");
    CHECK(as_double(words[9]) == 1.0);
    CHECK(text_of(words, 10) == "AB");
    CHECK(words[11] == 0);
    CHECK(words[12] == 0);
    CHECK(words[15] == 0);  // `later` and `note` are younger than this message
    CHECK((words[13] >> 32) == 2);
    const uint64_t* levels = words + (words[13] & 0xFFFFFFFFu) / 8;
    CHECK(as_double(levels[0]) == 1.01);
    CHECK(as_double(levels[1]) == 7.0);
    CHECK(as_double(levels[2]) == -0.99);
    CHECK(as_double(levels[3]) == 65'535.0);
    CHECK(as_double(words[14]) == 9.0);
  }
}

TEST_CASE("SBE: a newer sender's longer blocks and further parts are passed over") {
  SbeBench bench(sbe_schema());
  Wire rest;
  rest.put<uint16_t>(9).put<uint8_t>(1).put<int32_t>(5).put<uint16_t>(6).text("abc");
  rest.put<uint8_t>(1).text("S").put<uint16_t>(2).text("hi").text("of a newer schema");
  const std::string message = sbe_message(1, 9, order_block().put<int64_t>(77).put<int64_t>(88), rest);
  REQUIRE(bench.decode(message).ok);
  const uint64_t* words = bench.batch().row_words(bench.batch().rows()[0]);
  CHECK(words[11] == 77);
  CHECK(words[15] == 3);
  CHECK(text_of(words, 12) == "hi");
  CHECK(bench.symbol(words[3]) == "S");
  CHECK(as_double(words[(words[13] & 0xFFFFFFFFu) / 8 + 1]) == 6.0);
  // The version decides, also when there are bytes.
  REQUIRE(bench.decode(sbe_message(1, 1, order_block().put<int64_t>(77), rest)).ok);
  CHECK(bench.batch().row_words(bench.batch().rows()[0])[15] == 2);
  // And its null value is null.
  REQUIRE(bench.decode(sbe_message(1, 2, order_block().put<int64_t>(INT64_MIN), rest)).ok);
  CHECK(bench.batch().row_words(bench.batch().rows()[0])[15] == 2);
}

TEST_CASE("SBE: entries of a group become rows, nested groups and data between them") {
  SbeBench bench(sbe_schema());
  for (const uint16_t version : {uint16_t{0}, uint16_t{1}}) {
    REQUIRE(bench.decode(fills_message(version, 3)).ok);
    REQUIRE(bench.batch().rows().size() == 3);
    for (size_t i = 0; i < 3; ++i) {
      const RowBatch::Row& row = bench.batch().rows()[i];
      const uint64_t* words = bench.batch().row_words(row);
      CHECK(row.shape == 1);
      CHECK(row.key == words[4]);
      CHECK(static_cast<int64_t>(words[3]) == -5);
      CHECK(bench.symbol(words[4]) == (i % 2 == 0 ? "me" : "us"));
      CHECK(words[5] == 1000 + i);
      CHECK(as_double(words[6]) == 0.5);
    }
  }
  REQUIRE(bench.decode(fills_message(1, 0)).ok);
  CHECK(bench.batch().rows().empty());
  CHECK(why_of(bench, fills_message(1, 5)) == Malformed::kTooManyRows);
}

TEST_CASE("SBE: what ends too early is truncated, wherever it ends") {
  SbeBench bench(sbe_schema());
  for (const std::string& message : {sbe_message(1, 0, order_block(), order_rest()), fills_message(1, 3)}) {
    REQUIRE(bench.decode(message).ok);
    for (size_t n = 0; n < message.size(); ++n) {
      CHECK(why_of(bench, std::string_view(message).substr(0, n)) == Malformed::kTruncated);
    }
  }
}

TEST_CASE("SBE: a message is refused by kind") {
  SbeBench bench(sbe_schema());
  const std::string good = sbe_message(1, 0, order_block(), order_rest());
  const auto changed = [&good](size_t at, char value) {
    std::string copy = good;
    copy[at] = value;
    return copy;
  };
  CHECK(why_of(bench, good, false) == Malformed::kNotBinary);
  CHECK(why_of(bench, changed(4, 92)) == Malformed::kWrongSchema);
  CHECK(why_of(bench, changed(2, 3)) == Malformed::kUnknownShape);
  CHECK(why_of(bench, changed(8 + 7, '\x80')) == Malformed::kOutOfRange);    // time beyond int64
  CHECK(why_of(bench, changed(8 + 16, '\xEC')) == Malformed::kOutOfRange);   // 20 decimals
  CHECK(why_of(bench, changed(8 + 23 + 2, 101)) == Malformed::kOutOfRange);  // more entries than the schema allows
  CHECK(why_of(bench, changed(8 + 23 + 2, 100)) == Malformed::kTruncated);
  CHECK(why_of(bench, changed(good.size() - 1, '\xFF')) == Malformed::kUtf8);
  CHECK(why_of(bench, changed(8 + 19, '\xFF')) == Malformed::kUtf8);
  const DecodeOutcome missing = bench.decode(sbe_message(1, 0, Wire().put<uint64_t>(1), order_rest()));
  CHECK(missing.why == Malformed::kMissing);
  CHECK(missing.field == 2);
  Wire rest = order_rest();
  CHECK(why_of(bench, sbe_message(1, 1, order_block(), rest.put<uint16_t>(9).text("123456789"))) ==
        Malformed::kTooLong);
}

TEST_CASE("SBE: a count of billions of empty entries costs nothing") {
  SbeBench bench(sbe_schema());
  Wire rest;
  // Nested entries of no bytes, whose data is younger than the message.
  rest.put<uint16_t>(6).put<uint8_t>(1).put<uint16_t>(1).put<float>(1).put<uint16_t>(0).put<uint32_t>(UINT32_MAX);
  rest.put<uint8_t>(0);
  REQUIRE(bench.decode(sbe_message(2, 0, Wire().put<int32_t>(1), rest)).ok);
  CHECK(bench.batch().rows().size() == 1);
}

TEST_CASE("SBE: levels beyond the maximum are cut and counted; unknown values of an enum are numbers") {
  SbeBench bench(sbe_schema());
  Wire rest;
  rest.put<uint16_t>(6).put<uint8_t>(5);
  for (int32_t i = 0; i < 5; ++i) rest.put<int32_t>(i).put<uint16_t>(1);
  rest.put<uint8_t>(0);
  std::string message = sbe_message(1, 0, order_block(), rest);
  message[8 + 17] = -7;
  const DecodeOutcome outcome = bench.decode(message);
  REQUIRE(outcome.ok);
  CHECK(outcome.cut_levels == 2);
  const uint64_t* words = bench.batch().row_words(bench.batch().rows()[0]);
  CHECK((words[13] >> 32) == 3);
  CHECK(bench.symbol(words[8]) == "-7");
  CHECK(bench.symbol(words[3]).empty());
}

TEST_CASE("SBE: mantissa and exponent are the nearest double, and the exact decimal") {
  SbeBench bench(sbe_schema());
  std::mt19937_64 random(11);
  for (int i = 0; i < 20'000; ++i) {
    const auto mantissa = static_cast<int64_t>(random()) >> (random() % 64);
    const auto exponent = static_cast<int>(random() % 40) - 30;
    Wire block;
    block.put<uint64_t>(1).put(mantissa).put(static_cast<int8_t>(exponent)).put<int8_t>(1).put<uint8_t>(0).text("ABCD");
    const DecodeOutcome outcome = bench.decode(sbe_message(1, 0, block, order_rest()));
    const std::string text = std::to_string(mantissa) + "e" + std::to_string(exponent);
    // The decimal's own rules decide whether it fits.
    NumberText number;
    const auto* begin = reinterpret_cast<const uint8_t*>(text.data());
    REQUIRE(scan_number(begin, begin + text.size(), number) == begin + text.size());
    Decimal decimal;
    const bool fits = to_decimal(number, decimal) == NumberError::kNone;
    CHECK_MESSAGE(outcome.ok == fits, text);
    if (!outcome.ok) {
      CHECK(outcome.why == Malformed::kOutOfRange);
      CHECK(outcome.field == 3);
      continue;
    }
    const uint64_t* words = bench.batch().row_words(bench.batch().rows()[0]);
    CHECK_MESSAGE(as_double(words[5]) == std::strtod(text.c_str(), nullptr), text);
    CHECK(static_cast<int64_t>(words[6]) == decimal.mantissa);
    CHECK(static_cast<int64_t>(words[7]) == decimal.scale);
  }
}

TEST_CASE("SBE: big-endian messages") {
  std::string description = kSbeDescription;
  description.insert(1, R"("bigEndian":true,)");
  Result<SbeSchema> schema = compile_sbe_schema(description);
  REQUIRE(schema.ok());
  SbeBench bench(schema.value());
  const auto big = []<class T>(T value) {
    std::string bytes(sizeof value, '\0');
    for (size_t i = 0; i < sizeof value; ++i) {
      bytes[i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * (sizeof value - 1 - i)));
    }
    return bytes;
  };
  std::string message = big(uint16_t{23}) + big(uint16_t{1}) + big(uint16_t{91}) + big(uint16_t{0});
  message += big(uint64_t{5}) + big(int64_t{-250}) + big(int8_t{-1}) + big(int8_t{1}) + big(uint8_t{0}) + "ABCD";
  message += big(uint16_t{6}) + big(uint8_t{1}) + big(int32_t{-10}) + big(uint16_t{258}) + big(uint8_t{1}) + "X";
  REQUIRE(bench.decode(message).ok);
  const uint64_t* words = bench.batch().row_words(bench.batch().rows()[0]);
  CHECK(words[4] == 5);
  CHECK(as_double(words[5]) == -25.0);
  CHECK(bench.symbol(words[8]) == "buy");
  const uint64_t* levels = words + (words[13] & 0xFFFFFFFFu) / 8;
  CHECK(as_double(levels[0]) == -1.0);
  CHECK(as_double(levels[1]) == 258.0);
}

TEST_CASE("SBE: a full symbol table refuses the message") {
  SbeBench bench(sbe_schema(), 1);
  CHECK(why_of(bench, sbe_message(1, 0, order_block(), order_rest())) == Malformed::kTooManySymbols);
}

}  // namespace
}  // namespace tickwire::decode
