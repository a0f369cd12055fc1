#include "wire/tlv.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "wire/tlv_walk.h"

using namespace tickwire::wire;

namespace {

std::string read_all(const std::vector<uint8_t>& payload) {
  TlvReader reader(payload);
  std::string seen;
  Tlv tlv;
  while (reader.next(tlv)) seen += std::to_string(tlv.tag) + ":" + std::to_string(tlv.value.size()) + " ";
  return seen + (reader.malformed() ? "bad" : "end");
}

}  // namespace

TEST_CASE("wire TLV: written and read") {
  std::vector<uint8_t> room(1000);
  TlvWriter out(room);
  out.put(1, uint32_t{0x01020304});
  out.text(2, "");
  out.text(3, std::string(254, 'a'));
  out.text(4, std::string(255, 'b'));
  out.text(5, std::string(300, 'c'));
  REQUIRE(out.ok());
  room.resize(out.size());
  CHECK(out.size() == 6 + 2 + 256 + 261 + 306);
  CHECK(read_all(room) == "1:4 2:0 3:254 4:255 5:300 end");
  CHECK(room[0] == 1);
  CHECK(room[1] == 4);
  CHECK(room[2] == 4);  // little endian
  TlvReader reader(room);
  Tlv tlv;
  REQUIRE(reader.next(tlv));
  uint32_t number = 0;
  uint16_t narrow = 0;
  CHECK(tlv.get(number));
  CHECK(number == 0x01020304);
  CHECK_FALSE(tlv.get(narrow));
}

TEST_CASE("wire TLV: what is none") {
  CHECK(read_all({}) == "end");
  CHECK(read_all({1}) == "bad");
  CHECK(read_all({0, 0}) == "bad");
  CHECK(read_all({1, 1}) == "bad");
  CHECK(read_all({1, 0, 2}) == "1:0 bad");
  CHECK(read_all({1, 255, 255, 0, 0}) == "bad");
  CHECK(read_all({1, 255, 254, 0, 0, 0}) == "bad");     // not the shortest form
  CHECK(read_all({1, 255, 255, 0, 0, 0, 7}) == "bad");  // 255 announced, one there
  CHECK(read_all({1, 255, 0xFF, 0xFF, 0xFF, 0xFF}) == "bad");
}

TEST_CASE("wire TLV: what does not fit is left out, and what follows it") {
  std::vector<uint8_t> room(7);
  TlvWriter out(room);
  out.put(1, uint8_t{9});
  CHECK(out.ok());
  out.put(2, uint32_t{9});
  CHECK_FALSE(out.ok());
  out.put(3, uint8_t{9});
  CHECK_FALSE(out.ok());
  CHECK(out.size() == 3);
}

TEST_CASE("wire TLV: a walk refuses doubles, gaps and unusable values") {
  const std::vector<uint8_t> payload = {1, 1, 7, 2, 0, 2, 0, 99, 0};
  const auto any = [](const Tlv&) { return true; };
  CHECK(walk(payload, tag_bit(1), tag_bit(2), any));
  CHECK_FALSE(walk(payload, tag_bit(1), 0, any));           // 2 comes twice
  CHECK_FALSE(walk(payload, tag_bit(3), tag_bit(2), any));  // 3 does not come
  CHECK_FALSE(walk(payload, 0, tag_bit(2), [](const Tlv& t) { return t.tag != 99; }));
  CHECK_FALSE(walk({payload.data(), 8}, 0, tag_bit(2), any));  // cut
}
