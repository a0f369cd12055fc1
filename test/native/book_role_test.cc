// The book role of a shape: what arrives, and that each fault is refused with its place.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "decode/schema.h"

using namespace tickwire;
using namespace tickwire::decode;

namespace {

std::string with(const std::string& role, const std::string& each = R"("each":["data"],)") {
  return R"({"shapes":[{"name":"b",)" + each + R"("words":20,"flagsSlot":3,"fields":[
    {"name":"s","type":"symbol","path":["s"],"slot":4},
    {"name":"b","type":"levels","path":["b"],"slot":5,"exact":true,"optional":true,"bit":0},
    {"name":"a","type":"levels","path":["a"],"slot":6,"exact":true},
    {"name":"u","type":"int64","path":["u"],"slot":7},
    {"name":"p","type":"decimal","path":["p"],"slot":8},
    {"name":"n","type":"levels","path":["n"],"slot":10},
    {"name":"o","type":"symbol","path":["o"],"slot":11,"optional":true,"bit":1}],"book":)" +
         role + "}]}";
}

std::string fault(const std::string& description) {
  const auto schema = compile_schema(description);
  return schema.ok() ? "" : schema.error().text;
}

}  // namespace

TEST_CASE("book role: what is said arrives") {
  const auto schema = compile_schema(
      with(R"({"kind":"field","kindField":0,"snapshot":"all","symbol":0,"bids":1,"asks":2,"firstId":3,"lastId":3,)"
           R"("prevId":3,"checksum":3,"sequence":3})"));
  REQUIRE(schema.ok());
  REQUIRE(schema.value().shapes[0].book.has_value());
  const BookRole& role = *schema.value().shapes[0].book;
  CHECK(role.kind == BookRole::Kind::kByField);
  CHECK(role.kind_field == 0);
  CHECK(role.snapshot == "all");
  CHECK(role.symbol == 0);
  CHECK(role.bids == 1);
  CHECK(role.asks == 2);
  CHECK(role.first_id == 3);
  CHECK(role.side == BookRole::kNone);
  const auto by_level = compile_schema(with(R"({"symbol":0,"side":0,"bid":"buy","price":4,"size":4})"));
  REQUIRE(by_level.ok());
  CHECK(by_level.value().shapes[0].book->bid == "buy");
  CHECK(by_level.value().shapes[0].book->price == 4);
  CHECK(compile_schema(with(R"({"sequence":3})")).ok());
  CHECK_FALSE(compile_schema(R"({"shapes":[{"name":"x","words":3,"fields":[]}]})").value().shapes[0].book.has_value());
}

TEST_CASE("book role: faults are refused, each with its place") {
  const std::vector<std::pair<std::string, std::string>> faults = {
      {R"({})", "shapes[0].book"},
      {R"(5)", "shapes[0].book"},
      {R"({"bids":1})", "shapes[0].book"},
      {R"({"bids":1,"asks":7})", "shapes[0].book.asks"},
      {R"({"bids":1,"asks":5})", "shapes[0].book.asks"},  // not exact
      {R"({"bids":1,"asks":3})", "shapes[0].book.asks"},  // no levels
      {R"({"bids":1,"asks":2,"lastId":0})", "shapes[0].book.lastId"},
      {R"({"bids":1,"asks":2,"symbol":6})", "shapes[0].book.symbol"},  // optional
      {R"({"bids":1,"asks":2,"kind":"maybe"})", "shapes[0].book.kind"},
      {R"({"bids":1,"asks":2,"kind":"field"})", "shapes[0].book.kindField"},
      {R"({"bids":1,"asks":2,"kind":"field","kindField":0})", "shapes[0].book.snapshot"},
      {R"({"bids":1,"asks":2,"snapshot":"all"})", "shapes[0].book.snapshot"},
      {R"({"side":0,"price":4,"size":4})", "shapes[0].book.bid"},
      {R"({"side":0,"bid":"b","size":4})", "shapes[0].book.price"},
      {R"({"side":0,"bid":"b","price":4,"size":4,"bids":1,"asks":2})", "shapes[0].book.bids"},
      {R"({"bids":1,"asks":2,"price":4})", "shapes[0].book.price"},
      {R"({"bids":1,"asks":2,"surprise":1})", "shapes[0].book"},
      {R"({"bids":-1,"asks":2})", "shapes[0].book.bids"},
  };
  for (const auto& [role, place] : faults) {
    CAPTURE(role);
    CHECK(fault(with(role)).rfind(place, 0) == 0);
  }
  CHECK(fault(with(R"({"side":0,"bid":"b","price":4,"size":4})", "")).rfind("shapes[0].book.side", 0) == 0);
}
