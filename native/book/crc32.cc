#include <array>
#include <cstring>

#include "book/checksum.h"

namespace tickwire::book {
namespace {

constexpr uint32_t kReflected = 0xEDB88320u;

// Slicing by eight: kTables[k][b] is the register that byte b leaves after k further zero bytes.
using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1u) != 0 ? kReflected : 0);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < tables.size(); ++k) {
    for (size_t b = 0; b < 256; ++b) tables[k][b] = tables[0][tables[k - 1][b] & 0xFF] ^ tables[k - 1][b] >> 8;
  }
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

uint32_t crc32(std::span<const uint8_t> bytes, uint32_t before) noexcept {
  uint32_t crc = ~before;
  const uint8_t* at = bytes.data();
  size_t n = bytes.size();
  for (; n >= 8; n -= 8, at += 8) {
    uint64_t word;  // little endian, as everything here
    std::memcpy(&word, at, sizeof word);
    word ^= crc;
    crc = kTables[7][word & 0xFF] ^ kTables[6][word >> 8 & 0xFF] ^ kTables[5][word >> 16 & 0xFF] ^
          kTables[4][word >> 24 & 0xFF] ^ kTables[3][word >> 32 & 0xFF] ^ kTables[2][word >> 40 & 0xFF] ^
          kTables[1][word >> 48 & 0xFF] ^ kTables[0][word >> 56];
  }
  for (; n != 0; --n, ++at) crc = kTables[0][(crc ^ *at) & 0xFF] ^ crc >> 8;
  return ~crc;
}

}  // namespace tickwire::book
