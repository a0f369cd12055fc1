#include <doctest/doctest.h>

#include "connector_rig.h"

using namespace tickwire;
using namespace tickwire::net_test;

TEST_CASE_FIXTURE(ConnectRig, "connector: plain") {
  TcpPeer peer(echo_tcp);
  target.host = "127.0.0.1";
  target.port = peer.port();
  Outcome outcome;
  connect(outcome);
  REQUIRE(outcome.stream != nullptr);
  CHECK(outcome.info.remote_address == "127.0.0.1");
  CHECK(outcome.info.remote_port == peer.port());
  CHECK(outcome.info.tls_version.empty());
  CHECK(outcome.stream->full_duplex_threads());
  say(*outcome.stream, "hello");
  CHECK(read_exactly(*outcome.stream, 5) == "hello");
  // It is the owner's to watch now.
  struct Silent final : Watcher {
    void on_ready(uint32_t) override {}
  } silent;
  CHECK(loop->watch(outcome.stream->fd(), silent).ok());
  loop->unwatch(outcome.stream->fd(), silent);
  outcome.stream.reset();
}

TEST_CASE_FIXTURE(ConnectRig, "connector: the public entry, and a connector that outlives its callback") {
  TcpPeer peer([](Fd&) {});
  target.host = "localhost";  // ::1 refuses
  target.port = peer.port();
  Outcome outcome;
  outcome.destroy_inside = false;
  outcome.connector = Connector::start(*loop, target, outcome);
  CHECK(outcome.calls == 0);
  finish(outcome);
  REQUIRE(outcome.stream != nullptr);
  CHECK(outcome.info.remote_address == "127.0.0.1");
  outcome.connector.reset();
  run_for(2 * kMs);
  CHECK(outcome.calls == 1);
}

TEST_CASE_FIXTURE(ConnectRig, "connector: refused") {
  target.host = "127.0.0.1";
  target.port = unused_port();
  Outcome outcome;
  connect(outcome);
  CHECK(outcome.error.code == Errc::kConnRefused);
  CHECK(outcome.error.detail == ECONNREFUSED);
  CHECK(outcome.error.text.find("127.0.0.1:" + std::to_string(target.port)) != std::string::npos);
  target.host = "many.test";
  names.set("many.test", {"::1", "127.0.0.1", "127.0.0.2", "127.0.0.4"});
  target.socket.local_address = "127.0.0.1";  // IPv6 cannot, and that is not the news
  CHECK(failure() == Errc::kConnRefused);
  CHECK(names.lookups() == 1);
  CHECK(failure() == Errc::kConnRefused);
  CHECK(names.lookups() == 2);  // an answer that led nowhere is asked for again
}

