#include "ws/frame_writer.h"

#include <doctest/doctest.h>

#include <bit>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <vector>

using namespace tickwire::ws;

TEST_CASE("lengths are encoded in as few bytes as possible") {
  struct Case {
    uint64_t length;
    std::vector<uint8_t> bytes;
  };
  const Case cases[] = {
      {0, {0x82, 0}},
      {1, {0x82, 1}},
      {125, {0x82, 125}},
      {126, {0x82, 126, 0, 126}},
      {65'535, {0x82, 126, 0xFF, 0xFF}},
      {65'536, {0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
      {0x0123456789ABCDEF, {0x82, 127, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF}},
  };
  for (const Case& c : cases) {
    uint8_t out[kMaxFrameHeader];
    const size_t n = write_frame_header(out, Opcode::kBinary, true, false, c.length, nullptr);
    CHECK(std::vector<uint8_t>(out, out + n) == c.bytes);
    CHECK(n == frame_header_size(c.length, false));
    const uint32_t key = 0x04030201;
    const size_t masked = write_frame_header(out, Opcode::kBinary, true, false, c.length, &key);
    CHECK(masked == n + 4);
    CHECK(masked == frame_header_size(c.length, true));
    CHECK(out[1] == (c.bytes[1] | 0x80));
    CHECK(std::memcmp(out + n, &key, 4) == 0);
  }
}

TEST_CASE("the first byte holds FIN, RSV1 and the opcode") {
  uint8_t out[kMaxFrameHeader];
  write_frame_header(out, Opcode::kText, true, false, 0, nullptr);
  CHECK(out[0] == 0x81);
  write_frame_header(out, Opcode::kText, false, true, 0, nullptr);
  CHECK(out[0] == 0x41);
  write_frame_header(out, Opcode::kContinuation, true, false, 0, nullptr);
  CHECK(out[0] == 0x80);
  write_frame_header(out, Opcode::kPong, true, false, 0, nullptr);
  CHECK(out[0] == 0x8A);
}

TEST_CASE("masking is byte by byte, at every length, offset and alignment, in place and not") {
  std::mt19937 random(7);
  for (size_t n = 0; n < 150; ++n) {
    for (size_t offset = 0; offset < 9; ++offset) {
      const auto src = std::make_unique<uint8_t[]>(n);
      const auto dst = std::make_unique<uint8_t[]>(n);
      for (size_t i = 0; i < n; ++i) src[i] = static_cast<uint8_t>(random());
      const auto key = static_cast<uint32_t>(random());
      uint8_t k[4];
      std::memcpy(k, &key, 4);
      mask_copy(dst.get(), src.get(), n, key, offset);
      for (size_t i = 0; i < n; ++i) {
        if (dst[i] != (src[i] ^ k[(i + offset) % 4])) FAIL("length " << n << " offset " << offset << " at " << i);
      }
      mask_copy(src.get(), src.get(), n, key, offset);
      REQUIRE(std::memcmp(src.get(), dst.get(), n) == 0);
    }
  }
}

TEST_CASE("masking in two steps is masking in one") {
  std::mt19937 random(8);
  std::vector<uint8_t> text(100);
  for (uint8_t& b : text) b = static_cast<uint8_t>(random());
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    std::vector<uint8_t> one = text;
    std::vector<uint8_t> two = text;
    mask_copy(one.data(), one.data(), one.size(), 0xA1B2C3D4);
    mask_copy(two.data(), two.data(), cut, 0xA1B2C3D4);
    mask_copy(two.data() + cut, two.data() + cut, two.size() - cut, 0xA1B2C3D4, cut);
    REQUIRE(one == two);
  }
}

TEST_CASE("mask keys differ, between sources too, and every bit is set half of the time") {
  MaskSource a;
  MaskSource b;
  REQUIRE(a.seed().ok());
  REQUIRE(b.seed().ok());
  std::set<uint32_t> seen;
  constexpr int kKeys = 200'000;
  int ones[32] = {};
  for (int i = 0; i < kKeys; ++i) {
    const uint32_t key = a.next();
    seen.insert(key);
    for (int bit = 0; bit < 32; ++bit) ones[bit] += static_cast<int>(key >> bit & 1);
  }
  CHECK(seen.size() > kKeys - 40);                                 // about five collisions are expected by chance
  for (const int n : ones) CHECK(std::abs(n - kKeys / 2) < 2000);  // nine standard deviations
  int same = 0;
  for (int i = 0; i < 1000; ++i) same += seen.contains(b.next()) ? 1 : 0;
  CHECK(same < 5);
}

TEST_CASE("a source that was not seeded seeds itself") {
  MaskSource a;
  MaskSource b;
  int same = 0;
  for (int i = 0; i < 1000; ++i) same += a.next() == b.next() ? 1 : 0;
  CHECK(same < 3);
}
