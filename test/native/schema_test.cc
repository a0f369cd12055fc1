#include <doctest/doctest.h>

#include <string>

#include "decode/schema.h"

namespace tickwire::decode {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE_MESSAGE(at != std::string::npos, from);
  return text.replace(at, from.size(), to);
}

const char* const kGood = R"({
  "shapes": [
    {"name":"depth","each":["data",0,"x"],"words":12,"flagsSlot":8,"keyField":0,"fields":[
      {"name":"symbol","type":"symbol","path":["arg","instId"],"from":"root","slot":3},
      {"name":"bid","type":"number","path":["bids",0,0],"slot":4,"optional":true,"bit":63},
      {"name":"price","type":"decimal","path":["last"],"slot":5},
      {"name":"bids","type":"levels","path":["bids"],"slot":7,"maxLevels":20,"exact":true,"priceKey":"p","sizeKey":"q"},
      {"name":"note","type":"text","path":[],"slot":9,"maxBytes":10},
      {"name":"id","type":"int64","path":[""],"slot":10},
      {"name":"flag","type":"bool","path":["é"],"slot":11,"optional":true,"bit":0}]},
    {"name":"all","each":[],"words":3,"fields":[]}],
  "select":["e"],
  "cases":[{"text":"depthUpdate","shape":0},{"text":"@x","mode":"suffix","shape":1},{"text":"y","mode":"prefix","shape":1},
           {"text":"","mode":"exact","shape":0}],
  "absent":1,"otherwise":"ignore","maxDepth":10,"maxRows":7})";

TEST_CASE("everything a description can say arrives") {
  const Result<Schema> result = compile_schema(kGood);
  REQUIRE_MESSAGE(result.ok(), result.error().text);
  const Schema& schema = result.value();
  REQUIRE(schema.shapes.size() == 2);
  const Shape& depth = schema.shapes[0];
  CHECK(depth.name == "depth");
  CHECK_FALSE(depth.for_each);
  REQUIRE(depth.each.size() == 3);
  CHECK(depth.each[0].key == "data");
  CHECK(depth.each[0].index == -1);
  CHECK(depth.each[1].index == 0);
  CHECK(depth.words == 12);
  CHECK(depth.flags_slot == 8);
  CHECK(depth.key_field == 0);
  REQUIRE(depth.fields.size() == 7);
  CHECK(depth.fields[0].type == FieldType::kSymbol);
  CHECK(depth.fields[0].origin == Origin::kRoot);
  CHECK(depth.fields[1].type == FieldType::kNumber);
  CHECK(depth.fields[1].origin == Origin::kRow);
  CHECK(depth.fields[1].optional);
  CHECK(depth.fields[1].presence_bit == 63);
  CHECK(depth.fields[2].type == FieldType::kDecimal);
  CHECK(depth.fields[2].slot == 5);
  CHECK(depth.fields[3].type == FieldType::kLevels);
  CHECK(depth.fields[3].max_levels == 20);
  CHECK(depth.fields[3].exact);
  CHECK(depth.fields[3].price_key == "p");
  CHECK(depth.fields[3].size_key == "q");
  CHECK(depth.fields[4].type == FieldType::kText);
  CHECK(depth.fields[4].max_bytes == 10);
  CHECK(depth.fields[4].path.empty());
  CHECK(depth.fields[5].type == FieldType::kInt64);
  CHECK(depth.fields[5].path[0].key.empty());
  CHECK(depth.fields[6].type == FieldType::kBool);
  CHECK(schema.shapes[1].for_each);
  CHECK(schema.shapes[1].each.empty());
  CHECK(schema.select.size() == 1);
  REQUIRE(schema.cases.size() == 4);
  CHECK(schema.cases[0].mode == MatchMode::kExact);
  CHECK(schema.cases[1].mode == MatchMode::kSuffix);
  CHECK(schema.cases[2].mode == MatchMode::kPrefix);
  CHECK(schema.cases[2].shape == 1);
  CHECK(schema.absent_shape == 1);
  CHECK(schema.otherwise == Otherwise::kIgnore);
  CHECK(schema.max_depth == 10);
  CHECK(schema.max_rows_per_message == 7);
}

TEST_CASE("defaults") {
  const Result<Schema> result = compile_schema(R"({"shapes":[{"name":"a","words":4,"fields":[
    {"name":"t","type":"text","path":["t"],"slot":3}]}]})");
  REQUIRE(result.ok());
  const Schema& schema = result.value();
  CHECK_FALSE(schema.shapes[0].for_each);
  CHECK(schema.shapes[0].flags_slot == -1);
  CHECK(schema.shapes[0].key_field == -1);
  CHECK(schema.shapes[0].fields[0].max_bytes == 65536);
  CHECK(schema.absent_shape == -1);
  CHECK(schema.otherwise == Otherwise::kCount);
  CHECK(schema.max_depth == 64);
  CHECK(schema.max_rows_per_message == 10000);
}

