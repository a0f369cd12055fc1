#include "wire/control.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "wire/raw.h"

using namespace tickwire::wire;

namespace {

template <class... Parts>
std::vector<uint8_t> payload_of(const Parts&... parts) {
  std::vector<uint8_t> room(8192);
  TlvWriter out(room);
  put(out, parts...);
  REQUIRE(out.ok());
  room.resize(out.size());
  return room;
}

template <class M>
bool reads(const std::vector<uint8_t>& payload) {
  M m{};
  return get(payload, m);
}

// Every prefix of a good payload is either good or refused, and so is every payload with one byte changed.
template <class M>
void survive(std::vector<uint8_t> payload) {
  for (size_t n = 0; n <= payload.size(); ++n) {
    const std::vector<uint8_t> exact(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(n));
    static_cast<void>(reads<M>(exact));
  }
  for (uint8_t& byte : payload) {
    const uint8_t was = byte;
    for (const int value : {0, 1, 254, 255}) {
      byte = static_cast<uint8_t>(value);
      static_cast<void>(reads<M>(payload));
    }
    byte = was;
  }
  // An unknown field at the end is passed over.
  payload.insert(payload.end(), {200, 1, 5});
  CHECK(reads<M>(payload));
}

template <class List, class Text>
std::string joined(const List& list, Text&& text) {
  std::string all;
  for (const auto& item : list) all += text(item) + ";";
  return all;
}

std::string of_text(std::string_view text) { return std::string(text); }
std::string of_range(const Range& r) {
  return std::to_string(r.source) + ":" + std::to_string(r.from) + "-" + std::to_string(r.to);
}

}  // namespace

TEST_CASE("wire control: Hello and Welcome") {
  Hello hello;
  hello.token = "secret";
  hello.name = "strategy";
  hello.resume_epoch = 77;
  const auto payload = payload_of(hello);
  Hello back;
  REQUIRE(get(payload, back));
  CHECK(back.min_version == 1);
  CHECK(back.max_version == 1);
  CHECK(back.token == "secret");
  CHECK(back.name == "strategy");
  CHECK(back.resume_epoch == 77);
  survive<Hello>(payload);
  CHECK_FALSE(reads<Hello>({}));
  CHECK_FALSE(reads<Hello>({1, 2, 2, 1}));           // min > max
  CHECK_FALSE(reads<Hello>({1, 2, 0, 1}));           // there is no version 0
  CHECK_FALSE(reads<Hello>({1, 2, 1, 1, 4, 1, 0}));  // an epoch of one byte
  Hello longest;
  const std::string token(kMaxToken + 1, 't');
  longest.token = token;
  CHECK_FALSE(reads<Hello>(payload_of(longest)));
  longest.token = std::string_view(token).substr(1);
  CHECK(reads<Hello>(payload_of(longest)));

  Welcome welcome;
  welcome.epoch = 0x1234567890;
  welcome.heartbeat_ms = 1000;
  welcome.max_payload = 1 << 20;
  welcome.max_inbound = 4096;
  welcome.max_subscriptions = 100;
  welcome.name = "hub";
  const auto answer = payload_of(welcome);
  Welcome got;
  REQUIRE(get(answer, got));
  CHECK(got.version == 1);
  CHECK(got.epoch == welcome.epoch);
  CHECK(got.heartbeat_ms == 1000);
  CHECK(got.max_payload == 1 << 20);
  CHECK(got.max_inbound == 4096);
  CHECK(got.max_subscriptions == 100);
  CHECK(got.name == "hub");
  survive<Welcome>(answer);
  CHECK_FALSE(reads<Welcome>(payload_of(Welcome{})));  // no epoch
}

TEST_CASE("wire control: Subscribe and Unsubscribe") {
  Subscribe head;
  head.request = 5;
  head.options = Subscribe::kNoSnapshot;
  const std::string_view topics[] = {"BTCUSDT", "*"};
  const std::string_view keys[] = {"a", "b", "c"};
  const auto payload = payload_of(head, topics, keys);
  Subscribe back;
  REQUIRE(get(payload, back));
  CHECK(back.request == 5);
  CHECK(back.options == Subscribe::kNoSnapshot);
  CHECK(back.topics.size() == 2);
  CHECK(joined(back.topics, of_text) == "BTCUSDT;*;");
  CHECK(back.keys.size() == 3);
  CHECK(joined(back.keys, of_text) == "a;b;c;");
  survive<Subscribe>(payload);
  CHECK_FALSE(reads<Subscribe>(payload_of(head, std::span<const std::string_view>{}, keys)));
  const std::string_view empty[] = {""};
  CHECK_FALSE(reads<Subscribe>(payload_of(head, empty)));

  Unsubscribe less;
  less.request = 6;
  const auto second = payload_of(less, topics);
  Unsubscribe got;
  REQUIRE(get(second, got));
  CHECK(got.request == 6);
  CHECK(joined(got.topics, of_text) == "BTCUSDT;*;");
  survive<Unsubscribe>(second);
  CHECK_FALSE(reads<Unsubscribe>({}));
}

