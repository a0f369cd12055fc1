// Checksums of books: the venue's documented example, known values, and texts made independently.
#include <doctest/doctest.h>
#include <zlib.h>

#include <random>
#include <string>

#include "book/book_sync.h"
#include "book/checksum.h"
#include "book_rows.h"

using namespace tickwire::book;
using namespace tickwire::book::testing;

namespace {

// https://docs.kraken.com/exchange/guides/websockets/book-checksum-v2
const char* const kAsks =
    "45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660 "
    "45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827";
const char* const kBids =
    "45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586 "
    "45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238";

OrderBook book_of(const Rows& bids, const Rows& asks) {
  OrderBook book{Policy{}};
  Event event;
  event.kind = Kind::kSnapshot;
  event.bids = bids;
  event.asks = asks;
  REQUIRE(book.load(event) == Reason::kNone);
  return book;
}

uint32_t zlib_sum(const std::string& text) {
  return static_cast<uint32_t>(
      ::crc32(0, reinterpret_cast<const unsigned char*>(text.data()), static_cast<unsigned>(text.size())));
}

uint32_t sum(const std::string& text, uint32_t before = 0) {
  return tickwire::book::crc32({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, before);
}

// Made of the texts, not of the numbers.
std::string digits_only(const std::string& text) {
  std::string digits;
  for (const char c : text) {
    if (c != '.') digits += c;
  }
  const size_t from = digits.find_first_not_of('0');
  return from == std::string::npos ? "0" : digits.substr(from);
}

}  // namespace

TEST_CASE("book checksum: CRC-32 is that of zlib, in one piece or in two") {
  CHECK(sum("123456789") == 0xCBF43926u);
  CHECK(sum("") == 0);
  std::mt19937_64 random(1);
  for (size_t n = 0; n < 300; ++n) {
    std::string text(n, ' ');
    for (char& c : text) c = static_cast<char>(random());
    const size_t cut = n == 0 ? 0 : random() % n;
    CHECK(sum(text) == zlib_sum(text));
    CHECK(sum(text.substr(cut), sum(text.substr(0, cut))) == zlib_sum(text));
  }
}

TEST_CASE("book checksum: Kraken's documented example, and that every digit counts") {
  CHECK(kraken_checksum(book_of(rows(kBids), rows(kAsks))) == 3310070434u);
  Rows asks = rows(kAsks);
  asks[9].size += 1;
  CHECK(kraken_checksum(book_of(rows(kBids), asks)) != 3310070434u);
  // Levels beyond the tenth do not count, and prices with more zeros behind the point are other digits.
  CHECK(kraken_checksum(book_of(rows(std::string(kBids) + " 45276.5/1"), rows(kAsks))) == 3310070434u);
  CHECK(kraken_checksum(book_of(rows(kBids), rows(std::string("45285.20") + (kAsks + 7)))) != 3310070434u);
}

TEST_CASE("book checksum: both texts, made of what the venue wrote") {
  std::mt19937_64 random(2);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> bids;
    std::vector<std::string> asks;
    const auto side = [&](std::vector<std::string>& levels, int64_t from, int64_t step) {
      for (size_t n = random() % 32; n > 0; --n) {
        from += step * static_cast<int64_t>(1 + random() % 9);
        // Any number of zeros behind the point, up to all 18 digits that a scale has.
        const std::string price = text_of(from, 3) + std::string(random() % 3 == 0 ? random() % 9 : 0, '0');
        const int scale = static_cast<int>(random() % 19);
        const uint64_t size = 1 + random() % (random() % 2 == 0 ? 1000 : 1'000'000'000'000'000u);
        levels.push_back(price + "/" + text_of(static_cast<int64_t>(size), scale));
      }
    };
    side(bids, 1'000'000, -1);
    side(asks, 1'000'000, 1);
    std::string kraken;
    for (const auto* levels : {&asks, &bids}) {
      for (size_t i = 0; i < std::min<size_t>(levels->size(), 10); ++i) {
        const std::string& level = (*levels)[i];
        kraken += digits_only(level.substr(0, level.find('/'))) + digits_only(level.substr(level.find('/') + 1));
      }
    }
    std::string okx;
    for (size_t i = 0; i < 25; ++i) {
      for (const auto* levels : {&bids, &asks}) {
        if (i >= levels->size()) continue;
        std::string level = (*levels)[i];
        level[level.find('/')] = ':';
        okx += (okx.empty() ? "" : ":") + level;
      }
    }
    const OrderBook book = book_of(rows(bids), rows(asks));
    CHECK(kraken_checksum(book) == zlib_sum(kraken));
    CHECK(okx_checksum(book) == static_cast<int32_t>(zlib_sum(okx)));
  }
}
