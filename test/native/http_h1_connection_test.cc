#include <doctest/doctest.h>

#include "http_connection_rig.h"

namespace {

using namespace tickwire;
using namespace tickwire::http;
using namespace tickwire::http_rig;
using net_test::receive_exactly;
using net_test::receive_until;
using net_test::send_all;

struct Rig {
  explicit Rig(net_test::TcpPeer::Serve serve, ConnectionOptions options = {}) : peer(std::move(serve)) {
    auto made = Loop::create();
    REQUIRE(made.ok());
    loop = std::move(made.value());
    connection = make_h1_connection(*loop, std::make_unique<TcpStream>(net_test::connect_to(peer.port())), options,
                                    scratch, notes);
    connection->start();
  }
  bool until(const std::function<bool()>& reached) { return run_until(*loop, reached); }

  net_test::TcpPeer peer;
  std::array<uint8_t, 16384> scratch{};
  Notes notes;
  std::unique_ptr<Loop> loop;
  std::unique_ptr<Connection> connection;
};

}  // namespace

TEST_CASE("http/1 connection: requests one after another on one connection") {
  std::vector<std::string> seen;
  Rig rig([&](Fd& fd) {
    for (int i = 0; i < 3; ++i) {
      std::string head = receive_until(fd.get(), "\r\n\r\n");
      if (i == 1) head += receive_exactly(fd.get(), 7);
      seen.push_back(head);
      send_all(fd.get(), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + std::to_string(i));
    }
    (void)receive_exactly(fd.get(), 1);
  });
  Request first = get("/a?b=c");
  first.fields = "x-key:secret\naccept:*/*\n";
  CHECK(rig.connection->limit() == 1);
  REQUIRE(rig.connection->send(1, first).ok());
  REQUIRE(rig.until([&] { return rig.notes.done == 1; }));
  REQUIRE(rig.connection->send(2, post("/order", "side=by")).ok());
  REQUIRE(rig.until([&] { return rig.notes.done == 2; }));
  REQUIRE(rig.connection->send(3, get("/")).ok());
  REQUIRE(rig.until([&] { return rig.notes.done == 3; }));
  CHECK(rig.notes.rooms == 3);
  CHECK(rig.notes.closed == 0);
  CHECK(rig.notes.answers[2].status == 200);
  CHECK(rig.notes.answers[3].body == "2");
  rig.connection->retire();
  CHECK(rig.notes.closed == 1);
  CHECK(rig.notes.reason == Errc::kNone);
  CHECK(seen[0] == "GET /a?b=c HTTP/1.1\r\nhost:test.example\r\nx-key:secret\r\naccept:*/*\r\n\r\n");
  CHECK(seen[1] == "POST /order HTTP/1.1\r\nhost:test.example\r\ncontent-length:7\r\n\r\nside=by");
  CHECK(seen[2] == "GET / HTTP/1.1\r\nhost:test.example\r\n\r\n");
}

