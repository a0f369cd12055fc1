#include "wire/row_schema.h"

#include <doctest/doctest.h>

#include <string>

using namespace tickwire;
using namespace tickwire::wire;

namespace {

std::string fault(const std::string& description) {
  const auto schema = compile_row_schema(description);
  if (schema.ok()) return "";
  CHECK(schema.error().code == Errc::kSchema);
  return schema.error().text;
}

std::string one(const std::string& field, int type = 1, const std::string& more = "") {
  return R"({"shapes":[{"name":"a","type":)" + std::to_string(type) + R"(,"words":9,)" + more + R"("fields":[)" +
         field + "]}]}";
}

}  // namespace

TEST_CASE("wire row schema: shapes of known and user types") {
  const auto schema = compile_row_schema(R"({"otherwise":"ignore","shapes":[
    {"name":"quote","type":1,"words":9,"flagsSlot":8,"keyField":0,"fields":[
      {"name":"symbol","type":"symbol","of":"symbol","slot":3},
      {"name":"bid","type":"number","of":"bid","slot":4},
      {"name":"bidExact","type":"decimal","of":"bid","slot":5},
      {"name":"at","type":"int64","of":"exchangeTime","slot":7,"optional":true,"bit":3}]},
    {"name":"funding","type":64,"words":6,"fields":[
      {"name":"rate","type":"number","tag":2,"kind":"decimal","slot":3},
      {"name":"note","type":"text","tag":254,"kind":"text","slot":4,"maxBytes":10},
      {"name":"n","type":"int64","of":"sequence","slot":5}]}]})");
  REQUIRE(schema.ok());
  const RowSchema& s = schema.value();
  REQUIRE(s.shapes.size() == 2);
  CHECK(s.rows.otherwise == decode::Otherwise::kIgnore);
  CHECK(s.shapes[0].type == 1);
  CHECK(s.rows.shapes[0].key_field == 0);
  CHECK(s.rows.shapes[0].flags_slot == 8);
  CHECK(s.shapes[0].sources[3].of == Of::kExchangeTime);
  CHECK(s.rows.shapes[0].fields[3].presence_bit == 3);
  CHECK(s.shapes[1].type == 64);
  CHECK(s.shapes[1].sources[0].of == Of::kTag);
  CHECK(s.shapes[1].sources[0].tag == 2);
  CHECK(s.shapes[1].sources[0].kind == ValueKind::kDecimal);
  CHECK(s.shapes[1].sources[2].of == Of::kSequence);
}

TEST_CASE("wire row schema: faults name their place") {
  const std::string bid = R"({"name":"b","type":"number","of":"bid","slot":3})";
  CHECK(fault(one(bid)).empty());
  CHECK(fault("[]").starts_with("description: expected an object"));
  CHECK(fault(R"({"shapes":[]})").starts_with("shapes: "));
  CHECK(fault(R"({"shapes":[1]})").starts_with("shapes[0]: expected an object"));
  CHECK(fault(one(bid, 7)) == "shapes[0].type: no type that rows are made of");
  CHECK(fault(one(bid, 22)) == "shapes[0].type: no type that rows are made of");
  CHECK(fault(one(bid, 0)).starts_with("shapes[0].type: expected an integer"));
  CHECK(fault(one(bid, 256)).starts_with("shapes[0].type: expected an integer"));
  CHECK(fault(one(bid, 2)) == "shapes[0].fields[0].of: no value of this message");
  CHECK(fault(one(bid, 64)) == "shapes[0].fields[0].of: no value of this message");
  CHECK(fault(one(R"({"name":"b","type":"number","slot":3})")) == "shapes[0].fields[0].of: missing");
  CHECK(fault(one(R"({"name":"b","type":"number","of":"bid","tag":1,"slot":3})")) ==
        "shapes[0].fields[0].tag: not an option of this type");
  CHECK(fault(one(R"({"name":"b","type":"text","of":"bid","slot":3})")) ==
        "shapes[0].fields[0].type: not what this value can become");
  CHECK(fault(one(R"({"name":"b","type":"decimal","of":"sequence","slot":3})")) ==
        "shapes[0].fields[0].type: not what this value can become");
  CHECK(fault(one(R"({"name":"b","type":"symbol","of":"side","slot":3})", 2)).empty());
  CHECK(fault(one(R"({"name":"b","type":"number","tag":1,"slot":3})", 64)) == "shapes[0].fields[0].kind: missing");
  CHECK(fault(one(R"({"name":"b","type":"number","kind":"number","slot":3})", 64)) ==
        "shapes[0].fields[0].tag: missing");
  CHECK(fault(one(R"({"name":"b","type":"number","kind":"word","tag":1,"slot":3})", 64))
            .starts_with("shapes[0].fields[0].kind: expected one of"));
  CHECK(fault(one(R"({"name":"b","type":"number","kind":"number","tag":255,"slot":3})", 64))
            .starts_with("shapes[0].fields[0].tag: expected an integer"));
  CHECK(fault(one(R"({"name":"b","type":"number","kind":"number","tag":1,"slot":3},
                     {"name":"c","type":"int64","kind":"int64","tag":1,"slot":4})",
                  64)) == "shapes[0].fields[1].kind: another kind than that of the same tag before");
  CHECK(fault(one(bid + "," + bid)) == "shapes[0].fields[1].name: the name of another field of this shape");
  CHECK(fault(one(bid, 1, R"("keyField":0,)")) == "shapes[0].keyField: not a symbol field");
  CHECK(fault(one(R"({"name":"b","type":"number","of":"bid","slot":9})")).starts_with("shapes[0].fields[0].slot: "));
  CHECK(fault(one(R"({"name":"b","type":"number","of":"bid","path":[],"slot":3})")) ==
        "shapes[0].fields[0]: unknown key \"path\"");
  const std::string shape = R"({"name":"a","type":1,"words":4,"fields":[]})";
  CHECK(fault(R"({"shapes":[)" + shape + R"(,{"name":"b","type":1,"words":4,"fields":[]}]})") ==
        "shapes[1].type: the type of another shape");
  CHECK(fault(R"({"shapes":[)" + shape + "," + shape + "]}").starts_with("shapes[1].name: "));
}
