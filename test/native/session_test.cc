#include "ws/session.h"

#include <doctest/doctest.h>

#include <thread>

#include "base/clock.h"
#include "session_rig.h"
#include "ws/deflate.h"

using namespace tickwire;
using namespace tickwire::ws;
using namespace tickwire::ws::test;

namespace {

using Events = std::vector<std::string>;

std::span<const uint8_t> raw(std::string_view s) { return {reinterpret_cast<const uint8_t*>(s.data()), s.size()}; }

std::string numbered(const std::string& what, int i) { return what + std::to_string(i); }

}  // namespace

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

TEST_CASE("the peer closes: its code goes back, and then its end is awaited") {
  for (const int code : {-1, 1000, 1001, 4321}) {
    Rig rig;
    rig.open();
    rig.put(text("last") + close_frame(code, code < 0 ? "" : "because") + text("too late"));
    CHECK(rig.pump([&] { return rig.peer_saw_end; }));
    CHECK(rig.got.events == Events{code < 0 ? "close:1005:" : "close:" + std::to_string(code) + ":"});
    CHECK(rig.notes.closed.empty());
    CHECK(rig.session->send(Opcode::kText, raw("x")).error().code == Errc::kNotOpen);
    rig.peer.reset();
    REQUIRE(rig.pump_closed());
    CHECK(rig.notes.events == Events{"text:last"});
    CHECK(rig.notes.closed[0].error.code == Errc::kWsClosed);
    CHECK(rig.notes.closed[0].error.detail == (code < 0 ? 1005 : code));
    CHECK(rig.notes.closed[0].error.text == (code < 0 ? "" : "because"));
    CHECK(rig.notes.closed[0].clean);
  }
}

TEST_CASE("a peer that closes but does not hang up is cut after the timeout") {
  SessionOptions o;
  o.close_timeout_ns = 50'000'000;
  Rig rig(o);
  rig.open();
  rig.put(close_frame(1000));
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.closed[0].error.code == Errc::kWsClosed);
  CHECK(rig.notes.closed[0].clean);
}

TEST_CASE("we close: what still arrives is delivered, the answer ends it") {
  Rig rig;
  rig.open();
  rig.session->close(1000, "done", {});
  CHECK(rig.session->send(Opcode::kText, raw("x")).error().code == Errc::kNotOpen);
  CHECK(rig.pump([&] { return rig.got.events == Events{"close:1000:done"}; }));
  rig.put(text("late") + ping("late") + close_frame(1000));
  CHECK(rig.pump([&] { return rig.peer_saw_end; }));
  rig.peer.reset();
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.events == Events{"text:late", "ping:late"});
  CHECK(rig.notes.closed[0].error.code == Errc::kWsClosedByUser);
  CHECK(rig.notes.closed[0].clean);
  CHECK(rig.got.events == Events{"close:1000:done"});  // no pong after a close frame
}

TEST_CASE("we close with a reason of our own, which on_closed reports") {
  SessionOptions o;
  o.close_timeout_ns = 50'000'000;
  Rig rig(o);
  rig.open();
  rig.session->close(1001, "idle", Error{Errc::kIdle, 7, "no data"});
  rig.session->close(1000, "again", {});
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.closed[0].error.code == Errc::kIdle);
  CHECK(rig.notes.closed[0].error.detail == 7);
  CHECK_FALSE(rig.notes.closed[0].clean);
  CHECK(rig.got.events == Events{"close:1001:idle"});
  CHECK(rig.notes.closed.size() == 1);
}

TEST_CASE("what a close frame may not carry is put right") {
  struct Case {
    uint16_t code;
    std::string reason;
    std::string sent;
  };
  const std::string euros = [] {
    std::string s;
    for (int i = 0; i < 60; ++i) s += "\xE2\x82\xAC";
    return s;
  }();
  const Case cases[] = {{1005, "x", "close:1005:"},
                        {999, "", "close:1000:"},
                        {1006, "", "close:1000:"},
                        {1000, "\xFF", "close:1000:"},
                        {1000, std::string(200, 'r'), "close:1000:" + std::string(123, 'r')},
                        {3000, "x" + euros, "close:3000:x" + euros.substr(0, 120)}};
  for (const Case& c : cases) {
    Rig rig;
    rig.open();
    rig.session->close(c.code, c.reason, {});
    CHECK(rig.pump([&] { return !rig.got.events.empty(); }));
    CHECK(rig.got.events == Events{c.sent});
    CHECK_FALSE(rig.parse_error);
  }
}

