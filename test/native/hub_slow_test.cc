// Subscribers that do not read: what each policy does, to the message.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "hub_rig.h"

using namespace tickwire;
using namespace tickwire::hub_rig;

namespace {

HubOptions slow_options(SlowPolicy then) {
  HubOptions options = quick_options();
  options.slow.pending_bytes = 64u << 10;
  options.slow.then = then;
  return options;
}

std::string numbered(uint64_t n, size_t size = 200) {
  std::string text = std::to_string(n);
  text.resize(size, ' ');
  return text;
}

std::vector<uint64_t> numbers(const std::vector<std::string>& texts) {
  std::vector<uint64_t> out;
  for (const std::string& text : texts) out.push_back(std::stoull(text));
  return out;
}

void drain(HubRig& rig, ClientEnd& client) {
  for (size_t before = 1; before != 0;) {
    before = client.read_some();
    rig.run();
    before += client.read_some();
  }
}

}  // namespace

TEST_CASE("hub slow: skip jumps to the newest and says exactly what is missing") {
  HubRig rig(slow_options(SlowPolicy::kSkip));
  const TopicId a = rig.topic("a");
  ClientEnd stuck = rig.connect_small(all_topics(), 8192);
  ClientEnd healthy = rig.connect();
  const SubscriberId stuck_id = rig.last_id - (1u << 6);
  constexpr uint64_t kFirst = 4000;
  for (uint64_t i = 1; i <= kFirst; ++i) {
    CHECK(rig.publish(a, numbered(i)).status == PublishStatus::kPublished);
    rig.run();
    healthy.read_some();
  }
  REQUIRE(rig.events.slow.size() == 1);
  CHECK(rig.events.slow[0].id == stuck_id);
  CHECK(rig.events.slow[0].phase == SlowEvent::Phase::kBegan);
  CHECK(rig.events.slow[0].policy == SlowPolicy::kSkip);
  CHECK(rig->counters().blocked == 1);
  CHECK(healthy.texts().size() == kFirst);

  drain(rig, stuck);
  REQUIRE(rig.events.slow.size() == 2);
  const Slow& ended = rig.events.slow[1];
  CHECK(ended.phase == SlowEvent::Phase::kEnded);
  REQUIRE(ended.ranges.size() == 1);
  CHECK(ended.ranges[0].topic == a);
  CHECK(ended.ranges[0].to == kFirst);
  CHECK(ended.ranges[0].count == ended.ranges[0].to - ended.ranges[0].from + 1);
  CHECK(ended.missed == ended.ranges[0].count);
  const uint64_t got = ended.ranges[0].from - 1;

  CHECK(rig.publish(a, numbered(kFirst + 1)).status == PublishStatus::kPublished);
  drain(rig, stuck);
  std::vector<uint64_t> expected;
  for (uint64_t i = 1; i <= got; ++i) expected.push_back(i);
  expected.push_back(kFirst + 1);
  CHECK(numbers(stuck.texts()) == expected);
  const Counters counters = rig->counters();
  CHECK(counters.slow == 1);
  CHECK(counters.skipped == ended.missed);
  CHECK(counters.conflated == 0);
  CHECK(counters.blocked == 0);
  CHECK(counters.deliveries == kFirst + 1 + got + 1);
}

