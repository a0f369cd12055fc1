#include "feed/wire_feed.h"

#include <doctest/doctest.h>

#include <atomic>

#include "wire_feed_rig.h"
#include "wire_rows.h"

using namespace tickwire;
using namespace tickwire::wire;
using namespace tickwire::wire::testing;
using feed::Counter;
using feed::State;
using feed::WireFeedOptions;
using net_test::TcpPeer;

namespace {

using Names = std::vector<std::string>;

// One connection of a hub, on the peer's thread.
class Hub {
 public:
  explicit Hub(Fd& fd) : fd_(fd) {}
  // Takes the client's frames until it has subscribed; false when it goes away before.
  bool greet(uint64_t epoch, uint32_t heartbeat_ms = 0) {
    send(welcome_frame(epoch, heartbeat_ms));
    while (sent_.lines.size() < 2) {
      if (!receive()) return false;
    }
    return true;
  }
  void send(const Bytes& bytes) {
    net_test::send_all(fd_.get(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  bool receive() {
    uint8_t chunk[4096];
    const ssize_t n = ::recv(fd_.get(), chunk, sizeof chunk, 0);
    if (n <= 0) return false;
    received_.insert(received_.end(), chunk, chunk + n);
    const ParseOutcome out = parser_.feed(received_, 1u << 20, sent_);
    received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(out.consumed));
    return true;
  }
  void until_gone() {
    while (receive()) {
    }
  }
  void reset() {
    net_test::reset_on_close(fd_.get());
    fd_.reset();
  }
  [[nodiscard]] const SentFrames& client() const { return sent_; }

 private:
  Fd& fd_;
  Bytes received_;
  FrameParser parser_;
  SentFrames sent_;
};

WireFeedOptions options_for(uint16_t port, Names topics = {"a"}) {
  WireFeedOptions o;
  o.target.host = "127.0.0.1";
  o.target.port = port;
  o.target.timeout_ns = 5'000 * kFeedMs;
  o.session.handshake_timeout_ns = 5'000 * kFeedMs;
  o.session.close_timeout_ns = 1'000 * kFeedMs;
  o.topics.push_back({std::move(topics), {}});
  return o;
}

const char* const kQuoteRows =
    R"({"shapes":[{"name":"quote","type":1,"words":8,"keyField":0,"fields":[
      {"name":"symbol","of":"symbol","type":"symbol","slot":3},
      {"name":"bid","of":"bid","type":"number","slot":4},
      {"name":"sequence","of":"sequence","type":"int64","slot":5},
      {"name":"topic","of":"topic","type":"symbol","slot":6},
      {"name":"resent","of":"resent","type":"bool","slot":7}]}],"otherwise":"count"})";

Bytes symbols_frame() {
  const SymbolEntry entries[] = {{1, "BTC"}, {2, "ETH"}};
  return control_frame(Type::kSymbol, [&](TlvWriter& out) { put(out, entries); });
}

}  // namespace

TEST_CASE("wire feed: raw frames, as they were sent, and a goodbye at the end") {
  std::atomic<bool> bye{false};
  Bytes masked_content(40, 0);
  std::memcpy(masked_content.data() + 8, "TW\x01", 3);
  const Bytes masked = make_frame(header_of(Type::kRaw, 1, 3), masked_content);
  REQUIRE((masked[5] & kFlagMasked) != 0);
  TcpPeer server([&](Fd& fd) {
    Hub hub(fd);
    if (!hub.greet(42)) return;
    hub.send(topic_frame(1, "a", 0));
    hub.send(make_quote(1));
    hub.send(message_frame(1, 2));
    hub.send(masked);
    hub.until_gone();
    bye = hub.client().lines.back() == "bye 13 enough";
  });
  WireFeedRig rig(options_for(server.port()));
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.seen.raws.size() == 3; }));
  CHECK(rig.seen.raws[0] == text_of(make_quote(1)));
  CHECK(rig.seen.raws[1] == text_of(message_frame(1, 2)));
  CHECK(rig.seen.raws[2] == text_of(masked));
  CHECK(rig.seen.subscribed == Names{"a@0"});
  CHECK(rig.seen.opened.find(R"("epoch":"42")") != std::string::npos);
  CHECK(rig.seen.opened.find(R"("resumed":false)") != std::string::npos);
  CHECK(rig.seen.opened.find(R"("hub":"hub")") != std::string::npos);
  CHECK(rig.count(Counter::kMessages) == 3);
  rig.feed->close(13, "enough");
  REQUIRE(rig.run([&] { return rig.seen.reached(State::kDisconnected) == 1; }));
  CHECK(rig.seen.states.back() == "0:ERR_CLOSED_BY_USER");
  CHECK(bye);
}

