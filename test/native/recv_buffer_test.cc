#include "base/recv_buffer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

using namespace tickwire;

TEST_CASE("an empty receive buffer has nothing to read and everything to write") {
  RecvBuffer buffer = std::move(RecvBuffer::create(1).value());
  CHECK(buffer.readable().empty());
  CHECK(buffer.writable().size() == buffer.capacity());
  CHECK(!buffer.full());
}

TEST_CASE("a full receive buffer takes nothing") {
  RecvBuffer buffer = std::move(RecvBuffer::create(1).value());
  buffer.produced(buffer.capacity());
  CHECK(buffer.full());
  CHECK(buffer.writable().empty());
  CHECK(buffer.readable().size() == buffer.capacity());
  buffer.consume(1);
  CHECK(!buffer.full());
  REQUIRE(buffer.writable().size() == 1);
  buffer.writable()[0] = 9;  // lands behind the last byte
  buffer.produced(1);
  CHECK(buffer.readable().back() == 9);
}

TEST_CASE("when all was consumed it starts again at the beginning") {
  RecvBuffer buffer = std::move(RecvBuffer::create(1).value());
  const uint8_t* const start = buffer.writable().data();
  buffer.produced(100);
  buffer.consume(40);
  CHECK(buffer.readable().data() == start + 40);
  buffer.consume(60);
  CHECK(buffer.writable().data() == start);
  buffer.produced(100);
  buffer.consume(40);
  buffer.clear();
  CHECK(buffer.readable().empty());
  CHECK(buffer.writable().data() == start);
  buffer.consume(0);
  CHECK(buffer.writable().data() == start);
}

TEST_CASE("the beginning of a message is taken along to the front") {
  RecvBuffer buffer = std::move(RecvBuffer::create(1u << 20).value());
  const uint8_t* const start = buffer.writable().data();
  const auto fill = [&](size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) buffer.writable()[i] = static_cast<uint8_t>(i * 7 + i / 251);
    buffer.produced(bytes);
  };
  const auto rest_is = [&](size_t from, size_t bytes) {
    const std::span<uint8_t> left = buffer.readable();
    bool same = left.size() == bytes;
    for (size_t i = 0; i < left.size(); ++i)
      same = same && left[i] == static_cast<uint8_t>((from + i) * 7 + (from + i) / 251);
    return same;
  };
  fill(200'000);
  buffer.consume(200'000 - 1500);
  CHECK(buffer.readable().data() == start);
  CHECK(rest_is(200'000 - 1500, 1500));
  buffer.clear();
  fill(200'000);
  buffer.consume(200'000 - 3000);  // more than is worth it
  CHECK(buffer.readable().data() == start + 200'000 - 3000);
  CHECK(rest_is(200'000 - 3000, 3000));
  buffer.clear();
  fill(60'000);
  buffer.consume(60'000 - 10);  // not far enough
  CHECK(buffer.readable().data() == start + 60'000 - 10);
  buffer.clear();
  fill(buffer.capacity());
  buffer.consume(buffer.capacity() - 100);
  CHECK(buffer.readable().data() == start);
  CHECK(rest_is(buffer.capacity() - 100, 100));
  // What goes on in front of itself stays where it is.
  buffer.clear();
  buffer.produced(buffer.capacity() - 50);
  buffer.consume(buffer.capacity() - 5000);
  buffer.produced(550);
  buffer.consume(4500);
  CHECK(buffer.readable().size() == 1000);
  CHECK(buffer.readable().data() == start + buffer.capacity() - 500);
}

TEST_CASE("unread bytes are always contiguous and never change") {
  RecvBuffer buffer = std::move(RecvBuffer::create(1).value());
  std::string model;
  std::mt19937 random(7);
  size_t wrapped = 0;
  const uint8_t* const start = buffer.writable().data();
  for (int i = 0; i < 200'000; ++i) {
    if (random() % 2 == 0) {
      const std::span<uint8_t> space = buffer.writable();
      REQUIRE(space.size() == buffer.capacity() - model.size());
      const size_t n = std::min<size_t>(random() % (random() % 8 == 0 ? 4096 : 200), space.size());
      for (size_t k = 0; k < n; ++k) {
        space[k] = static_cast<uint8_t>(random());
        model.push_back(static_cast<char>(space[k]));
      }
      buffer.produced(n);
    } else {
      const size_t n = std::min<size_t>(random() % (random() % 8 == 0 ? 4096 : 200), model.size());
      buffer.consume(n);
      model.erase(0, n);
    }
    const std::span<uint8_t> unread = buffer.readable();
    REQUIRE(unread.size() == model.size());
    REQUIRE(std::memcmp(unread.data(), model.data(), model.size()) == 0);
    REQUIRE(unread.data() >= start);
    REQUIRE(unread.data() < start + buffer.capacity());
    wrapped += unread.data() + unread.size() > start + buffer.capacity() ? 1 : 0;
    REQUIRE(buffer.full() == (model.size() == buffer.capacity()));
  }
  CHECK(wrapped > 100);  // or the test shows nothing
}

TEST_CASE("bytes behind the unread ones may be loaded wherever they lie") {
  RecvBuffer buffer = std::move(RecvBuffer::create(1).value());
  unsigned sum = 0;
  for (const size_t head : {size_t{0}, size_t{1}, buffer.capacity() / 2, buffer.capacity() - 1}) {
    buffer.clear();
    buffer.produced(buffer.capacity());
    buffer.consume(head);
    buffer.produced(head);
    const std::span<uint8_t> unread = buffer.readable();
    for (size_t k = 0; k < MirroredBuffer::kOverread; ++k) sum += unread.data()[unread.size() + k];
  }
  CHECK(sum == 0);
}

TEST_CASE("an impossible capacity is refused") { CHECK(!RecvBuffer::create(SIZE_MAX).ok()); }
