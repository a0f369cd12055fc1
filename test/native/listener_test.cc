#include "net/listener.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>

#include <functional>
#include <vector>

#include "loop_rig.h"
#include "tcp_peer.h"

using namespace tickwire;
using namespace tickwire::net_test;
using loop_rig::make_loop;

namespace {

struct Arrivals final : AcceptListener {
  void on_accepted(Fd socket, const SocketAddress& peer) override {
    sockets.push_back(std::move(socket));
    peers.push_back(peer);
    if (on_each) on_each();
  }
  void on_accept_failed(const Error& error, int64_t retry_ns) override {
    errors.push_back(error);
    retries.push_back(retry_ns);
  }
  std::vector<Fd> sockets;
  std::vector<SocketAddress> peers;
  std::vector<Error> errors;
  std::vector<int64_t> retries;
  std::function<void()> on_each;
};

ListenOptions at(const std::string& host, uint16_t port = 0) {
  ListenOptions options;
  options.address = SocketAddress::parse(host, port).value();
  options.socket.kernel_timestamps = false;
  return options;
}

std::unique_ptr<tickwire::Listener> listening(Loop& loop, const ListenOptions& options, AcceptListener& arrivals) {
  auto opened = tickwire::Listener::open(loop, options, arrivals);
  REQUIRE_MESSAGE(opened.ok(), opened.error().text);
  return std::move(opened.value());
}

Fd connect_at(const SocketAddress& address) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(fd.get(), address.raw(), address.length) == 0);
  return fd;
}

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  REQUIRE(::getsockopt(fd, level, name, &value, &size) == 0);
  return value;
}

void turn_until(Loop& loop, const std::function<bool()>& done) {
  for (int i = 0; i < 500 && !done(); ++i) loop.run_once(10 * loop_rig::kMs);
  REQUIRE(done());
}

}  // namespace

TEST_CASE("listener: IPv4 and IPv6, a port of its own, peers' addresses") {
  for (const char* host : {"127.0.0.1", "::1"}) {
    CAPTURE(host);
    const auto loop = make_loop();
    Arrivals arrivals;
    const auto listener = listening(*loop, at(host), arrivals);
    CHECK(listener->address().port() != 0);
    CHECK(listener->address().host() == host);
    const Fd client = connect_at(listener->address());
    turn_until(*loop, [&] { return arrivals.sockets.size() == 1; });
    SocketAddress own;
    own.length = sizeof own.storage;
    REQUIRE(::getsockname(client.get(), reinterpret_cast<sockaddr*>(&own.storage), &own.length) == 0);
    CHECK(arrivals.peers[0].host() == host);
    CHECK(arrivals.peers[0].port() == own.port());
    CHECK(listener->counters().accepted == 1);
  }
}

TEST_CASE("listener: \"::\" takes both versions unless told otherwise") {
  const auto loop = make_loop();
  for (const bool only_v6 : {false, true}) {
    CAPTURE(only_v6);
    Arrivals arrivals;
    ListenOptions options = at("::");
    options.only_v6 = only_v6;
    const auto listener = listening(*loop, options, arrivals);
    const auto four = SocketAddress::parse("127.0.0.1", listener->address().port()).value();
    const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const bool connected = ::connect(client.get(), four.raw(), four.length) == 0;
    CHECK(connected == !only_v6);
    if (connected) turn_until(*loop, [&] { return arrivals.sockets.size() == 1; });
  }
}

