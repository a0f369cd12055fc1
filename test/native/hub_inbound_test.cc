// What clients say: requests, control frames, limits, goodbyes.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "hub_rig.h"

using namespace tickwire;
using namespace tickwire::hub_rig;

namespace {

// What the client is answered.
std::string ask(HubRig& rig, ClientEnd& client, std::string_view request) {
  client.say(request);
  rig.run();
  client.read_some();
  return client.next();
}

uint16_t close_code(const Received& frame) {
  REQUIRE(frame.opcode == 8);
  REQUIRE(frame.payload.size() >= 2);
  return static_cast<uint16_t>(static_cast<uint8_t>(frame.payload[0]) << 8 | static_cast<uint8_t>(frame.payload[1]));
}

}  // namespace

TEST_CASE("hub requests: subscribe, unsubscribe, ping, with their answers") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  ClientEnd client = rig.connect(topics({}));
  CHECK(ask(rig, client, R"({"op":"ping"})") == R"({"op":"pong"})");
  CHECK(ask(rig, client, R"({"op":"ping","id":"x\"y"})") == R"({"op":"pong","id":"x\"y"})");
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["a","b"],"id":7})") ==
        R"({"op":"subscribed","topics":["a","b"],"id":7})");
  CHECK(rig.events.subscriptions == std::vector<std::string>{"+a", "+b"});
  CHECK(rig.publish(a, "1").status == PublishStatus::kPublished);
  rig.run();
  client.read_some();
  CHECK(client.next() == "1");
  // A topic that somebody asked for before it was published.
  CHECK(rig.publish(rig.topic("b"), "2").status == PublishStatus::kPublished);
  rig.run();
  client.read_some();
  CHECK(client.next() == "2");
  CHECK(ask(rig, client, R"({"id":8,"topics":["a"],"op":"unsubscribe"})") ==
        R"({"op":"unsubscribed","topics":["a"],"id":8})");
  CHECK(rig.publish(a, "3").status == PublishStatus::kPublished);
  rig.run();
  client.read_some();
  CHECK(client.frames.empty());
  CHECK(ask(rig, client, R"({"op":"unsubscribe","topics":["a"]})") ==
        R"({"op":"error","code":"ERR_HUB_REQUEST","message":"not subscribed","topic":"a"})");
  CHECK(rig->counters().requests == 5);
  CHECK(rig->counters().refused_requests == 1);
}

TEST_CASE("hub requests: everything at once, and back to single topics") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  const TopicId b = rig.topic("b");
  ClientEnd client = rig.connect(topics({"a"}));
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["*"]})") == R"({"op":"subscribed","topics":["*"]})");
  CHECK(rig.publish(a, "1").status == PublishStatus::kPublished);
  CHECK(rig.publish(b, "2").status == PublishStatus::kPublished);
  rig.run();
  client.read_some();
  CHECK(client.next() == "1");
  CHECK(client.next() == "2");
  CHECK(client.next() == "");
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["b"]})") ==
        R"({"op":"error","code":"ERR_HUB_REQUEST","message":"already subscribed to everything","topic":"b"})");
  CHECK(ask(rig, client, R"({"op":"unsubscribe","topics":["*"]})") == R"({"op":"unsubscribed","topics":["*"]})");
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["b"]})") == R"({"op":"subscribed","topics":["b"]})");
  CHECK(rig.publish(a, "3").status == PublishStatus::kPublished);
  CHECK(rig.publish(b, "4").status == PublishStatus::kPublished);
  rig.run();
  client.read_some();
  CHECK(client.next() == "4");
  CHECK(client.next() == "");
}

