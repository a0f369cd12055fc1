// The compressed lane: once per message, and what comes out of it is what was published.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "hub_rig.h"
#include "ws/deflate.h"

using namespace tickwire;
using namespace tickwire::hub_rig;

namespace {

SubscriberInfo deflating(SubscriberInfo info) {
  ws::DeflateParams params;
  params.server_no_context_takeover = true;
  info.lane = Lane::kWsDeflate;
  info.deflate = params;
  return info;
}

// The messages, inflated where they are compressed.
std::vector<std::string> inflated(const ClientEnd& client, size_t& compressed, bool context = false) {
  const auto made = ws::Inflater::create(15, context);
  REQUIRE(made.ok());
  std::vector<std::string> out;
  compressed = 0;
  for (const Received& frame : client.frames) {
    if (!frame.compressed) {
      out.push_back(frame.payload);
      continue;
    }
    ++compressed;
    ws::ByteBuffer plain;
    const Result<void> ok = made.value()->inflate(bytes_of(frame.payload), true, 1u << 24, plain);
    REQUIRE_MESSAGE(ok.ok(), ok.error().text);
    out.emplace_back(reinterpret_cast<const char*>(plain.data()), plain.size());
  }
  return out;
}

// Every client with its own compressor, which learns from message to message.
SubscriberInfo deflating_alone(SubscriberInfo info) {
  info.deflate = ws::DeflateParams{};
  return info;
}

// Of every kind: too short to be compressed, compressible, and not.
std::string sample(std::mt19937& random, int i) {
  std::string text(random() % 2000, 'x');
  if (i % 3 == 0) {
    for (char& c : text) c = static_cast<char>('a' + random() % 26);
  } else if (i % 7 == 0) {
    for (char& c : text) c = static_cast<char>(32 + random() % 95);
  } else {
    text += R"({"type":"ticker","symbol":"BTC-USDT","price":")" + std::to_string(random()) + "\"}";
  }
  return text;
}

}  // namespace

TEST_CASE("hub deflate: everything comes out as it was published, beside clients that take it plain") {
  for (const uint32_t loops : {1u, 2u}) {
    CAPTURE(loops);
    HubOptions options = quick_options();
    options.ring.bytes = 256u << 10;  // it goes round many times
    options.ring.entries = 1024;
    options.max_message = 16u << 10;
    options.slow.pending_bytes = 64u << 10;
    HubRig rig(options, loops);
    const TopicId a = rig.topic("a");
    const TopicId b = rig.topic("b");
    ClientEnd plain = rig.connect(all_topics());
    ClientEnd whole = rig.connect(deflating(all_topics()), loops - 1);
    ClientEnd listed = rig.connect(deflating(topics({"a"})), loops - 1);
    ClientEnd second = rig.connect(deflating(topics({"a"})));
    rig.run();
    std::mt19937 random(11);
    std::vector<std::string> everything;
    std::vector<std::string> of_a;
    for (int i = 0; i < 3000; ++i) {
      everything.push_back(sample(random, i));
      if (i % 4 != 0) of_a.push_back(everything.back());
      REQUIRE(rig.publish(i % 4 == 0 ? b : a, everything.back()).status == PublishStatus::kPublished);
      if (i % 11 != 0) continue;
      rig.run();
      for (ClientEnd* const client : {&plain, &whole, &listed, &second}) client->read_some();
    }
    rig.run();
    size_t compressed = 0;
    for (ClientEnd* const client : {&plain, &whole, &listed, &second}) client->read_some();
    CHECK((inflated(plain, compressed) == everything));
    CHECK(compressed == 0);
    CHECK((inflated(whole, compressed) == everything));
    CHECK(compressed > 1000);
    CHECK(compressed < 3000);  // what does not get smaller goes as it is
    CHECK((inflated(listed, compressed) == of_a));
    CHECK((inflated(second, compressed) == of_a));
    CHECK(rig.events.slow.empty());
  }
}

TEST_CASE("hub deflate: short messages are left alone, compressed ones are shorter") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  ClientEnd client = rig.connect(deflating(all_topics()));
  const std::string just_short(HubOptions().deflate.threshold - 8, 'x');
  const std::string long_one(2000, 'y');
  CHECK(rig.publish(a, just_short).status == PublishStatus::kPublished);
  CHECK(rig.publish(a, long_one).status == PublishStatus::kPublished);
  rig.run();
  client.read_some();
  REQUIRE(client.frames.size() == 2);
  CHECK_FALSE(client.frames[0].compressed);
  CHECK(client.frames[0].payload == just_short);
  CHECK(client.frames[1].compressed);
  CHECK(client.frames[1].payload.size() < 100);
}

