// Clients that speak the wire format: typed frames behind their definitions, what was missed, what is sent again.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "hub_wire_rig.h"

using namespace tickwire;
using namespace tickwire::hub_rig;

namespace {

constexpr Lane kWireLanes[] = {Lane::kWire, Lane::kWsWire};

WireClient join(HubRig& rig, Lane lane, std::vector<std::string> names) {
  return {lane, rig.connect(topics(std::move(names), lane))};
}

std::vector<uint64_t> sequences(const std::vector<WireMessage>& messages) {
  std::vector<uint64_t> out;
  for (const WireMessage& m : messages) out.push_back(m.header.sequence);
  return out;
}

std::vector<uint64_t> range(uint64_t from, uint64_t to) {
  std::vector<uint64_t> out;
  for (uint64_t i = from; i <= to; ++i) out.push_back(i);
  return out;
}

void resend(WireClient& client, uint32_t request, const std::vector<wire::Range>& ranges) {
  wire::Resend head;
  head.request = request;
  client.say(wire::Type::kResend, head, std::span<const wire::Range>(ranges));
}

}  // namespace

TEST_CASE("hub wire: a welcome, then typed frames behind the definitions they need") {
  for (const Lane lane : kWireLanes) {
    CAPTURE(static_cast<int>(lane));
    HubOptions options = quick_options();
    options.name = "the hub";
    HubRig rig(options);
    const TopicId a = rig.topic("a");
    const TopicId b = rig.topic("b");
    const KeyId x = rig.key("x");
    const KeyId y = rig.key("y");
    WireClient early = join(rig, lane, {"a"});
    WireClient all{lane, rig.connect(all_topics(lane))};
    CHECK(publish_quote(rig, a, x, 100) == PublishStatus::kPublished);
    CHECK(publish_quote(rig, b, y, 200) == PublishStatus::kPublished);
    CHECK(publish_quote(rig, a, y, 300) == PublishStatus::kPublished);
    rig.run();
    WireClient late = join(rig, lane, {"a"});
    CHECK(publish_quote(rig, a, x, 400) == PublishStatus::kPublished);
    rig.run();
    for (WireClient* const client : {&early, &all, &late}) {
      client->read();
      REQUIRE(!client->got.empty());
      REQUIRE(client->got.front().header.is(wire::Type::kWelcome));
      const auto welcome = client->got.front().as<wire::Welcome>();
      CHECK(welcome.epoch != 0);
      CHECK(welcome.name == "the hub");
      CHECK(welcome.max_payload >= options.max_message);
      std::map<uint16_t, std::string> names;
      std::map<uint32_t, std::string> symbols;
      std::map<uint16_t, uint64_t> last;
      std::vector<std::pair<uint16_t, int64_t>> quotes;
      for (const WireMessage& m : client->got) {
        if (m.header.is(wire::Type::kTopic)) {
          for (const wire::TopicEntry& entry : m.as<wire::Topics>().entries) {
            names[entry.source] = entry.name;
            if (entry.last_sequence != 0) last[entry.source] = entry.last_sequence;
          }
        } else if (m.header.is(wire::Type::kSymbol)) {
          for (const wire::SymbolEntry& entry : m.as<wire::Symbols>().entries) symbols[entry.id] = entry.text;
        } else if (m.header.is(wire::Type::kQuote)) {
          CHECK(m.header.domain == wire::Domain::kMarketData);
          CHECK(m.header.time_ns != 0);
          CHECK(m.header.flags == 0);
          CHECK(m.header.sequence == ++last[m.header.source]);
          CHECK(names[m.header.source] == (m.header.source == a ? "a" : "b"));
          const auto quote = m.as<wire::Quote>();
          CHECK(symbols[quote.symbol] == (quote.symbol == x ? "x" : "y"));
          quotes.emplace_back(m.header.source, quote.bid);
        }
      }
      std::vector<std::pair<uint16_t, int64_t>> expected{{a, 100}, {b, 200}, {a, 300}, {a, 400}};
      if (client == &early) expected.erase(expected.begin() + 1);
      if (client == &late) expected.erase(expected.begin(), expected.begin() + 3);
      CHECK(quotes == expected);
    }
    CHECK(rig->counters().deliveries == 3 + 4 + 1);
  }
}