TEST_CASE("listener: accepted sockets have the options") {
  const auto loop = make_loop();
  Arrivals arrivals;
  ListenOptions options = at("127.0.0.1");
  options.socket.send_buffer = 65'536;
  const auto listener = listening(*loop, options, arrivals);
  const Fd client = connect_at(listener->address());
  turn_until(*loop, [&] { return arrivals.sockets.size() == 1; });
  const int s = arrivals.sockets[0].get();
  CHECK((::fcntl(s, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(s, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(option(s, IPPROTO_TCP, TCP_NODELAY) != 0);
  CHECK(option(s, SOL_SOCKET, SO_KEEPALIVE) != 0);
  CHECK(option(s, IPPROTO_TCP, TCP_KEEPINTVL) == 10);
  CHECK(option(s, SOL_SOCKET, SO_SNDBUF) >= 65'536);
  CHECK(option(s, SOL_SOCKET, SO_SNDBUF) < 400'000);  // not the system's own tuning
}

TEST_CASE("listener: an address in use, one that is not ours") {
  const auto loop = make_loop();
  Arrivals arrivals;
  const auto listener = listening(*loop, at("127.0.0.1"), arrivals);
  auto second = tickwire::Listener::open(*loop, at("127.0.0.1", listener->address().port()), arrivals);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == Errc::kAddrInUse);
  CHECK(second.error().detail == EADDRINUSE);
  auto foreign = tickwire::Listener::open(*loop, at("192.0.2.1"), arrivals);
  REQUIRE_FALSE(foreign.ok());
  CHECK(foreign.error().code == Errc::kAddrNotAvailable);
}

TEST_CASE("listener: a port can be had again at once") {
  const auto loop = make_loop();
  Arrivals arrivals;
  auto listener = listening(*loop, at("127.0.0.1"), arrivals);
  const uint16_t port = listener->address().port();
  const Fd client = connect_at(listener->address());
  turn_until(*loop, [&] { return arrivals.sockets.size() == 1; });
  arrivals.sockets.clear();  // the side that closes first keeps TIME_WAIT
  listener->close();
  CHECK_FALSE(listener->is_open());
  listener = listening(*loop, at("127.0.0.1", port), arrivals);
  const Fd other = connect_at(listener->address());
  turn_until(*loop, [&] { return arrivals.sockets.size() == 1; });
}

TEST_CASE("listener: a turn takes its share, the rest follows without an edge") {
  const auto loop = make_loop();
  Arrivals arrivals;
  ListenOptions options = at("127.0.0.1");
  options.accepts = 3;
  const auto listener = listening(*loop, options, arrivals);
  std::vector<Fd> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(connect_at(listener->address()));
  loop->run_once(0);
  CHECK(arrivals.sockets.size() >= 3);
  CHECK(arrivals.sockets.size() <= 6);  // the event's share and, in the same turn, the resumed one's
  loop_rig::settle(*loop);
  CHECK(arrivals.sockets.size() == 8);
}

TEST_CASE("listener: a callback may close it") {
  const auto loop = make_loop();
  Arrivals arrivals;
  const auto listener = listening(*loop, at("127.0.0.1"), arrivals);
  std::vector<Fd> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(connect_at(listener->address()));
  arrivals.on_each = [&] { listener->close(); };
  loop_rig::settle(*loop);
  CHECK(arrivals.sockets.size() == 1);
  char byte;
  clients.erase(clients.begin());
  for (const Fd& left : clients) CHECK(::recv(left.get(), &byte, 1, 0) == -1);  // reset by the kernel
}

TEST_CASE("listener: without descriptors it waits, with growing pauses, and then serves who waited") {
  const auto loop = make_loop();
  Arrivals arrivals;
  ListenOptions options = at("127.0.0.1");
  options.first_retry_ns = 20 * loop_rig::kMs;
  options.max_retry_ns = 50 * loop_rig::kMs;
  const auto listener = listening(*loop, options, arrivals);
  const Fd first = connect_at(listener->address());
  const Fd second = connect_at(listener->address());
  const Fd next(::dup(0));  // the lowest number that is free is the one behind it, or higher
  REQUIRE(next.valid());
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(next.get()) + 1;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  int turns = 0;
  const int64_t start = loop->refresh_now();
  while (arrivals.errors.size() < 4 && turns < 1000) {
    loop->run_once(-1);
    ++turns;
  }
  const int64_t took = loop->refresh_now() - start;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(arrivals.sockets.empty());
  REQUIRE(arrivals.errors.size() == 4);
  CHECK(arrivals.errors[0].code == Errc::kTooManyFiles);
  CHECK(arrivals.retries ==
        std::vector<int64_t>{20 * loop_rig::kMs, 40 * loop_rig::kMs, 50 * loop_rig::kMs, 50 * loop_rig::kMs});
  CHECK(turns <= 8);  // it sleeps in between
  CHECK(took >= 110 * loop_rig::kMs);
  CHECK(listener->counters().failed == 4);
  turn_until(*loop, [&] { return arrivals.sockets.size() == 2; });
}
