// Descriptions of SBE rows: what is taken, and that everything else is refused by its place.
#include <doctest/doctest.h>

#include <string>

#include "sbe_fixture.h"

namespace tickwire::decode {
namespace {

using testing::kSbeDescription;

std::string sbe_fault(const std::string& from, const std::string& to) {
  std::string text = kSbeDescription;
  const size_t at = text.find(from);
  REQUIRE_MESSAGE(at != std::string::npos, from);
  text.replace(at, from.size(), to);
  const Result<SbeSchema> schema = compile_sbe_schema(text);
  return schema.ok() ? "" : schema.error().text;
}

TEST_CASE("SBE: a description is compiled") {
  const Result<SbeSchema> result = compile_sbe_schema(kSbeDescription);
  REQUIRE_MESSAGE(result.ok(), result.error().text);
  const SbeSchema& schema = result.value();
  CHECK(schema.id == 91);
  CHECK(schema.header == 8);
  CHECK(schema.rows.max_rows_per_message == 4);
  REQUIRE(schema.shapes.size() == 2);
  CHECK(schema.shapes[0].sources.size() == 11);
  CHECK(schema.shapes[0].sources[10].words[0] == 0x4022000000000000u);
  CHECK(schema.shapes[1].each == 0);
  CHECK(schema.shapes[1].groups[0].groups[0].data[0].since == 1);
}

TEST_CASE("SBE: what is wrong with a description is named") {
  struct Case {
    const char* from;
    const char* to;
    const char* error;
  };
  const Case cases[] = {
      {"\"schema\":91,", "", "schema: missing"},
      {"\"schema\":91", "\"schema\":91,\"more\":1", "description: unknown key"},
      {"\"size\":8", "\"size\":7", "header: a number beyond its size"},
      {"\"template\":2", "\"template\":1", "shapes[1].template: that of another shape"},
      {"\"each\":0", "\"each\":1", "shapes[1].each: expected an integer"},
      {"\"count\":{\"offset\":2", "\"count\":{\"offset\":3", "shapes[0].groups[0]: a number beyond its size"},
      {"\"count\":{\"offset\":2,\"type\":\"uint8\"", "\"count\":{\"offset\":2,\"type\":\"int8\"",
       "shapes[0].groups[0].count: expected an unsigned integer"},
      {"\"data\":0,\"in\":\"root\"", "\"data\":2,\"in\":\"root\"",
       "shapes[0].fields[0].data: expected an integer 0..1"},
      {"\"data\":0,\"in\":\"root\"", "\"data\":0,\"in\":\"each\"", "shapes[0].fields[0].in: the shape has no rows"},
      {"\"bits\":\"ff\"", "\"bits\":\"fg\"", "shapes[0].fields[4].names[1].bits: expected hex digits"},
      {"\"start\":1", "\"start\":0", "shapes[0].data[0].start: expected an integer"},
      {"\"group\":0", "\"group\":1", "shapes[0].fields[9].group: expected an integer"},
      {"\"type\":\"text\",\"slot\":10,\"chars\"", "\"type\":\"text\",\"slot\":10,\"number\"",
       "shapes[0].fields[6]: text without"},
      {"\"constant\":\"9\"", "\"constant\":\"nine\"", "shapes[0].fields[10].constant: no number of this type"},
      {"\"flag\":7", "\"flag\":64", "shapes[0].fields[5].flag: expected an integer"},
      {"\"offset\":0,\"type\":\"uint64\"", "\"offset\":0,\"type\":\"double\"",
       "shapes[0].fields[1].number: floating point for this type"},
      {"\"slot\":14", "\"slot\":13", "shapes[0].fields[10].slot: word 13 is taken"},
  };
  for (const Case& c : cases) {
    const std::string error = sbe_fault(c.from, c.to);
    CHECK_MESSAGE(error.starts_with(c.error), c.to << " gives " << error);
  }
  for (const char* text : {"", "[]", "{}", "1", "{\"schema\":1,\"header\":{},\"shapes\":[]}"}) {
    CHECK_FALSE(compile_sbe_schema(text).ok());
  }
}

}  // namespace
}  // namespace tickwire::decode
