// What late joiners get first: the newest per key, or a snapshot; then everything, without a gap and without a
// repetition.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "hub_rig.h"

using namespace tickwire;
using namespace tickwire::hub_rig;

namespace {

TopicOptions retaining() {
  TopicOptions options;
  options.retain = Retain::kLast;
  return options;
}

TopicOptions snapshotting() {
  TopicOptions options;
  options.snapshot = true;
  return options;
}

void give_snapshot(HubRig& rig, TopicId topic, const std::vector<std::string>& texts) {
  std::vector<Message> messages(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    messages[i].topic = topic;
    messages[i].payload = bytes_of(texts[i]);
  }
  REQUIRE(rig->publish_snapshot(topic, messages) == PublishStatus::kPublished);
}

}  // namespace

TEST_CASE("hub join: who is told of gets what is published from then on") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  rig.events.when_connected = [&] { CHECK(rig.publish(a, "at once").status == PublishStatus::kPublished); };
  ClientEnd listed = rig.connect(topics({"a"}));
  rig.run();
  listed.read_some();
  CHECK(listed.texts() == std::vector<std::string>{"at once"});
  ClientEnd all = rig.connect();
  rig.run();
  all.read_some();
  CHECK(all.texts() == std::vector<std::string>{"at once"});
}

TEST_CASE("hub join: a topic that retains sends the newest per key first, oldest of them first") {
  HubRig rig;
  const TopicId a = rig.topic("a", retaining());
  const TopicId b = rig.topic("b", retaining());
  const TopicId plain = rig.topic("plain");
  const KeyId x = rig.key("x");
  const KeyId y = rig.key("y");
  CHECK(rig.publish(a, "ax1", x).status == PublishStatus::kPublished);
  CHECK(rig.publish(a, "ay1", y).status == PublishStatus::kPublished);
  CHECK(rig.publish(b, "b1").status == PublishStatus::kPublished);
  CHECK(rig.publish(plain, "p1").status == PublishStatus::kPublished);
  CHECK(rig.publish(a, "ax2", x).status == PublishStatus::kPublished);
  ClientEnd listed = rig.connect(topics({"a"}));
  ClientEnd all = rig.connect();
  SubscriberInfo filter = topics({"a", "b"});
  filter.keys = {"y"};
  ClientEnd filtered = rig.connect(std::move(filter));
  ClientEnd declined = rig.connect(topics({}));
  declined.say(R"({"op":"subscribe","topics":["a"],"snapshot":false})");
  rig.run();
  CHECK(rig.publish(plain, "p2").status == PublishStatus::kPublished);
  CHECK(rig.publish(a, "ay2", y).status == PublishStatus::kPublished);
  rig.run();
  for (ClientEnd* c : {&listed, &all, &filtered, &declined}) c->read_some();
  CHECK(listed.texts() == std::vector<std::string>{"ay1", "ax2", "ay2"});
  CHECK(all.texts() == std::vector<std::string>{"ay1", "b1", "ax2", "p2", "ay2"});
  CHECK(filtered.texts() == std::vector<std::string>{"ay1", "ay2"});
  CHECK(declined.next().find("subscribed") != std::string::npos);
  CHECK(declined.texts() == std::vector<std::string>{"ay2"});
}

TEST_CASE("hub join: what a topic retains survives the ring") {
  HubRig rig;
  const TopicId a = rig.topic("a", retaining());
  const TopicId noise = rig.topic("noise");
  CHECK(rig.publish(a, "kept").status == PublishStatus::kPublished);
  ClientEnd other = rig.connect();
  for (int i = 0; i < 20'000; ++i) {
    REQUIRE(rig.publish(noise, std::string(200, 'n')).status == PublishStatus::kPublished);
    rig.run();
    other.read_some();
    other.frames.clear();
  }
  ClientEnd late = rig.connect(topics({"a"}));
  rig.run();
  late.read_some();
  CHECK(late.texts() == std::vector<std::string>{"kept"});
}

TEST_CASE("hub join: thousands of retained values come in pieces, while others are published") {
  HubRig rig;
  const TopicId a = rig.topic("a", retaining());
  std::vector<KeyId> keys;
  for (int i = 0; i < 5000; ++i) keys.push_back(rig.key("k" + std::to_string(i)));
  std::map<std::string, uint64_t> newest;
  uint64_t n = 0;
  const auto publish = [&](size_t key) {
    const std::string name = "k" + std::to_string(key);
    REQUIRE(rig.publish(a, name + "=" + std::to_string(++n), keys[key]).status == PublishStatus::kPublished);
    newest[name] = n;
  };
  for (size_t i = 0; i < keys.size(); ++i) publish(i);
  ClientEnd small = rig.connect_small(topics({"a"}), 4096);
  ClientEnd all = rig.connect_small(all_topics(), 4096);
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    if (i < 1500) publish(random() % keys.size());
    rig.loop().run_once(0);
    small.read_some(random() % 3000);
    all.read_some(random() % 3000);
  }
  for (int i = 0; i < 2000; ++i) {
    rig.run();
    small.read_some();
    all.read_some();
  }
  for (ClientEnd* const client : {&small, &all}) {
    std::map<std::string, uint64_t> got;
    for (const std::string& text : client->texts()) {
      const size_t at = text.find('=');
      const uint64_t value = std::stoull(text.substr(at + 1));
      uint64_t& last = got[text.substr(0, at)];
      CHECK(value > last);  // never the same again, never an older one
      last = value;
    }
    CHECK(got == newest);
  }
  CHECK(rig.events.slow.empty());
}