TEST_CASE("hub wire: what is not typed comes as Raw, also what looks like a frame; typed messages are text elsewhere") {
  for (const Lane lane : kWireLanes) {
    CAPTURE(static_cast<int>(lane));
    HubRig rig;
    const TopicId a = rig.topic("a");
    const KeyId x = rig.key("x");
    WireClient client = join(rig, lane, {"a"});
    ClientEnd browser = rig.connect(topics({"a"}));
    const std::string hostile{'T', 'W', 1, 'T', 'W', 1, 0};
    Message message;
    message.topic = a;
    for (const PayloadKind kind : {PayloadKind::kJson, PayloadKind::kText, PayloadKind::kBinary}) {
      message.kind = kind;
      message.key = kind == PayloadKind::kText ? x : kNoKey;
      message.payload = bytes_of(hostile);
      CHECK(rig->publish(message).status == PublishStatus::kPublished);
    }
    CHECK(publish_quote(rig, a, x, 7) == PublishStatus::kPublished);
    rig.run();
    client.read();
    browser.read_some();
    const std::vector<WireMessage> raws = client.take(wire::Type::kRaw);
    REQUIRE(raws.size() == 3);
    const wire::ContentKind kinds[] = {wire::ContentKind::kJson, wire::ContentKind::kText, wire::ContentKind::kBytes};
    for (size_t i = 0; i < 3; ++i) {
      const auto raw = raws[i].as<wire::Raw>();
      CHECK(raw.kind == kinds[i]);
      CHECK(raw.key == (i == 1 ? x : wire::kNoSymbol));
      CHECK(std::string(raw.content.begin(), raw.content.end()) == hostile);
    }
    CHECK(client.take(wire::Type::kQuote).size() == 1);
    CHECK(browser.texts() == std::vector<std::string>{hostile, hostile, hostile, "7"});
  }
}