TEST_CASE("hub slow: what a subscriber of topics missed is told per topic") {
  HubRig rig(slow_options(SlowPolicy::kSkip));
  const TopicId a = rig.topic("a");
  const TopicId b = rig.topic("b");
  const TopicId c = rig.topic("c");
  ClientEnd stuck = rig.connect_small(topics({"a", "b"}), 8192);
  stuck.say(R"({"op":"ping"})");  // so that it may be sent notices
  std::map<TopicId, uint64_t> last;
  for (uint64_t i = 1; i <= 6000; ++i) {
    const TopicId topic = i % 3 == 0 ? a : i % 3 == 1 ? b : c;
    last[topic] = rig.publish(topic, numbered(i)).sequence;
    rig.run();
  }
  drain(rig, stuck);
  REQUIRE(rig.events.slow.size() == 2);
  const auto& ranges = rig.events.slow[1].ranges;
  REQUIRE(ranges.size() == 2);
  std::map<TopicId, uint64_t> got;
  std::string notice;
  for (const std::string& text : stuck.texts()) {
    if (text[0] == '{') {
      if (text.find("skipped") != std::string::npos) notice = text;
      continue;
    }
    const uint64_t i = std::stoull(text);
    CHECK(i % 3 != 2);
    ++got[i % 3 == 0 ? a : b];
  }
  for (const MissedRange& range : ranges) {
    CHECK(range.from == got[range.topic] + 1);
    CHECK(range.to == last[range.topic]);
    CHECK(range.count == range.to - range.from + 1);
  }
  const auto told = [](const char* name, const MissedRange& r) {
    return std::string(R"({"topic":")") + name + R"(","from":)" + std::to_string(r.from) + R"(,"to":)" +
           std::to_string(r.to) + R"(,"count":)" + std::to_string(r.count) + "}";
  };
  CHECK(notice == R"({"op":"skipped","topics":[)" + told("a", ranges[0]) + "," + told("b", ranges[1]) + "]}");
}

TEST_CASE("hub slow: nobody is slow who has nothing to get") {
  HubRig rig(slow_options(SlowPolicy::kDisconnect));
  const TopicId a = rig.topic("a");
  const TopicId b = rig.topic("b");
  ClientEnd idle = rig.connect_small(topics({"a"}), 8192);
  ClientEnd filtered = rig.connect_small(all_topics(), 8192);
  CHECK(rig.publish(a, "1").status == PublishStatus::kPublished);
  filtered.hang_up();
  for (uint64_t i = 1; i <= 20'000; ++i) {  // several rings full
    REQUIRE(rig.publish(b, numbered(i)).status == PublishStatus::kPublished);
    rig.run();
  }
  CHECK(rig.publish(a, "2").status == PublishStatus::kPublished);
  rig.run();
  idle.read_some();
  CHECK(idle.texts() == std::vector<std::string>{"1", "2"});
  CHECK(rig.events.slow.empty());
}

TEST_CASE("hub slow: disconnect says why and cuts; the others do not notice") {
  HubRig rig(slow_options(SlowPolicy::kDisconnect));
  const TopicId a = rig.topic("a");
  ClientEnd healthy = rig.connect();
  ClientEnd stuck = rig.connect_small(all_topics(), 8192);
  for (uint64_t i = 1; i <= 3000; ++i) {
    CHECK(rig.publish(a, numbered(i)).status == PublishStatus::kPublished);
    rig.run();
    healthy.read_some();
  }
  REQUIRE(rig.events.slow.size() == 1);
  CHECK(rig->counters().slow_disconnects == 1);
  CHECK(healthy.texts().size() == 3000);
  // It gets to read what was on its way, and the reason.
  drain(rig, stuck);
  REQUIRE(!stuck.frames.empty());
  CHECK(stuck.frames.back().opcode == 8);
  CHECK(stuck.frames.back().payload == std::string("\x03\xf5too slow", 10));  // 1013
  stuck.send_frame(ws::Opcode::kClose, std::string_view("\x03\xf5", 2));
  rig.run();
  REQUIRE(rig.events.gone.size() == 1);
  CHECK(rig.events.gone[0].code == Errc::kHubTooSlow);
  CHECK(rig.events.gone[0].detail == 1013);
  CHECK(rig.events.gone[0].clean);
}

TEST_CASE("hub slow: one that is to be disconnected and reads nothing is cut in time") {
  HubOptions options = slow_options(SlowPolicy::kDisconnect);
  options.slow.close_timeout_ns = 50 * kMs;
  HubRig rig(options);
  const TopicId a = rig.topic("a");
  ClientEnd stuck = rig.connect_small(all_topics(), 8192);
  for (uint64_t i = 1; i <= 3000; ++i) {
    CHECK(rig.publish(a, numbered(i)).status == PublishStatus::kPublished);
    rig.run();
  }
  for (int i = 0; i < 100 && rig.events.gone.empty(); ++i) rig.loop().run_once(10 * kMs);
  REQUIRE(rig.events.gone.size() == 1);
  CHECK(rig.events.gone[0].code == Errc::kHubTooSlow);
  CHECK_FALSE(rig.events.gone[0].clean);
}

namespace {

// Publishes `rounds` messages over `keys` keys in a fixed, uneven pattern; returns the last number of each key.
std::map<uint64_t, uint64_t> publish_keyed(HubRig& rig, TopicId topic, const std::vector<KeyId>& keys, uint64_t from,
                                           uint64_t to, ClientEnd* healthy = nullptr) {
  std::map<uint64_t, uint64_t> newest;
  for (uint64_t i = from; i <= to; ++i) {
    const size_t k = i * i % keys.size();
    REQUIRE(rig.publish(topic, numbered(i * 1000 + k), keys[k]).status == PublishStatus::kPublished);
    newest[k] = i;
    rig.run();
    if (healthy != nullptr) healthy->read_some();
  }
  return newest;
}

}  // namespace

TEST_CASE("hub slow: conflate sends the newest per key, in order, and counts the rest") {
  // Once within the ring, once far beyond it.
  for (const uint64_t rounds : {uint64_t{2000}, uint64_t{30'000}}) {
    CAPTURE(rounds);
    HubRig rig(slow_options(SlowPolicy::kConflate));
    const TopicId a = rig.topic("a");
    std::vector<KeyId> keys;
    for (int i = 0; i < 37; ++i) keys.push_back(rig.key("K" + std::to_string(i)));
    ClientEnd stuck = rig.connect_small(all_topics(), 8192);
    ClientEnd listed = rig.connect_small(topics({"a"}), 8192);
    ClientEnd healthy = rig.connect();
    const auto newest = publish_keyed(rig, a, keys, 1, rounds, &healthy);
    CHECK(healthy.texts().size() == rounds);
    CHECK(rig.events.slow.size() == 2);
    uint64_t dropped = 0;
    for (ClientEnd* const client : {&stuck, &listed}) {
      drain(rig, *client);
      const std::vector<uint64_t> got = numbers(client->texts());
      // Ascending, no key's last value missing, and after the conflated part nothing older than the newest.
      CHECK(std::is_sorted(got.begin(), got.end()));
      CHECK(std::adjacent_find(got.begin(), got.end()) == got.end());
      std::map<uint64_t, uint64_t> last;
      for (const uint64_t n : got) last[n % 1000] = n / 1000;
      CHECK(last == newest);
      CHECK(got.size() < rounds);
      dropped += rounds - got.size();
    }
    REQUIRE(rig.events.slow.size() == 4);
    CHECK(rig.events.slow[2].missed + rig.events.slow[3].missed == dropped);
    CHECK(rig->counters().conflated == dropped);
    CHECK(rig->counters().skipped == 0);
    CHECK(rig->counters().deliveries == 3 * rounds - dropped);
    // Afterwards they get everything again.
    publish_keyed(rig, a, keys, rounds + 1, rounds + 10);
    for (ClientEnd* const client : {&stuck, &listed}) {
      client->frames.clear();
      drain(rig, *client);
      CHECK(client->texts().size() == 10);
    }
  }
}

TEST_CASE("hub slow: what may not be conflated is kept while the ring holds it, then skipped with its range") {
  HubRig rig(slow_options(SlowPolicy::kConflate));
  TopicOptions every;
  every.conflate = false;
  const TopicId trades = rig.topic("trades", every);
  const TopicId quotes = rig.topic("quotes");
  const KeyId key = rig.key("K");
  ClientEnd stuck = rig.connect_small(all_topics(), 8192);
  constexpr uint64_t kRounds = 20'000;
  for (uint64_t i = 1; i <= kRounds; ++i) {
    REQUIRE(rig.publish(i % 2 == 0 ? trades : quotes, numbered(i), key).status == PublishStatus::kPublished);
    rig.run();
  }
  drain(rig, stuck);
  REQUIRE(rig.events.slow.size() == 2);
  const std::vector<uint64_t> got = numbers(stuck.texts());
  CHECK(std::is_sorted(got.begin(), got.end()));
  CHECK(got.back() == kRounds);
  std::set<uint64_t> got_trades;
  uint64_t got_quotes = 0;
  for (const uint64_t n : got) {
    if (n % 2 == 0) {
      got_trades.insert(n / 2);
    } else {
      ++got_quotes;
    }
  }
  const auto& ranges = rig.events.slow[1].ranges;
  REQUIRE(ranges.size() == 2);
  for (const MissedRange& range : ranges) {
    if (range.topic == trades) {
      CHECK(range.count == range.to - range.from + 1);
      CHECK(got_trades.size() + range.count == kRounds / 2);
      for (uint64_t n = 1; n <= kRounds / 2; ++n) CHECK(got_trades.contains(n) == (n < range.from || n > range.to));
      CHECK(rig->counters().skipped == range.count);
    } else {
      CHECK(got_quotes + range.count == kRounds / 2);
      CHECK(rig->counters().conflated == range.count);
    }
  }
}

TEST_CASE("hub slow: a policy of one's own") {
  HubRig rig(slow_options(SlowPolicy::kSkip));
  const TopicId a = rig.topic("a");
  SubscriberInfo info = all_topics();
  info.slow = SlowPolicy::kConflate;
  ClientEnd conflating = rig.connect_small(std::move(info), 8192);
  for (uint64_t i = 1; i <= 20'000; ++i) {
    CHECK(rig.publish(a, numbered(i)).status == PublishStatus::kPublished);
    rig.run();
  }
  drain(rig, conflating);
  // Without a key the topic is the key: of all that waited, the last one.
  const std::vector<uint64_t> got = numbers(conflating.texts());
  CHECK(got.back() == 20'000);
  REQUIRE(rig.events.slow.size() == 2);
  CHECK(rig.events.slow[1].policy == SlowPolicy::kConflate);
  CHECK(got.size() + rig.events.slow[1].missed == 20'000);
}

TEST_CASE("hub slow: a store that is full is counted, and what it does not hold is missed") {
  HubOptions options = slow_options(SlowPolicy::kConflate);
  options.store.bytes = 1024;  // four messages of 200 bytes
  HubRig rig(options);
  const TopicId a = rig.topic("a");
  std::vector<KeyId> keys;
  for (int i = 0; i < 8; ++i) keys.push_back(rig.key("K" + std::to_string(i)));
  ClientEnd stuck = rig.connect_small(all_topics(), 8192);
  for (uint64_t i = 1; i <= 2000; ++i) {
    REQUIRE(rig.publish(a, numbered(i), keys[i % 8]).status == PublishStatus::kPublished);
    rig.run();
  }
  // The rest is of one key, so that the others leave the ring.
  for (uint64_t i = 2001; i <= 20'000; ++i) {
    REQUIRE(rig.publish(a, numbered(i), keys[0]).status == PublishStatus::kPublished);
    rig.run();
  }
  drain(rig, stuck);
  const std::vector<uint64_t> got = numbers(stuck.texts());
  REQUIRE(rig.events.slow.size() == 2);
  CHECK(got.size() + rig.events.slow[1].missed == 20'000);
  const Counters counters = rig->counters();
  CHECK(counters.kept == 4);
  CHECK(counters.kept_bytes <= 1024);
  CHECK(counters.not_kept > 0);
  CHECK(got.back() == 20'000);
}

TEST_CASE("hub slow: what waits for one with a filter on everything is counted exactly, pass by pass") {
  HubOptions options = slow_options(SlowPolicy::kSkip);
  HubRig rig(options);
  const TopicId a = rig.topic("a");
  const KeyId rare = rig.key("rare");
  const KeyId other = rig.key("other");
  SubscriberInfo info = all_topics();
  info.keys = {"rare"};
  ClientEnd stuck = rig.connect_small(std::move(info), 8192);
  ClientEnd healthy = rig.connect();
  // Of the others' messages nothing waits for it, however many there are within the window.
  for (int i = 0; i < 1500; ++i) {
    CHECK(rig.publish(a, numbered(1), i % 12 == 0 ? rare : other).status == PublishStatus::kPublished);
    rig.run();
    healthy.read_some();
  }
  CHECK(rig->counters().blocked == 1);
  CHECK(rig.events.slow.empty());
  uint64_t mine = 125;
  for (; mine < 2000 && rig.events.slow.empty(); ++mine) {
    CHECK(rig.publish(a, numbered(1), rare).status == PublishStatus::kPublished);
    rig.run();
    healthy.read_some();
  }
  REQUIRE(rig.events.slow.size() == 1);
  // The kernel counts what it holds with its own memory for it.
  constexpr size_t kKernel = 20'000;
  CHECK(mine * 204 + kKernel > options.slow.pending_bytes);
  CHECK(mine * 204 < options.slow.pending_bytes + kKernel);
  drain(rig, stuck);
  REQUIRE(rig.events.slow.size() == 2);
  CHECK(stuck.texts().size() + rig.events.slow[1].missed == mine);
}

TEST_CASE("hub slow: what waits for a subscriber can be asked for") {
  HubRig rig(quick_options(), 2);
  const TopicId a = rig.topic("a");
  ClientEnd reads = rig.connect(all_topics(), 0);
  const SubscriberId reader = rig.last_id;
  ClientEnd stopped = rig.connect_small(topics({"a"}), 4096, 1);
  const SubscriberId sleeper = rig.last_id;
  rig.run();
  const std::string text(1000, 'x');
  for (int i = 0; i < 100; ++i) {
    CHECK(rig.publish(a, text).status == PublishStatus::kPublished);
    rig.run();
    reads.read_some();
  }
  rig->measure(1, 0);
  rig.run();
  CHECK(rig.events.measured == 2);
  REQUIRE(rig.events.lags.size() == 2);
  for (const SubscriberLag& lag : rig.events.lags) {
    CHECK((lag.ring_bytes != 0) == (lag.id == sleeper));
    CHECK((lag.messages == 100) == (lag.id == reader));
    if (lag.id == sleeper) CHECK(lag.ring_bytes + lag.own_bytes + lag.bytes == 100 * (text.size() + 4));
  }
  rig->measure(2, reader);
  rig.run();
  CHECK(rig.events.measured == 3);
  CHECK(rig.events.lags.back().id == reader);
  rig->measure(3, reader + (uint64_t{1} << 20));
  rig.run();
  CHECK(rig.events.measured == 4);
  CHECK(rig.events.lags.size() == 3);
}
