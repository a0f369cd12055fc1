// Subscribers over TLS: a stream that takes what it has begun and keeps it, and reads ahead of what it hands out.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hub_rig.h"
#include "net/tls_stream.h"
#include "tls_rig.h"

using namespace tickwire;
using namespace tickwire::hub_rig;

namespace {

std::shared_ptr<TlsServerContext> server_context() {
  tickwire::TlsServerOptions options;
  options.identity = {net_test::test_server().pem(), net_test::test_server().key_pem(), ""};
  auto made = TlsServerContext::create(options);
  REQUIRE(made.ok());
  return made.value();
}

struct TlsPair {
  std::unique_ptr<TlsStream> server;
  std::unique_ptr<TlsStream> client;
};

// Over loopback, with small buffers when asked.
TlsPair shake_hands(int buffers = 0) {
  net_test::Listener listener;
  if (buffers != 0) {
    REQUIRE(setsockopt(listener.fd(), SOL_SOCKET, SO_SNDBUF, &buffers, sizeof buffers) == 0);
  }
  SocketOptions ours;
  ours.recv_buffer = buffers;
  TlsPair pair;
  auto client = TlsStream::create(net_test::connect_to(listener.port(), ours),
                                  net_test::context_of(net_test::trusting()), "localhost", 443);
  REQUIRE(client.ok());
  pair.client = std::move(client.value());
  Fd fd(::accept(listener.fd(), nullptr, nullptr));
  REQUIRE(fd.valid());
  REQUIRE(fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0);
  static const std::shared_ptr<TlsServerContext> context = server_context();
  auto server = TlsStream::accept(std::move(fd), context);
  REQUIRE(server.ok());
  pair.server = std::move(server.value());
  IoStatus c = IoStatus::kAgain;
  IoStatus s = IoStatus::kAgain;
  for (int i = 0; i < 2000 && (c == IoStatus::kAgain || s == IoStatus::kAgain); ++i) {
    if (c == IoStatus::kAgain) c = pair.client->handshake().status;
    if (s == IoStatus::kAgain) s = pair.server->handshake().status;
    ::poll(nullptr, 0, 1);
  }
  REQUIRE(c == IoStatus::kOk);
  REQUIRE(s == IoStatus::kOk);
  return pair;
}

class TlsClient : public ServerFrames {
 public:
  explicit TlsClient(std::unique_ptr<TlsStream> stream) : stream_(std::move(stream)) {}
  size_t read_some(size_t most = 65536) {
    std::vector<uint8_t> buffer(most);
    int64_t stamp = 0;
    const IoResult io = stream_->read(buffer, stamp);
    ended = ended || io.status == IoStatus::kEof || io.status == IoStatus::kError;
    clean = clean || io.status == IoStatus::kEof;
    if (io.status != IoStatus::kOk) return 0;
    feed({reinterpret_cast<const char*>(buffer.data()), io.bytes});
    return io.bytes;
  }
  void send_frame(ws::Opcode opcode, std::string_view payload) {
    const uint32_t key = 0x1234567;
    std::string frame(ws::kMaxFrameHeader + payload.size(), '\0');
    auto* const out = reinterpret_cast<uint8_t*>(frame.data());
    const size_t header = ws::write_frame_header(out, opcode, true, false, payload.size(), &key);
    if (!payload.empty()) ws::mask_copy(out + header, bytes_of(payload).data(), payload.size(), key);
    REQUIRE(net_test::write_all(*stream_, std::string_view(frame).substr(0, header + payload.size())));
  }
  bool ended = false;
  bool clean = false;

 private:
  std::unique_ptr<TlsStream> stream_;
};

template <class Done>
void run_until(HubRig& rig, std::vector<TlsClient*> clients, size_t bite, Done done) {
  for (int i = 0; i < 20'000 && !done(); ++i) {
    rig.loop().run_once(clients.empty() ? kMs : 0);
    for (TlsClient* const client : clients) client->read_some(bite);
    if (i % 64 == 63) ::poll(nullptr, 0, 1);
  }
}

}  // namespace

TEST_CASE("hub tls: everything arrives, also what a full socket made the stream keep") {
  HubOptions options = quick_options();
  options.ring.bytes = 8u << 20;
  options.slow.pending_bytes = 4u << 20;
  for (const int buffers : {0, 4096}) {
    CAPTURE(buffers);
    HubRig rig(options);
    const TopicId a = rig.topic("a");
    TlsPair one = shake_hands(buffers);
    TlsPair two = shake_hands(buffers);
    rig.attach(all_topics(), std::move(one.server));
    rig.attach(topics({"a"}), std::move(two.server));
    TlsClient whole(std::move(one.client));
    TlsClient listed(std::move(two.client));
    std::vector<std::string> expected;
    for (int i = 0; i < 600; ++i) {
      expected.emplace_back(static_cast<size_t>(i * 37 % 3000), static_cast<char>('a' + i % 26));
      REQUIRE(rig.publish(a, expected.back()).status == PublishStatus::kPublished);
      if (i % 5 == 0) rig.run();
    }
    run_until(rig, {&whole, &listed}, 4096,
              [&] { return whole.frames.size() >= expected.size() && listed.frames.size() >= expected.size(); });
    CHECK((whole.texts() == expected));
    CHECK((listed.texts() == expected));
    CHECK(rig.events.slow.empty());
    // The last record may have been what the stream kept: nobody publishes any more to push it out.
    CHECK(rig->counters().blocked == 0);
  }
}