TEST_CASE("wire feed: rows, and what cannot become one") {
  TcpPeer server([&](Fd& fd) {
    Hub hub(fd);
    if (!hub.greet(1)) return;
    hub.send(topic_frame(1, "a", 0));
    hub.send(symbols_frame());
    Bytes all;
    for (uint64_t n = 1; n <= 300; ++n) append(all, make_quote(n, n == 150 ? 99 : 1 + n % 2));
    append(all, message_frame(1, 301));
    hub.send(all);
    hub.until_gone();
  });
  auto options = options_for(server.port());
  options.rows = row_schema(kQuoteRows);
  options.sample_interval_ns = 0;
  WireFeedRig rig(std::move(options));
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.count(Counter::kMessages) == 301; }));
  REQUIRE(rig.run([&] { return rig.seen.rows.size() == 299; }));
  uint64_t expected = 1;
  for (const auto& row : rig.seen.rows) {
    if (expected == 150) ++expected;
    CHECK(row.words.at(5) == expected);
    CHECK(rig.channel.channel.symbols().text(row.low(3)) == (expected % 2 == 0 ? "BTC" : "ETH"));
    CHECK(rig.channel.channel.symbols().text(row.low(6)) == "a");
    CHECK(row.number(4) == doctest::Approx(static_cast<double>(10'000 + expected) / 100));
    ++expected;
  }
  CHECK(rig.count(Counter::kMalformed) == 2);
  CHECK(rig.seen.malformed == std::vector<int>{static_cast<int>(decode::Malformed::kUnknownSymbol),
                                               static_cast<int>(decode::Malformed::kUnknownShape)});
  CHECK(rig.seen.gaps.empty());
}

TEST_CASE("wire feed: a slow reader blocks the socket, and gets every row once") {
  constexpr uint64_t kQuotes = 40'000;
  TcpPeer server([&](Fd& fd) {
    Hub hub(fd);
    if (!hub.greet(1)) return;
    hub.send(topic_frame(1, "a", 0));
    hub.send(symbols_frame());
    Bytes all;
    for (uint64_t n = 1; n <= kQuotes; ++n) append(all, make_quote(n));
    hub.send(all);
    hub.until_gone();
  });
  auto options = options_for(server.port());
  options.rows = row_schema(kQuoteRows);
  WireFeedRig rig(std::move(options));
  rig.reading = false;
  rig.feed->open();
  (void)rig.run([&] { return rig.count(Counter::kPauses) > 0; });
  rig.reading = true;
  REQUIRE(rig.run([&] { return rig.seen.rows.size() >= kQuotes; }, 30'000));
  for (uint64_t n = 1; n <= kQuotes; ++n) REQUIRE(rig.seen.rows[n - 1].words.at(5) == n);
  CHECK(rig.seen.rows.size() == kQuotes);
  CHECK(rig.count(Counter::kMessages) == kQuotes);
  CHECK(rig.count(Counter::kPauses) > 0);
  CHECK(rig.count(Counter::kDuplicates) == 0);
}

TEST_CASE("wire feed: a reset in mid-stream, and the gap that it left, recovered in order") {
  TcpPeer server([n = 0](Fd& fd) mutable {
    Hub hub(fd);
    if (!hub.greet(7)) return;
    if (n++ == 0) {
      hub.send(topic_frame(1, "a", 0));
      hub.send(symbols_frame());
      hub.send(make_quote(1));
      // Once the quote has been seen for certain.
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      hub.reset();
      return;
    }
    hub.send(topic_frame(1, "a", 3));
    hub.send(symbols_frame());
    hub.send(make_quote(4));
    while (hub.client().lines.back() != "resend 1:2-3") {
      if (!hub.receive()) return;
    }
    for (uint64_t i = 2; i <= 3; ++i) {
      Bytes again = make_quote(i);
      add_flags(again.data(), kFlagResent);
      hub.send(again);
    }
    hub.until_gone();
  });
  auto options = options_for(server.port());
  options.rows = row_schema(kQuoteRows);
  options.receiver.recover.order = Recover::kOrdered;
  options.receiver.recover.wait_ns = 5'000 * kFeedMs;
  WireFeedRig rig(std::move(options));
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.seen.rows.size() == 4; }));
  for (uint64_t i = 0; i < 4; ++i) {
    CHECK(rig.seen.rows[i].words.at(5) == i + 1);
    CHECK(rig.seen.rows[i].number(7) == (i == 1 || i == 2 ? 1 : 0));
  }
  CHECK(rig.seen.gaps == Names{"a 2-3 1 1", "a 2-3 1 2"});
  CHECK(rig.count(Counter::kMissing) == 2);
  CHECK(rig.count(Counter::kRecovered) == 2);
  CHECK(rig.count(Counter::kReconnects) == 1);
  CHECK(rig.seen.opened.find(R"("resumed":true)") != std::string::npos);
}

TEST_CASE("wire feed: heartbeats prove life but are no data") {
  TcpPeer server([](Fd& fd) {
    Hub hub(fd);
    if (!hub.greet(1, 20)) return;
    for (int i = 0; i < 200; ++i) {
      hub.send(heartbeat_frame({}));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  auto options = options_for(server.port());
  options.heartbeat.idle_ns = 200 * kFeedMs;
  WireFeedRig rig(std::move(options));
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.seen.reached(State::kReconnecting) >= 1; }));
  CHECK(rig.seen.states[2] == "3:ERR_IDLE");
  CHECK(rig.count(Counter::kHeartbeats) > 3);
}

TEST_CASE("wire feed: a sender's wish for a pause is kept, within the policy's longest delay") {
  std::atomic<int> connections{0};
  TcpPeer server([&](Fd& fd) {
    Hub hub(fd);
    ++connections;
    if (!hub.greet(1)) return;
    hub.send(bye_frame(ErrorCode::kShuttingDown, "maintenance", 60'000));
    hub.until_gone();
  });
  WireFeedRig rig(options_for(server.port()));
  rig.feed->open();
  REQUIRE(rig.run([&] { return connections >= 3; }));  // max_ns is 20 ms
  CHECK(rig.seen.states[2] == "3:ERR_WIRE_SHUTTING_DOWN");
}

TEST_CASE("wire feed: subscriptions of later, and one that is refused") {
  std::atomic<bool> unsubscribed{false};
  TcpPeer server([&](Fd& fd) {
    Hub hub(fd);
    if (!hub.greet(1)) return;
    hub.send(topic_frame(1, "a", 0));
    while (hub.client().lines.back() != "subscribe b c /K") {
      if (!hub.receive()) return;
    }
    hub.send(error_frame(ErrorCode::kForbidden, "no", false, hub.client().last_request));
    while (hub.client().lines.back() != "unsubscribe a") {
      if (!hub.receive()) return;
    }
    unsubscribed = true;
    hub.until_gone();
  });
  WireFeedRig rig(options_for(server.port()));
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.seen.subscribed.size() == 1; }));
  TopicFilter filter;
  filter.keys = {"K"};
  rig.feed->subscribe({"b", "c"}, filter);
  REQUIRE(rig.run([&] { return rig.seen.refused.size() == 1; }));
  CHECK(rig.seen.refused[0] == std::string("3:no:\x01") + "b\x01" + "c");
  rig.feed->unsubscribe({"a"});
  REQUIRE(rig.run([&] { return unsubscribed.load(); }));
}

TEST_CASE("wire feed: damage is counted by kind, and what is intact behind it arrives") {
  Bytes broken = make_quote(2);
  broken[50] ^= 1;
  TcpPeer server([&](Fd& fd) {
    Hub hub(fd);
    if (!hub.greet(1)) return;
    hub.send(topic_frame(1, "a", 0));
    hub.send(make_quote(1));
    hub.send(broken);
    hub.send(make_quote(3));
    hub.send(Bytes(33, 'x'));
    hub.send(make_quote(4));
    hub.until_gone();
  });
  WireFeedRig rig(options_for(server.port()));
  rig.feed->open();
  REQUIRE(rig.run([&] { return rig.seen.raws.size() == 3; }));
  CHECK(rig.count(Counter::kSkippedBytes) == 64 + 33);
  CHECK(rig.seen.gaps == Names{"a 2-2 0 0"});
  CHECK(rig.count(Counter::kMalformed) >= 1);
  CHECK(rig.seen.malformed.at(0) == static_cast<int>(decode::Malformed::kChecksum));
}