TEST_CASE("wire control: definitions") {
  const SymbolEntry symbols[] = {{0, "BTCUSDT"}, {4'000'000'000u, "x"}};
  const auto payload = payload_of(std::span<const SymbolEntry>(symbols));
  Symbols back;
  REQUIRE(get(payload, back));
  CHECK(joined(back.entries, [](const SymbolEntry& e) { return std::to_string(e.id) + of_text(e.text); }) ==
        "0BTCUSDT;4000000000x;");
  survive<Symbols>(payload);
  CHECK_FALSE(reads<Symbols>({}));
  const SymbolEntry none[] = {{kNoSymbol, "x"}};
  CHECK_FALSE(reads<Symbols>(payload_of(std::span<const SymbolEntry>(none))));
  const SymbolEntry empty[] = {{1, ""}};
  CHECK_FALSE(reads<Symbols>(payload_of(std::span<const SymbolEntry>(empty))));

  const TopicEntry topics[] = {{1, 0, "quotes"}, {65535, 1ull << 40, "trades"}};
  const auto second = payload_of(uint32_t{9}, std::span<const TopicEntry>(topics));
  Topics got;
  REQUIRE(get(second, got));
  CHECK(got.request == 9);
  CHECK(joined(got.entries, [](const TopicEntry& e) {
          return std::to_string(e.source) + of_text(e.name) + std::to_string(e.last_sequence);
        }) == "1quotes0;65535trades1099511627776;");
  survive<Topics>(second);
  const TopicEntry zero[] = {{0, 0, "x"}};
  CHECK_FALSE(reads<Topics>(payload_of(uint32_t{0}, std::span<const TopicEntry>(zero))));
}

TEST_CASE("wire control: sequences") {
  const Range ranges[] = {{1, 1, 1}, {2, 5, 900}};
  Resend head;
  head.request = 3;
  const auto payload = payload_of(head, std::span<const Range>(ranges));
  Resend back;
  REQUIRE(get(payload, back));
  CHECK(back.request == 3);
  CHECK(joined(back.ranges, of_range) == "1:1-1;2:5-900;");
  survive<Resend>(payload);
  const Range backwards[] = {{1, 2, 1}};
  CHECK_FALSE(reads<Resend>(payload_of(head, std::span<const Range>(backwards))));
  const Range zero[] = {{1, 0, 1}};
  CHECK_FALSE(reads<Resend>(payload_of(head, std::span<const Range>(zero))));

  ResendRefused refused;
  refused.request = 3;
  refused.why = RefusedWhy::kGone;
  refused.oldest = 700;
  refused.range = {2, 5, 699};
  const auto second = payload_of(refused);
  ResendRefused no;
  REQUIRE(get(second, no));
  CHECK(no.request == 3);
  CHECK(no.why == RefusedWhy::kGone);
  CHECK(no.oldest == 700);
  CHECK(of_range(no.range) == "2:5-699");
  survive<ResendRefused>(second);

  const auto third = payload_of(SkippedWhy::kConflated, std::span<const Range>(ranges));
  Skipped skipped;
  REQUIRE(get(third, skipped));
  CHECK(skipped.why == SkippedWhy::kConflated);
  CHECK(joined(skipped.ranges, of_range) == "1:1-1;2:5-900;");
  survive<Skipped>(third);

  const LastSequence last[] = {{1, 10}, {2, 20}};
  const auto fourth = payload_of(std::span<const LastSequence>(last));
  Heartbeat beat;
  REQUIRE(get(fourth, beat));
  CHECK(joined(beat.last, [](const LastSequence& l) {
          return std::to_string(l.source) + "=" + std::to_string(l.sequence);
        }) == "1=10;2=20;");
  survive<Heartbeat>(fourth);
  CHECK(reads<Heartbeat>({}));
}

TEST_CASE("wire control: errors, liveness, the end") {
  ErrorMessage error;
  error.code = ErrorCode::kUnknownTopic;
  error.fatal = true;
  error.request = 8;
  error.text = "no topic of this name";
  const auto payload = payload_of(error);
  ErrorMessage back;
  REQUIRE(get(payload, back));
  CHECK(back.code == ErrorCode::kUnknownTopic);
  CHECK(back.fatal);
  CHECK(back.request == 8);
  CHECK(back.text == error.text);
  survive<ErrorMessage>(payload);
  CHECK_FALSE(reads<ErrorMessage>({1, 2, 0, 0}));

  const auto ping = payload_of(Ping{0xFFFFFFFFFFFFFFFFu});
  Pong pong;
  REQUIRE(get(ping, pong));
  CHECK(pong.token == 0xFFFFFFFFFFFFFFFFu);
  CHECK(payload_of(pong) == ping);
  CHECK(reads<Ping>(ping));
  survive<Ping>(ping);
  survive<Pong>(ping);
  CHECK_FALSE(reads<Ping>({}));

  Bye bye;
  bye.why = ErrorCode::kTooSlow;
  bye.retry_after_ms = 250;
  bye.text = "later";
  const auto last = payload_of(bye);
  Bye got;
  REQUIRE(get(last, got));
  CHECK(got.why == ErrorCode::kTooSlow);
  CHECK(got.retry_after_ms == 250);
  CHECK(got.text == "later");
  survive<Bye>(last);
}

TEST_CASE("wire control: raw content") {
  const std::string json = R"({"a":1})";
  Raw raw;
  raw.kind = ContentKind::kJson;
  raw.key = 4;
  raw.content = {reinterpret_cast<const uint8_t*>(json.data()), json.size()};
  const auto payload = payload_of(raw);
  Raw back;
  REQUIRE(get(payload, back));
  CHECK(back.kind == ContentKind::kJson);
  CHECK(back.key == 4);
  CHECK(std::equal(back.content.begin(), back.content.end(), raw.content.begin(), raw.content.end()));
  survive<Raw>(payload);
  CHECK_FALSE(reads<Raw>({1, 1, 4, 2, 0}));  // no such kind
  CHECK_FALSE(reads<Raw>({1, 1, 1}));        // no content
}
