// What is published reaches those who want it, once, in order, whole.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "hub_rig.h"

using namespace tickwire;
using namespace tickwire::hub_rig;

TEST_CASE("hub: everybody who takes everything gets every message in order") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  const TopicId b = rig.topic("b");
  ClientEnd one = rig.connect();
  ClientEnd two = rig.connect_tcp();
  rig.run();
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    expected.push_back("message " + std::to_string(i));
    const PublishResult result = rig.publish(i % 2 == 0 ? a : b, expected.back());
    CHECK(result.status == PublishStatus::kPublished);
    CHECK(result.sequence == static_cast<uint64_t>(i / 2 + 1));
    if (i % 7 == 0) rig.run();
  }
  rig.run();
  one.read_some();
  two.read_some();
  CHECK(one.texts() == expected);
  CHECK(two.texts() == expected);
  const Counters counters = rig->counters();
  CHECK(counters.published == 100);
  CHECK(counters.deliveries == 200);
  CHECK(counters.subscribers == 2);
  CHECK(counters.subscribers_of[static_cast<size_t>(Lane::kWs)] == 2);
}

TEST_CASE("hub: messages of every length class are framed as RFC 6455 says") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  ClientEnd client = rig.connect();
  std::vector<std::string> expected;
  for (const size_t size : {0u, 1u, 125u, 126u, 127u, 4096u, 65535u, 65536u}) {
    expected.emplace_back(size, 'x');
    CHECK(rig.publish(a, expected.back()).status == PublishStatus::kPublished);
    rig.run();
    client.read_some();
  }
  CHECK(client.texts() == expected);
}

TEST_CASE("hub: binary messages come as binary") {
  HubRig rig;
  Message message;
  message.topic = rig.topic("a");
  message.kind = PayloadKind::kBinary;
  const uint8_t payload[] = {0, 255, 128};
  message.payload = payload;
  ClientEnd client = rig.connect();
  CHECK(rig->publish(message).status == PublishStatus::kPublished);
  rig.run();
  client.read_some();
  REQUIRE(client.frames.size() == 1);
  CHECK(client.frames[0].opcode == 2);
  CHECK(client.frames[0].payload == std::string("\0\xff\x80", 3));
}

TEST_CASE("hub: subscribers of topics get theirs and nothing else") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  const TopicId b = rig.topic("b");
  const TopicId c = rig.topic("c");
  ClientEnd ab = rig.connect(topics({"a", "b"}));
  ClientEnd only_c = rig.connect(topics({"c"}));
  ClientEnd nobody = rig.connect(topics({}));
  for (int i = 0; i < 30; ++i) {
    const TopicId topic = i % 3 == 0 ? a : i % 3 == 1 ? b : c;
    CHECK(rig.publish(topic, std::to_string(i)).status == PublishStatus::kPublished);
    if (i % 4 == 0) rig.run();
  }
  rig.run();
  ab.read_some();
  only_c.read_some();
  nobody.read_some();
  std::vector<std::string> expected_ab;
  std::vector<std::string> expected_c;
  for (int i = 0; i < 30; ++i) (i % 3 == 2 ? expected_c : expected_ab).push_back(std::to_string(i));
  CHECK(ab.texts() == expected_ab);
  CHECK(only_c.texts() == expected_c);
  CHECK(nobody.texts().empty());
  CHECK(rig->counters().deliveries == 30);
}

TEST_CASE("hub: who joins later gets what is published from then on") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  ClientEnd early = rig.connect();
  CHECK(rig.publish(a, "1").status == PublishStatus::kPublished);
  ClientEnd late = rig.connect();
  ClientEnd listed = rig.connect(topics({"a"}));
  CHECK(rig.publish(a, "2").status == PublishStatus::kPublished);
  rig.run();
  early.read_some();
  late.read_some();
  listed.read_some();
  CHECK(early.texts() == std::vector<std::string>{"1", "2"});
  CHECK(late.texts() == std::vector<std::string>{"2"});
  CHECK(listed.texts() == std::vector<std::string>{"2"});
}