TEST_CASE("what is wrong is refused and its place named") {
  struct Case {
    const char* from;
    const char* to;
    const char* place;
  };
  const Case cases[] = {
      {"\"maxRows\":7", "\"maxRows\":0", "maxRows:"},
      {"\"maxRows\":7", "\"maxRows\":1000001", "maxRows:"},
      {"\"maxRows\":7", "\"maxRows\":7.5", "maxRows:"},
      {"\"maxRows\":7", "\"maxRows\":\"7\"", "maxRows:"},
      {"\"maxRows\":7", "\"maxRows\":null", "maxRows:"},
      {"\"maxRows\":7", "\"maxRow\":7", "description: unknown key \"maxRow\""},
      {"\"maxRows\":7", "\"maxRows\":7,\"maxRows\":7", "description: duplicate key"},
      {"\"maxDepth\":10", "\"maxDepth\":0", "maxDepth:"},
      {"\"maxDepth\":10", "\"maxDepth\":1025", "maxDepth:"},
      {"\"otherwise\":\"ignore\"", "\"otherwise\":\"drop\"", "otherwise:"},
      {"\"absent\":1", "\"absent\":2", "absent:"},
      {"\"absent\":1", "\"absent\":-1", "absent:"},
      {"\"select\":[\"e\"]", "\"select\":[]", "select:"},
      {"\"select\":[\"e\"]", "\"select\":\"e\"", "select:"},
      {"\"select\":[\"e\"]", "\"select\":[true]", "select[0]:"},
      {"\"select\":[\"e\"]", "\"select\":[-1]", "select[0]:"},
      {"\"select\":[\"e\"]", "\"select\":[1000001]", "select[0]:"},
      {"\"select\":[\"e\"]", "\"select\":[1.5]", "select[0]:"},
      {"\"text\":\"@x\"", "\"text\":\"\"", "cases[1].text:"},
      {"\"mode\":\"suffix\"", "\"mode\":\"regex\"", "cases[1].mode:"},
      {"\"mode\":\"suffix\",\"shape\":1", "\"mode\":\"suffix\",\"shape\":2", "cases[1].shape:"},
      {"\"mode\":\"suffix\",\"shape\":1", "\"mode\":\"suffix\"", "cases[1].shape: missing"},
      {"\"name\":\"all\"", "\"name\":\"depth\"", "shapes[1].name:"},
      {"\"name\":\"all\"", "\"name\":\"\"", "shapes[1].name:"},
      {"\"name\":\"all\",", "", "shapes[1].name: missing"},
      {"\"words\":3", "\"words\":2", "shapes[1].words:"},
      {"\"words\":3", "\"words\":4097", "shapes[1].words:"},
      {"\"words\":3,\"fields\":[]", "\"words\":3", "shapes[1].fields: missing"},
      {"\"words\":3", "\"words\":4,\"flagsSlot\":3", "shapes[1].flagsSlot:"},
      {"\"words\":3", "\"words\":3,\"keyField\":0", "shapes[1].keyField:"},
      {"\"each\":[]", "\"each\":{}", "shapes[1].each:"},
      {"\"flagsSlot\":8,", "", "shapes[0].flagsSlot: required"},
      {"\"flagsSlot\":8", "\"flagsSlot\":7", "shapes[0].fields[3].slot: word 7 is taken"},
      {"\"flagsSlot\":8", "\"flagsSlot\":2", "shapes[0].flagsSlot:"},
      {"\"flagsSlot\":8", "\"flagsSlot\":12", "shapes[0].flagsSlot:"},
      {"\"keyField\":0", "\"keyField\":1", "shapes[0].keyField: not a symbol"},
      {"\"keyField\":0", "\"keyField\":7", "shapes[0].keyField:"},
      {"\"slot\":3", "\"slot\":2", "shapes[0].fields[0].slot:"},
      {"\"slot\":3", "\"slot\":12", "shapes[0].fields[0].slot:"},
      {"\"slot\":3", "\"slot\":4", "shapes[0].fields[1].slot: word 4 is taken"},
      {"\"slot\":3", "\"slot\":6", "shapes[0].fields[2].slot: word 6 is taken"},
      {"\"slot\":5", "\"slot\":11", "shapes[0].fields[2].slot: beyond"},
      {"\"from\":\"root\"", "\"from\":\"message\"", "shapes[0].fields[0].from:"},
      {"\"type\":\"int64\"", "\"type\":\"int32\"", "shapes[0].fields[5].type:"},
      {"\"type\":\"int64\",", "", "shapes[0].fields[5].type: missing"},
      {"\"optional\":true,\"bit\":63", "\"optional\":true", "shapes[0].fields[1].bit: missing"},
      {"\"optional\":true,\"bit\":63", "\"optional\":true,\"bit\":64", "shapes[0].fields[1].bit:"},
      {"\"optional\":true,\"bit\":63", "\"optional\":true,\"bit\":0", "shapes[0].fields[6].bit: is taken"},
      {"\"optional\":true,\"bit\":63", "\"optional\":false,\"bit\":63", "shapes[0].fields[1].bit:"},
      {"\"optional\":true,\"bit\":63", "\"optional\":1,\"bit\":63", "shapes[0].fields[1].optional:"},
      {"\"maxLevels\":20", "\"maxLevels\":0", "shapes[0].fields[3].maxLevels:"},
      {"\"maxLevels\":20", "\"maxLevels\":100001", "shapes[0].fields[3].maxLevels:"},
      {"\"priceKey\":\"p\",", "", "shapes[0].fields[3]: priceKey and sizeKey"},
      {"\"priceKey\":\"p\"", "\"priceKey\":\"\"", "shapes[0].fields[3].priceKey:"},
      {"\"maxBytes\":10", "\"maxBytes\":0", "shapes[0].fields[4].maxBytes:"},
      {"\"maxBytes\":10", "\"maxLevels\":10", "shapes[0].fields[4].maxLevels: not an option"},
      {"\"exact\":true", "\"maxBytes\":5", "shapes[0].fields[3].maxBytes: not an option"},
      {"\"name\":\"id\"", "\"name\":\"note\"", "shapes[0].fields[5].name:"},
      {"\"path\":[\"last\"],", "", "shapes[0].fields[2].path: missing"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.from);
    CAPTURE(c.to);
    const Result<Schema> result = compile_schema(replaced(kGood, c.from, c.to));
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().code == Errc::kSchema);
    CHECK_MESSAGE(result.error().text.rfind(c.place, 0) == 0, result.error().text);
  }
}

