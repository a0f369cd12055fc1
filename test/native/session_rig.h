// A session on a real loop and a real TCP connection, with the server's end in the test's hands, all on one thread.
#pragma once
#include <doctest/doctest.h>
#include <fcntl.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/base64.h"
#include "base/sha1.h"
#include "loop/loop.h"
#include "net/tcp_stream.h"
#include "tcp_peer.h"
#include "ws/session.h"
#include "ws_peer.h"

namespace tickwire::ws::test {

struct Closed {
  Error error;
  bool clean = false;
};

class Notes : public SessionListener {
 public:
  virtual ~Notes() = default;
  std::vector<std::string> events;  // "open", "text:…", "binary:…", "ping:…", "pong:…"
  std::vector<Closed> closed;
  HandshakeResult result;
  ReceiveTimes last_times;
  int batches = 0;
  size_t bytes = 0;
  std::function<Flow(const std::string&)> answer = [](const std::string&) { return Flow::kContinue; };
  std::function<void()> opened = [] {};
  std::function<void()> ended = [] {};

  void on_open(const HandshakeResult& r) override {
    result = r;
    events.emplace_back("open");
    opened();
  }
  Flow on_message(const Message& m, const ReceiveTimes& times) override {
    std::string what = m.opcode == Opcode::kText ? "text:" : "binary:";
    what.append(m.data.begin(), m.data.end());
    last_times = times;
    const Flow flow = answer(what);
    if (flow != Flow::kPause) events.push_back(std::move(what));
    return flow;
  }
  void on_pong(std::span<const uint8_t> p) override { events.push_back("pong:" + std::string(p.begin(), p.end())); }
  void on_ping(std::span<const uint8_t> p) override { events.push_back("ping:" + std::string(p.begin(), p.end())); }
  void on_batch_end() override { ++batches; }
  void on_bytes(size_t n) override { bytes += n; }
  void on_closed(const Error& error, bool clean) override {
    closed.push_back({error, clean});
    ended();
  }
};

// A stream whose reads and writes the test can spoil.
class Spoiled final : public Stream {
 public:
  struct Faults {
    size_t read_most = SIZE_MAX;
    size_t write_most = SIZE_MAX;
    bool full_duplex = true;
    std::atomic<int> write_error{0};  // errno of the next writes
  };
  Spoiled(Fd fd, std::shared_ptr<Faults> faults) : inner_(std::move(fd)), faults_(std::move(faults)) {}
  [[nodiscard]] IoResult read(std::span<uint8_t> into, int64_t& kernel_ns) override {
    return inner_.read(into.first(std::min(into.size(), faults_->read_most)), kernel_ns);
  }
  [[nodiscard]] IoResult write(std::span<const iovec> pieces) override {
    if (const int err = faults_->write_error) return {IoStatus::kError, 0, error_from_errno(err, "send")};
    iovec one = pieces[0];
    one.iov_len = std::min(one.iov_len, faults_->write_most);
    return inner_.write({&one, 1});
  }
  void shutdown_write() noexcept override { inner_.shutdown_write(); }
  [[nodiscard]] bool has_buffered_input() const noexcept override { return false; }
  [[nodiscard]] int fd() const noexcept override { return inner_.fd(); }
  [[nodiscard]] bool full_duplex_threads() const noexcept override { return faults_->full_duplex; }

