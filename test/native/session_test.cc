#include "ws/session.h"

#include <doctest/doctest.h>

#include "session_rig.h"

using namespace tickwire;
using namespace tickwire::ws;
using namespace tickwire::ws::test;

TEST_CASE("opens, receives, and says when") {
  Rig rig;
  rig.open();
  CHECK(rig.request.starts_with("GET / HTTP/1.1\r\nHost: localhost\r\n"));
  const int batches = rig.notes.batches;
  const size_t bytes = rig.notes.bytes;
  const int64_t before = mono_ns();
  rig.put(text("one") + binary({2}) + text("th", false) + cont("ree", true));
  CHECK(rig.pump([&] { return rig.notes.events.size() == 3; }));
  CHECK(rig.notes.events == Events{"text:one", "binary:\x02", "text:three"});
  CHECK(rig.notes.batches > batches);
  CHECK(rig.notes.bytes - bytes == 5 + 3 + 4 + 5);
  CHECK(rig.notes.last_times.rx_ns >= before);
  CHECK(rig.notes.last_times.rx_ns <= mono_ns());
  CHECK(rig.notes.closed.empty());
}

TEST_CASE("frames that come with the handshake's answer are delivered after on_open") {
  Rig rig;
  rig.shake_hands("", text("first") + text("second"));
  CHECK(rig.pump([&] { return rig.notes.events.size() == 3; }));
  CHECK(rig.notes.events == Events{"open", "text:first", "text:second"});
}

TEST_CASE("everything arrives byte by byte") {
  Rig rig;
  rig.open();
  for (const uint8_t b : text("one") + ping("p") + text("t", false) + cont("wo", true)) {
    rig.put({b});
    rig.loop->run_once(1'000'000);
  }
  CHECK(rig.pump([&] { return rig.notes.events.size() == 3; }));
  CHECK(rig.notes.events == Events{"text:one", "ping:p", "text:two"});
}

TEST_CASE("a handshake that fails closes with what went wrong") {
  struct Case {
    const char* answer;
    Errc code;
    int32_t detail;
  };
  const Case cases[] = {
      {"HTTP/1.1 503 Busy\r\n\r\n", Errc::kHandshakeStatus, 503},
      {"HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\n", Errc::kHandshakeStatus, 301},
      {"nonsense", Errc::kHandshakeMalformed, 0},
      {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
       Errc::kHandshakeAccept, 0},
  };
  for (const Case& c : cases) {
    Rig rig;
    rig.session->start();
    rig.put(bytes_of(c.answer));
    REQUIRE(rig.pump_closed());
    CHECK(rig.notes.closed[0].error.code == c.code);
    CHECK(rig.notes.closed[0].error.detail == c.detail);
    CHECK_FALSE(rig.notes.closed[0].clean);
    CHECK(rig.notes.events.empty());
    CHECK(rig.session->send(Opcode::kText, raw("x")).error().code == Errc::kNotOpen);
  }
}

TEST_CASE("a handshake that never ends is cut") {
  SessionOptions o;
  o.handshake_timeout_ns = 50'000'000;
  Rig rig(o);
  rig.session->start();
  rig.put(bytes_of("HTTP/1.1 101 Swi"));
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.closed[0].error.code == Errc::kHandshakeTimeout);
}

TEST_CASE("the timeout of the handshake ends with it") {
  SessionOptions o;
  o.handshake_timeout_ns = 50'000'000;
  Rig rig(o);
  rig.open();
  rig.pump_for(120);
  CHECK(rig.notes.closed.empty());
}

TEST_CASE("the peer's end during the handshake") {
  Rig rig;
  rig.session->start();
  rig.peer.reset();
  REQUIRE(rig.pump_closed());
  const Errc code = rig.notes.closed[0].error.code;
  CHECK((code == Errc::kEof || code == Errc::kConnReset || code == Errc::kBrokenPipe));
}

