#include "ws/session.h"

#include <doctest/doctest.h>

#include <thread>

#include "session_rig.h"
#include "ws/deflate.h"

using namespace tickwire;
using namespace tickwire::ws;
using namespace tickwire::ws::test;

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
