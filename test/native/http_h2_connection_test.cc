#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "h2_peer.h"
#include "http_connection_rig.h"

namespace {

using namespace tickwire;
using namespace tickwire::http;
using namespace tickwire::http_rig;

// Counts the calls that reach the socket.
class CountingStream final : public Stream {
 public:
  CountingStream(std::unique_ptr<Stream> inner, std::atomic<int>& writes) : inner_(std::move(inner)), writes_(writes) {}
  IoResult read(std::span<uint8_t> into, int64_t& kernel_ns) override { return inner_->read(into, kernel_ns); }
  IoResult write(std::span<const iovec> pieces) override {
    writes_.fetch_add(1);
    return inner_->write(pieces);
  }
  void shutdown_write() noexcept override { inner_->shutdown_write(); }
  bool has_buffered_input() const noexcept override { return inner_->has_buffered_input(); }
  int fd() const noexcept override { return inner_->fd(); }
  bool full_duplex_threads() const noexcept override { return inner_->full_duplex_threads(); }

 private:
  std::unique_ptr<Stream> inner_;
  std::atomic<int>& writes_;
};

struct H2Rig {
  explicit H2Rig(H2Peer::OnRequest on_request)
      : peer([this, on_request = std::move(on_request)](Fd& fd) {
          H2Peer server(fd, on_request);
          server.serve();
          requests += server.requests;
        }) {
    auto made = Loop::create();
    REQUIRE(made.ok());
    loop = std::move(made.value());
    auto stream =
        std::make_unique<CountingStream>(std::make_unique<TcpStream>(net_test::connect_to(peer.port())), writes);
    connection = make_h2_connection(*loop, std::move(stream), {}, 1000, false, scratch, notes);
    connection->start();
    // The peer's settings: how many requests at once.
    loop->run_once(5'000'000);
  }
  bool until(const std::function<bool()>& reached) { return run_until(*loop, reached); }

  std::atomic<int> writes{0};
  std::atomic<int> requests{0};
  net_test::TcpPeer peer;
  std::array<uint8_t, 16384> scratch{};
  Notes notes;
  std::unique_ptr<Loop> loop;
  std::unique_ptr<Connection> connection;
};

void echo(H2Peer& peer, const H2Peer::Asked& asked) { peer.answer(asked.stream, asked.path + "|" + asked.body); }

}  // namespace

TEST_CASE("http/2 connection: many requests at once, each with its own answer") {
  H2Rig rig(echo);
  std::vector<std::string> targets;
  for (RequestId id = 1; id <= 90; ++id) targets.push_back("/" + std::to_string(id));
  for (RequestId id = 1; id <= 90; ++id) REQUIRE(rig.connection->send(id, post(targets[id - 1], targets[id - 1])).ok());
  REQUIRE(rig.until([&] { return rig.notes.done == 90; }));
  for (RequestId id = 1; id <= 90; ++id) {
    CHECK(rig.notes.answers[id].status == 200);
    CHECK(rig.notes.answers[id].body == targets[id - 1] + "|" + targets[id - 1]);
  }
  CHECK(rig.notes.failed == 0);
  rig.connection->retire();
  CHECK(rig.notes.closed == 1);
  CHECK(rig.notes.reason == Errc::kNone);
}

TEST_CASE("http/2 connection: the first requests leave before send() returns, those behind them together") {
  H2Rig rig(echo);
  const int before = rig.writes;
  for (RequestId id = 1; id <= 8; ++id) REQUIRE(rig.connection->send(id, get("/now")).ok());
  CHECK(rig.writes == before + 8);
  for (RequestId id = 9; id <= 64; ++id) REQUIRE(rig.connection->send(id, get("/together")).ok());
  CHECK(rig.writes == before + 8);
  REQUIRE(rig.until([&] { return rig.notes.done == 64; }));
  // Those 56, and what acknowledges the peer's settings and answers.
  CHECK(rig.writes <= before + 16);
  rig.connection->abort({});
}