TEST_CASE("hub join: a snapshot is asked for once, serves all who wait, and continues with what came after it") {
  HubRig rig;
  const TopicId a = rig.topic("a", snapshotting());
  ClientEnd first = rig.connect(topics({"a"}));  // nothing was published: it needs none
  CHECK(rig.publish(a, "1").status == PublishStatus::kPublished);
  rig.run();
  CHECK(rig.events.needed.empty());
  ClientEnd one = rig.connect(topics({"a"}));
  ClientEnd two = rig.connect(topics({"a"}));
  ClientEnd all = rig.connect();
  CHECK(rig.events.needed == std::vector<TopicId>{a});
  CHECK(rig.publish(a, "2").status == PublishStatus::kPublished);
  rig.run();
  give_snapshot(rig, a, {"state at 2", "more of it"});
  CHECK(rig.publish(a, "3").status == PublishStatus::kPublished);
  rig.run();
  CHECK(rig.publish(a, "4").status == PublishStatus::kPublished);
  rig.run();
  // It still continues the ring, so that the next joiner needs no other.
  ClientEnd three = rig.connect(topics({"a"}));
  CHECK(rig.publish(a, "5").status == PublishStatus::kPublished);
  rig.run();
  CHECK(rig.events.needed.size() == 1);
  for (ClientEnd* c : {&first, &one, &two, &all, &three}) c->read_some();
  CHECK(first.texts() == std::vector<std::string>{"1", "2", "3", "4", "5"});
  const std::vector<std::string> expected{"state at 2", "more of it", "3", "4", "5"};
  CHECK(one.texts() == expected);
  CHECK(two.texts() == expected);
  CHECK(all.texts() == expected);
  CHECK(three.texts() == expected);
  CHECK(rig->counters().snapshots == 1);
}

TEST_CASE("hub join: while one topic waits for its snapshot the others go on") {
  HubRig rig;
  const TopicId a = rig.topic("a", snapshotting());
  const TopicId b = rig.topic("b");
  CHECK(rig.publish(a, "a1").status == PublishStatus::kPublished);
  for (const bool everything : {false, true}) {
    ClientEnd client = rig.connect(everything ? all_topics() : topics({"a", "b"}));
    CHECK(rig.publish(b, "b1").status == PublishStatus::kPublished);
    CHECK(rig.publish(a, "a2").status == PublishStatus::kPublished);
    rig.run();
    client.read_some();
    CHECK(client.texts() == std::vector<std::string>{"b1"});
    give_snapshot(rig, a, {"s"});
    CHECK(rig.publish(b, "b2").status == PublishStatus::kPublished);
    CHECK(rig.publish(a, "a3").status == PublishStatus::kPublished);
    rig.run();
    client.read_some();
    // Topics keep their own order, not each other's.
    std::string of_a;
    std::string of_b;
    for (const std::string& text : client.texts()) (text[0] == 'b' ? of_b : of_a) += text + " ";
    CHECK(of_a == "s a3 ");
    CHECK(of_b == "b1 b2 ");
    // So much later that the snapshot no longer continues the ring.
    for (int i = 0; i < 5000; ++i) {
      REQUIRE(rig.publish(b, std::string(200, 'n')).status == PublishStatus::kPublished);
      rig.run();
      client.read_some();
    }
    client.hang_up();
    rig.run();
  }
  CHECK(rig.events.needed.size() == 2);
}

TEST_CASE("hub join: an empty snapshot is one") {
  HubRig rig;
  const TopicId a = rig.topic("a", snapshotting());
  CHECK(rig.publish(a, "1").status == PublishStatus::kPublished);
  ClientEnd client = rig.connect(topics({"a"}));
  give_snapshot(rig, a, {});
  CHECK(rig.publish(a, "2").status == PublishStatus::kPublished);
  rig.run();
  client.read_some();
  CHECK(client.texts() == std::vector<std::string>{"2"});
}