TEST_CASE("hub requests: what makes no sense is told so, and nothing else happens") {
  HubOptions options = quick_options();
  options.inbound.max_subscriptions = 3;
  options.inbound.max_filter_keys = 2;
  HubRig rig(options);
  ClientEnd client = rig.connect(topics({}));
  const auto error = [](const char* message) {
    return std::string(R"({"op":"error","code":"ERR_HUB_REQUEST","message":")") + message + "\"}";
  };
  CHECK(ask(rig, client, R"({"op":"subscribe"})") == error("topics: none given"));
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":[]})") == error("topics: none given"));
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":"a"})") == error("topics: an array of names"));
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":[1]})") == error("topics: an array of names"));
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["a","b","c","d"]})") == error("topics: an array of names"));
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["a"],"filter":{"keys":["x","y","z"]}})") ==
        error("filter: {\\\"keys\\\":[names]}"));
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["a"],"filter":7})") == error("filter: {\\\"keys\\\":[names]}"));
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["a"],"snapshot":1})") == error("snapshot: true or false"));
  CHECK(ask(rig, client, R"({"op":"ping","id":1.5})") == error("id: a whole number or a short string"));
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":[""]})") ==
        R"({"op":"error","code":"ERR_HUB_NAME","message":"a name is empty"})");
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["a","b","c"]})") ==
        R"({"op":"subscribed","topics":["a","b","c"]})");
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["d"],"id":1})") ==
        R"({"op":"error","code":"ERR_HUB_SUBSCRIPTION_LIMIT","message":"too many subscriptions","topic":"d","id":1})");
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["a"]})") == R"({"op":"subscribed","topics":["a"]})");
  CHECK(rig->counters().subscribers == 1);
}

TEST_CASE("hub requests: rights") {
  HubRig rig;
  SubscriberInfo info = topics({});
  info.access = std::make_shared<TopicAccess>(TopicAccess{{"book.*", "a"}});
  ClientEnd client = rig.connect(std::move(info));
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["a","b","*","book.x"]})") ==
        R"({"op":"error","code":"ERR_HUB_FORBIDDEN","message":"no right to this topic","topic":"b"})");
  CHECK(client.next() == R"({"op":"error","code":"ERR_HUB_FORBIDDEN","message":"no right to this topic","topic":"*"})");
  CHECK(client.next() == R"({"op":"subscribed","topics":["a","book.x"]})");
  // In the address it is not an answer but a goodbye.
  SubscriberInfo wrong = topics({"b"});
  wrong.access = std::make_shared<TopicAccess>(TopicAccess{{"a"}});
  ClientEnd other = rig.connect(std::move(wrong));
  rig.run();
  other.read_some();
  REQUIRE(other.frames.size() == 1);
  CHECK(close_code(other.frames[0]) == 1008);
}

TEST_CASE("hub requests: topics that nobody publishes are limited") {
  HubOptions options = quick_options();
  options.max_unpublished_topics = 5;
  HubRig rig(options);
  ClientEnd client = rig.connect(topics({}));
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["1","2","3","4","5"]})").find("subscribed") !=
        std::string::npos);
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["6"]})") ==
        R"({"op":"error","code":"ERR_HUB_TOPIC_LIMIT","message":"too many topics that nobody publishes","topic":"6"})");
  CHECK(ask(rig, client, R"({"op":"unsubscribe","topics":["2"]})").find("unsubscribed") != std::string::npos);
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["6"]})").find("subscribed") != std::string::npos);
  rig.topic("1");  // now somebody does
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["7"]})").find("subscribed") != std::string::npos);
  client.hang_up();
  rig.run();
  CHECK(rig->counters().topics == 1);
}

TEST_CASE("hub requests: filters by key, also of keys to come") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  const TopicId b = rig.topic("b");
  const KeyId x = rig.key("x");
  const KeyId y = rig.key("y");
  ClientEnd client = rig.connect(topics({}));
  CHECK(ask(rig, client, R"({"op":"subscribe","topics":["a"],"filter":{"keys":["x","later"]}})").size() > 0);
  SubscriberInfo everything = all_topics();
  everything.keys = {"later"};
  ClientEnd all = rig.connect(std::move(everything));
  CHECK(rig.publish(a, "ax", x).status == PublishStatus::kPublished);
  CHECK(rig.publish(a, "ay", y).status == PublishStatus::kPublished);
  CHECK(rig.publish(a, "a-").status == PublishStatus::kPublished);
  CHECK(rig.publish(b, "bx", x).status == PublishStatus::kPublished);
  rig.run();
  const KeyId later = rig.key("later");
  CHECK(rig.publish(a, "al", later).status == PublishStatus::kPublished);
  CHECK(rig.publish(b, "bl", later).status == PublishStatus::kPublished);
  rig.run();
  client.read_some();
  all.read_some();
  CHECK(client.texts() == std::vector<std::string>{"ax", "al"});
  CHECK(all.texts() == std::vector<std::string>{"al", "bl"});
}