TEST_CASE("http/2 connection: threads send while the loop reads") {
  H2Rig rig(echo);
  std::atomic<int> sent{0};
  std::atomic<int> answered{0};
  std::atomic<bool> good{true};
  rig.notes.when_done = [&](RequestId) { answered.fetch_add(1); };
  const auto sender = [&](RequestId from) {
    for (RequestId id = from; id < from + 200; ++id) {
      // Not more than the peer allows at once.
      while (sent.load() - answered.load() > 40) std::this_thread::yield();
      sent.fetch_add(1);
      if (!rig.connection->send(id, post("/x", "body")).ok()) good = false;
    }
  };
  std::thread one(sender, 1);
  std::thread two(sender, 1001);
  const bool all = rig.until([&] { return rig.notes.done == 400; });
  answered = 1000;  // lets the senders end whatever has happened
  one.join();
  two.join();
  CHECK(all);
  CHECK(good);
  for (const auto& [id, answer] : rig.notes.answers) CHECK(answer.body == "/x|body");
  rig.connection->abort({});
}

TEST_CASE("http/2 connection: what the peer did not look at can be sent again, what it cut off perhaps not") {
  H2Rig rig([](H2Peer& peer, const H2Peer::Asked& asked) {
    if (asked.path == "/refuse") return peer.reset(asked.stream, NGHTTP2_REFUSED_STREAM);
    if (asked.path == "/reset") return peer.reset(asked.stream, NGHTTP2_INTERNAL_ERROR);
    echo(peer, asked);
  });
  REQUIRE(rig.connection->send(1, get("/refuse")).ok());
  REQUIRE(rig.connection->send(2, get("/reset")).ok());
  REQUIRE(rig.connection->send(3, get("/fine")).ok());
  REQUIRE(rig.until([&] { return rig.notes.done + rig.notes.failed == 3; }));
  CHECK(rig.notes.answers[1].failed == Errc::kHttp2Refused);
  CHECK(rig.notes.answers[1].sent == Sent::kNo);
  CHECK(rig.notes.answers[2].failed == Errc::kHttp2StreamReset);
  CHECK(rig.notes.answers[2].sent == Sent::kMaybe);
  CHECK(rig.notes.answers[3].body == "/fine|");
  CHECK(rig.notes.closed == 0);
  rig.connection->abort({});
}

TEST_CASE("http/2 connection: a status below 100 is none, and its body nobody's") {
  H2Rig rig([](H2Peer& peer, const H2Peer::Asked& asked) {
    peer.answer(asked.stream, "body", asked.path == "/50" ? "050" : "200");
  });
  REQUIRE(rig.connection->send(1, get("/50")).ok());
  REQUIRE(rig.connection->send(2, get("/fine")).ok());
  REQUIRE(rig.until([&] { return rig.notes.done + rig.notes.failed == 2; }));
  CHECK(rig.notes.answers[1].failed == Errc::kHttpMalformed);
  CHECK(rig.notes.answers[1].sent == Sent::kMaybe);
  CHECK(rig.notes.answers[1].status == 0);
  CHECK(rig.notes.answers[1].body.empty());
  CHECK(rig.notes.answers[2].body == "body");
  CHECK(rig.notes.closed == 0);
  rig.connection->abort({});
}

TEST_CASE("http/2 connection: a peer that began to answer has looked at the request, whatever it says of it") {
  H2Rig rig([](H2Peer& peer, const H2Peer::Asked& asked) {
    peer.begin(asked.stream, asked.path == "/interim" ? "103" : "200");
    peer.reset(asked.stream, NGHTTP2_REFUSED_STREAM);
  });
  REQUIRE(rig.connection->send(1, get("/interim")).ok());
  REQUIRE(rig.connection->send(2, get("/final")).ok());
  REQUIRE(rig.until([&] { return rig.notes.failed == 2; }));
  for (const RequestId id : {1, 2}) {
    CHECK(rig.notes.answers[id].failed == Errc::kHttp2StreamReset);
    CHECK(rig.notes.answers[id].sent == Sent::kMaybe);
  }
  rig.connection->abort({});
}

TEST_CASE("http/2 connection: what this side ends is told although the peer says nothing more") {
  H2Rig rig([](H2Peer& peer, const H2Peer::Asked& asked) {
    if (asked.path == "/50") peer.begin(asked.stream, "050");
  });
  REQUIRE(rig.connection->send(1, get("/50")).ok());
  REQUIRE(rig.until([&] { return rig.notes.failed == 1; }));
  CHECK(rig.notes.answers[1].failed == Errc::kHttpMalformed);
  REQUIRE(rig.connection->send(2, get("/silence")).ok());
  rig.connection->retire();
  CHECK(rig.notes.closed == 0);
  rig.connection->cancel(2);
  REQUIRE(rig.until([&] { return rig.notes.closed == 1; }));
  CHECK(rig.notes.reason == Errc::kNone);
}