TEST_CASE("hub wire: a missing range is sent again while the ring holds it") {
  for (const Lane lane : kWireLanes) {
    CAPTURE(static_cast<int>(lane));
    HubOptions options = quick_options();
    options.ring.entries = 1024;
    HubRig rig(options);
    const TopicId a = rig.topic("a");
    const TopicId b = rig.topic("b");
    const KeyId x = rig.key("x");
    WireClient client = join(rig, lane, {"a"});
    for (int64_t i = 1; i <= 100; ++i) {
      CHECK(publish_quote(rig, a, x, i) == PublishStatus::kPublished);
      CHECK(publish_quote(rig, b, x, -i) == PublishStatus::kPublished);
      rig.run();
    }
    client.read();
    CHECK(sequences(client.take(wire::Type::kQuote)) == range(1, 100));

    resend(client, 1, {{a, 10, 20}, {a, 99, 100}});
    rig.run();
    client.read();
    const std::vector<WireMessage> again = client.take(wire::Type::kQuote);
    std::vector<uint64_t> expected = range(10, 20);
    expected.insert(expected.end(), {99, 100});
    CHECK(sequences(again) == expected);
    for (const WireMessage& m : again) {
      CHECK(m.header.flags == wire::kFlagResent);
      CHECK(m.header.source == a);
      CHECK(m.as<wire::Quote>().bid == static_cast<int64_t>(m.header.sequence));
    }
    CHECK(client.take(wire::Type::kResendRefused).empty());

    // What was never published, belongs to others, or is not there at all.
    resend(client, 2, {{a, 99, 120}, {b, 1, 2}, {77, 1, 2}, {a, 200, 300}});
    rig.run();
    client.read();
    CHECK(sequences(client.take(wire::Type::kQuote)) == range(99, 100));
    std::vector<WireMessage> refused = client.take(wire::Type::kResendRefused);
    REQUIRE(refused.size() == 4);
    const auto check = [&](size_t i, wire::RefusedWhy why, uint16_t source, uint64_t from, uint64_t to) {
      const auto m = refused[i].as<wire::ResendRefused>();
      CHECK(m.request == 2);
      CHECK(m.why == why);
      CHECK(m.range.source == source);
      CHECK(m.range.from == from);
      CHECK(m.range.to == to);
    };
    check(0, wire::RefusedWhy::kNotYet, a, 101, 120);
    check(1, wire::RefusedWhy::kUnknownSource, b, 1, 2);
    check(2, wire::RefusedWhy::kUnknownSource, 77, 1, 2);
    check(3, wire::RefusedWhy::kNotYet, a, 200, 300);

    // Entries are overwritten: what is gone is said to be, the rest comes.
    for (int64_t i = 101; i <= 1500; ++i) {
      CHECK(publish_quote(rig, a, x, i) == PublishStatus::kPublished);
      rig.run();
      client.read();
    }
    CHECK(sequences(client.take(wire::Type::kQuote)) == range(101, 1500));
    resend(client, 3, {{a, 1, 1500}});
    rig.run();
    client.read();
    refused = client.take(wire::Type::kResendRefused);
    REQUIRE(refused.size() == 1);
    const auto gone = refused[0].as<wire::ResendRefused>();
    CHECK(gone.why == wire::RefusedWhy::kGone);
    CHECK(gone.range.from == 1);
    CHECK(gone.oldest == gone.range.to + 1);
    CHECK(sequences(client.take(wire::Type::kQuote)) == range(gone.oldest, 1500));
    CHECK(1500 - gone.range.to > 500);  // half of the ring at least
  }
}

TEST_CASE("hub wire: what one may ask to be sent again is limited") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  WireClient client = join(rig, Lane::kWire, {"a"});
  const std::string payload(3000, 'x');
  for (int i = 0; i < 200; ++i) {
    CHECK(rig.publish(a, payload).status == PublishStatus::kPublished);
    rig.run();
    client.read();
  }
  CHECK(client.take(wire::Type::kRaw).size() == 200);
  resend(client, 1, {{a, 1, 200}});
  for (int i = 0; i < 20; ++i) {
    rig.run();
    client.read();
  }
  std::vector<WireMessage> refused = client.take(wire::Type::kResendRefused);
  REQUIRE(refused.size() == 1);
  const auto rest = refused[0].as<wire::ResendRefused>();
  CHECK(rest.why == wire::RefusedWhy::kTooMany);
  CHECK(rest.range.to == 200);
  CHECK(sequences(client.take(wire::Type::kRaw)) == range(1, rest.range.from - 1));
  CHECK(rest.range.from > 50);
  CHECK(rest.range.from < 150);

  const std::vector<wire::Range> many(80, wire::Range{a, 200, 200});
  resend(client, 2, many);
  for (int i = 0; i < 20; ++i) {
    rig.run();
    client.read();
  }
  const size_t sent = client.take(wire::Type::kRaw).size();
  CHECK(sent >= 60);
  CHECK(sent < 80);
  refused = client.take(wire::Type::kResendRefused);
  CHECK(refused.size() == 80 - sent);
  CHECK(refused[0].as<wire::ResendRefused>().why == wire::RefusedWhy::kTooMany);
}

