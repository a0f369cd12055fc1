#include "base/block_pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace tickwire {

TEST_CASE("a block pool hands out memory that nobody else has") {
  BlockPool pool;
  std::mt19937 random(7);
  struct Block {
    uint8_t* at;
    size_t size;
    uint8_t fill;
  };
  std::vector<Block> blocks;
  const auto intact = [](const Block& b) {
    for (size_t i = 0; i < b.size; ++i) {
      if (b.at[i] != b.fill) return false;
    }
    return true;
  };
  for (int round = 0; round < 20'000; ++round) {
    const auto fill = static_cast<uint8_t>(random());
    const size_t size = random() % 4 == 0 ? random() % 5'000 : random() % 300;
    if (blocks.size() < 200 && random() % 2 == 0) {
      const bool zeroed = random() % 2 == 0;
      auto* const at = static_cast<uint8_t*>(zeroed ? pool.allocate_zeroed(size, 1) : pool.allocate(size));
      REQUIRE(at != nullptr);
      CHECK(reinterpret_cast<uintptr_t>(at) % alignof(std::max_align_t) == 0);
      Block block{at, size, 0};
      if (zeroed) CHECK(intact(block));
      std::memset(at, fill, size);
      block.fill = fill;
      blocks.push_back(block);
    } else if (!blocks.empty()) {
      Block& block = blocks[random() % blocks.size()];
      REQUIRE(intact(block));
      if (random() % 3 == 0) {
        block.at = static_cast<uint8_t*>(pool.resize(block.at, size));
        REQUIRE(block.at != nullptr);
        const size_t same = std::min(size, block.size);
        CHECK(intact({block.at, same, block.fill}));
        std::memset(block.at, fill, size);
        block.size = size;
        block.fill = fill;
      } else {
        pool.free(block.at);
        block = blocks.back();
        blocks.pop_back();
      }
    }
  }
  for (const Block& block : blocks) pool.free(block.at);
}

TEST_CASE("a block pool uses freed memory again") {
  BlockPool pool;
  void* const small = pool.allocate(40);
  pool.free(small);
  CHECK(pool.allocate(64) == small);  // of the same class
  CHECK(pool.resize(small, 50) == small);
  pool.free(small);
  pool.free(nullptr);
  void* const other = pool.resize(nullptr, 10);
  REQUIRE(other != nullptr);
  CHECK(other != small);
  pool.free(other);
}

TEST_CASE("a block pool refuses what cannot be") {
  BlockPool pool;
  CHECK(pool.allocate(SIZE_MAX) == nullptr);
  CHECK(pool.allocate_zeroed(SIZE_MAX / 2, 3) == nullptr);
}

}  // namespace tickwire