TEST_CASE(
    "hub inbound: what is not a request goes to the user when he wants it, and is answered by an error otherwise") {
  for (const bool wanted : {true, false}) {
    HubOptions options = quick_options();
    options.forward_messages = wanted;
    HubRig rig(options);
    ClientEnd client = rig.connect(topics({}));
    const std::vector<std::string> others{"hello", R"({"op":"order","qty":1})", R"({"topics":["a"]})", "[1,2]", "{",
                                          ""};
    for (const std::string& text : others) client.say(text);
    client.send_frame(ws::Opcode::kBinary, R"({"op":"ping"})");
    rig.run();
    client.read_some();
    CHECK(client.frames.size() == (wanted ? 0 : others.size() + 1));
    for (const std::string& text : client.texts()) CHECK(text.find("ERR_HUB_REQUEST") != std::string::npos);
    CHECK(rig->counters().refused_requests == client.frames.size());
    CHECK(rig.events.messages.size() == (wanted ? others.size() + 1 : 0));
    CHECK(rig->counters().received == others.size() + 1);
    CHECK(rig->counters().subscribers == 1);
  }
}

TEST_CASE("hub inbound: requests arrive however they are cut, also behind the handshake") {
  HubRig rig;
  const std::string request = R"({"op":"subscribe","topics":["a"],"id":1})";
  const std::string answer = R"({"op":"subscribed","topics":["a"],"id":1})";
  std::vector<uint8_t> frame(ws::kMaxFrameHeader + request.size());
  const uint32_t key = 0x01020304;
  const size_t header = ws::write_frame_header(frame.data(), ws::Opcode::kText, true, false, request.size(), &key);
  ws::mask_copy(frame.data() + header, bytes_of(request).data(), request.size(), key);
  frame.resize(header + request.size());
  for (size_t cut = 0; cut <= frame.size(); ++cut) {
    SubscriberInfo info = topics({});
    info.received.assign(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(cut));
    ClientEnd client = rig.connect(std::move(info));
    for (size_t i = cut; i < frame.size(); ++i) {
      client.send_bytes(std::span(frame).subspan(i, 1));
      if (i % 3 == 0) rig.run();
    }
    rig.run();
    client.read_some();
    CHECK(client.next() == answer);
  }
}

TEST_CASE("hub inbound: pings are answered, also to one that is fed; a close frame is answered and the socket closed") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  ClientEnd client = rig.connect();
  CHECK(rig.publish(a, "1").status == PublishStatus::kPublished);
  client.send_frame(ws::Opcode::kPing, "are you there");
  rig.run();
  client.read_some();
  REQUIRE(client.frames.size() == 2);
  const bool pong_first = client.frames[0].opcode == 10;
  CHECK(client.frames[pong_first ? 0 : 1].opcode == 10);
  CHECK(client.frames[pong_first ? 0 : 1].payload == "are you there");
  client.frames.clear();
  client.send_frame(ws::Opcode::kClose, std::string_view("\x03\xe8 bye", 6));
  rig.run();
  client.read_some();
  REQUIRE(client.frames.size() == 1);
  CHECK(close_code(client.frames[0]) == 1000);
  CHECK(client.ended);
  REQUIRE(rig.events.gone.size() == 1);
  CHECK(rig.events.gone[0].code == Errc::kWsClosed);
  CHECK(rig.events.gone[0].detail == 1000);
  CHECK(rig.events.gone[0].clean);
}

TEST_CASE("hub inbound: violations end the connection with their code") {
  HubOptions options = quick_options();
  options.inbound.max_message = 1000;
  HubRig rig(options);
  struct Case {
    std::vector<uint8_t> bytes;
    uint16_t code;
    Errc error;
  };
  const std::vector<Case> cases{
      {{0x81, 0x01, 'x'}, 1002, Errc::kWsNotMasked},
      {{0xC1, 0x81, 0, 0, 0, 0, 'x'}, 1002, Errc::kWsReservedBits},
      {{0x83, 0x80, 0, 0, 0, 0}, 1002, Errc::kWsOpcode},
      {{0x81, 0x81, 0, 0, 0, 0, 0xFF}, 1007, Errc::kWsInvalidUtf8},
      {{0x82, 0xFE, 0x03, 0xE9, 0, 0, 0, 0}, 1009, Errc::kWsMessageTooLarge},
      {{0x80, 0x80, 0, 0, 0, 0}, 1002, Errc::kWsUnexpectedContinuation},
  };
  for (const Case& each : cases) {
    ClientEnd client = rig.connect();
    client.send_bytes(each.bytes);
    rig.run();
    client.read_some();
    REQUIRE(client.frames.size() == 1);
    CHECK(close_code(client.frames[0]) == each.code);
    client.send_frame(ws::Opcode::kClose, "");
    client.hang_up();
    rig.run();
    CHECK(rig.events.gone.back().code == each.error);
  }
  CHECK(rig->counters().violations == cases.size());
  CHECK(rig->counters().subscribers == 0);
}