TEST_CASE("hub wire: a slow client learns of every message that it did not get, also of the last") {
  for (const Lane lane : kWireLanes) {
    for (const bool everything : {false, true}) {
      CAPTURE(static_cast<int>(lane));
      CAPTURE(everything);
      HubOptions options = quick_options();
      options.slow.pending_bytes = 64u << 10;
      HubRig rig(options);
      const TopicId a = rig.topic("a");
      const TopicId b = rig.topic("b");
      std::vector<KeyId> keys;
      for (int i = 0; i < 300; ++i) keys.push_back(rig.key("k" + std::to_string(i)));
      WireClient client{lane, rig.connect_small(everything ? all_topics(lane) : topics({"a", "b"}, lane), 8192)};
      uint64_t last[2] = {};
      for (int i = 0; i < 9000; ++i) {
        const TopicId topic = i % 3 == 0 ? b : a;
        ++last[topic == b];
        // Keys that are new while it is skipped must have been defined when they are first seen.
        CHECK(publish_quote(rig, topic, keys[static_cast<size_t>(i / 30)], i) == PublishStatus::kPublished);
        rig.run();
      }
      REQUIRE(rig.events.slow.size() == 1);
      const auto drain = [&] {
        for (int i = 0; i < 40; ++i) {
          client.read();
          rig.run();
        }
      };
      drain();
      REQUIRE(rig.events.slow.size() == 2);
      std::map<uint16_t, std::set<uint64_t>> accounted;
      for (const WireMessage& m : client.take(wire::Type::kSkipped)) {
        for (const wire::Range& r : m.as<wire::Skipped>().ranges) {
          for (uint64_t s = r.from; s <= r.to; ++s) CHECK(accounted[r.source].insert(s).second);
        }
      }
      CHECK(!accounted.empty());
      CHECK(publish_quote(rig, a, keys[299], 1) == PublishStatus::kPublished);
      CHECK(publish_quote(rig, a, keys[0], 1) == PublishStatus::kPublished);
      drain();
      std::set<uint32_t> symbols;
      for (const WireMessage& m : client.got) {
        if (m.header.is(wire::Type::kSymbol)) {
          for (const wire::SymbolEntry& entry : m.as<wire::Symbols>().entries) symbols.insert(entry.id);
        } else if (m.header.is(wire::Type::kQuote)) {
          CHECK(accounted[m.header.source].insert(m.header.sequence).second);
          CHECK(symbols.count(m.as<wire::Quote>().symbol) == 1);
        }
      }
      CHECK(accounted[a].size() == last[0] + 2);
      CHECK(accounted[b].size() == last[1]);
    }
  }
}

TEST_CASE("hub wire: a conflating client is told by a flag that something was left out") {
  for (const Lane lane : kWireLanes) {
    CAPTURE(static_cast<int>(lane));
    HubOptions options = quick_options();
    options.slow.pending_bytes = 64u << 10;
    options.slow.then = SlowPolicy::kConflate;
    HubRig rig(options);
    const TopicId a = rig.topic("a");
    std::vector<KeyId> keys;
    for (int i = 0; i < 10; ++i) keys.push_back(rig.key("k" + std::to_string(i)));
    WireClient client{lane, rig.connect_small(topics({"a"}, lane), 8192)};
    std::map<uint32_t, int64_t> newest;
    for (int i = 0; i < 6000; ++i) {
      const KeyId key = keys[static_cast<size_t>(i % 10)];
      newest[key] = i;
      CHECK(publish_quote(rig, a, key, i) == PublishStatus::kPublished);
      rig.run();
    }
    REQUIRE(rig.events.slow.size() == 1);
    for (int i = 0; i < 40; ++i) {
      client.read();
      rig.run();
    }
    REQUIRE(rig.events.slow.size() == 2);
    std::map<uint32_t, int64_t> seen;
    uint64_t before = 0;
    size_t gaps = 0;
    size_t received = 0;
    for (const WireMessage& m : client.take(wire::Type::kQuote)) {
      const auto quote = m.as<wire::Quote>();
      CHECK(m.header.sequence > before);
      if (m.header.sequence != before + 1) {
        ++gaps;
        CHECK((m.header.flags & wire::kFlagConflated) != 0);
      }
      before = m.header.sequence;
      seen[quote.symbol] = quote.bid;
      ++received;
    }
    CHECK(gaps != 0);
    CHECK(seen == newest);
    CHECK(received + rig->counters().conflated == 6000);
  }
}

