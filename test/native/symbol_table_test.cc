#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "decode/symbol_table.h"

namespace tickwire::decode {
namespace {

struct Memory {
  explicit Memory(size_t bytes) : words((bytes + 7) / 8, 0xAAAAAAAAAAAAAAAAu), size(bytes) {}
  std::span<uint8_t> span() { return {reinterpret_cast<uint8_t*>(words.data()), size}; }
  uint32_t u32(size_t offset) {
    uint32_t value;
    std::memcpy(&value, span().data() + offset, 4);
    return value;
  }
  std::vector<uint64_t> words;
  size_t size;
};

TEST_CASE("the same text has the same id, in order of first sight") {
  Memory memory(4096);
  SymbolTable table(memory.span(), 100);
  const std::vector<std::string> texts = {"",
                                          "A",
                                          "BTCUSDT",
                                          "12345678",
                                          "123456789",
                                          "1234567890123456",
                                          "12345678901234567",
                                          std::string(255, 'x'),
                                          std::string(255, 'x') + "y",
                                          std::string(1, '\0'),
                                          std::string(2, '\0'),
                                          std::string("A\0", 2)};
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < texts.size(); ++i) {
      CHECK(table.intern(texts[i]) == i);
      const std::string padded = texts[i] + std::string(64, '#');
      CHECK(table.intern(std::string_view(padded).substr(0, texts[i].size()), true) == i);
      CHECK(table.text(static_cast<uint32_t>(i)) == texts[i]);
    }
  }
  CHECK(table.size() == texts.size());
  CHECK(table.text(static_cast<uint32_t>(texts.size())).empty());
}

TEST_CASE("a reader finds everything in the shared memory") {
  Memory memory(SymbolTable::kHeaderBytes + 4 * 8 + 20);
  SymbolTable table(memory.span(), 4);
  CHECK(memory.u32(0) == 0);
  CHECK(memory.u32(4) == 4);
  CHECK(memory.u32(8) == 0);
  CHECK(memory.u32(12) == 20);
  REQUIRE(table.intern("BTC") == 0);
  REQUIRE(table.intern("ETHUSDT") == 1);
  CHECK(memory.u32(0) == 2);
  CHECK(memory.u32(8) == 10);
  CHECK(memory.u32(16) == 0);
  CHECK(memory.u32(20) == 3);
  CHECK(memory.u32(24) == 3);
  CHECK(memory.u32(28) == 7);
  CHECK(std::memcmp(memory.span().data() + 16 + 32, "BTCETHUSDT", 10) == 0);
}

TEST_CASE("full tables say so and keep what they know") {
  SUBCASE("entries") {
    Memory memory(4096);
    SymbolTable table(memory.span(), 3);
    CHECK(table.intern("a") == 0);
    CHECK(table.intern("b") == 1);
    CHECK(table.intern("c") == 2);
    CHECK(table.intern("d") == SymbolTable::kFull);
    CHECK(table.intern("d") == SymbolTable::kFull);
    CHECK(table.intern("b") == 1);
    CHECK(table.size() == 3);
  }
  SUBCASE("text") {
    Memory memory(SymbolTable::kHeaderBytes + 10 * 8 + 8);
    SymbolTable table(memory.span(), 10);
    CHECK(table.intern("12345") == 0);
    CHECK(table.intern("1234") == SymbolTable::kFull);
    CHECK(table.intern("123") == 1);
    CHECK(table.intern("") == 2);
    CHECK(table.intern("x") == SymbolTable::kFull);
    CHECK(table.intern("12345") == 0);
  }
  SUBCASE("no memory at all") {
    SymbolTable table({}, 10);
    CHECK(table.intern("x") == SymbolTable::kFull);
    CHECK(table.size() == 0);
  }
  SUBCASE("less memory than entries asked for") {
    Memory memory(SymbolTable::kHeaderBytes + 16);
    SymbolTable table(memory.span(), 1000);
    CHECK(memory.u32(4) == 2);
    CHECK(table.intern("") == 0);
    CHECK(table.intern("x") == SymbolTable::kFull);
  }
}

TEST_CASE("many random texts against a map") {
  Memory memory(1 << 20);
  SymbolTable table(memory.span(), 5000);
  std::map<std::string, uint32_t> known;
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    std::string text;
    const size_t n = random() % 24;
    for (size_t k = 0; k < n; ++k) text += static_cast<char>('A' + random() % (n < 6 ? 3 : 2));
    if (random() % 2 == 0 && n > 18) text = "PREFIX-OF-SIXTEEN" + text.substr(17);
    const uint32_t id = table.intern(text);
    if (id == SymbolTable::kFull) {
      REQUIRE(table.size() == 5000);
      REQUIRE(known.find(text) == known.end());
      continue;
    }
    const auto [at, fresh] = known.try_emplace(text, id);
    REQUIRE(at->second == id);
    if (fresh) REQUIRE(id == known.size() - 1);
    REQUIRE(table.text(id) == text);
  }
}

}  // namespace
}  // namespace tickwire::decode