TEST_CASE("hub inbound: too many messages or bytes end the connection") {
  HubOptions options = quick_options();
  options.inbound.messages_per_second = 20;
  options.inbound.max_message = 1000;
  options.inbound.bytes_per_second = 1000;
  HubRig rig(options);
  ClientEnd many = rig.connect(topics({}));
  for (int i = 0; i < 21; ++i) many.send_frame(i % 2 == 0 ? ws::Opcode::kPing : ws::Opcode::kText, "");
  ClientEnd much = rig.connect(topics({}));
  much.say(std::string(900, ' '));
  much.say(std::string(200, ' '));
  ClientEnd fine = rig.connect(topics({}));
  for (int i = 0; i < 20; ++i) fine.say("x");
  rig.run();
  for (ClientEnd* const client : {&many, &much}) {
    client->read_some();
    REQUIRE(!client->frames.empty());
    CHECK(close_code(client->frames.back()) == 1008);
    client->hang_up();
  }
  rig.run();
  fine.read_some();
  CHECK(fine.texts().size() == 20);  // each is told that it was no request
  CHECK(rig->counters().subscribers == 1);
  CHECK(rig->counters().violations == 2);
  for (const Gone& gone : rig.events.gone) CHECK(gone.code == Errc::kHubRate);
}

TEST_CASE("hub inbound: one that asks and does not read is not read from") {
  HubOptions options = quick_options();
  options.inbound.messages_per_second = 1'000'000;
  options.inbound.bytes_per_second = 1u << 30;
  HubRig rig(options);
  ClientEnd client = rig.connect_small(topics({}), 4096);
  const std::string payload(120, 'p');
  int sent = 0;
  const uint32_t key = 0;
  std::vector<uint8_t> ping(ws::kMaxFrameHeader + payload.size());
  const size_t header = ws::write_frame_header(ping.data(), ws::Opcode::kPing, true, false, payload.size(), &key);
  std::copy(payload.begin(), payload.end(), ping.begin() + static_cast<std::ptrdiff_t>(header));
  ping.resize(header + payload.size());
  std::string requests(R"({"op":"ping","id":")" + std::string(60, 'i') + "\"}");
  // Until its own socket is full.
  for (;;) {
    std::vector<uint8_t> frame(ws::kMaxFrameHeader + requests.size());
    const size_t head = ws::write_frame_header(frame.data(), ws::Opcode::kText, true, false, requests.size(), &key);
    std::copy(requests.begin(), requests.end(), frame.begin() + static_cast<std::ptrdiff_t>(head));
    const ssize_t n = ::send(client.fd(), frame.data(), head + requests.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    rig.run();
    if (n < 0) break;
    REQUIRE(n == static_cast<ssize_t>(head + requests.size()));
    ++sent;
    REQUIRE(sent < 1'000'000);
  }
  CHECK(sent > 1000);
  CHECK(rig->counters().subscribers == 1);
  // It gets all its answers once it reads.
  for (int i = 0; i < 10'000 && client.frames.size() < static_cast<size_t>(sent); ++i) {
    client.read_some();
    rig.run();
  }
  CHECK(client.frames.size() == static_cast<size_t>(sent));
}

