#include "hub/front.h"

#include <doctest/doctest.h>

#include <map>

#include "base/base64.h"
#include "loop_rig.h"
#include "tls_rig.h"
#include "wire/control.h"
#include "wire/frame_writer.h"

using namespace tickwire;
using namespace tickwire::hub;
using namespace tickwire::net_test;
using loop_rig::kMs;
using loop_rig::make_loop;

namespace {

// Takes connections and keeps them.
class Shelf final : public Hub {
 public:
  explicit Shelf(std::vector<Loop*> loops) : loops_(std::move(loops)) {}
  Result<TopicId> topic(std::string_view, const TopicOptions&) override { return TopicId{1}; }
  Result<KeyId> key(std::string_view) override { return KeyId{1}; }
  PublishResult publish(const Message&) override { return {}; }
  BatchResult publish(std::span<const Message>) override { return {}; }
  PublishStatus publish_snapshot(TopicId, std::span<const Message>) override { return PublishStatus::kPublished; }
  SubscriberId new_id(uint32_t loop) noexcept override { return ++last_ << 6 | loop; }
  uint32_t least_loaded_loop() const noexcept override { return 0; }
  uint32_t loop_count() const noexcept override { return static_cast<uint32_t>(loops_.size()); }
  Loop& loop(uint32_t index) noexcept override { return *loops_[index]; }
  void add(std::unique_ptr<Stream> stream, SubscriberInfo info) override {
    streams.push_back(std::move(stream));
    infos.push_back(std::move(info));
  }
  void disconnect(SubscriberId, uint16_t, std::string_view) override {}
  bool send(SubscriberId, PayloadKind, std::span<const uint8_t>) override { return true; }
  Counters counters() const noexcept override {
    Counters c;
    c.subscribers = infos.size();
    return c;
  }
  void measure(uint64_t, SubscriberId) override {}
  void beat() noexcept override {}
  void close_shm() noexcept override {}
  uint32_t lanes_in_use() const noexcept override { return 0; }
  void stop_publishing() noexcept override {}
  void close(int64_t) override {}
  void release(uint32_t) override {}

  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<SubscriberInfo> infos;

 private:
  std::vector<Loop*> loops_;
  uint64_t last_ = 0;
};

struct Ears final : FrontListener {
  struct Asked {
    SubscriberId id;
    std::string address, path, query, headers, origin, subprotocol, token, name, subject;
    std::vector<std::string> topics, keys;
    bool all, secure;
  };
  void on_authorize(const AuthorizeRequest& r) override {
    asked.push_back({r.id, std::string(r.address), std::string(r.path), std::string(r.query), std::string(r.headers),
                     std::string(r.origin), std::string(r.subprotocol), std::string(r.token), std::string(r.name),
                     std::string(r.tls_subject), std::vector<std::string>(r.topics.begin(), r.topics.end()),
                     std::vector<std::string>(r.keys.begin(), r.keys.end()), r.all_topics, r.secure});
  }
  void on_refused(const Refused& r) override { refused.push_back({r.why, r.http}); }
  void on_accept_failed(size_t, const Error&) override {}
  std::vector<Asked> asked;
  std::vector<std::pair<Refusal, int>> refused;
};

struct Rig {
  explicit Rig(FrontOptions options = {}, Protocol protocol = Protocol::kWebSocket,
               std::shared_ptr<TlsServerContext> tls = nullptr, size_t loops = 1) {
    for (size_t i = 0; i < loops; ++i) all.push_back(make_loop());
    std::vector<Loop*> raw;
    for (const auto& l : all) raw.push_back(l.get());
    shelf = std::make_unique<Shelf>(raw);
    if (options.endpoints.empty()) options.endpoints.push_back({});
    Endpoint& endpoint = options.endpoints[0];
    endpoint.protocol = protocol;
    endpoint.tls = std::move(tls);
    endpoint.listen.address = SocketAddress::parse("127.0.0.1", 0).value();
    auto opened = Front::open(*shelf, options, ears);
    REQUIRE_MESSAGE(opened.ok(), opened.error().text);
    front = std::move(opened.value());
  }
  [[nodiscard]] uint16_t port() const { return front->address(0).port(); }
  void turn(int64_t ms = 1) {
    for (const auto& l : all) l->run_once(ms * kMs);
  }
  bool until(const std::function<bool()>& done, int turns = 3000) {
    for (int i = 0; i < turns && !done(); ++i) turn();
    return done();
  }
  // Everything that the server says until it closes.
  std::string hear(int fd) {
    std::string all_of_it;
    char buffer[4096];
    for (int i = 0; i < 3000; ++i) {
      turn();
      const ssize_t n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (n > 0) all_of_it.append(buffer, static_cast<size_t>(n));
      if (n == 0 || (n < 0 && errno != EAGAIN)) {
        ended = n == 0 ? "FIN" : "RST";
        return all_of_it;
      }
    }
    ended = "open";
    return all_of_it;
  }
  std::string ask(const std::string& request) {
    const Fd client = connect_to(port());
    send_all(client.get(), request);
    return hear(client.get());
  }
  uint64_t count(Refusal why) const { return front->counters().refused[static_cast<size_t>(why)]; }