TEST_CASE("nothing can be sent before it is open") {
  Rig rig;
  CHECK(rig.session->send(Opcode::kText, raw("x")).error().code == Errc::kNotOpen);
  rig.session->start();
  CHECK(rig.session->send(Opcode::kText, raw("x")).error().code == Errc::kNotOpen);
  CHECK(rig.session->ping({}).error().code == Errc::kNotOpen);
  const Message one{Opcode::kText, raw("x")};
  CHECK(rig.session->send_batch({&one, 1}).error().code == Errc::kNotOpen);
}

TEST_CASE("pings are answered, and told") {
  Rig rig;
  rig.open();
  rig.put(ping("a") + ping("") + ping(std::string(125, 'x')));
  CHECK(rig.pump([&] { return rig.got.events.size() == 3; }));
  CHECK(rig.got.events == Events{"pong:a", "pong:", "pong:" + std::string(125, 'x')});
  CHECK(rig.notes.events == Events{"ping:a", "ping:", "ping:" + std::string(125, 'x')});
}

TEST_CASE("our pings go out, and their pongs are told") {
  Rig rig;
  rig.open();
  CHECK(rig.session->ping(raw("hello")).ok());
  CHECK(rig.session->ping(raw(std::string(126, 'x'))).error().code == Errc::kWsControlTooLong);
  CHECK(rig.pump([&] { return rig.got.events.size() == 1; }));
  CHECK(rig.got.events == Events{"ping:hello"});
  rig.put(pong("hello"));
  CHECK(rig.pump([&] { return rig.notes.events.size() == 1; }));
  CHECK(rig.notes.events == Events{"pong:hello"});
}