TEST_CASE("http/1 connection: a body larger than the kernel takes at once goes on by itself") {
  const std::string body(8u << 20, 'b');
  size_t received = 0;
  Rig rig([&](Fd& fd) {
    (void)receive_until(fd.get(), "\r\n\r\n");
    usleep(50'000);
    received = receive_exactly(fd.get(), body.size()).size();
    send_all(fd.get(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    (void)receive_exactly(fd.get(), 1);
  });
  REQUIRE(rig.connection->send(7, post("/", body)).ok());
  REQUIRE(rig.until([&] { return rig.notes.done == 1; }));
  CHECK(received == body.size());
  CHECK(rig.connection->limit() == 1);
  rig.connection->abort({});
}

TEST_CASE("http/1 connection: an answer in the middle of a request ends the connection") {
  Rig rig([&](Fd& fd) {
    (void)receive_until(fd.get(), "\r\n\r\n");
    send_all(fd.get(), "HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nmuch");
    (void)receive_exactly(fd.get(), 1);
  });
  const std::string body(32u << 20, 'b');
  REQUIRE(rig.connection->send(7, post("/", body)).ok());
  REQUIRE(rig.until([&] { return rig.notes.closed == 1; }));
  CHECK(rig.notes.answers[7].status == 413);
  CHECK(rig.notes.answers[7].body == "much");
  CHECK(rig.notes.answers[7].done);
}

TEST_CASE("http/1 connection: how a connection ends is told with what was in flight") {
  struct Case {
    std::string what;
    std::string answer;
    bool reset;
    Errc failed;
    Errc closed;
    bool done;
  };
  const std::vector<Case> cases = {
      {"Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false, Errc::kNone,
       Errc::kNone, true},
      {"until the end", "HTTP/1.1 200 OK\r\n\r\nok", false, Errc::kNone, Errc::kNone, true},
      {"end before an answer", "", false, Errc::kEof, Errc::kEof, false},
      {"reset before an answer", "", true, Errc::kConnReset, Errc::kConnReset, false},
      {"end in the head", "HTTP/1.1 200 OK\r\nCont", false, Errc::kHttpTruncated, Errc::kHttpTruncated, false},
      {"end in the body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", false, Errc::kHttpTruncated,
       Errc::kHttpTruncated, false},
      {"no HTTP", "hello\r\n", false, Errc::kHttpMalformed, Errc::kHttpMalformed, false},
      {"bytes behind", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!", false, Errc::kNone, Errc::kHttpUnexpected,
       true},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    Rig rig([&](Fd& fd) {
      (void)receive_until(fd.get(), "\r\n\r\n");
      send_all(fd.get(), c.answer);
      if (c.reset) net_test::reset_on_close(fd.get());
    });
    REQUIRE(rig.connection->send(1, get("/")).ok());
    REQUIRE(rig.until([&] { return rig.notes.closed == 1; }));
    CHECK(errc_name(rig.notes.reason) == std::string(errc_name(c.closed)));
    CHECK(rig.notes.answers[1].done == c.done);
    CHECK(errc_name(rig.notes.answers[1].failed) == std::string(errc_name(c.failed)));
    if (!c.done) CHECK(rig.notes.answers[1].sent == Sent::kMaybe);
    CHECK(rig.connection->limit() == 0);
    CHECK_FALSE(rig.connection->send(2, get("/")).ok());
  }
}

TEST_CASE("http/1 connection: bytes that answer nothing close it") {
  Rig rig([&](Fd& fd) {
    send_all(fd.get(), "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    (void)receive_exactly(fd.get(), 1);
  });
  REQUIRE(rig.until([&] { return rig.notes.closed == 1; }));
  CHECK(rig.notes.reason == Errc::kHttpUnexpected);
  CHECK(rig.notes.failed == 0);
}

TEST_CASE("http/1 connection: a peer that closes between requests") {
  Rig rig([&](Fd&) {});
  REQUIRE(rig.until([&] { return rig.notes.closed == 1; }));
  CHECK(rig.notes.reason == Errc::kNone);
  CHECK(rig.connection->send(1, get("/")).error().code == Errc::kNotOpen);
}

TEST_CASE("http/1 connection: giving up an answer cuts the connection, silently for that request") {
  std::atomic<bool> got{false};
  Rig rig([&](Fd& fd) {
    (void)receive_until(fd.get(), "\r\n\r\n");
    got = true;
    (void)receive_exactly(fd.get(), 1);
  });
  REQUIRE(rig.connection->send(1, get("/")).ok());
  REQUIRE(rig.until([&] { return got.load(); }));
  rig.connection->cancel(2);
  CHECK(rig.notes.closed == 0);
  rig.connection->cancel(1);
  CHECK(rig.notes.closed == 1);
  CHECK(rig.notes.failed == 0);
}

TEST_CASE("http/1 connection: a held answer leaves the peer waiting and is whole afterwards") {
  const std::string body(4u << 20, 'z');
  Rig rig([&](Fd& fd) {
    (void)receive_until(fd.get(), "\r\n\r\n");
    send_all(fd.get(), "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    (void)receive_exactly(fd.get(), 1);
  });
  bool held = false;
  rig.notes.on_piece = [&](RequestId id) {
    if (held) return;
    held = true;
    rig.connection->hold(id, true);
  };
  REQUIRE(rig.connection->send(1, get("/")).ok());
  REQUIRE(rig.until([&] { return held; }));
  const size_t before = rig.notes.answers[1].body.size();
  for (int i = 0; i < 20; ++i) rig.loop->run_once(2'000'000);
  CHECK(rig.notes.answers[1].body.size() == before);
  rig.connection->hold(1, false);
  REQUIRE(rig.until([&] { return rig.notes.done == 1; }));
  CHECK(rig.notes.answers[1].body == body);
}

TEST_CASE("http/1 connection: requests from another thread") {
  constexpr int kRequests = 2000;
  Rig rig([&](Fd& fd) {
    for (int i = 0; i < kRequests; ++i) {
      if (receive_until(fd.get(), "\r\n\r\n").empty()) return;
      send_all(fd.get(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  std::atomic<int> done{0};
  rig.notes.when_done = [&](RequestId) { done.fetch_add(1, std::memory_order_release); };
  std::thread caller([&] {
    for (int i = 0; i < kRequests; ++i) {
      while (done.load(std::memory_order_acquire) < i) std::this_thread::yield();
      if (!rig.connection->send(static_cast<RequestId>(i + 1), get("/x")).ok()) return;
    }
  });
  const bool all = run_until(
      *rig.loop, [&] { return rig.notes.done == kRequests; }, 20'000);
  caller.join();
  CHECK(all);
  CHECK(rig.notes.failed == 0);
}

TEST_CASE("http/1 connection: a write that the peer refuses says that nothing was sent") {
  std::atomic<bool> closed{false};
  Rig rig([&](Fd& fd) {
    net_test::reset_on_close(fd.get());
    fd = Fd();
    closed = true;
  });
  while (!closed) usleep(1000);
  usleep(20'000);
  // The loop has not run: the sender meets the reset first.
  const auto sent = rig.connection->send(1, get("/"));
  CHECK_FALSE(sent.ok());
  CHECK((sent.error().code == Errc::kConnReset || sent.error().code == Errc::kBrokenPipe));
  REQUIRE(rig.until([&] { return rig.notes.closed == 1; }));
  CHECK(rig.notes.failed == 0);
}
