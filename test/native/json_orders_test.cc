// Orders of a message as rows bring them: ids, exact numbers, times, what happens to each; and what is refused.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "book/l3_book.h"
#include "decode/decoder.h"
#include "decode/timestamp.h"
#include "decode_fixture.h"

using namespace tickwire;
using namespace tickwire::decode;

namespace {

const char* const kSchema = R"({"shapes":[{"name":"b","words":5,"fields":[
  {"name":"o","type":"orders","path":["o"],"slot":3,"maxLevels":3,"idKey":"id","priceKey":"p","sizeKey":"q",
   "timeKey":"t","actKey":"e","change":"modify","remove":"delete"},
  {"name":"n","type":"int64","path":["n"],"slot":4}]}]})";

struct Reader {
  DecodeOutcome read(const std::string& orders) {
    const std::string text = R"({"n":1,"o":)" + orders + "}";
    const DecodeOutcome outcome = bench.decode(text);
    if (!outcome.ok) return outcome;
    RowBatch& batch = bench.batch();
    const uint64_t* const row = batch.row_words(batch.rows().at(0));
    changes.resize(row[3] >> 32);
    if (!changes.empty()) {
      std::memcpy(changes.data(), reinterpret_cast<const uint8_t*>(row) + (row[3] & UINT32_MAX),
                  changes.size() * sizeof(book::OrderChange));
    }
    return outcome;
  }
  Malformed refused(const std::string& orders) {
    const DecodeOutcome outcome = read(orders);
    return outcome.ok ? Malformed::kCount : outcome.why;
  }
  testing::Bench bench{compile_schema(kSchema).value()};
  std::vector<book::OrderChange> changes;
};

OrderId id_of(const char* text) {
  OrderId id;
  CHECK(read_order_id(text, id));
  return id;
}

}  // namespace

TEST_CASE("orders of a message: as they were written") {
  Reader reader;
  // Often, so that a way that is learned would show.
  for (int i = 0; i < 50; ++i) {
    REQUIRE(reader
                .read(R"([{"e":"add","id":"OLLSXO-HDMT3-BUOKEI","p":0.5630,"q":4422.99783570,"t":)"
                      R"("2023-10-06T18:18:20.734897896Z"},{"id":"17","p":"2","q":"1","e":"modify"},)"
                      R"({"e":"delete","\u0069d":"O-1","t":17}])")
                .ok);
    REQUIRE(reader.changes.size() == 3);
    const book::OrderChange& added = reader.changes[0];
    CHECK(added.act == book::OrderAct::kAdd);
    CHECK(added.row.id == id_of("OLLSXO-HDMT3-BUOKEI"));
    CHECK(added.row.level.price == 5630);
    CHECK(added.row.level.price_scale == 4);
    CHECK(added.row.level.size == 442299783570);
    CHECK(added.row.level.size_scale == 8);
    CHECK(added.row.time == 1696616300734897896);
    CHECK(reader.changes[1].act == book::OrderAct::kChange);
    CHECK(reader.changes[1].row.id == id_of("17"));
    CHECK(reader.changes[1].row.time == 0);
    CHECK(reader.changes[2].act == book::OrderAct::kRemove);
    CHECK(reader.changes[2].row.id == id_of("O-1"));
    CHECK(reader.changes[2].row.time == 17);
  }
  REQUIRE(reader.read("[]").ok);
  CHECK(reader.changes.empty());
  const DecodeOutcome cut = reader.read(R"([{"id":"1","p":1,"q":1},{"id":"2","p":1,"q":1},{"id":"3","p":1,"q":1},
    {"id":"4","p":1,"q":1},{"id":"5","p":1,"q":1}])");
  CHECK(cut.ok);
  CHECK(cut.cut_levels == 2);
  CHECK(reader.changes.size() == 3);
}

TEST_CASE("orders of a message: what is refused") {
  Reader reader;
  CHECK(reader.refused("{}") == Malformed::kWrongType);
  CHECK(reader.refused("[[]]") == Malformed::kWrongType);
  CHECK(reader.refused(R"([{"p":1,"q":1}])") == Malformed::kMissing);
  CHECK(reader.refused(R"([{"id":null,"p":1,"q":1}])") == Malformed::kMissing);
  CHECK(reader.refused(R"([{"id":"1","q":1}])") == Malformed::kMissing);
  CHECK(reader.refused(R"([{"id":"1","p":1,"e":"modify"}])") == Malformed::kMissing);
  CHECK(reader.refused(R"([{"id":"abc","p":1,"q":1}])") == Malformed::kWrongType);
  CHECK(reader.refused(R"([{"id":"","p":1,"q":1}])") == Malformed::kWrongType);
  CHECK(reader.refused(R"([{"id":"1","p":true,"q":1}])") == Malformed::kWrongType);
  CHECK(reader.refused(R"([{"id":"1","p":1,"q":1e-30}])") == Malformed::kOutOfRange);
  CHECK(reader.refused(R"([{"id":"1","p":1,"q":1,"t":"yesterday"}])") == Malformed::kWrongType);
  CHECK(reader.refused(R"([{"id":"1","p":1,"q":1,"e":[]}])") == Malformed::kWrongType);
}

TEST_CASE("orders fields: faults of their description have their place") {
  const auto fault = [](const std::string& more) {
    const auto schema = compile_schema(R"({"shapes":[{"name":"b","words":4,"fields":[
      {"name":"o","type":"orders","path":["o"],"slot":3)" +
                                       more + "}]}]}");
    return schema.ok() ? "" : schema.error().text;
  };
  CHECK(fault(R"(,"idKey":"i","priceKey":"p","sizeKey":"q")") == "");
  for (const char* bad : {"", R"(,"idKey":"i")", R"(,"priceKey":"p","sizeKey":"q")",
                          R"(,"idKey":"i","priceKey":"p","sizeKey":"q","exact":true)",
                          R"(,"idKey":"i","priceKey":"p","sizeKey":"q","actKey":"e")",
                          R"(,"idKey":"i","priceKey":"p","sizeKey":"q","change":"c","remove":"r")"}) {
    CAPTURE(bad);
    CHECK(fault(bad).find("shapes[0].fields[0]") != std::string::npos);
  }
}

TEST_CASE("timestamps: to the nanosecond, and only such") {
  const auto ns = [](const char* text) {
    int64_t value = -1;
    return read_timestamp(text, value) ? value : -1;
  };
  CHECK(ns("1970-01-01T00:00:00Z") == 0);
  CHECK(ns("2023-10-06T17:35:00.279389650Z") == 1696613700279389650);
  CHECK(ns("2024-02-29T23:59:59.9999999999Z") == 1709251199999999999);
  CHECK(ns("2000-01-01T00:00:00+05:30") == 946665000000000000);
  CHECK(ns("1999-12-31T18:30:00.5-05:30") == 946684800500000000);
  CHECK(ns("2016-12-31T23:59:60Z") == 1483228799000000000);
  for (const char* bad :
       {"", "2023-10-06", "2023-10-06 17:35:00Z", "2023-10-06T17:35:00", "2023-10-06T17:35:00.Z",
        "2023-13-06T17:35:00Z", "2023-02-29T17:35:00Z", "2023-10-00T17:35:00Z", "2023-10-06T24:35:00Z",
        "2023-10-06T17:60:00Z", "2023-10-06T17:35:61Z", "2023-10-06T17:35:00Zx", "2023-10-06T17:35:00+5:30",
        "1677-10-06T17:35:00Z", "2262-10-06T17:35:00Z", "202a-10-06T17:35:00Z"}) {
    CAPTURE(bad);
    CHECK(ns(bad) == -1);
  }
}
