#include <doctest/doctest.h>
#include <fcntl.h>

#include "net/socket.h"
#include "net/socket_address.h"
#include "tcp_peer.h"

using namespace tickwire;
using namespace tickwire::net_test;

namespace {

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  REQUIRE(::getsockopt(fd, level, name, &value, &size) == 0);
  return value;
}

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

}  // namespace

TEST_CASE("Fd: owns, moves, closes once") {
  int pair[2];
  REQUIRE(::pipe(pair) == 0);
  Fd read_end(pair[0]);
  {
    Fd write_end(pair[1]);
    Fd moved(std::move(write_end));
    CHECK_FALSE(write_end.valid());
    CHECK(moved.get() == pair[1]);
    moved = std::move(moved);  // NOLINT: self-assignment keeps it
    CHECK(is_open(pair[1]));
  }
  CHECK_FALSE(is_open(pair[1]));
  Fd other(::dup(pair[0]));
  const int replaced = other.get();
  other = std::move(read_end);
  CHECK_FALSE(is_open(replaced));
  CHECK(other.release() == pair[0]);
  CHECK(is_open(pair[0]));
  ::close(pair[0]);
  other.reset();
  CHECK_FALSE(other.valid());
}

TEST_CASE("Fd: closing keeps errno") {
  Fd fd(123456);  // not open: close() fails
  errno = ENOENT;
  fd.reset();
  CHECK(errno == ENOENT);
}

TEST_CASE("open_tcp_socket: flags and options") {
  SocketOptions options;
  options.recv_buffer = 100'000;
  options.send_buffer = 50'000;
  auto fd = open_tcp_socket(AF_INET, options);
  REQUIRE(fd.ok());
  const int s = fd.value().get();
  CHECK((::fcntl(s, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(s, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(option(s, IPPROTO_TCP, TCP_NODELAY) != 0);
  CHECK(option(s, SOL_SOCKET, SO_KEEPALIVE) != 0);
  CHECK(option(s, IPPROTO_TCP, TCP_KEEPINTVL) == 10);
  CHECK(option(s, IPPROTO_TCP, TCP_KEEPCNT) == 3);
  CHECK(option(s, SOL_SOCKET, SO_RCVBUF) >= 100'000);
  CHECK(option(s, SOL_SOCKET, SO_SNDBUF) >= 50'000);
  CHECK(option(s, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);

  SocketOptions plain;
  plain.no_delay = false;
  plain.keep_alive = false;
  plain.kernel_timestamps = false;
  auto bare = open_tcp_socket(AF_INET6, plain);
  REQUIRE(bare.ok());
  CHECK(option(bare.value().get(), IPPROTO_TCP, TCP_NODELAY) == 0);
  CHECK(option(bare.value().get(), SOL_SOCKET, SO_KEEPALIVE) == 0);
}

TEST_CASE("open_tcp_socket: local address") {
  SocketOptions options;
  options.local_address = "127.0.0.3";
  const Listener listener;
  const Fd fd = connect_to(listener.port(), options);
  SocketAddress own;
  own.length = sizeof own.storage;
  REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own.storage), &own.length) == 0);
  CHECK(own.host() == "127.0.0.3");

  struct Bad {
    int family;
    const char* address;
  };
  for (const Bad& bad : {Bad{AF_INET6, "127.0.0.1"}, Bad{AF_INET, "::1"}, Bad{AF_INET, "localhost"},
                         Bad{AF_INET, "203.0.113.9"}, Bad{AF_INET, "1.2.3"}}) {
    CAPTURE(bad.address);
    options.local_address = bad.address;
    const auto r = open_tcp_socket(bad.family, options);
    REQUIRE_FALSE(r.ok());
    CHECK(r.error().code == Errc::kAddrNotAvailable);
  }
}

TEST_CASE("open_tcp_socket: unknown family") {
  const auto r = open_tcp_socket(12345, {});
  REQUIRE_FALSE(r.ok());
  CHECK(r.error().code == Errc::kSystem);
  CHECK(r.error().detail == EAFNOSUPPORT);
}

TEST_CASE("SocketAddress::parse") {
  struct Case {
    const char* text;
    const char* back;  // null = not numeric
    int family;
  };
  for (const Case& c : {
           Case{"127.0.0.1", "127.0.0.1", AF_INET},
           {"255.255.255.255", "255.255.255.255", AF_INET},
           {"::1", "::1", AF_INET6},
           {"2001:DB8:0:0::1", "2001:db8::1", AF_INET6},
           {"::ffff:10.0.0.1", "::ffff:10.0.0.1", AF_INET6},
           {"", nullptr, 0},
           {"127.1", nullptr, 0},
           {"0x7f.0.0.1", nullptr, 0},
           {"256.0.0.1", nullptr, 0},
           {"1.2.3.4 ", nullptr, 0},
           {"[::1]", nullptr, 0},
           {"::1::", nullptr, 0},
           {"localhost", nullptr, 0},
           {"a:b", nullptr, 0},
       }) {
    CAPTURE(c.text);
    const auto parsed = SocketAddress::parse(c.text, 443);
    REQUIRE(parsed.has_value() == (c.back != nullptr));
    if (!parsed) continue;
    CHECK(parsed->host() == c.back);
    CHECK(parsed->port() == 443);
    CHECK(parsed->family() == c.family);
  }
  CHECK_FALSE(SocketAddress::parse(std::string("127.0.0.1\0x", 11), 1).has_value());
  auto moved = *SocketAddress::parse("::1", 1);
  moved.set_port(65535);
  CHECK(moved.port() == 65535);
}