TEST_CASE("a close frame goes out behind everything that was queued") {
  Rig rig;
  rig.open();
  rig.reading = false;
  int sent = 0;
  while (rig.session->send_queue_bytes() < 200'000) {
    REQUIRE(rig.session->send(Opcode::kText, raw(numbered(std::string(5000, 'q'), sent))).ok());
    ++sent;
  }
  rig.put(ping("owed"));
  CHECK(rig.pump([&] { return !rig.notes.events.empty(); }));
  rig.session->close(1000, "", {});
  rig.reading = true;
  CHECK(rig.pump([&] { return rig.got.events.size() == static_cast<size_t>(sent) + 1; }));
  CHECK(rig.got.events.back() == "close:1000:");
  rig.pump_for(20);
  CHECK(rig.behind_close == 0);  // no pong
  CHECK(rig.session->send_queue_bytes() == 0);
}

TEST_CASE("a violation is answered with its code, and reported once the peer is gone") {
  struct Case {
    Bytes frames;
    Errc code;
    int32_t close_code;
  };
  const Case cases[] = {
      {frame({Opcode::kText, {}, true, false, false, 0x20}), Errc::kWsReservedBits, 1002},
      {cont("x", true), Errc::kWsUnexpectedContinuation, 1002},
      {frame({Opcode::kText, bytes_of("x"), true, false, true}), Errc::kWsMasked, 1002},
      {text("\xFF"), Errc::kWsInvalidUtf8, 1007},
      {close_frame(1006), Errc::kWsCloseCode, 1002},
      {{0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, Errc::kWsMessageTooLarge, 1009},
  };
  for (const Case& c : cases) {
    Rig rig;
    rig.open();
    rig.put(text("good") + c.frames + text("never seen"));
    CHECK(rig.pump([&] { return rig.peer_saw_end; }));
    CHECK(rig.got.events == Events{"close:" + std::to_string(c.close_code) + ":"});
    CHECK(rig.notes.events == Events{"text:good"});
    rig.put(text("still sending"));
    rig.pump_for(5);
    rig.peer.reset();
    REQUIRE(rig.pump_closed());
    CHECK(rig.notes.closed[0].error.code == c.code);
    CHECK(rig.notes.closed[0].error.detail == c.close_code);
    CHECK_FALSE(rig.notes.closed[0].clean);
    CHECK(rig.notes.events == Events{"text:good"});
  }
}

TEST_CASE("after a violation a peer that goes on is cut, with bounded memory") {
  SessionOptions o;
  o.close_timeout_ns = 100'000'000;
  o.recv_buffer = 8192;
  Rig rig(o);
  rig.open();
  rig.put(text("\xFF"));
  const Bytes more = binary(Bytes(50'000, 'x'));
  CHECK(rig.pump([&] {
    if (rig.outgoing.size() < 100'000) rig.put(more);
    return !rig.notes.closed.empty();
  }));
  CHECK(rig.notes.closed[0].error.code == Errc::kWsInvalidUtf8);
}

TEST_CASE("an end without a close frame, behind data: the data first") {
  Rig rig;
  rig.open();
  Bytes many;
  for (int i = 0; i < 200; ++i) many = std::move(many) + text(std::to_string(i));
  rig.put(many);
  ::shutdown(rig.peer.get(), SHUT_WR);
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.events.size() == 200);
  CHECK(rig.notes.events.back() == "text:199");
  CHECK(rig.notes.closed[0].error.code == Errc::kEof);
  CHECK_FALSE(rig.notes.closed[0].clean);
}

TEST_CASE("an end in the middle of a message") {
  Rig rig;
  rig.open();
  Bytes half = text("half of it");
  half.resize(5);
  rig.put(text("a", false) + half);
  rig.peer.reset();
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.events.empty());
  const Errc code = rig.notes.closed[0].error.code;
  CHECK((code == Errc::kEof || code == Errc::kWsExpectedContinuation));
}

TEST_CASE("a reset is reported as one") {
  Rig rig;
  rig.open();
  rig.peer_reset();
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.closed[0].error.code == Errc::kConnReset);
}

TEST_CASE("a write that fails ends the session with its own error, after the data that had come") {
  const std::pair<int, Errc> cases[] = {{EPIPE, Errc::kBrokenPipe}, {ECONNRESET, Errc::kConnReset}};
  for (const auto& [err, code] : cases) {
    const auto faults = std::make_shared<Spoiled::Faults>();
    Rig rig({}, faults);
    rig.open();
    faults->write_error = err;
    rig.put(text("was there"));
    net_test::wait_for(rig.session->send_queue_bytes() == 0 ? rig.peer.get() : -1, POLLOUT);
    Error at_once;
    std::thread other([&] { at_once = rig.session->send(Opcode::kText, raw("x")).error(); });
    other.join();
    CHECK(at_once.code == code);
    CHECK(rig.session->send(Opcode::kText, raw("x")).error().code == Errc::kNotOpen);
    REQUIRE(rig.pump([&] { return !rig.notes.closed.empty(); }, 1000));  // long before close_timeout_ns
    CHECK(rig.notes.closed.size() == 1);
    CHECK(rig.notes.closed[0].error.code == code);
    CHECK(rig.notes.events == Events{"text:was there"});
  }
}

TEST_CASE("a pong that cannot be written ends the session too") {
  const auto faults = std::make_shared<Spoiled::Faults>();
  Rig rig({}, faults);
  rig.open();
  faults->write_error = EPIPE;
  rig.put(ping("x") + text("y"));
  REQUIRE(rig.pump_closed());
  CHECK(rig.notes.closed[0].error.code == Errc::kBrokenPipe);
  CHECK(rig.notes.events == Events{"ping:x", "text:y"});
}

TEST_CASE("a close frame that waits behind a failed write is still seen") {
  const auto faults = std::make_shared<Spoiled::Faults>();
  Rig rig({}, faults);
  rig.open();
  rig.put(text("bye") + close_frame(1012, "restart"));
  faults->write_error = EPIPE;
  CHECK_FALSE(rig.session->send(Opcode::kText, raw("x")).ok());
  REQUIRE(rig.pump([&] { return !rig.notes.closed.empty(); }));
  CHECK(rig.notes.closed[0].error.code == Errc::kWsClosed);
  CHECK(rig.notes.closed[0].error.detail == 1012);
  CHECK_FALSE(rig.notes.closed[0].clean);
}

TEST_CASE("a refused message comes again after resume, and nothing is lost behind it") {
  for (const Trigger trigger : {Trigger::kEdge, Trigger::kLevel}) {
    SessionOptions o;
    o.recv_buffer = 8192;
    o.trigger = trigger;
    Rig rig(o);
    rig.open();
    std::mt19937 random(11);
    bool refuse = false;
    rig.notes.answer = [&](const std::string&) {
      refuse = random() % 50 == 0;
      return refuse ? Flow::kPause : Flow::kContinue;
    };
    Bytes many;
    Events expected;
    for (int i = 0; i < 3000; ++i) {
      std::string s = numbered("message ", i);
      if (i % 100 == 0) s += std::string(20'000, 'x');  // larger than the ring: assembled
      many = std::move(many) + (i % 7 == 0 ? text(s.substr(0, 3), false) + cont(s.substr(3), true) : text(s));
      expected.push_back("text:" + s);
    }
    rig.put(many);
    CHECK(rig.pump([&] {
      rig.session->resume();
      return rig.notes.events.size() == expected.size();
    }));
    CHECK(rig.notes.events == expected);
  }
}

TEST_CASE("while paused nothing is read: the peer feels it") {
  SessionOptions o;
  o.recv_buffer = 8192;
  Rig rig(o);
  rig.open();
  rig.notes.answer = [](const std::string&) { return Flow::kPause; };
  rig.put(text("x"));
  rig.pump_for(10);
  const size_t bytes = rig.notes.bytes;
  rig.put(binary(Bytes(4'000'000, 'x')));
  rig.pump_for(30);
  CHECK(rig.notes.bytes == bytes);
  CHECK(rig.outgoing.size() > 1'000'000);
  CHECK(rig.notes.closed.empty());
}

TEST_CASE("a paused loop sleeps") {
  for (const Trigger trigger : {Trigger::kEdge, Trigger::kLevel}) {
    SessionOptions o;
    o.trigger = trigger;
    Rig rig(o);
    rig.open();
    rig.notes.answer = [](const std::string&) { return Flow::kPause; };
    rig.put(text("x") + text("y"));
    rig.pump_for(10);
    uint32_t done = 0;
    for (int i = 0; i < 5; ++i) done += rig.loop->run_once(1'000'000);
    CHECK(done <= 1);
  }
}

TEST_CASE("close frame and end of the peer behind a refused message are seen after resume") {
  for (const bool with_close : {true, false}) {
    Rig rig;
    rig.open();
    bool refuse = true;
    rig.notes.answer = [&](const std::string&) { return refuse ? Flow::kPause : Flow::kContinue; };
    rig.put(text("one") + text("two") + (with_close ? close_frame(1001) : Bytes{}));
    ::shutdown(rig.peer.get(), SHUT_WR);
    rig.pump_for(20);
    CHECK(rig.notes.closed.empty());
    refuse = false;
    rig.session->resume();
    REQUIRE(rig.pump_closed());
    CHECK(rig.notes.events == Events{"text:one", "text:two"});
    CHECK(rig.notes.closed[0].error.code == (with_close ? Errc::kWsClosed : Errc::kEof));
  }
}

TEST_CASE("resume from inside the callback that refuses is one turn later") {
  Rig rig;
  rig.open();
  int offers = 0;
  rig.notes.answer = [&](const std::string&) {
    ++offers;
    if (offers >= 3) return Flow::kContinue;
    rig.session->resume();  // not paused yet: no effect
    return Flow::kPause;
  };
  rig.put(text("x"));
  CHECK(rig.pump([&] {
    rig.session->resume();
    return !rig.notes.events.empty();
  }));
  CHECK(offers == 3);
}

TEST_CASE("a read budget lets others go on, and loses nothing") {
  SessionOptions o;
  o.read_budget = 1024;
  o.read_chunk = 1024;
  Rig rig(o);
  rig.open();
  Bytes many;
  for (int i = 0; i < 500; ++i) many = std::move(many) + text(numbered(std::string(100, 'x'), i));
  rig.put(many);
  net_test::wait_for(rig.peer.get(), POLLOUT);
  rig.loop->run_once(1'000'000);
  rig.loop->run_once(1'000'000);
  CHECK(rig.notes.events.size() < 100);
  CHECK(rig.pump([&] { return rig.notes.events.size() == 500; }));
}

TEST_CASE("streams that move a few bytes at a time") {
  const auto faults = std::make_shared<Spoiled::Faults>();
  faults->read_most = 3;
  faults->write_most = 5;
  faults->full_duplex = false;  // as TLS: only kAgain says that there is no more
  Rig rig({}, faults);
  rig.open();
  rig.put(text("one") + ping("two") + binary(Bytes(1000, 'x')));
  CHECK(rig.pump([&] { return rig.notes.events.size() == 3; }));
  CHECK(rig.session->send(Opcode::kText, raw(std::string(1000, 'y'))).ok());
  CHECK(rig.pump([&] { return rig.got.events.size() == 2; }));
  CHECK(rig.got.events == Events{"pong:two", "text:" + std::string(1000, 'y')});
}

TEST_CASE("abort cuts at once") {
  Rig rig;
  rig.open();
  rig.session->abort(Error{Errc::kAborted, 3, "enough"});
  REQUIRE(rig.notes.closed.size() == 1);
  CHECK(rig.notes.closed[0].error.code == Errc::kAborted);
  CHECK(rig.notes.closed[0].error.detail == 3);
  CHECK_FALSE(rig.notes.closed[0].clean);
  CHECK(rig.session->send(Opcode::kText, raw("x")).error().code == Errc::kNotOpen);
  CHECK(rig.pump([&] { return rig.peer_saw_reset; }));
  rig.session->abort({});
  rig.session->close(1000, "", {});
  rig.session->resume();
  rig.pump_for(5);
  CHECK(rig.notes.closed.size() == 1);
}

TEST_CASE("close and abort before it is open") {
  for (const bool close : {true, false}) {
    Rig rig;
    rig.session->start();
    if (close) {
      rig.session->close(1000, "", {});
    } else {
      rig.session->abort(Error{Errc::kAborted, 0, {}});
    }
    REQUIRE(rig.notes.closed.size() == 1);
    CHECK(rig.notes.closed[0].error.code == (close ? Errc::kWsClosedByUser : Errc::kAborted));
  }
}

TEST_CASE("the listener may end and release the session from any callback") {
  enum class Where { kOpen, kSecondMessage, kRefusing };
  for (const Where where : {Where::kOpen, Where::kSecondMessage, Where::kRefusing}) {
    for (const bool gentle : {true, false}) {
      CAPTURE(static_cast<int>(where));
      CAPTURE(gentle);
      SessionOptions o;
      o.close_timeout_ns =
          50'000'000;  // a listener that refuses leaves the peer's close frame unread: only this ends it
      Rig rig(o);
      const auto end = [&] {
        if (gentle) {
          rig.session->close(1000, "", {});
        } else {
          rig.session->abort({});
        }
      };
      int messages = 0;
      if (where == Where::kOpen) rig.notes.opened = end;
      rig.notes.answer = [&](const std::string&) {
        ++messages;
        if ((where == Where::kSecondMessage && messages == 2) || where == Where::kRefusing) end();
        return where == Where::kRefusing ? Flow::kPause : Flow::kContinue;
      };
      rig.notes.ended = [&] { rig.loop->defer_delete(std::move(rig.session)); };
      rig.shake_hands("", text("1") + text("2") + text("3") + text("4") + close_frame(1000));
      REQUIRE(rig.pump([&] { return rig.peer_saw_end || rig.peer_saw_reset; }));
      rig.peer.reset();
      REQUIRE(rig.pump_closed());
      rig.loop->run_once(0);
      CHECK(rig.notes.closed.size() == 1);
      CHECK(rig.session == nullptr);
      const int expected = where == Where::kRefusing ? 1 : gentle ? 4 : where == Where::kOpen ? 0 : 2;
      CHECK(messages == expected);
      CHECK(rig.notes.closed[0].clean == (gentle && where != Where::kRefusing));
    }
  }
}

TEST_CASE("destroyed while open it closes silently") {
  Rig rig;
  rig.open();
  rig.put(text("x"));
  rig.session.reset();
  CHECK(rig.pump([&] { return rig.peer_saw_end || rig.peer_saw_reset; }));
  CHECK(rig.notes.closed.empty());
  CHECK(rig.notes.events.empty());
}

TEST_CASE("destroyed after a failed write of another thread, before the loop heard of it") {
  const auto faults = std::make_shared<Spoiled::Faults>();
  Rig rig({}, faults);
  rig.open();
  faults->write_error = EPIPE;
  std::thread([&] { CHECK_FALSE(rig.session->send(Opcode::kText, raw("x")).ok()); }).join();
  rig.session.reset();
  rig.pump_for(10);
  CHECK(rig.notes.closed.empty());
}

TEST_CASE("permessage-deflate both ways") {
  for (const char* answer :
       {"permessage-deflate", "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits=8; server_max_window_bits=8"}) {
    SessionOptions o;
    o.handshake.deflate.enabled = true;
    o.handshake.deflate.threshold = 10;
    Rig rig(o);
    const bool reset = std::string(answer).find("takeover") != std::string::npos;
    const int bits = std::string(answer).find("=8") != std::string::npos ? 8 : 15;
    auto in = Inflater::create(bits, !reset);
    auto out = Deflater::create(bits, !reset, 6);
    REQUIRE((in.ok() && out.ok()));
    rig.parser.set_inflater(std::move(in.value()));
    rig.open(std::string("Sec-WebSocket-Extensions: ") + answer + "\r\n");
    CHECK(rig.notes.result.deflate);
    const std::string body = "compress me, compress me, compress me, compress me";
    ByteBuffer packed;
    for (int i = 0; i < 3; ++i) {
      REQUIRE(out.value()->deflate(raw(body), packed).ok());
      rig.put(frame({Opcode::kText, {packed.bytes().begin(), packed.bytes().end()}, true, true}));
    }
    CHECK(rig.pump([&] { return rig.notes.events.size() == 3; }));
    CHECK(rig.notes.events == Events(3, "text:" + body));
    const Message batch[] = {{Opcode::kText, raw(body)}, {Opcode::kText, raw("short")}, {Opcode::kBinary, raw(body)}};
    CHECK(rig.session->send_batch(batch).ok());
    CHECK(rig.session->send(Opcode::kText, raw(body)).ok());
    CHECK(rig.pump([&] { return rig.got.events.size() == 4; }));
    CHECK(rig.got.events == Events{"text:" + body, "text:short", "binary:" + body, "text:" + body});
    CHECK_FALSE(rig.parse_error);
  }
}

TEST_CASE("many threads send while the loop receives: every message arrives whole, each thread's in order") {
  for (const bool full_duplex : {true, false}) {
    SessionOptions o;
    o.max_send_queue = 64u << 20;
    const auto faults = std::make_shared<Spoiled::Faults>();
    faults->full_duplex = full_duplex;
    Rig rig(o, faults);
    rig.open();
    constexpr int kThreads = 4;
    constexpr int kEach = 2000;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          const std::string s =
              std::to_string(t) + ":" + std::to_string(i) + std::string(static_cast<size_t>(i % 700), 'x');
          while (!rig.session->send(Opcode::kText, raw(s)).ok()) std::this_thread::yield();
        }
      });
    }
    for (int i = 0; i < 2000; ++i) rig.put(text(std::to_string(i)));
    CHECK(
        rig.pump([&] { return rig.got.events.size() == kThreads * kEach && rig.notes.events.size() == 2000; }, 60'000));
    for (std::thread& t : threads) t.join();
    int next[kThreads] = {};
    for (const std::string& e : rig.got.events) {
      const auto t = static_cast<size_t>(e[5] - '0');
      const int i = next[t]++;
      REQUIRE(e ==
              "text:" + std::to_string(t) + ":" + std::to_string(i) + std::string(static_cast<size_t>(i % 700), 'x'));
    }
    CHECK_FALSE(rig.parse_error);
    CHECK(rig.session->send_queue_bytes() == 0);
  }
}

TEST_CASE("threads that send while the session ends get an error, not a crash") {
  for (int round = 0; round < 30; ++round) {
    Rig rig;
    rig.open();
    std::atomic<bool> stop{false};
    std::thread other([&] {
      while (!stop) {
        static_cast<void>(rig.session->send(Opcode::kText, raw("x")));
        static_cast<void>(rig.session->ping({}));
        static_cast<void>(rig.session->send_queue_bytes());
      }
    });
    rig.pump_for(1);
    if (round % 3 == 0) {
      rig.session->abort({});
    } else if (round % 3 == 1) {
      rig.peer_reset();
    } else {
      rig.put(close_frame(1000));
      rig.pump_for(2);
      rig.peer.reset();
    }
    CHECK(rig.pump_closed());
    stop = true;
    other.join();
    CHECK(rig.notes.closed.size() == 1);
  }
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