TEST_CASE("hub: publishing without anybody costs no ring, and the lane begins with the first subscriber") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  CHECK(rig->lanes_in_use() == 0);
  for (int i = 0; i < 20'000; ++i) CHECK(rig.publish(a, "unheard").status == PublishStatus::kPublished);
  {
    ClientEnd client = rig.connect();
    CHECK(rig->lanes_in_use() == 1);
    CHECK(rig.publish(a, "heard").sequence == 20'001);
    rig.run();
    client.read_some();
    CHECK(client.texts() == std::vector<std::string>{"heard"});
  }
  rig.run();
  CHECK(rig->lanes_in_use() == 0);
  CHECK(rig->counters().subscribers == 0);
  REQUIRE(rig.events.gone.size() == 1);
  CHECK(rig.events.gone[0].code == Errc::kEof);
  CHECK(rig.events.gone[0].messages == 1);
  for (int i = 0; i < 20'000; ++i) CHECK(rig.publish(a, "unheard").status == PublishStatus::kPublished);
  ClientEnd again = rig.connect();
  CHECK(rig.publish(a, "again").status == PublishStatus::kPublished);
  rig.run();
  again.read_some();
  CHECK(again.texts() == std::vector<std::string>{"again"});
}

TEST_CASE("hub: a message that a socket takes only a part of is completed, whatever the part") {
  HubOptions options = quick_options();
  options.ring.entries = 4096;
  HubRig rig(options);
  const TopicId a = rig.topic("a");
  ClientEnd client = rig.connect_tcp(all_topics(), 4096);
  ClientEnd listed = rig.connect_tcp(topics({"a"}), 4096);
  std::vector<std::string> expected;
  // Frames of changing lengths, read in bites of changing sizes: cuts fall everywhere.
  for (int i = 0; i < 2000; ++i) {
    expected.emplace_back(static_cast<size_t>(i * 37 % 1500), static_cast<char>('a' + i % 26));
    while (rig.publish(a, expected.back()).status != PublishStatus::kPublished) rig.run();
    rig.run();
    client.read_some(static_cast<size_t>(i * 131 % 2900));
    listed.read_some(static_cast<size_t>(i * 177 % 2900));
    rig.run();
  }
  // With buffers this small TCP itself takes its time over the rest.
  for (int i = 0; i < 2000 && (client.frames.size() < 2000 || listed.frames.size() < 2000); ++i) {
    rig.loop().run_once(10 * kMs);
    client.read_some();
    listed.read_some();
  }
  CHECK(rig.events.slow.empty());
  CHECK(client.frames.size() == 2000);
  CHECK(listed.frames.size() == 2000);
  CHECK((client.texts() == expected));
  CHECK((listed.texts() == expected));
}

TEST_CASE("hub: a full ring refuses, and says when there is room") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  ClientEnd client = rig.connect();
  const std::string payload(1000, 'x');
  int published = 0;
  while (rig.publish(a, payload).status == PublishStatus::kPublished) ++published;
  CHECK(rig.publish(a, payload).status == PublishStatus::kRefused);
  CHECK(published > 500);   // half of a ring of 1 MiB
  CHECK(published < 1100);  // not more than it holds
  CHECK(rig.events.drains == 0);
  CHECK(rig->counters().refused == 2);
  for (int i = 0; i < 50; ++i) {
    rig.run();
    client.read_some();
  }
  CHECK(rig.events.drains == 1);
  CHECK(rig.publish(a, payload).status == PublishStatus::kPublished);
  rig.run();
  client.read_some();
  // More than the window waited for a socket that takes less: the rest was skipped.
  REQUIRE(rig.events.slow.size() == 2);
  CHECK(rig.events.slow[1].missed > 0);
  CHECK(client.texts().size() + rig.events.slow[1].missed == static_cast<size_t>(published) + 1);
}

TEST_CASE("hub: a batch goes until one is refused") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  ClientEnd client = rig.connect();
  std::vector<Message> batch(3);
  for (Message& m : batch) {
    m.topic = a;
    m.payload = bytes_of("x");
  }
  Hub::BatchResult result = rig->publish(batch);
  CHECK(result.published == 3);
  CHECK(result.status == PublishStatus::kPublished);
  batch[1].topic = 77;
  result = rig->publish(batch);
  CHECK(result.published == 1);
  CHECK(result.status == PublishStatus::kUnknownTopic);
  const std::string long_text(quick_options().max_message + 1, 'x');
  batch[0].payload = bytes_of(long_text);
  CHECK(rig->publish(batch).status == PublishStatus::kTooLarge);
  batch[0].payload = {};
  batch[0].key = 5;
  CHECK(rig->publish(batch).status == PublishStatus::kUnknownKey);
  rig.run();
  client.read_some();
  CHECK(client.texts().size() == 4);
}

TEST_CASE("hub: ten thousand come and go") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  std::deque<ClientEnd> clients;
  for (int i = 0; i < 10'000; ++i) {
    clients.push_back(rig.connect(i % 2 == 0 ? all_topics() : topics({"a", std::to_string(i % 100)})));
    if (clients.size() > 50) clients.pop_front();
    if (i % 10 == 0) CHECK(rig.publish(a, std::to_string(i)).status == PublishStatus::kPublished);
    if (i % 3 == 0) rig.run();
  }
  clients.clear();
  rig.run();
  CHECK(rig.events.connected.size() == 10'000);
  CHECK(rig.events.gone.size() == 10'000);
  CHECK(rig->counters().subscribers == 0);
  CHECK(rig->counters().topics == 1);  // those that only clients spoke of are gone with them
}

TEST_CASE("hub: a typed message says when its JSON is needed, and nothing is lost for want of it") {
  HubRig rig;
  const TopicId plain = rig.topic("plain");
  const TopicId kept = rig.topic("kept", {.retain = Retain::kLast});
  Message message;
  message.topic = plain;
  message.kind = PayloadKind::kTyped;
  message.wire_type = 1;
  message.payload = bytes_of("fields");
  CHECK(rig->publish(message).status == PublishStatus::kPublished);  // nobody is there
  ClientEnd wire = rig.connect(all_topics(Lane::kWsWire));
  rig.run();
  CHECK(rig->publish(message).status == PublishStatus::kPublished);  // nobody who reads text
  ClientEnd text = rig.connect();
  rig.run();
  CHECK(rig->publish(message).status == PublishStatus::kTextNeeded);
  message.text = bytes_of(R"({"type":"x"})");
  const PublishResult published = rig->publish(message);
  CHECK(published.status == PublishStatus::kPublished);
  CHECK(published.sequence == 3);
  rig.run();
  text.read_some();
  CHECK(text.texts() == std::vector<std::string>{R"({"type":"x"})"});
  // Whoever comes later may be sent a retained message as text.
  text.hang_up();
  rig.run();
  CHECK((rig->lanes_in_use() & 1u << static_cast<uint32_t>(Lane::kWs)) == 0);
  message.topic = kept;
  message.text = {};
  CHECK(rig->publish(message).status == PublishStatus::kTextNeeded);
}