TEST_CASE_FIXTURE(ConnectRig, "connector: the next address at once when one fails") {
  TcpPeer peer(echo_tcp);
  names.set("a.test", {"127.0.0.2", "127.0.0.3", "127.0.0.1"});
  target.host = "a.test";
  target.port = peer.port();
  target.attempt_delay_ns = 4'000 * kMs;
  Outcome outcome;
  const int64_t took = connect(outcome);
  REQUIRE(outcome.stream != nullptr);
  CHECK(outcome.info.remote_address == "127.0.0.1");
  CHECK(took < 2'000 * kMs);
}

TEST_CASE_FIXTURE(ConnectRig, "connector: the next address after the delay when one is silent; the loser is closed") {
  TcpPeer peer(echo_tcp);
  const BlackHole hole("127.0.0.2", peer.port());
  REQUIRE(hole.full());
  names.set("a.test", {"127.0.0.2", "127.0.0.1"});
  target.host = "a.test";
  target.port = peer.port();
  target.attempt_delay_ns = 60 * kMs;
  const size_t before = open_descriptors();
  {
    Outcome outcome;
    const int64_t took = connect(outcome);
    REQUIRE(outcome.stream != nullptr);
    CHECK(outcome.info.remote_address == "127.0.0.1");
    CHECK(took >= 59 * kMs);
    CHECK(took < 2'000 * kMs);
  }
  run_for(20 * kMs);
  CHECK(open_descriptors() <= before + 1);  // the peer's side may not have closed yet
}

TEST_CASE_FIXTURE(ConnectRig, "connector: nobody answers the connection") {
  const BlackHole hole("127.0.0.2", 0);
  REQUIRE(hole.full());
  target.host = "127.0.0.2";
  target.port = hole.port();
  target.timeout_ns = 80 * kMs;
  const size_t before = open_descriptors();
  Outcome outcome;
  const int64_t took = connect(outcome);
  CHECK(outcome.error.code == Errc::kConnectTimeout);
  CHECK(took >= 79 * kMs);
  CHECK(open_descriptors() == before);
}

TEST_CASE_FIXTURE(ConnectRig, "connector: names") {
  target.port = 1;
  names.set("none.test", {});
  target.host = "none.test";
  CHECK(failure() == Errc::kDns);
  target.host = "";
  CHECK(failure() == Errc::kDns);
  target.host = "silent.test";
  target.timeout_ns = 50 * kMs;
  CHECK(failure() == Errc::kDns);
}

TEST_CASE_FIXTURE(ConnectRig, "connector: local address") {
  std::string seen;
  TcpPeer peer([&](Fd& fd) {
    seen = SocketAddress::peer_of(fd.get())->host();
    echo_tcp(fd);
  });
  target.host = "127.0.0.1";
  target.port = peer.port();
  target.socket.local_address = "127.0.0.7";
  {
    Outcome outcome;
    connect(outcome);
    REQUIRE(outcome.stream != nullptr);
    say(*outcome.stream, "x");
    CHECK(read_exactly(*outcome.stream, 1) == "x");
    CHECK(seen == "127.0.0.7");
  }
  target.socket.local_address = "nonsense";
  CHECK(failure() == Errc::kAddrNotAvailable);
}

TEST_CASE_FIXTURE(ConnectRig, "connector: abandoned in every phase, silently and without a trace") {
  TcpPeer mute([](Fd& fd) { receive_until(fd.get(), "never"); });
  const BlackHole hole("127.0.0.2", 0);
  REQUIRE(hole.full());
  names.set("hole.test", {"127.0.0.2", "127.0.0.2"});
  target.attempt_delay_ns = 2 * kMs;
  const auto phase = [&](const std::string& host, uint16_t port, bool tls, bool through_proxy) {
    target.host = host;
    target.port = port;
    target.tls = tls ? trusting_context() : nullptr;
    target.proxy.host = through_proxy ? "127.0.0.1" : "";
    target.proxy.port = port;
    const size_t before = open_descriptors();
    for (const int64_t ns : {int64_t{-1}, int64_t{0}, kMs, 10 * kMs}) {
      Outcome outcome;
      begin(outcome);
      if (ns == 0) loop->run_once(0);
      if (ns > 0) run_for(ns);
      outcome.connector.reset();
      run_for(2 * kMs);
      CHECK(outcome.calls == 0);
    }
    run_for(30 * kMs);
    CHECK(open_descriptors() <= before + 1);
    CHECK(loop->timers().size() == 0);
  };
  phase("silent.test", 1, false, false);
  phase("hole.test", hole.port(), false, false);
  phase("127.0.0.1", mute.port(), false, true);
  phase("127.0.0.1", mute.port(), true, false);
  // And together with its loop.
  Outcome outcome;
  begin(outcome);
  loop->run_once(0);
  outcome.connector.reset();
  loop.reset();
  CHECK(outcome.calls == 0);
}

TEST_CASE_FIXTURE(ConnectRig, "connector: five hundred in a row leave nothing behind") {
  std::atomic<int> served{0};
  TcpPeer peer([&](Fd&) { ++served; });
  target.host = "127.0.0.1";
  target.port = peer.port();
  size_t before = 0;
  for (int i = 0; i < 500; ++i) {
    Outcome outcome;
    begin(outcome);
    while (outcome.calls == 0) loop->run_once(20 * kMs);
    REQUIRE(outcome.stream != nullptr);
    outcome.stream.reset();
    if (i == 20) before = open_descriptors();
  }
  run_for(20 * kMs);
  CHECK(open_descriptors() <= before + 3);
}