TEST_CASE("hub join: wrong snapshots are refused") {
  HubRig rig;
  const TopicId a = rig.topic("a", snapshotting());
  const TopicId b = rig.topic("b");
  Message message;
  message.topic = b;
  CHECK(rig->publish_snapshot(a, {&message, 1}) == PublishStatus::kUnknownTopic);
  message.topic = a;
  message.key = 9;
  CHECK(rig->publish_snapshot(a, {&message, 1}) == PublishStatus::kUnknownKey);
  CHECK(rig->publish_snapshot(77, {}) == PublishStatus::kUnknownTopic);
  const std::vector<uint8_t> big((64u << 20) + 1);
  message.key = kNoKey;
  message.payload = big;
  CHECK(rig->publish_snapshot(a, {&message, 1}) == PublishStatus::kTooLarge);
}

TEST_CASE("hub join: who unsubscribes or leaves while he waits or is being served") {
  HubRig rig;
  const TopicId a = rig.topic("a", snapshotting());
  const std::string big(500'000, 's');
  CHECK(rig.publish(a, "1").status == PublishStatus::kPublished);
  ClientEnd waits = rig.connect(topics({"a"}));
  ClientEnd leaves = rig.connect(topics({"a"}));
  ClientEnd served = rig.connect_small(topics({"a"}), 4096);
  waits.say(R"({"op":"unsubscribe","topics":["a"]})");
  leaves.hang_up();
  rig.run();
  give_snapshot(rig, a, {big, "end"});
  rig.run();
  served.read_some(10'000);  // in the middle of the first message
  served.say(R"({"op":"unsubscribe","topics":["a"]})");
  rig.run();
  CHECK(rig.publish(a, "2").status == PublishStatus::kPublished);
  for (int i = 0; i < 1000; ++i) {
    rig.run();
    served.read_some();
  }
  waits.read_some();
  CHECK(waits.texts() == std::vector<std::string>{R"({"op":"unsubscribed","topics":["a"]})"});
  // Messages stay whole, and nothing of the topic comes afterwards.
  const std::vector<std::string> got = served.texts();
  REQUIRE(got.size() == 2);
  CHECK((got[0] == big));
  CHECK(got[1] == R"({"op":"unsubscribed","topics":["a"]})");
  // Subscribing again begins anew.
  served.frames.clear();
  served.say(R"({"op":"subscribe","topics":["a"]})");
  for (int i = 0; i < 1000; ++i) {
    rig.run();
    served.read_some();
  }
  REQUIRE(served.texts().size() == 4);
  CHECK((served.texts()[1] == big));
  CHECK(served.texts()[3] == "2");
}

TEST_CASE("hub join: a book that lost messages is given a new snapshot") {
  HubOptions options = quick_options();
  options.slow.pending_bytes = 64u << 10;
  for (const bool everything : {false, true}) {
    HubRig rig(options);
    const TopicId a = rig.topic("a", snapshotting());
    ClientEnd client = rig.connect_small(everything ? all_topics() : topics({"a"}), 4096);
    int n = 0;
    for (; n < 2000; ++n) {
      REQUIRE(rig.publish(a, std::to_string(n) + std::string(200, ' ')).status == PublishStatus::kPublished);
      rig.run();
    }
    CHECK(rig.events.needed.empty());
    for (int i = 0; i < 200; ++i) {
      client.read_some();
      rig.run();
    }
    REQUIRE(rig.events.slow.size() == 2);
    CHECK(rig.events.needed == std::vector<TopicId>{a});
    const size_t before = client.texts().size();
    CHECK(before + rig.events.slow[1].missed == static_cast<size_t>(n));
    CHECK(rig.publish(a, "not seen alone").status == PublishStatus::kPublished);
    rig.run();
    give_snapshot(rig, a, {"state"});
    CHECK(rig.publish(a, "next").status == PublishStatus::kPublished);
    rig.run();
    client.read_some();
    const std::vector<std::string> got = client.texts();
    REQUIRE(got.size() == before + 2);
    CHECK(got[before] == "state");
    CHECK(got[before + 1] == "next");
  }
}

// Joiners at random moments, sockets of random greed, snapshots given late: what each gets is checked against what was
// published. A snapshot's text is the number of the last message it covers.
TEST_CASE("hub join: at any moment, however slowly read, there is no gap and no repetition") {
  for (uint32_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    HubRig rig;
    const TopicId book = rig.topic("book", snapshotting());
    const TopicId noise = rig.topic("noise");
    struct Joiner {
      ClientEnd end;
      bool everything;
      uint64_t first;  // the next message when it joined
    };
    std::deque<Joiner> joiners;
    uint64_t n = 0;
    bool needed = false;
    for (int step = 0; step < 3000; ++step) {
      const uint32_t what = random() % 100;
      if (what < 50) {
        const std::string text = std::to_string(++n) + std::string(random() % 300, ' ');
        REQUIRE(rig.publish(book, text).status == PublishStatus::kPublished);
      } else if (what < 60) {
        REQUIRE(rig.publish(noise, "noise").status == PublishStatus::kPublished);
      } else if (what < 63 && joiners.size() < 20) {
        const bool everything = random() % 2 == 0;
        const int buffer = random() % 2 == 0 ? 4096 : 0;
        joiners.push_back(
            {rig.connect_small(everything ? all_topics() : topics({"noise", "book"}), buffer), everything, n + 1});
      } else if (what < 66 && needed) {
        give_snapshot(rig, book, {"S", "S" + std::to_string(n)});
        needed = false;
      } else if (what < 80 && !joiners.empty()) {
        joiners[random() % joiners.size()].end.read_some(random() % 5000);
      } else {
        rig.loop().run_once(0);
      }
      needed = needed || !rig.events.needed.empty();
      rig.events.needed.clear();
    }
    if (needed) give_snapshot(rig, book, {"S", "S" + std::to_string(n)});
    for (int i = 0; i < 300; ++i) {
      for (Joiner& j : joiners) j.end.read_some();
      rig.run();
    }
    CHECK(rig.events.needed.empty());
    REQUIRE(rig.events.slow.empty());
    for (Joiner& j : joiners) {
      uint64_t expected = j.first;
      bool begun = j.first == 1;
      for (const std::string& text : j.end.texts()) {
        if (text == "noise" || text == "S") continue;
        if (text[0] == 'S') {
          CHECK_FALSE(begun);
          begun = true;
          expected = std::stoull(text.substr(1)) + 1;
          continue;
        }
        CHECK(begun);
        REQUIRE(std::stoull(text) == expected);
        ++expected;
      }
      CHECK(begun);
      CHECK(expected == n + 1);
    }
  }
}

TEST_CASE("hub join: who does not read keeps no snapshot that is out of date, and is given another") {
  HubRig rig;
  const TopicId a = rig.topic("a", snapshotting());
  ClientEnd healthy = rig.connect(topics({"a"}));
  CHECK(rig.publish(a, "first").status == PublishStatus::kPublished);
  ClientEnd stuck = rig.connect_small(topics({"a"}), 8192);
  ClientEnd all = rig.connect_small(all_topics(), 8192);
  std::vector<std::string> old;
  for (int i = 0; i < 300; ++i) old.push_back("old " + std::to_string(i) + std::string(1000, '.'));
  give_snapshot(rig, a, old);
  rig.run();
  CHECK(rig.events.needed.size() == 1);
  // What continues it leaves the ring.
  for (int i = 0; i < 10'000; ++i) {
    REQUIRE(rig.publish(a, std::string(200, 'x')).status == PublishStatus::kPublished);
    rig.run();
    healthy.read_some();
    healthy.frames.clear();
  }
  const auto read_all = [&] {
    for (int i = 0; i < 200; ++i) {
      rig.run();
      stuck.read_some();
      all.read_some();
    }
  };
  read_all();
  CHECK(rig.events.needed.size() == 2);
  const std::vector<std::string> begun[] = {stuck.texts(), all.texts()};
  for (const auto& texts : begun) {
    REQUIRE(!texts.empty());
    CHECK(texts.size() < 100);  // of the old snapshot only what was on its way, whole
    for (size_t i = 0; i < texts.size(); ++i) CHECK(texts[i] == old[i]);
  }
  give_snapshot(rig, a, {"new"});
  CHECK(rig.publish(a, "live").status == PublishStatus::kPublished);
  read_all();
  for (const ClientEnd* const client : {&stuck, &all}) {
    std::vector<std::string> texts = client->texts();
    REQUIRE(texts.size() >= 2);
    CHECK(texts.back() == "live");
    CHECK(texts[texts.size() - 2] == "new");
    CHECK(texts.size() == begun[client == &all].size() + 2);
  }
}

TEST_CASE("hub join: who has begun a message of a snapshot that is longer than it may have waiting is cut") {
  HubOptions options = quick_options();
  options.slow.pending_bytes = 64u << 10;
  HubRig rig(options);
  const TopicId a = rig.topic("a", snapshotting());
  ClientEnd healthy = rig.connect(topics({"a"}));
  CHECK(rig.publish(a, "first").status == PublishStatus::kPublished);
  ClientEnd stuck = rig.connect_small(topics({"a"}), 8192);
  give_snapshot(rig, a, {std::string(1u << 20, 's')});
  for (int i = 0; i < 10'000 && rig.events.gone.empty(); ++i) {
    REQUIRE(rig.publish(a, std::string(200, 'x')).status == PublishStatus::kPublished);
    rig.run();
    healthy.read_some();
    healthy.frames.clear();
  }
  REQUIRE(rig.events.gone.size() == 1);
  CHECK(rig.events.gone[0].code == Errc::kHubTooSlow);
  CHECK(rig->counters().slow_disconnects == 1);
}
