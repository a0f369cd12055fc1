#include "ws/session.h"

#include <doctest/doctest.h>

#include <thread>

#include "session_rig.h"

using namespace tickwire;
using namespace tickwire::ws;
using namespace tickwire::ws::test;

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