TEST_CASE("hub wire: requests of a client, answered or refused") {
  for (const Lane lane : kWireLanes) {
    CAPTURE(static_cast<int>(lane));
    HubRig rig;
    const TopicId a = rig.topic("a");
    WireClient client = join(rig, lane, {});
    const std::string_view names[] = {"a", "b"};
    wire::Subscribe subscribe;
    subscribe.request = 5;
    client.say(wire::Type::kSubscribe, subscribe, std::span<const std::string_view>(names),
               std::span<const std::string_view>());
    client.say(wire::Type::kPing, wire::Ping{77});
    rig.run();
    CHECK(rig.publish(a, "1").status == PublishStatus::kPublished);
    rig.run();
    client.read();
    std::map<std::string, uint32_t> answered;
    for (const WireMessage& m : client.take(wire::Type::kTopic)) {
      const auto topics = m.as<wire::Topics>();
      for (const wire::TopicEntry& entry : topics.entries) {
        if (topics.request != 0) answered[std::string(entry.name)] = topics.request;
      }
    }
    CHECK(answered == std::map<std::string, uint32_t>{{"a", 5}, {"b", 5}});
    const std::vector<WireMessage> pongs = client.take(wire::Type::kPong);
    REQUIRE(pongs.size() == 1);
    CHECK(pongs[0].as<wire::Pong>().token == 77);
    CHECK(client.take(wire::Type::kRaw).size() == 1);

    wire::Unsubscribe unsubscribe;
    unsubscribe.request = 6;
    client.say(wire::Type::kUnsubscribe, unsubscribe, std::span<const std::string_view>(names).first(1));
    client.say(wire::Type::kUnsubscribe, unsubscribe, std::span<const std::string_view>(names).first(1));
    client.say(wire::Type::kQuote, wire::Quote{});
    rig.run();
    CHECK(rig.publish(a, "2").status == PublishStatus::kPublished);
    rig.run();
    client.read();
    CHECK(client.take(wire::Type::kRaw).empty());
    const std::vector<WireMessage> errors = client.take(wire::Type::kError);
    REQUIRE(errors.size() == 2);
    CHECK(errors[0].as<wire::ErrorMessage>().code == wire::ErrorCode::kUnknownTopic);
    CHECK(errors[0].as<wire::ErrorMessage>().request == 6);
    CHECK(errors[1].as<wire::ErrorMessage>().code == wire::ErrorCode::kUnexpected);

    client.say(wire::Type::kBye, wire::Bye{});
    rig.run();
    client.read();
    CHECK((client.end().ended || client.closed));
    REQUIRE(rig.events.gone.size() == 1);
    CHECK(rig.events.gone[0].code == Errc::kWsClosed);
  }
}

TEST_CASE("hub wire: a connection that stops making sense is told so and ended") {
  HubRig rig;
  WireClient client = join(rig, Lane::kWire, {"a"});
  const std::string nonsense = "GET / HTTP/1.1\r\n\r\n" + std::string(100, '?');
  client.end().send_bytes(bytes_of(nonsense));
  rig.run();
  client.read();
  const std::vector<WireMessage> byes = client.take(wire::Type::kBye);
  REQUIRE(byes.size() == 1);
  CHECK(byes[0].as<wire::Bye>().why == wire::ErrorCode::kMalformed);
  client.end().read_some();
  CHECK(client.end().ended);
  CHECK(rig->counters().violations == 1);
}

TEST_CASE("hub wire: a quiet hub is heard of") {
  HubOptions options = quick_options();
  options.liveness.heartbeat_ns = 20 * kMs;
  HubRig rig(options);
  WireClient client = join(rig, Lane::kWire, {"a"});
  size_t beats = 0;
  for (int i = 0; i < 400 && beats < 2; ++i) {
    rig.loop().run_once(5 * kMs);
    client.read();
    beats += client.take(wire::Type::kHeartbeat).size();
  }
  CHECK(beats >= 2);
}
