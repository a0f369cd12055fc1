#include "wire/frame_writer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "wire/frame_start.h"
#include "wire/header.h"

using namespace tickwire;
using namespace tickwire::wire;

namespace {

std::vector<uint8_t> framed(const Header& fields, const std::vector<uint8_t>& payload) {
  std::vector<uint8_t> frame(frame_room(payload.size()));
  frame.resize(write_frame(frame.data(), fields, payload));
  return frame;
}

Header quote_header() {
  Header h;
  h.domain = Domain::kMarketData;
  h.type = static_cast<uint8_t>(Type::kQuote);
  h.flags = kFlagSnapshot;
  h.source = 0x0102;
  h.sequence = 0x1122334455667788u;
  h.time_ns = 0x99AABBCCDDEEFF00u;
  return h;
}

}  // namespace

TEST_CASE("wire header: its bytes, and back") {
  uint8_t bytes[kHeaderBytes];
  Header h = quote_header();
  h.length = 0x00030405;
  h.crc = 0xA1A2A3A4;
  write_header(bytes, h);
  const uint8_t expected[kHeaderBytes] = {0x54, 0x57, 0x01, 0x01, 0x01, 0x01, 0x02, 0x01, 0x05, 0x04, 0x03,
                                          0x00, 0xA4, 0xA3, 0xA2, 0xA1, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33,
                                          0x22, 0x11, 0x00, 0xFF, 0xEE, 0xDD, 0xCC, 0xBB, 0xAA, 0x99};
  CHECK(std::equal(bytes, bytes + kHeaderBytes, expected));
  CHECK(starts_frame(bytes));
  const Header back = read_header(bytes);
  CHECK(back.domain == h.domain);
  CHECK(back.is(Type::kQuote));
  CHECK(back.flags == h.flags);
  CHECK(back.source == h.source);
  CHECK(back.length == h.length);
  CHECK(back.crc == h.crc);
  CHECK(back.sequence == h.sequence);
  CHECK(back.time_ns == h.time_ns);
}

TEST_CASE("wire frames: the checksum covers everything but itself") {
  for (const size_t n : {size_t{0}, size_t{1}, size_t{32}, size_t{33}, size_t{5000}}) {
    std::vector<uint8_t> payload(n, 0x20);
    std::vector<uint8_t> frame = framed(quote_header(), payload);
    REQUIRE(frame.size() == kHeaderBytes + n);
    CHECK(read_header(frame.data()).length == n);
    CHECK(read_header(frame.data()).crc == frame_crc(frame.data(), n));
    std::vector<uint8_t> covered(frame.begin(), frame.begin() + 12);
    covered.insert(covered.end(), frame.begin() + 16, frame.end());
    CHECK(crc32c(covered) == frame_crc(frame.data(), n));
    for (size_t i = 0; i < std::min<size_t>(frame.size(), 64); ++i) {
      frame[i] ^= 0x10;
      CHECK(read_header(frame.data()).crc != frame_crc(frame.data(), n));
      frame[i] ^= 0x10;
    }
  }
}

TEST_CASE("wire frames: too large") {
  std::vector<uint8_t> frame(frame_room(kMaxPayload + 1));
  CHECK(seal_frame(frame.data(), quote_header(), kMaxPayload + 1) == 0);
  CHECK(seal_frame(frame.data(), quote_header(), kMaxPayload) == kHeaderBytes + kMaxPayload);
}

TEST_CASE("wire frames: no payload holds the start of a frame") {
  std::mt19937 random(3);
  const uint8_t start[3] = {0x54, 0x57, 0x01};
  for (size_t n = 3; n < 400; n += 1 + random() % 7) {
    for (int where = 0; where < 4; ++where) {
      std::vector<uint8_t> payload(n);
      for (uint8_t& byte : payload) byte = static_cast<uint8_t>(random());
      const size_t at = where == 0 ? 0 : where == 1 ? n - 3 : random() % (n - 2);
      std::copy_n(start, 3, payload.begin() + static_cast<std::ptrdiff_t>(at));
      std::vector<uint8_t> frame = framed(quote_header(), payload);
      REQUIRE(frame.size() == kHeaderBytes + n + kMaskBytes);
      const Header h = read_header(frame.data());
      CHECK(h.flags == (kFlagSnapshot | kFlagMasked));
      CHECK(h.length == n + kMaskBytes);
      CHECK(h.crc == frame_crc(frame.data(), h.length));
      const uint8_t* end = frame.data() + frame.size();
      CHECK(find_frame_start(frame.data() + kHeaderBytes, end) == end);
      const std::span<uint8_t> content = unmask({frame.data() + kHeaderBytes, h.length});
      CHECK(std::equal(content.begin(), content.end(), payload.begin(), payload.end()));
    }
  }
}

TEST_CASE("wire frames: content made of nothing but starts is masked, and the largest is refused rather than overrun") {
  std::vector<uint8_t> payload(3000);
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<uint8_t>("TW\1"[i % 3]);
  std::vector<uint8_t> frame = framed(quote_header(), payload);
  REQUIRE(frame.size() == kHeaderBytes + payload.size() + kMaskBytes);
  const std::span<uint8_t> content = unmask(std::span(frame).subspan(kHeaderBytes));
  CHECK(std::equal(content.begin(), content.end(), payload.begin(), payload.end()));

  std::vector<uint8_t> largest(frame_room(kMaxPayload));
  std::copy_n(payload.begin(), 3, largest.begin() + kHeaderBytes);
  CHECK(seal_frame(largest.data(), quote_header(), kMaxPayload) == 0);
}

TEST_CASE("wire frames: a payload too short for a key has no content") {
  uint8_t bytes[3] = {1, 2, 3};
  CHECK(unmask(bytes).empty());
}

TEST_CASE("wire frames: flags added later") {
  std::vector<uint8_t> frame = framed(quote_header(), {1, 2, 3});
  add_flags(frame.data(), kFlagResent);
  const Header h = read_header(frame.data());
  CHECK(h.flags == (kFlagSnapshot | kFlagResent));
  CHECK(h.crc == frame_crc(frame.data(), h.length));
}

TEST_CASE("wire frames: the start is found at every place, and nothing beyond the end is read") {
  for (size_t n = 0; n < 120; ++n) {
    const auto exact = std::make_unique<uint8_t[]>(n);
    std::fill_n(exact.get(), n, uint8_t{0x54});
    const uint8_t* end = exact.get() + n;
    CHECK(find_frame_start(exact.get(), end) == end);
    for (size_t at = 0; at + 3 <= n; ++at) {
      exact[at + 1] = 0x57;
      exact[at + 2] = 0x01;
      CHECK(find_frame_start(exact.get(), end) == exact.get() + at);
      if (at > 0) CHECK(find_frame_start(exact.get() + at + 1, end) == end);
      exact[at + 1] = exact[at + 2] = 0x54;
    }
  }
}