TEST_CASE("http/2 connection: GOAWAY ends it once those that count are answered") {
  std::vector<int32_t> seen;
  H2Rig rig([&seen](H2Peer& peer, const H2Peer::Asked& asked) {
    seen.push_back(asked.stream);
    if (seen.size() < 4) return;
    peer.go_away(seen[1]);
    peer.answer(seen[0], "one");
    peer.answer(seen[1], "two");
  });
  for (RequestId id = 1; id <= 4; ++id) REQUIRE(rig.connection->send(id, get("/")).ok());
  REQUIRE(rig.until([&] { return rig.notes.closed == 1; }));
  CHECK(rig.notes.answers[1].body == "one");
  CHECK(rig.notes.answers[2].body == "two");
  for (const RequestId id : {3u, 4u}) {
    CHECK(rig.notes.answers[id].failed == Errc::kHttp2Refused);
    CHECK(rig.notes.answers[id].sent == Sent::kNo);
  }
  CHECK(rig.connection->limit() == 0);
  CHECK_FALSE(rig.connection->send(5, get("/")).ok());
}

TEST_CASE("http/2 connection: a cut fails what was in flight, requests that waited for the loop's turn included") {
  H2Rig rig([](H2Peer& peer, const H2Peer::Asked& asked) {
    if (asked.path == "/cut") peer.cut();
  });
  for (RequestId id = 1; id <= 20; ++id) REQUIRE(rig.connection->send(id, get(id == 1 ? "/cut" : "/")).ok());
  REQUIRE(rig.until([&] { return rig.notes.closed == 1; }));
  CHECK(rig.notes.failed == 20);
  CHECK(rig.notes.done == 0);
  for (const auto& [id, answer] : rig.notes.answers) CHECK(answer.sent == Sent::kMaybe);
}

TEST_CASE("http/2 connection: a cancelled request is told of no more, and the others go on") {
  H2Rig rig([](H2Peer& peer, const H2Peer::Asked& asked) {
    if (asked.path != "/never") echo(peer, asked);
  });
  REQUIRE(rig.connection->send(1, get("/never")).ok());
  rig.connection->cancel(1);
  REQUIRE(rig.connection->send(2, get("/b")).ok());
  REQUIRE(rig.until([&] { return rig.notes.done == 1; }));
  CHECK(rig.notes.answers.count(1) == 0);
  CHECK(rig.notes.answers[2].body == "/b|");
  rig.connection->abort({});
  CHECK(rig.notes.failed == 0);
}

TEST_CASE("http/2 connection: a response that is held takes no more than its window, and no room of the others") {
  const std::string large(8u << 20, 'l');
  H2Rig rig([&large](H2Peer& peer, const H2Peer::Asked& asked) {
    peer.answer(asked.stream, asked.path == "/large" ? large : "small");
  });
  size_t taken = 0;
  rig.notes.on_piece = [&](RequestId id) {
    if (id == 1 && taken == 0) rig.connection->hold(1, true);
    taken = rig.notes.answers[1].body.size();
  };
  REQUIRE(rig.connection->send(1, get("/large")).ok());
  REQUIRE(rig.until([&] { return taken > 0; }));
  REQUIRE(rig.connection->send(2, get("/small")).ok());
  REQUIRE(rig.until([&] { return rig.notes.answers[2].done; }));
  for (int turn = 0; turn < 20; ++turn) rig.loop->run_once(1'000'000);
  CHECK(rig.notes.answers[1].body.size() <= 2u << 20);
  rig.connection->hold(1, false);
  REQUIRE(rig.until([&] { return rig.notes.answers[1].done; }));
  CHECK(rig.notes.answers[1].body == large);
  rig.connection->abort({});
}

TEST_CASE("http/2 connection: what was held when its response ended is not missing from the others' room") {
  const std::string half(512u << 10, 'h');
  H2Rig rig([&half](H2Peer& peer, const H2Peer::Asked& asked) { peer.answer(asked.stream, half); });
  rig.notes.on_piece = [&](RequestId id) { rig.connection->hold(id, true); };
  // Together more than the connection's window.
  for (RequestId id = 1; id <= 40; ++id) {
    REQUIRE(rig.connection->send(id, get("/half")).ok());
    REQUIRE(rig.until([&] { return rig.notes.answers[id].done; }));
    CHECK(rig.notes.answers[id].body.size() == half.size());
  }
  rig.connection->abort({});
}