TEST_CASE("what becomes of messages without rows") {
  const auto compile = [](const std::string& each) {
    return compile_schema(R"({"shapes":[{"name":"a",)" + each + R"("words":3,"fields":[]}]})");
  };
  CHECK(compile(R"("each":["d"],)").value().shapes[0].each_absent == EachAbsent::kCount);
  CHECK(compile(R"("each":["d"],"eachAbsent":"count",)").value().shapes[0].each_absent == EachAbsent::kCount);
  CHECK(compile(R"("each":["d"],"eachAbsent":"empty",)").value().shapes[0].each_absent == EachAbsent::kEmpty);
  CHECK(compile(R"("each":["d"],"eachAbsent":"ignore",)").value().shapes[0].each_absent == EachAbsent::kIgnore);
  for (const char* wrong : {R"("eachAbsent":"ignore",)", R"("each":[],"eachAbsent":"ignore",)",
                            R"("each":["d"],"eachAbsent":"drop",)", R"("each":["d"],"eachAbsent":null,)"}) {
    CAPTURE(wrong);
    const auto result = compile(wrong);
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().text.starts_with("shapes[0].eachAbsent:"));
  }
}

TEST_CASE("lists within a list") {
  const auto compile = [](const std::string& shape, const std::string& field = "") {
    return compile_schema(R"({"shapes":[{"name":"a",)" + shape +
                          R"("fields":[{"name":"f","type":"number","path":["f"],"slot":3)" + field + "}]}]}");
  };
  const auto good = compile(R"("within":["e"],"each":["d"],"words":5,"groupSlot":4,)", R"(,"from":"within")");
  REQUIRE_MESSAGE(good.ok(), good.error().text);
  const Shape& shape = good.value().shapes[0];
  CHECK(shape.within.size() == 1);
  CHECK(shape.group_slot == 4);
  CHECK(shape.fields[0].origin == Origin::kWithin);
  uint64_t row[5] = {};
  row[4] = 3;
  CHECK_FALSE(shape.is_blank(row));
  row[4] |= uint64_t{1} << 32;
  CHECK(shape.is_blank(row));
  const std::pair<const char*, const char*> wrong[] = {
      {R"("within":["e"],"words":4,)", "shapes[0].within:"},
      {R"("within":["e"],"each":[],"words":4,)", "shapes[0].within:"},
      {R"("within":[],"each":["d"],"words":4,)", "shapes[0].within:"},
      {R"("each":["d"],"words":4,"groupSlot":4,)", "shapes[0].groupSlot:"},
      {R"("each":["d"],"words":4,"groupSlot":3,)", "shapes[0].fields[0].slot:"},
  };
  for (const auto& [text, place] : wrong) {
    CAPTURE(text);
    const auto result = compile(text);
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().text.starts_with(place));
  }
  CHECK(compile(R"("each":["d"],"words":4,)", R"(,"from":"within")")
            .error()
            .text.starts_with("shapes[0].fields[0].from:"));
}

