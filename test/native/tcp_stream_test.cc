#include <doctest/doctest.h>

#include <numeric>

#include "base/clock.h"
#include "net/tcp_stream.h"
#include "tcp_peer.h"

using namespace tickwire;
using namespace tickwire::net_test;

namespace {

iovec piece(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

struct Connection {
  Listener listener;
  TcpStream stream;
  Fd peer;

  explicit Connection(const SocketOptions& options = {})
      : stream(connect_to(listener.port(), options)), peer(::accept(listener.fd(), nullptr, nullptr)) {
    give_up_after(peer.get(), 5);
  }
};

}  // namespace

TEST_CASE("tcp stream: reads, would block, end") {
  Connection c;
  uint8_t into[64];
  int64_t stamp = -5;
  CHECK(c.stream.read(into, stamp).status == IoStatus::kAgain);
  CHECK(stamp == -5);
  CHECK(c.stream.read({into, size_t{0}}, stamp).status == IoStatus::kOk);

  send_all(c.peer.get(), "hello");
  REQUIRE(wait_for(c.stream.fd(), POLLIN));
  IoResult r = c.stream.read({into, 3}, stamp);
  CHECK(r.status == IoStatus::kOk);
  CHECK(r.bytes == 3);
  r = c.stream.read(into, stamp);
  CHECK(r.bytes == 2);
  CHECK(std::string(reinterpret_cast<char*>(into), 2) == "lo");
  CHECK(c.stream.read(into, stamp).status == IoStatus::kAgain);
  CHECK_FALSE(c.stream.has_buffered_input());
  CHECK(c.stream.full_duplex_threads());

  c.peer.reset();
  REQUIRE(wait_for(c.stream.fd(), POLLIN));
  CHECK(c.stream.read(into, stamp).status == IoStatus::kEof);
  CHECK(c.stream.read(into, stamp).status == IoStatus::kEof);
}

#ifdef __linux__
TEST_CASE("tcp stream: the arrival stamp lies between sending and reading, on the monotonic clock") {
  Connection c;
  uint8_t into[64];
  int64_t stamp = 0;
  int64_t before = 0;
  // The kernel switches stamping on in the background when the first socket of the machine asks for it.
  for (int i = 0; i < 200 && stamp == 0; ++i) {
    before = mono_ns();
    send_all(c.peer.get(), "x");
    REQUIRE(wait_for(c.stream.fd(), POLLIN));
    if (i == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
    REQUIRE(c.stream.read(into, stamp).bytes == 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(stamp >= before - 1'000'000);
  CHECK(stamp <= mono_ns());

  before = mono_ns();
  send_all(c.peer.get(), "y");
  REQUIRE(wait_for(c.stream.fd(), POLLIN));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  REQUIRE(c.stream.read(into, stamp).bytes == 1);
  CHECK(mono_ns() - stamp >= 18'000'000);  // arrival, not reading
}
#endif

TEST_CASE("tcp stream: no stamp when none was asked for") {
  SocketOptions options;
  options.kernel_timestamps = false;
  Connection c(options);
  send_all(c.peer.get(), "x");
  REQUIRE(wait_for(c.stream.fd(), POLLIN));
  uint8_t into[8];
  int64_t stamp = 77;
  CHECK(c.stream.read(into, stamp).bytes == 1);
  CHECK(stamp == 77);
}

TEST_CASE("tcp stream: reset by the peer") {
  Connection c;
  reset_on_close(c.peer.get());
  c.peer.reset();
  REQUIRE(wait_for(c.stream.fd(), POLLIN));
  uint8_t into[8];
  int64_t stamp = 0;
  const IoResult r = c.stream.read(into, stamp);
  CHECK(r.status == IoStatus::kError);
  CHECK(r.error.code == Errc::kConnReset);
  CHECK(r.error.detail == ECONNRESET);
  const iovec one = piece("x");
  const IoResult w = c.stream.write({&one, 1});  // and no SIGPIPE
  CHECK(w.status == IoStatus::kError);
  CHECK(w.error.code == Errc::kBrokenPipe);
}

TEST_CASE("tcp stream: writes pieces in order, partially when the kernel is full") {
  Connection c;
  const iovec pieces[] = {piece("ab"), piece(""), piece("cde"), piece("f")};
  IoResult w = c.stream.write(pieces);
  CHECK(w.status == IoStatus::kOk);
  CHECK(w.bytes == 6);
  CHECK(receive_exactly(c.peer.get(), 6) == "abcdef");
  CHECK(c.stream.write({}).status == IoStatus::kOk);

  std::string big(8u << 20, '\0');
  for (size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 31 >> 8);
  std::thread reader;
  std::string got;
  size_t sent = 0;
  bool refused = false;
  while (sent < big.size()) {
    const iovec rest = piece(std::string_view(big).substr(sent));
    w = c.stream.write({&rest, 1});
    if (w.status == IoStatus::kAgain) {
      if (!refused) reader = std::thread([&] { got = receive_exactly(c.peer.get(), big.size()); });
      refused = true;
      REQUIRE(wait_for(c.stream.fd(), POLLOUT));
      continue;
    }
    REQUIRE(w.status == IoStatus::kOk);
    sent += w.bytes;
  }
  REQUIRE(refused);
  reader.join();
  CHECK(got == big);
}

TEST_CASE("tcp stream: more pieces than one call takes") {
  Connection c;
  const std::string text = "0123456789";
  std::vector<iovec> pieces(3000, piece(text));
  size_t sent = 0;
  std::thread reader([&] { CHECK(receive_exactly(c.peer.get(), 30'000).size() == 30'000); });
  while (sent < 30'000) {
    const IoResult w = c.stream.write(std::span(pieces).subspan(sent / 10));
    if (w.status == IoStatus::kOk) {
      REQUIRE(w.bytes % 10 == 0);
      sent += w.bytes;
    }
  }
  reader.join();
}

TEST_CASE("tcp stream: shutdown_write leaves reading open") {
  Connection c;
  c.stream.shutdown_write();
  char none;
  CHECK(::recv(c.peer.get(), &none, 1, 0) == 0);
  send_all(c.peer.get(), "late");
  REQUIRE(wait_for(c.stream.fd(), POLLIN));
  uint8_t into[8];
  int64_t stamp = 0;
  CHECK(c.stream.read(into, stamp).bytes == 4);
  const iovec one = piece("x");
  CHECK(c.stream.write({&one, 1}).error.code == Errc::kBrokenPipe);
}