TEST_CASE("hub tls: one that does not read is skipped like any other, and goes on with whole messages") {
  HubOptions options = quick_options();
  options.slow.pending_bytes = 64u << 10;
  HubRig rig(options);
  const TopicId a = rig.topic("a");
  TlsPair pair = shake_hands(4096);
  rig.attach(topics({"a"}), std::move(pair.server));
  TlsClient client(std::move(pair.client));
  ClientEnd other = rig.connect(topics({"a"}));
  for (int i = 0; i < 4000; ++i) {
    const std::string text = std::to_string(i) + ' ' + std::string(200, 'x');
    while (rig.publish(a, text).status != PublishStatus::kPublished) rig.run();
    rig.run();
    other.read_some();
  }
  CHECK(other.texts().size() == 4000);
  // Once or more: the kernel takes a little now and then, without anybody reading.
  REQUIRE(rig.events.slow.size() % 2 == 1);
  CHECK(rig.publish(a, "last").status == PublishStatus::kPublished);
  run_until(rig, {&client}, 65536, [&] { return rig.events.slow.size() % 2 == 0 && rig->counters().blocked == 0; });
  REQUIRE(rig.events.slow.size() % 2 == 0);
  CHECK(rig.publish(a, "after").status == PublishStatus::kPublished);
  run_until(rig, {&client}, 65536, [&] { return !client.frames.empty() && client.frames.back().payload == "after"; });
  const std::vector<std::string> texts = client.texts();
  REQUIRE(!texts.empty());
  CHECK(texts.back() == "after");
  uint64_t missed = 0;
  for (const Slow& each : rig.events.slow) missed += each.missed;
  CHECK(texts.size() + missed == 4002);
}

TEST_CASE("hub tls: requests that came with the handshake are answered without another edge") {
  HubRig rig;
  const TopicId a = rig.topic("a");
  TlsPair pair = shake_hands();
  TlsClient client(std::move(pair.client));
  client.send_frame(ws::Opcode::kText, R"({"op":"subscribe","topics":["a"]})");
  client.send_frame(ws::Opcode::kPing, "hello");
  // The server's stream reads a byte, as a handshake does that looks for its end, and so has taken in the rest.
  SubscriberInfo info = topics({});
  std::vector<uint8_t> first(1);
  int64_t stamp = 0;
  for (int i = 0; i < 1000 && pair.server->read(first, stamp).status != IoStatus::kOk; ++i) ::poll(nullptr, 0, 1);
  REQUIRE(pair.server->has_buffered_input());
  info.received = first;
  rig.attach(std::move(info), std::move(pair.server));
  run_until(rig, {&client}, 65536, [&] { return client.frames.size() >= 2; });
  REQUIRE(client.frames.size() == 2);
  CHECK(client.frames[0].payload.find("subscribed") != std::string::npos);
  CHECK(client.frames[1].opcode == 10);
  CHECK(client.frames[1].payload == "hello");
  CHECK(rig.publish(a, "x").status == PublishStatus::kPublished);
  run_until(rig, {&client}, 65536, [&] { return client.frames.size() >= 3; });
  CHECK(client.texts().back() == "x");
}

TEST_CASE("hub tls: goodbyes in both directions end with close_notify") {
  HubRig rig;
  TlsPair one = shake_hands();
  TlsPair two = shake_hands();
  rig.attach(all_topics(), std::move(one.server));
  const SubscriberId first = rig.last_id;
  rig.attach(all_topics(), std::move(two.server));
  TlsClient shown_out(std::move(one.client));
  TlsClient leaving(std::move(two.client));
  rig->disconnect(first, 1008, "no more");
  leaving.send_frame(ws::Opcode::kClose, std::string("\x03\xe8", 2));
  run_until(rig, {&shown_out, &leaving}, 65536, [&] { return !shown_out.frames.empty() && leaving.ended; });
  REQUIRE(shown_out.frames.size() == 1);
  CHECK(shown_out.frames[0].opcode == 8);
  CHECK(shown_out.frames[0].payload == std::string("\x03\xf0no more", 9));
  REQUIRE(leaving.frames.size() == 1);
  CHECK(leaving.frames[0].payload == std::string("\x03\xe8", 2));
  CHECK(leaving.clean);
  shown_out.send_frame(ws::Opcode::kClose, std::string("\x03\xf0", 2));
  run_until(rig, {&shown_out}, 65536, [&] { return shown_out.ended && rig.events.gone.size() == 2; });
  CHECK(shown_out.clean);
  REQUIRE(rig.events.gone.size() == 2);
  for (const Gone& each : rig.events.gone) CHECK(each.clean);
}