TEST_CASE("hub deflate: the lane closes with its last client and opens anew, and a burst does not outrun it") {
  HubOptions options = quick_options();
  options.ring.bytes = 256u << 10;
  options.ring.entries = 1024;
  options.max_message = 16u << 10;
  HubRig rig(options);
  const TopicId a = rig.topic("a");
  ClientEnd plain = rig.connect(all_topics());
  const std::string text(1500, 'z');
  for (int round = 0; round < 5; ++round) {
    CAPTURE(round);
    {
      ClientEnd client = rig.connect(deflating(all_topics()));
      rig.run();
      CHECK((rig->lanes_in_use() & 1u << static_cast<uint32_t>(Lane::kWsDeflate)) != 0);
      size_t published = 0;
      for (int i = 0; i < 60; ++i) published += rig.publish(a, text).status == PublishStatus::kPublished ? 1 : 0;
      CHECK(published == 60);  // within half of the ring
      for (int i = 0; i < 20; ++i) {
        rig.run();
        client.read_some();
        plain.read_some();
      }
      size_t compressed = 0;
      CHECK((inflated(client, compressed) == std::vector<std::string>(published, text)));
      CHECK(compressed != 0);
    }
    rig.run();
    for (int i = 0; i < 600; ++i) {
      REQUIRE(rig.publish(a, text).status == PublishStatus::kPublished);
      rig.run();
      plain.read_some();
      plain.frames.clear();
    }
    CHECK((rig->lanes_in_use() & 1u << static_cast<uint32_t>(Lane::kWsDeflate)) == 0);
  }
}

TEST_CASE("hub deflate: contexts of one's own, however slowly read") {
  HubOptions options = quick_options();
  options.slow.pending_bytes = 512u << 10;
  HubRig rig(options);
  const TopicId a = rig.topic("a");
  const TopicId b = rig.topic("b");
  const KeyId key = rig.key("k");
  SubscriberInfo some = topics({"a", "b"});
  some.keys = {"k"};
  std::vector<ClientEnd> clients;
  clients.push_back(rig.connect_small(deflating_alone(all_topics()), 8192));
  clients.push_back(rig.connect_small(deflating_alone(topics({"a"})), 8192));
  clients.push_back(rig.connect(deflating_alone(topics({"a"}))));
  clients.push_back(rig.connect(deflating_alone(topics({"b", "a"}))));
  clients.push_back(rig.connect(deflating_alone(std::move(some))));
  ClientEnd plain = rig.connect(topics({"a"}));
  rig.run();
  std::mt19937 random(5);
  std::vector<std::string> everything;
  std::vector<std::string> of_a;
  std::vector<std::string> of_key;
  for (int i = 0; i < 1500; ++i) {
    everything.push_back(sample(random, i));
    if (i % 4 != 0) of_a.push_back(everything.back());
    if (i % 5 == 0) of_key.push_back(everything.back());
    REQUIRE(rig.publish(i % 4 == 0 ? b : a, everything.back(), i % 5 == 0 ? key : kNoKey).status ==
            PublishStatus::kPublished);
    if (i % 9 != 0) continue;
    rig.run();
    for (ClientEnd& client : clients) client.read_some(random() % 9000);
    plain.read_some();
  }
  for (int i = 0; i < 400; ++i) {
    rig.run();
    for (ClientEnd& client : clients) client.read_some();
    plain.read_some();
  }
  size_t compressed = 0;
  const std::vector<std::string>* const expected[] = {&everything, &of_a, &of_a, &everything, &of_key};
  for (size_t i = 0; i < clients.size(); ++i) {
    CAPTURE(i);
    CHECK((inflated(clients[i], compressed, true) == *expected[i]));
    CHECK(compressed > expected[i]->size() / 2);
  }
  CHECK((plain.texts() == of_a));
  CHECK(rig.events.slow.empty());
  CHECK(rig->counters().deliveries == 2 * everything.size() + 3 * of_a.size() + of_key.size());
}

TEST_CASE("hub deflate: a context of one's own makes repetition cheap, and survives being skipped") {
  HubOptions options = quick_options();
  options.slow.pending_bytes = 64u << 10;
  HubRig rig(options);
  const TopicId a = rig.topic("a");
  ClientEnd client = rig.connect_small(deflating_alone(topics({"a"})), 8192);
  std::mt19937 random(3);
  std::string noise(1000, '\0');
  for (char& c : noise) c = static_cast<char>('a' + random() % 26);
  for (int i = 0; i < 2; ++i) CHECK(rig.publish(a, noise).status == PublishStatus::kPublished);
  rig.run();
  client.read_some();
  REQUIRE(client.frames.size() == 2);
  CHECK(client.frames[0].payload.size() > 500);
  CHECK(client.frames[1].payload.size() < 50);
  uint64_t published = 2;
  for (; published < 4000; ++published) {
    for (char& c : noise) c = static_cast<char>('a' + random() % 26);
    CHECK(rig.publish(a, noise).status == PublishStatus::kPublished);
    rig.run();
  }
  REQUIRE(rig.events.slow.size() == 1);
  for (int i = 0; i < 50; ++i) {
    client.read_some();
    rig.run();
  }
  REQUIRE(rig.events.slow.size() == 2);
  CHECK(rig.publish(a, noise).status == PublishStatus::kPublished);
  rig.run();
  client.read_some();
  size_t compressed = 0;
  const std::vector<std::string> got = inflated(client, compressed, true);
  REQUIRE(!got.empty());
  CHECK(got.back() == noise);
  CHECK(got.size() + rig.events.slow[1].missed == published + 1);
}
