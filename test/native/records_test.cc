#include "feed/records.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>

#include "base/event_ring.h"

using namespace tickwire;
using namespace tickwire::feed;

namespace {

template <class T>
T at(const std::vector<uint8_t>& record, size_t offset) {
  T value;
  REQUIRE(offset + sizeof value <= record.size());
  std::memcpy(&value, record.data() + offset, sizeof value);
  return value;
}

// What all records have in common.
void check_header(const std::vector<uint8_t>& record, RecordKind kind, uint16_t handle, uint8_t shape = 0) {
  REQUIRE(record.size() % 8 == 0);
  CHECK(at<uint64_t>(record, 0) == record_header(static_cast<uint32_t>(record.size()), kind, shape, handle));
}

std::string text_at(const std::vector<uint8_t>& record, size_t offset, size_t length) {
  REQUIRE(offset + length <= record.size());
  for (size_t i = offset + length; i < record.size(); ++i) CHECK(record[i] == 0);  // padding
  CHECK(record.size() - offset - length < 8);
  return {reinterpret_cast<const char*>(record.data()) + offset, length};
}

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

TEST_CASE("state record: layout") {
  for (const size_t length : {0, 1, 7, 8, 9, 100, 1023, 1024}) {
    const std::string text(length, 'x');
    const auto record = state_record(0xBEEF, 123'456'789'012'345,
                                     {State::kConnected, State::kReconnecting, Errc::kConnReset, -104, 7, 250.5, text});
    check_header(record, RecordKind::kState, 0xBEEF);
    CHECK(at<double>(record, 8) == 123'456'789'012'345.0);
    CHECK(at<uint8_t>(record, 16) == 2);
    CHECK(at<uint8_t>(record, 17) == 3);
    CHECK(at<uint16_t>(record, 18) == static_cast<uint16_t>(Errc::kConnReset));
    CHECK(at<uint32_t>(record, 20) == 7);
    CHECK(at<int32_t>(record, 24) == -104);
    CHECK(at<uint32_t>(record, 28) == length);
    CHECK(at<double>(record, 32) == 250.5);
    CHECK(text_at(record, 40, length) == text);
  }
}

TEST_CASE("state record: no delay is NaN, and a long text is cut") {
  const auto record =
      state_record(1, 0, {State::kClosing, State::kDisconnected, Errc::kNone, 0, 0, NAN, std::string(5000, 'y')});
  CHECK(std::isnan(at<double>(record, 32)));
  CHECK(at<uint32_t>(record, 28) == 1024);
  CHECK(record.size() == 40 + 1024);
}

TEST_CASE("state record: the cut leaves no part of a character") {
  const std::string text = std::string(1023, 'y') + "\u20AC";
  const auto record = state_record(1, 0, {State::kClosing, State::kDisconnected, Errc::kNone, 0, 0, NAN, text});
  const auto length = at<uint32_t>(record, 28);
  CHECK(text_at(record, 40, length) == std::string(1023, 'y'));
}

TEST_CASE("pong record") {
  const auto record = pong_record(65'535, 5'000, 1'250'000);
  check_header(record, RecordKind::kPong, 65'535);
  CHECK(record.size() == 24);
  CHECK(at<double>(record, 8) == 5'000);
  CHECK(at<double>(record, 16) == 1'250'000);
}

TEST_CASE("malformed record: sample, full length and what was suppressed") {
  const std::string message = R"({"s":"BTC","b":nonsense})";
  for (const uint32_t sample : {0u, 1u, 8u, 24u, 25u, 4096u}) {
    decode::DecodeOutcome outcome;
    outcome.ok = false;
    outcome.why = decode::Malformed::kWrongType;
    outcome.shape = 200;
    outcome.field = -1;
    const auto record = malformed_record(3, 77, outcome, bytes_of(message), sample, 9);
    check_header(record, RecordKind::kMalformed, 3);
    CHECK(at<double>(record, 8) == 77);
    CHECK(at<uint8_t>(record, 16) == static_cast<uint8_t>(decode::Malformed::kWrongType));
    CHECK(at<uint8_t>(record, 17) == 200);
    CHECK(at<int16_t>(record, 18) == -1);
    CHECK(at<uint32_t>(record, 20) == message.size());
    const size_t kept = std::min<size_t>(sample, message.size());
    CHECK(at<uint32_t>(record, 24) == kept);
    CHECK(at<uint32_t>(record, 28) == 9);
    CHECK(text_at(record, 32, kept) == message.substr(0, kept));
  }
  const auto empty = malformed_record(3, 77, {}, {}, 256, 0);
  CHECK(empty.size() == 32);
}