  std::vector<std::unique_ptr<Loop>> all;
  std::unique_ptr<Shelf> shelf;
  Ears ears;
  std::unique_ptr<Front> front;
  std::string ended;
};

std::string request(const std::string& target = "/", const std::string& more = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" + more + "\r\n";
}

std::string hello(std::string_view token, std::string_view name, uint8_t version = 1) {
  wire::Hello h;
  h.token = token;
  h.name = name;
  h.min_version = version;
  h.max_version = version;
  std::vector<uint8_t> frame(wire::frame_room(5000));
  wire::TlvWriter out({frame.data() + wire::kHeaderBytes, 5000});
  wire::put(out, h);
  wire::Header fields;
  fields.type = static_cast<uint8_t>(wire::Type::kHello);
  frame.resize(wire::seal_frame(frame.data(), fields, out.size()));
  return {frame.begin(), frame.end()};
}

// The Error frame that `text` is.
wire::ErrorMessage error_in(const std::string& text) {
  REQUIRE(text.size() > wire::kHeaderBytes);
  const auto* data = reinterpret_cast<const uint8_t*>(text.data());
  const wire::Header header = wire::read_header(data);
  CHECK(header.is(wire::Type::kError));
  CHECK(wire::frame_crc(data, header.length) == header.crc);
  wire::ErrorMessage message;
  REQUIRE(wire::get({data + wire::kHeaderBytes, header.length}, message));
  CHECK(message.fatal);
  return message;
}

int status_of(const std::string& answer) {
  return answer.size() > 12 && answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

}  // namespace

TEST_CASE("front: a WebSocket is handed over with what it asked for") {
  FrontOptions options;
  options.deflate.enabled = true;
  Rig rig(options);
  const Fd client = connect_to(rig.port());
  // Cut anywhere, and with a frame right behind.
  const std::string all = request("/a,b?topics=c&keys=K&token=t",
                                  "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n") +
                          "frame";
  for (size_t i = 0; i < all.size(); i += 50) {
    send_all(client.get(), all.substr(i, 50));
    rig.turn();
  }
  REQUIRE(rig.until([&] { return rig.shelf->infos.size() == 1; }));
  const SubscriberInfo& info = rig.shelf->infos[0];
  CHECK(info.lane == Lane::kWsDeflate);
  REQUIRE(info.deflate);
  CHECK(info.deflate->server_no_context_takeover);
  CHECK(info.topics == std::vector<std::string>{"a", "b", "c"});
  CHECK(info.keys == std::vector<std::string>{"K"});
  CHECK_FALSE(info.all_topics);
  CHECK(info.remote_address == "127.0.0.1");
  CHECK(info.remote_port != 0);
  CHECK(info.path == "/a,b");
  CHECK(std::string(info.received.begin(), info.received.end()) == "frame");
  CHECK(info.unsent.empty());
  give_up_after(client.get(), 5);
  const std::string answer = receive_until(client.get(), "\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 101 "));
  CHECK(answer.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
  CHECK(answer.find("permessage-deflate; server_no_context_takeover; client_no_context_takeover") != std::string::npos);
  CHECK(rig.front->counters().connections == 1);
  CHECK(rig.front->counters().pending == 0);
  rig.front->forget(info.id);
  rig.front->forget(info.id);
  CHECK(rig.front->counters().connections == 0);
}

TEST_CASE("front: lanes") {
  const std::string offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
  const std::string wire_offer = "Sec-WebSocket-Protocol: x, tickwire.v1\r\n";
  struct Case {
    bool enabled, shared;
    std::string headers;
    Lane lane;
    bool deflate;
  };
  for (const Case& c : std::vector<Case>{
           {false, true, offer, Lane::kWs, false},
           {true, true, "", Lane::kWs, false},
           {true, true, offer, Lane::kWsDeflate, true},
           {true, false, offer, Lane::kWs, true},
           {true, false, "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n",
            Lane::kWsDeflate, true},
           {true, true, wire_offer, Lane::kWsWire, false},
           {true, true, wire_offer + offer, Lane::kWsWire, false},
           {true, false, wire_offer + offer, Lane::kWsWire, true},
       }) {
    CAPTURE(c.headers);
    FrontOptions options;
    options.deflate.enabled = c.enabled;
    options.deflate.server_no_context_takeover = c.shared;
    Rig rig(options);
    const Fd client = connect_to(rig.port());
    send_all(client.get(), request("/?topics=*", c.headers));
    REQUIRE(rig.until([&] { return rig.shelf->infos.size() == 1; }));
    CHECK(rig.shelf->infos[0].lane == c.lane);
    CHECK(rig.shelf->infos[0].deflate.has_value() == c.deflate);
    CHECK(rig.shelf->infos[0].all_topics);
    give_up_after(client.get(), 5);
    const std::string answer = receive_until(client.get(), "\r\n\r\n");
    CHECK((answer.find("Extensions") != std::string::npos) == c.deflate);
    CHECK((answer.find("Protocol: tickwire.v1") != std::string::npos) == (c.lane == Lane::kWsWire));
  }
}

TEST_CASE("front: HTTP answers, each with an orderly end") {
  FrontOptions options;
  options.endpoints.push_back({});
  options.endpoints[0].path = "/stream";
  options.origins = {"https://app.example", "https://*.desk.example"};
  Rig rig(options);
  struct Case {
    std::string request;
    int status;
    Refusal why;
  };
  for (const Case& c : std::vector<Case>{
           {request("/"), 404, Refusal::kPath},
           {request("/streams"), 404, Refusal::kPath},
           {"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n", 426, Refusal::kNotWebSocket},
           {"POST /stream HTTP/1.1\r\nHost: h\r\n\r\n", 405, Refusal::kNotWebSocket},
           {"POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123456789", 413, Refusal::kMalformed},
           {"nonsense \r\n\r\n", 400, Refusal::kMalformed},
           {"GET /" + std::string(9000, 'x'), 414, Refusal::kMalformed},
           {"GET / HTTP/1.1\r\nx: " + std::string(9000, 'x'), 431, Refusal::kMalformed},
           {"GET / HTTP/3.0\r\n\r\n", 505, Refusal::kMalformed},
           {request("/stream?topics=%FF"), 400, Refusal::kMalformed},
           {request("/stream", "Origin: https://evil.example\r\n"), 403, Refusal::kOrigin},
           {request("/stream", "Origin: https://desk.example\r\n"), 403, Refusal::kOrigin},
           {request("/stream", "Origin: https://.desk.example.evil\r\n"), 403, Refusal::kOrigin},
           {request("/stream", "Origin: null\r\n"), 403, Refusal::kOrigin},
       }) {
    CAPTURE(c.request.substr(0, 200));
    const uint64_t before = rig.count(c.why);
    const std::string answer = rig.ask(c.request);
    CHECK(status_of(answer) == c.status);
    CHECK(answer.find("Connection: ") != std::string::npos);
    CHECK(rig.ended == "FIN");
    CHECK(rig.count(c.why) == before + 1);
  }
  CHECK(rig.until([&] { return rig.front->counters().connections == 0; }));
  for (const char* origin : {"https://app.example", "HTTPS://APP.example", "https://a.desk.example"}) {
    const Fd client = connect_to(rig.port());
    send_all(client.get(), request("/stream", std::string("Origin: ") + origin + "\r\n"));
    const size_t before = rig.shelf->infos.size();
    CHECK(rig.until([&] { return rig.shelf->infos.size() == before + 1; }));
  }
}

TEST_CASE("front: health checks") {
  Rig rig;
  std::string answer = rig.ask("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(status_of(answer) == 200);
  CHECK(answer.find("Content-Type: application/json\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n{\"status\":\"ok\",\"subscribers\":0}\n"));
  answer = rig.ask("HEAD /healthz HTTP/1.0\r\n\r\n");
  CHECK(status_of(answer) == 200);
  CHECK(answer.ends_with("\r\n\r\n"));
  CHECK(status_of(rig.ask("POST /healthz HTTP/1.1\r\nHost: h\r\n\r\n")) == 405);
  rig.front->drain();
  answer = rig.ask("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(status_of(answer) == 503);
  CHECK(answer.find("draining") != std::string::npos);
  answer = rig.ask(request());
  CHECK(status_of(answer) == 503);
  CHECK(answer.find("Retry-After: 1\r\n") != std::string::npos);
  CHECK(rig.count(Refusal::kClosing) == 1);
  CHECK(rig.front->counters().health == 3);
}

TEST_CASE("front: authorization") {
  FrontOptions options;
  options.authorize = true;
  options.authorize_timeout_ns = 50 * kMs;
  Rig rig(options);
  const auto knock = [&](const std::string& target, const std::string& more) {
    Fd client = connect_to(rig.port());
    const size_t before = rig.ears.asked.size();
    send_all(client.get(), request(target, more));
    REQUIRE(rig.until([&] { return rig.ears.asked.size() == before + 1; }));
    return client;
  };
  {
    const Fd client = knock("/x?topics=y&keys=k&token=q", "Authorization: bearer  abc\r\nOrigin: https://o\r\n");
    const Ears::Asked& asked = rig.ears.asked.back();
    CHECK(asked.address == "127.0.0.1");
    CHECK(asked.path == "/x");
    CHECK(asked.query == "topics=y&keys=k&token=q");
    CHECK(asked.headers.find("Authorization: bearer  abc\r\n") != std::string::npos);
    CHECK(asked.origin == "https://o");
    CHECK(asked.token == "abc");
    CHECK(asked.topics == std::vector<std::string>{"x", "y"});
    CHECK(asked.keys == std::vector<std::string>{"k"});
    CHECK_FALSE(asked.secure);
    AuthorizeAnswer answer;
    answer.allowed = true;
    answer.topics = std::vector<std::string>{"only"};
    answer.slow = SlowPolicy::kDisconnect;
    auto access = std::make_shared<TopicAccess>();
    access->patterns = {"only"};
    answer.access = access;
    rig.front->answer(asked.id, answer);
    REQUIRE(rig.until([&] { return rig.shelf->infos.size() == 1; }));
    CHECK(rig.shelf->infos[0].topics == std::vector<std::string>{"only"});
    CHECK(rig.shelf->infos[0].keys == std::vector<std::string>{"k"});
    CHECK(rig.shelf->infos[0].slow == SlowPolicy::kDisconnect);
    CHECK(rig.shelf->infos[0].access == access);
    rig.front->answer(asked.id, answer);  // twice: ignored
    loop_rig::settle(*rig.all[0]);
  }
  {
    const Fd client = knock("/?token=q", "");
    CHECK(rig.ears.asked.back().token == "q");
    rig.front->answer(rig.ears.asked.back().id,
                      {.allowed = false, .http = 401, .topics = {}, .keys = {}, .access = {}, .slow = {}});
    const std::string answer = rig.hear(client.get());
    CHECK(status_of(answer) == 401);
    CHECK(rig.count(Refusal::kUnauthorized) == 1);
  }
  {
    const Fd client = knock("/", "");
    CHECK(status_of(rig.hear(client.get())) == 503);  // nobody answers
    CHECK(rig.count(Refusal::kAuthorizeTimeout) == 1);
    rig.front->answer(rig.ears.asked.back().id,
                      {.allowed = true, .http = 0, .topics = {}, .keys = {}, .access = {}, .slow = {}});  // too late
    rig.turn();
    CHECK(rig.shelf->infos.size() == 1);
  }
  {
    Fd client = knock("/", "");
    client.reset();
    CHECK(rig.until([&] { return rig.count(Refusal::kGone) == 1; }));
  }
  rig.front->answer(12345, {});
  rig.turn();
}

TEST_CASE("front: the wire format's Hello") {
  FrontOptions options;
  options.authorize = true;
  Rig rig(options, Protocol::kWire);
  const Fd client = connect_to(rig.port());
  const std::string all = hello("secret", "desk 7") + "behind";
  for (const char c : all) {
    send_all(client.get(), {&c, 1});
    if (rig.ears.asked.empty()) rig.turn(0);
  }
  REQUIRE(rig.until([&] { return rig.ears.asked.size() == 1; }));
  CHECK(rig.ears.asked[0].token == "secret");
  CHECK(rig.ears.asked[0].name == "desk 7");
  rig.front->answer(rig.ears.asked[0].id,
                    {.allowed = true, .http = 0, .topics = {}, .keys = {}, .access = {}, .slow = {}});
  REQUIRE(rig.until([&] { return rig.shelf->infos.size() == 1; }));
  CHECK(rig.shelf->infos[0].lane == Lane::kWire);
  // What was not read yet stays in the socket.
  std::string behind(rig.shelf->infos[0].received.begin(), rig.shelf->infos[0].received.end());
  uint8_t more[16];
  int64_t stamp = 0;
  if (behind.size() < 6) {
    const IoResult r = rig.shelf->streams[0]->read(more, stamp);
    behind.append(reinterpret_cast<char*>(more), r.bytes);
  }
  CHECK(behind == "behind");

  const Fd refused = connect_to(rig.port());
  send_all(refused.get(), hello("wrong", ""));
  REQUIRE(rig.until([&] { return rig.ears.asked.size() == 2; }));
  rig.front->answer(rig.ears.asked[1].id, {});
  CHECK(error_in(rig.hear(refused.get())).code == wire::ErrorCode::kUnauthorized);
  CHECK(rig.ended == "FIN");
}

TEST_CASE("front: what is no Hello") {
  Rig rig({}, Protocol::kWire);
  const std::string good = hello("t", "n");
  std::string damaged = good;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  std::string other = good;
  other[4] = 12;
  std::string huge = good;
  huge[10] = 1;
  struct Case {
    std::string bytes;
    wire::ErrorCode code;
  };
  for (const Case& c : std::vector<Case>{{"GET / HTTP/1.1\r\n", wire::ErrorCode::kMalformed},
                                         {"TX", wire::ErrorCode::kMalformed},
                                         {damaged, wire::ErrorCode::kMalformed},
                                         {other, wire::ErrorCode::kMalformed},
                                         {huge, wire::ErrorCode::kMalformed},
                                         {hello("t", "n", 2), wire::ErrorCode::kNoCommonVersion}}) {
    CHECK(error_in(rig.ask(c.bytes)).code == c.code);
    CHECK(rig.ended == "FIN");
  }
  rig.front->drain();
  CHECK(error_in(rig.ask(good)).code == wire::ErrorCode::kShuttingDown);
  CHECK(rig.shelf->infos.empty());
}

TEST_CASE("front: slow handshakes end, however they are spun out") {
  FrontOptions options;
  options.handshake_timeout_ns = 60 * kMs;
  Rig rig(options);
  const Fd silent = connect_to(rig.port());
  const Fd dripping = connect_to(rig.port());
  const std::string all = request();
  size_t at = 0;
  int64_t next = 0;
  CHECK(rig.until([&] {
    if (at < all.size() && rig.all[0]->now_ns() >= next) {
      next = rig.all[0]->now_ns() + 3 * kMs;
      if (::send(dripping.get(), all.data() + at, 1, MSG_NOSIGNAL) == 1) ++at;
    }
    return rig.count(Refusal::kTimeout) == 2;
  }));
  CHECK(at < all.size());
  CHECK(rig.hear(silent.get()).empty());
  CHECK(rig.until([&] { return rig.front->counters().connections == 0; }));
}

TEST_CASE("front: limits are told where that is cheap") {
  FrontOptions options;
  options.admission.connections = 2;
  options.admission.connections_per_address = 2;
  options.farewells = 2;
  Rig rig(options);
  std::vector<Fd> inside;
  for (int i = 0; i < 2; ++i) {
    inside.push_back(connect_to(rig.port()));
    send_all(inside.back().get(), request());
  }
  REQUIRE(rig.until([&] { return rig.shelf->infos.size() == 2; }));
  const std::string answer = rig.ask(request());
  CHECK(status_of(answer) == 429);
  CHECK(answer.find("Retry-After") != std::string::npos);
  CHECK(rig.ended == "FIN");
  CHECK(status_of(rig.ask("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")) == 200);  // also when it is full
  // Two who do not say what they want, and a third.
  std::vector<Fd> idle;
  for (int i = 0; i < 2; ++i) idle.push_back(connect_to(rig.port()));
  rig.turn();
  rig.turn();
  CHECK(rig.ask(request()).empty());
  CHECK(rig.count(Refusal::kAddressConnections) == 2);  // the two idle ones are still being heard
  rig.front->forget(rig.shelf->infos[0].id);
  inside.push_back(connect_to(rig.port()));
  send_all(inside.back().get(), request());
  CHECK(rig.until([&] { return rig.shelf->infos.size() == 3; }));
}

TEST_CASE("front: TLS, and who does not speak it") {
  tickwire::TlsServerOptions tls;
  tls.identity = {test_server().pem(), test_server().key_pem(), ""};
  tls.alpn = {"http/1.1"};
  auto context = TlsServerContext::create(tls);
  REQUIRE(context.ok());
  FrontOptions options;
  options.tls_steps = 1;
  options.authorize = true;
  Rig rig(options, Protocol::kWebSocket, context.value());
  std::vector<std::unique_ptr<TlsStream>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(open_stream(context_of(trusting()), rig.port()));
  std::vector<bool> sent(clients.size());
  REQUIRE(rig.until([&] {
    for (size_t i = 0; i < clients.size(); ++i) {
      if (sent[i]) continue;
      if (clients[i]->handshake().status == IoStatus::kOk) {
        REQUIRE(write_all(*clients[i], request()));
        sent[i] = true;
      }
    }
    return rig.ears.asked.size() == clients.size();
  }));
  CHECK(rig.ears.asked[0].secure);
  for (const auto& asked : rig.ears.asked) {
    rig.front->answer(asked.id, {.allowed = true, .http = 0, .topics = {}, .keys = {}, .access = {}, .slow = {}});
  }
  REQUIRE(rig.until([&] { return rig.shelf->infos.size() == clients.size(); }));
  for (const auto& client : clients) {
    std::string answer;
    REQUIRE(read_some(*client, answer, 12).status == IoStatus::kOk);
    CHECK(answer.starts_with("HTTP/1.1 101"));
  }
  CHECK(rig.ask(request()).find("HTTP") == std::string::npos);
  CHECK(rig.count(Refusal::kTls) == 1);
}

TEST_CASE("front: several loops get their share, also of those who come together") {
  Rig rig({}, Protocol::kWebSocket, nullptr, 3);
  std::vector<Fd> clients;
  for (int i = 0; i < 9; ++i) {
    clients.push_back(connect_to(rig.port()));
    send_all(clients.back().get(), request());
  }
  REQUIRE(rig.until([&] { return rig.shelf->infos.size() == 9; }));
  std::map<uint32_t, int> per_loop;
  for (const auto& info : rig.shelf->infos) ++per_loop[Hub::loop_of(info.id)];
  CHECK(per_loop == std::map<uint32_t, int>{{0, 3}, {1, 3}, {2, 3}});
  rig.front->forget(rig.shelf->infos[4].id);
  const uint32_t emptier = Hub::loop_of(rig.shelf->infos[4].id);
  clients.push_back(connect_to(rig.port()));
  send_all(clients.back().get(), request());
  REQUIRE(rig.until([&] { return rig.shelf->infos.size() == 10; }));
  CHECK(Hub::loop_of(rig.shelf->infos[9].id) == emptier);
}

TEST_CASE("front: closed in the middle of everything") {
  FrontOptions options;
  options.authorize = true;
  Rig rig(options);
  const Fd waiting = connect_to(rig.port());
  send_all(waiting.get(), request());
  const Fd half = connect_to(rig.port());
  send_all(half.get(), "GET /");
  const Fd refused = connect_to(rig.port());
  send_all(refused.get(), "nonsense\r\n");
  REQUIRE(rig.until([&] { return rig.ears.asked.size() == 1 && rig.count(Refusal::kMalformed) == 1; }));
  const SubscriberId id = rig.ears.asked[0].id;
  rig.front->answer(id, {.allowed = true, .http = 0, .topics = {}, .keys = {}, .access = {}, .slow = {}});
  rig.front.reset();
  loop_rig::settle(*rig.all[0]);
  CHECK(rig.shelf->infos.empty());
  char byte;
  CHECK(::recv(half.get(), &byte, 1, 0) <= 0);
}

TEST_CASE("front: an address in use is named") {
  Rig rig;
  FrontOptions options;
  options.endpoints.push_back({});
  options.endpoints[0].listen.address = rig.front->address(0);
  const auto second = Front::open(*rig.shelf, options, rig.ears);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == Errc::kAddrInUse);
  CHECK(second.error().text.find("127.0.0.1:" + std::to_string(rig.port())) == 0);
}