TEST_CASE("how copies of rows are told apart") {
  const auto compile = [](const std::string& role) {
    return compile_schema(
        R"({"shapes":[{"name":"a",)" + role +
        R"("words":6,"flagsSlot":5,"fields":[)"
        R"({"name":"n","type":"int64","path":["n"],"slot":3},{"name":"t","type":"text","path":["t"],"slot":4},)"
        R"({"name":"o","type":"int64","path":["o"],"slot":5,"optional":true,"bit":0}]}]})");
  };
  // One word too few for the flags as well: what is optional lies in a slot of its own below.
  const auto with = [&](const std::string& role) {
    return compile_schema(
        R"({"shapes":[{"name":"a",)" + role +
        R"("words":7,"flagsSlot":6,"fields":[)"
        R"({"name":"n","type":"int64","path":["n"],"slot":3},{"name":"t","type":"text","path":["t"],"slot":4},)"
        R"({"name":"o","type":"int64","path":["o"],"slot":5,"optional":true,"bit":0}]}]})");
  };
  CHECK_FALSE(compile("").ok());
  CHECK(with("").value().shapes[0].sequence.mode == SequenceMode::kNone);
  const auto contiguous = with(R"("sequence":{"mode":"contiguous","field":0},)");
  CHECK(contiguous.value().shapes[0].sequence.mode == SequenceMode::kContiguous);
  CHECK(contiguous.value().shapes[0].sequence.field == 0);
  CHECK(with(R"("sequence":{"mode":"increasing","field":0},)").value().shapes[0].sequence.mode ==
        SequenceMode::kIncreasing);
  CHECK(with(R"("sequence":{"mode":"distinct","field":1},)").value().shapes[0].sequence.mode ==
        SequenceMode::kDistinct);
  CHECK(with(R"("sequence":{"mode":"leader"},)").value().shapes[0].sequence.field == -1);
  CHECK(with(R"("notice":true,)").value().shapes[0].notice);
  for (const char* wrong :
       {R"("sequence":{},)", R"("sequence":5,)", R"("sequence":{"mode":"contiguous"},)",
        R"("sequence":{"mode":"contiguous","field":1},)", R"("sequence":{"mode":"contiguous","field":2},)",
        R"("sequence":{"mode":"contiguous","field":3},)", R"("sequence":{"mode":"contiguous","field":-1},)",
        R"("sequence":{"mode":"leader","field":0},)", R"("sequence":{"mode":"none"},)",
        R"("sequence":{"mode":"leader","window":5},)", R"("sequence":{"mode":"leader"},"notice":true,)",
        R"("notice":1,)"}) {
    CAPTURE(wrong);
    CHECK_FALSE(with(wrong).ok());
  }
}

TEST_CASE("descriptions that are no object, or no JSON") {
  for (const char* text :
       {"", "[]", "5", "{", "{\"shapes\":[]}", "{\"shapes\":[{}]}", "{} {}", "null", "{\"shapes\":{}}"}) {
    CAPTURE(text);
    CHECK_FALSE(compile_schema(text).ok());
  }
  CHECK_FALSE(compile_schema(std::string(5u << 20, ' ')).ok());
  std::string path;
  for (int i = 0; i < 33; ++i) path += (i == 0 ? "\"k\"" : ",\"k\"");
  CHECK_FALSE(compile_schema(replaced(kGood, "[\"last\"]", "[" + path + "]")).ok());
  CHECK(compile_schema(replaced(kGood, "[\"last\"]", "[" + path.substr(4) + "]")).ok());
  CHECK_FALSE(compile_schema(replaced(kGood, "[\"last\"]", "[\"" + std::string(1025, 'k') + "\"]")).ok());
  CHECK(compile_schema(replaced(kGood, "[\"last\"]", "[\"" + std::string(1024, 'k') + "\"]")).ok());
}

}  // namespace
}  // namespace tickwire::decode
