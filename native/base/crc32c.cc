#include "base/crc32c.h"

#include <array>

namespace tickwire {
namespace {

constexpr uint32_t kPolynomial = 0x82F63B78u;  // reflected

using ByteTable = std::array<uint32_t, 256>;

constexpr ByteTable byte_table() {
  ByteTable table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1u) != 0 ? kPolynomial : 0);
    table[byte] = crc;
  }
  return table;
}

// Slicing by eight: kSlices[k][b] is the state that byte b leaves after k further zero bytes.
constexpr std::array<ByteTable, 8> slices() {
  std::array<ByteTable, 8> tables{};
  tables[0] = byte_table();
  for (size_t k = 1; k < tables.size(); ++k) {
    for (size_t b = 0; b < 256; ++b) tables[k][b] = tables[0][tables[k - 1][b] & 0xFF] ^ tables[k - 1][b] >> 8;
  }
  return tables;
}

constexpr std::array<ByteTable, 8> kSlices = slices();

// The state is a vector over GF(2), and zero bytes are a linear map of it: 32 columns, one per bit of the state.
using ZeroMap = std::array<uint32_t, 32>;

constexpr uint32_t advance_by(const ZeroMap& map, uint32_t state) {
  uint32_t result = 0;
  for (size_t bit = 0; state != 0; ++bit, state >>= 1) result ^= (state & 1u) != 0 ? map[bit] : 0;
  return result;
}

// What 2^log2 zero bytes do to a state, byte of the state by byte.
constexpr std::array<ByteTable, 4> zeros_table(int log2) {
  ZeroMap map{};
  for (size_t bit = 0; bit < 32; ++bit) {
    const uint32_t state = uint32_t{1} << bit;
    map[bit] = kSlices[0][state & 0xFF] ^ state >> 8;
  }
  for (int i = 0; i < log2; ++i) {
    ZeroMap twice{};
    for (size_t bit = 0; bit < 32; ++bit) twice[bit] = advance_by(map, map[bit]);
    map = twice;
  }
  std::array<ByteTable, 4> tables{};
  for (size_t byte = 0; byte < 4; ++byte) {
    for (uint32_t value = 0; value < 256; ++value) {
      tables[byte][value] = advance_by(map, value << (8 * byte));
    }
  }
  return tables;
}

// The instruction takes three cycles and can start every cycle, so three runs of bytes go side by side; their states
// are then joined as if the bytes had come one after the other.
constexpr int kLaneLog2 = 8;
constexpr size_t kLane = size_t{1} << kLaneLog2;
constexpr std::array<ByteTable, 4> kPastLane = zeros_table(kLaneLog2);

uint32_t past_lane(uint32_t state) noexcept {
  return kPastLane[0][state & 0xFF] ^ kPastLane[1][state >> 8 & 0xFF] ^ kPastLane[2][state >> 16 & 0xFF] ^
         kPastLane[3][state >> 24];
}

uint64_t load8(const uint8_t* from) noexcept {
  uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

}  // namespace

uint32_t crc32c_add_portable(uint32_t state, const uint8_t* bytes, size_t n) noexcept {
  for (; n >= 8; n -= 8, bytes += 8) {
    const uint64_t word = load8(bytes) ^ state;
    state = kSlices[7][word & 0xFF] ^ kSlices[6][word >> 8 & 0xFF] ^ kSlices[5][word >> 16 & 0xFF] ^
            kSlices[4][word >> 24 & 0xFF] ^ kSlices[3][word >> 32 & 0xFF] ^ kSlices[2][word >> 40 & 0xFF] ^
            kSlices[1][word >> 48 & 0xFF] ^ kSlices[0][word >> 56];
  }
  for (; n != 0; --n, ++bytes) state = kSlices[0][(state ^ *bytes) & 0xFF] ^ state >> 8;
  return state;
}

uint32_t crc32c_add(uint32_t state, const uint8_t* bytes, size_t n) noexcept {
  for (; n >= 3 * kLane; n -= 3 * kLane, bytes += 3 * kLane) {
    uint32_t second = 0;
    uint32_t third = 0;
    for (size_t i = 0; i < kLane; i += 8) {
      state = crc32c_step(state, load8(bytes + i));
      second = crc32c_step(second, load8(bytes + kLane + i));
      third = crc32c_step(third, load8(bytes + 2 * kLane + i));
    }
    state = past_lane(past_lane(state) ^ second) ^ third;
  }
  for (; n >= 8; n -= 8, bytes += 8) state = crc32c_step(state, load8(bytes));
  for (; n != 0; --n, ++bytes) state = crc32c_step(state, *bytes);
  return state;
}

}  // namespace tickwire
