#include "base/crc32c.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

using namespace tickwire;

namespace {

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// From the definition, bit by bit.
uint32_t by_bits(std::span<const uint8_t> bytes) {
  uint32_t state = ~0u;
  for (const uint8_t byte : bytes) {
    state ^= byte;
    for (int bit = 0; bit < 8; ++bit) state = state >> 1 ^ ((state & 1u) != 0 ? 0x82F63B78u : 0);
  }
  return ~state;
}

}  // namespace

TEST_CASE("crc32c: published check values") {
  CHECK(crc32c(bytes_of("123456789")) == 0xE3069283u);
  CHECK(crc32c({}) == 0);
  // RFC 3720, appendix B.4.
  std::vector<uint8_t> block(32, 0);
  CHECK(crc32c(block) == 0x8A9136AAu);
  block.assign(32, 0xFF);
  CHECK(crc32c(block) == 0x62A8AB43u);
  for (size_t i = 0; i < 32; ++i) block[i] = static_cast<uint8_t>(i);
  CHECK(crc32c(block) == 0x46DD794Eu);
}

TEST_CASE("crc32c: every length, instruction, tables and definition agree") {
  std::mt19937 random(1);
  std::vector<uint8_t> data(5000);
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random());
  for (size_t n = 0; n <= data.size(); n += n < 900 ? 1 : 37) {
    const auto exact = std::make_unique<uint8_t[]>(n);  // the address sanitizer sees what is read beyond
    std::copy_n(data.begin(), n, exact.get());
    const uint32_t expected = by_bits({exact.get(), n});
    CHECK(crc32c({exact.get(), n}) == expected);
    CHECK(~crc32c_add_portable(kCrc32cStart, exact.get(), n) == expected);
  }
}

TEST_CASE("crc32c: in pieces") {
  std::mt19937 random(2);
  std::vector<uint8_t> data(4000);
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random());
  const uint32_t whole = crc32c(data);
  for (int round = 0; round < 200; ++round) {
    const size_t cut = random() % data.size();
    const std::span<const uint8_t> all(data);
    CHECK(crc32c(all.subspan(cut), crc32c(all.first(cut))) == whole);
  }
}

TEST_CASE("crc32c: single steps") {
  const uint64_t word = 0x0807060504030201u;
  const uint8_t bytes[15] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
  uint32_t state = crc32c_step(kCrc32cStart, word);
  state = crc32c_step(state, uint32_t{0x0C0B0A09u});
  state = crc32c_step(state, uint8_t{13});
  CHECK(~state == crc32c({bytes, 13}));
}