TEST_CASE("hub liveness: a silent client is pinged, and cut when it stays silent") {
  HubOptions options = quick_options();
  options.liveness.ping_ns = 40 * kMs;
  options.liveness.idle_timeout_ns = 120 * kMs;
  HubRig rig(options);
  ClientEnd silent = rig.connect();
  ClientEnd alive = rig.connect();
  const SubscriberId alive_id = rig.last_id;
  for (int i = 0; i < 60 && rig.events.gone.empty(); ++i) {
    rig.loop().run_once(10 * kMs);
    silent.read_some();
    alive.read_some();
    if (!alive.frames.empty() && alive.frames.front().opcode == 9) {
      alive.send_frame(ws::Opcode::kPong, alive.frames.front().payload);
      alive.frames.clear();
    }
  }
  REQUIRE(!silent.frames.empty());
  CHECK(silent.frames[0].opcode == 9);
  CHECK(silent.frames.size() == 1);
  REQUIRE(rig.events.gone.size() == 1);
  CHECK(rig.events.gone[0].code == Errc::kIdle);
  CHECK(rig.events.gone[0].id != alive_id);
  CHECK(rig->counters().idle_disconnects == 1);
  silent.read_some();
  CHECK(silent.ended);
}

TEST_CASE("hub: one client can be told something, or shown the door") {
  HubRig rig;
  ClientEnd client = rig.connect(topics({}));
  const SubscriberId id = rig.last_id;
  ClientEnd other = rig.connect(topics({}));
  CHECK(rig->send(id, PayloadKind::kText, bytes_of("for you")));
  CHECK_FALSE(rig->send(id, PayloadKind::kTyped, bytes_of("for you")));
  CHECK_FALSE(rig->send(id, PayloadKind::kText, bytes_of(std::string(1u << 20, 'x'))));
  rig->disconnect(id, 4001, "no more");
  CHECK(rig->send(id, PayloadKind::kText, bytes_of("too late")));
  rig->disconnect(12345, 1000, "");
  rig.run();
  client.read_some();
  REQUIRE(client.frames.size() == 2);
  CHECK(client.frames[0].payload == "for you");
  CHECK(close_code(client.frames[1]) == 4001);
  CHECK(client.frames[1].payload.substr(2) == "no more");
  client.send_frame(ws::Opcode::kClose, client.frames[1].payload);
  rig.run();
  REQUIRE(rig.events.gone.size() == 1);
  CHECK(rig.events.gone[0].code == Errc::kAborted);
  CHECK(rig.events.gone[0].detail == 4001);
  CHECK(rig.events.gone[0].clean);
  other.read_some();
  CHECK(other.frames.empty());
  CHECK_FALSE(other.ended);
}

TEST_CASE("hub: what is sent to one that does not read is limited") {
  HubOptions options = quick_options();
  options.slow.pending_bytes = 64u << 10;
  HubRig rig(options);
  ClientEnd client = rig.connect_small(topics({}), 4096);
  const std::string text(1000, 'x');
  for (int i = 0; i < 200; ++i) CHECK(rig->send(rig.last_id, PayloadKind::kText, bytes_of(text)));
  rig.run();
  CHECK(rig->counters().slow_disconnects == 1);
  CHECK(rig->counters().subscribers == 1);  // it may still read the reason
}

TEST_CASE("hub: closing delivers what was published, says goodbye, and tells when it is done") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  ClientEnd polite = rig.connect();
  ClientEnd gone_away = rig.connect();
  ClientEnd deaf = rig.connect();
  for (int i = 0; i < 10; ++i) CHECK(rig.publish(a, std::to_string(i)).status == PublishStatus::kPublished);
  rig->close(60 * kMs);
  CHECK(rig.publish(a, "late").status == PublishStatus::kClosed);
  rig.run();
  polite.read_some();
  REQUIRE(polite.frames.size() == 11);
  CHECK(polite.frames[9].payload == "9");
  CHECK(close_code(polite.frames[10]) == 1001);
  polite.send_frame(ws::Opcode::kClose, polite.frames[10].payload);
  gone_away.hang_up();
  ClientEnd late = rig.connect();
  rig.run();
  CHECK(rig.events.closed == 0);
  late.read_some();
  CHECK(late.ended);
  for (int i = 0; i < 100 && rig.events.closed == 0; ++i) rig.loop().run_once(10 * kMs);
  CHECK(rig.events.closed == 1);
  REQUIRE(rig.events.gone.size() == 4);
  for (const Gone& gone : rig.events.gone) CHECK(gone.code == Errc::kHubClosing);
  CHECK(rig->counters().subscribers == 0);
}

TEST_CASE("hub: closing an empty hub is done at once") {
  HubRig rig(quick_options(), 3);
  rig->close(0);
  rig.run();
  CHECK(rig.events.closed == 1);
}