 private:
  TcpStream inner_;
  std::shared_ptr<Faults> faults_;
};

class Rig {
 public:
  explicit Rig(SessionOptions options = {},
               std::shared_ptr<Spoiled::Faults> faults = std::make_shared<Spoiled::Faults>()) {
    auto made_loop = Loop::create();
    REQUIRE(made_loop.ok());
    loop = std::move(made_loop.value());
    const net_test::Listener listener;
    SocketOptions small;
    small.recv_buffer = 64 * 1024;
    small.send_buffer = 64 * 1024;
    Fd client = net_test::connect_to(listener.port(), small);
    peer = Fd(::accept(listener.fd(), nullptr, nullptr));
    REQUIRE(peer.valid());
    const int kept = 64 * 1024;
    ::setsockopt(peer.get(), SOL_SOCKET, SO_RCVBUF, &kept, sizeof kept);
    ::setsockopt(peer.get(), SOL_SOCKET, SO_SNDBUF, &kept, sizeof kept);
    ::fcntl(peer.get(), F_SETFL, O_NONBLOCK);
    if (options.handshake.host_header.empty()) options.handshake.host_header = "localhost";
    auto made = Session::create(*loop, std::make_unique<Spoiled>(std::move(client), std::move(faults)), options, notes);
    REQUIRE_MESSAGE(made.ok(), made.error().text);
    session = std::move(made.value());
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  // Turns the loop, and moves bytes at the peer's end, until `done` or for five seconds.
  bool pump(const std::function<bool()>& done, int timeout_ms = 5000) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    for (;;) {
      loop->run_once(200'000);
      peer_write();
      if (reading) peer_read();
      if (done()) return true;
      if (std::chrono::steady_clock::now() > until) return false;
    }
  }
  void pump_for(int ms) {
    pump([] { return false; }, ms);
  }
  bool pump_closed() {
    return pump([this] { return !notes.closed.empty(); });
  }

  // Sends the request's answer; `more` are further header lines.
  void shake_hands(const std::string& more = "", const Bytes& first_frames = {}) {
    session->start();
    REQUIRE(
        pump([this] { return std::string(received.begin(), received.end()).find("\r\n\r\n") != std::string::npos; }));
    request.assign(received.begin(), received.end());
    received.clear();
    handshaken = true;
    const std::string name = "Sec-WebSocket-Key: ";
    const size_t at = request.find(name) + name.size();
    const std::string salted = request.substr(at, 24) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const std::string accept = base64_encode(sha1({reinterpret_cast<const uint8_t*>(salted.data()), salted.size()}));
    put(bytes_of(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
            accept + "\r\n" + more + "\r\n") +
        first_frames);
  }
  void open(const std::string& more = "") {
    shake_hands(more);
    REQUIRE(pump([this] { return !notes.events.empty(); }));
    REQUIRE(notes.events[0] == "open");
    notes.events.clear();
  }

  void put(const Bytes& bytes) {
    outgoing.insert(outgoing.end(), bytes.begin(), bytes.end());
    peer_write();
  }
  void peer_write() {
    while (!outgoing.empty() && peer.valid()) {
      const ssize_t n = ::send(peer.get(), outgoing.data(), outgoing.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      outgoing.erase(outgoing.begin(), outgoing.begin() + n);
    }
  }
  void peer_read() {
    uint8_t chunk[65'536];
    while (peer.valid()) {
      const ssize_t n = ::recv(peer.get(), chunk, sizeof chunk, 0);
      if (n == 0) peer_saw_end = true;
      if (n < 0 && errno == ECONNRESET) peer_saw_reset = true;
      if (n <= 0) break;
      received.insert(received.end(), chunk, chunk + n);
    }
    if (!handshaken) return;
    const ParseOutcome out = parser.feed(received, 64u << 20, got);
    if (out.error) parse_error = out.error;
    if (out.consumed != 0 && closed_before) behind_close += out.consumed;
    closed_before = !got.events.empty() && got.events.back().starts_with("close:");
    received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(out.consumed));
  }
  void peer_reset() {
    net_test::reset_on_close(peer.get());
    peer.reset();
  }

  Notes notes;
  std::unique_ptr<Loop> loop;
  Fd peer;
  std::unique_ptr<Session> session;
  std::string request;
  bool reading = true;
  bool handshaken = false;
  bool peer_saw_end = false;
  bool peer_saw_reset = false;
  Bytes outgoing;
  Bytes received;
  FrameParser parser{Role::kServer, Limits{64u << 20, 65'536}};
  Recorder got;
  Error parse_error;
  bool closed_before = false;
  size_t behind_close = 0;  // bytes that came in reads after the one with the close frame
};

using Events = std::vector<std::string>;

inline std::span<const uint8_t> raw(std::string_view s) {
  return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
}

inline std::string numbered(const std::string& what, int i) { return what + std::to_string(i); }

}  // namespace tickwire::ws::test