TEST_CASE("messages of every size go out masked and whole") {
  Rig rig;
  rig.open();
  Events expected;
  for (const size_t n : {0u, 1u, 125u, 126u, 16'000u, 16'376u, 16'377u, 16'384u, 65'535u, 65'536u, 300'000u}) {
    std::string s;
    for (size_t i = 0; i < n; ++i) s += static_cast<char>('a' + i % 26);
    REQUIRE(rig.session->send(Opcode::kText, raw(s)).ok());
    REQUIRE(rig.session->send(Opcode::kBinary, raw(s)).ok());
    expected.push_back("text:" + s);
    expected.push_back("binary:" + s);
  }
  CHECK(rig.pump([&] { return rig.got.events.size() == expected.size(); }));
  CHECK(rig.got.events == expected);
  CHECK_FALSE(rig.parse_error);
  CHECK(rig.session->send_queue_bytes() == 0);
}

TEST_CASE("only messages may be sent as messages") {
  Rig rig;
  rig.open();
  for (const Opcode op : {Opcode::kContinuation, Opcode::kClose, Opcode::kPing, Opcode::kPong}) {
    CHECK(rig.session->send(op, raw("x")).error().code == Errc::kWsOpcode);
    const Message m{op, raw("x")};
    CHECK(rig.session->send_batch({&m, 1}).error().code == Errc::kWsOpcode);
  }
}

TEST_CASE("a batch goes out in order, all of it or nothing") {
  SessionOptions o;
  o.max_send_queue = 1000;
  Rig rig(o);
  rig.open();
  const Message messages[] = {{Opcode::kText, raw("a")}, {Opcode::kBinary, raw("b")}, {Opcode::kText, raw("")}};
  CHECK(rig.session->send_batch(messages).ok());
  CHECK(rig.session->send_batch({}).ok());
  CHECK(rig.pump([&] { return rig.got.events.size() == 3; }));
  CHECK(rig.got.events == Events{"text:a", "binary:b", "text:"});
  const std::string half(500, 'h');
  const Message too_much[] = {{Opcode::kText, raw(half)}, {Opcode::kText, raw(half)}};
  CHECK(rig.session->send_batch(too_much).error().code == Errc::kWsMessageTooLarge);
  rig.pump_for(20);
  CHECK(rig.got.events.size() == 3);
}

TEST_CASE("the send queue is bounded, and drains in order once the peer reads") {
  for (const Trigger trigger : {Trigger::kEdge, Trigger::kLevel}) {
    SessionOptions o;
    o.max_send_queue = 400'000;
    o.trigger = trigger;
    Rig rig(o);
    rig.open();
    rig.reading = false;
    CHECK(rig.session->send(Opcode::kText, raw(std::string(400'001, 'x'))).error().code == Errc::kWsMessageTooLarge);
    int sent = 0;
    Error error;
    while (!error && sent < 100'000) {
      const std::string s = numbered(std::string(1000, 'm'), sent);
      const Result<void> r = rig.session->send(Opcode::kText, raw(s));
      if (r.ok()) {
        ++sent;
      } else {
        error = r.error();
      }
    }
    CHECK(error.code == Errc::kSendQueueFull);
    CHECK(rig.session->send_queue_bytes() <= 400'000);
    CHECK(rig.session->send_queue_bytes() > 398'000);
    rig.reading = true;
    CHECK(rig.pump([&] { return rig.got.events.size() == static_cast<size_t>(sent); }));
    for (int i = 0; i < sent; ++i)
      REQUIRE(rig.got.events[static_cast<size_t>(i)] == "text:" + numbered(std::string(1000, 'm'), i));
    CHECK(rig.session->send_queue_bytes() == 0);
    CHECK(rig.session->send(Opcode::kText, raw("again")).ok());
    CHECK(rig.pump([&] { return rig.got.events.back() == "text:again"; }));
  }
}

TEST_CASE("a peer that pings without reading gets one pong, to its last ping") {
  Rig rig;
  rig.open();
  rig.reading = false;
  while (rig.session->send_queue_bytes() == 0)
    REQUIRE(rig.session->send(Opcode::kBinary, raw(std::string(60'000, 'b'))).ok());
  const size_t queued = rig.session->send_queue_bytes();
  for (int i = 0; i < 500; ++i) rig.put(ping(std::to_string(i)));
  CHECK(rig.pump([&] { return rig.notes.events.size() == 500; }));
  CHECK(rig.session->send_queue_bytes() <= queued);
  rig.reading = true;
  CHECK(rig.pump([&] { return !rig.got.events.empty() && rig.got.events.back() == "pong:499"; }));
  int pongs = 0;
  for (const std::string& e : rig.got.events) pongs += e.starts_with("pong:") ? 1 : 0;
  CHECK(pongs == 1);
  rig.put(ping("after"));
  CHECK(rig.pump([&] { return rig.got.events.back() == "pong:after"; }));
}

TEST_CASE("too many pings are a flood, and so are pongs that nobody asked for") {
  for (const bool pongs : {false, true}) {
    SessionOptions o;
    o.max_pings_per_second = 20;
    Rig rig(o);
    rig.open();
    Bytes flood;
    for (int i = 0; i < 50; ++i) flood = std::move(flood) + (pongs ? pong("x") : ping("x"));
    rig.put(text("before") + flood + text("after"));
    CHECK(rig.pump([&] { return !rig.got.events.empty() && rig.got.events.back().starts_with("close:"); }));
    CHECK(rig.got.events.back() == "close:1008:");
    rig.peer.reset();
    REQUIRE(rig.pump_closed());
    CHECK(rig.notes.closed[0].error.code == Errc::kWsControlFlood);
    CHECK(rig.notes.closed[0].error.detail == 1008);
    CHECK(rig.notes.events.size() == 21);
    CHECK(rig.notes.events[0] == "text:before");
  }
}

TEST_CASE("pongs to our own pings are no flood") {
  SessionOptions o;
  o.max_pings_per_second = 20;
  Rig rig(o);
  rig.open();
  Bytes pongs;
  for (int i = 0; i < 100; ++i) {
    REQUIRE(rig.session->ping({}).ok());
    pongs = std::move(pongs) + pong();
  }
  rig.put(pongs + text("after"));
  CHECK(rig.pump([&] { return rig.notes.events.size() == 101; }));
  CHECK(rig.notes.closed.empty());
}

TEST_CASE("options that cannot work are errors of creation") {
  auto loop = Loop::create();
  REQUIRE(loop.ok());
  Notes notes;
  SessionOptions o;
  o.handshake.host_header = "bad host";
  const net_test::Listener listener;
  auto made =
      Session::create(*loop.value(), std::make_unique<TcpStream>(net_test::connect_to(listener.port())), o, notes);
  CHECK(made.error().code == Errc::kInvalidUrl);
}
