// A wire session on a real loop and a real TCP connection, with the sender's end in the test's hands, all on one
// thread.
#pragma once
#include <doctest/doctest.h>
#include <fcntl.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "net/tcp_stream.h"
#include "tcp_peer.h"
#include "wire/session.h"
#include "wire_receiver_rig.h"

namespace tickwire::wire::testing {

// A stream whose reads and writes the test can spoil.
class SpoiledStream final : public Stream {
 public:
  struct Faults {
    size_t read_most = SIZE_MAX;
    size_t write_most = SIZE_MAX;
    int write_error = 0;  // errno of the next writes
    bool full_duplex = true;
  };
  SpoiledStream(Fd fd, std::shared_ptr<Faults> faults) : inner_(std::move(fd)), faults_(std::move(faults)) {}
  [[nodiscard]] IoResult read(std::span<uint8_t> into, int64_t& kernel_ns) override {
    return inner_.read(into.first(std::min(into.size(), faults_->read_most)), kernel_ns);
  }
  [[nodiscard]] IoResult write(std::span<const iovec> pieces) override {
    if (const int err = faults_->write_error) return {IoStatus::kError, 0, error_from_errno(err, "send")};
    iovec one = pieces[0];
    one.iov_len = std::min(one.iov_len, faults_->write_most);
    if (one.iov_len == 0) return {IoStatus::kAgain, 0, {}};
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

struct SessionNotes final : ReceiverNotes, SessionListener {
  struct Closed {
    Error error;
    int64_t retry_after_ns;
  };
  std::vector<std::string> opens;  // "hub epoch resumed"
  std::vector<Closed> closed;
  std::vector<std::string> refused;  // "code:text:topic,topic"
  std::vector<std::string> pongs;
  ParserCounters damage;
  int heartbeats = 0;
  int pings = 0;
  int batches = 0;
  size_t bytes = 0;
  std::function<void()> opened = [] {};
  std::function<void()> ended = [] {};

  void on_open(const Opened& o) override {
    opens.push_back(std::string(o.hub) + " " + std::to_string(o.epoch) + (o.resumed ? " resumed" : ""));
    opened();
  }
  void on_damage(const ParserCounters& since) override {
    damage.skipped_bytes += since.skipped_bytes;
    damage.unsupported += since.unsupported;
    for (size_t i = 0; i < damage.damaged.size(); ++i) damage.damaged[i] += since.damaged[i];
  }
  void on_overrun(uint64_t) override { FAIL("there is no shared memory here"); }
  void on_heartbeat() override { ++heartbeats; }
  void on_pong(std::span<const uint8_t> payload) override { pongs.push_back(text_of(payload)); }
  void on_ping() override { ++pings; }
  void on_refused(const ErrorMessage& error, std::span<const std::string> of) override {
    std::string line = std::to_string(static_cast<int>(error.code)) + ":" + std::string(error.text) + ":";
    for (const std::string& topic : of) line += topic + ",";
    refused.push_back(line);
  }
  void on_bytes(size_t n) override { bytes += n; }
  void on_batch_end() override { ++batches; }
  void on_closed(const Error& error, int64_t retry_after_ns) override {
    closed.push_back({error, retry_after_ns});
    ended();
  }
};

inline Bytes welcome_frame(uint64_t epoch = 1, uint32_t heartbeat_ms = 0, uint8_t version = kVersion) {
  Welcome welcome;
  welcome.version = version;
  welcome.epoch = epoch;
  welcome.heartbeat_ms = heartbeat_ms;
  welcome.max_payload = 1u << 20;
  welcome.max_inbound = 65'536;
  welcome.max_subscriptions = 1'024;
  welcome.name = "hub";
  return control_frame(Type::kWelcome, [&](TlvWriter& out) { put(out, welcome); });
}
inline Bytes error_frame(ErrorCode code, std::string_view text, bool fatal, uint32_t request = 0) {
  ErrorMessage error;
  error.code = code;
  error.text = text;
  error.fatal = fatal;
  error.request = request;
  return control_frame(Type::kError, [&](TlvWriter& out) { put(out, error); });
}
inline Bytes bye_frame(ErrorCode why, std::string_view text = {}, uint32_t retry_after_ms = 0) {
  Bye bye;
  bye.why = why;
  bye.text = text;
  bye.retry_after_ms = retry_after_ms;
  return control_frame(Type::kBye, [&](TlvWriter& out) { put(out, bye); });
}
inline Bytes ping_frame(uint64_t token) {
  return control_frame(Type::kPing, [&](TlvWriter& out) { put(out, Ping{token}); });
}

// What the session sent, by its type.
class SentFrames final : public EachFrameSink {
 public:
  Flow on_frame(const Frame& frame) override {
    CHECK(frame.header.source == 0);
    CHECK(frame.header.sequence == 0);
    CHECK(frame.header.domain == Domain::kControl);
    switch (static_cast<Type>(frame.header.type)) {
      case Type::kHello: {
        Hello m;
        REQUIRE(get(frame.payload, m));
        lines.push_back("hello " + std::string(m.token) + " " + std::string(m.name) + " " +
                        std::to_string(m.resume_epoch));
        break;
      }
      case Type::kSubscribe: {
        Subscribe m;
        REQUIRE(get(frame.payload, m));
        last_request = m.request;
        std::string line = m.options == 0 ? "subscribe" : "subscribe-live";
        for (const std::string_view topic : m.topics) line += " " + std::string(topic);
        for (const std::string_view key : m.keys) line += " /" + std::string(key);
        lines.push_back(line);
        break;
      }
      case Type::kUnsubscribe: {
        Unsubscribe m;
        REQUIRE(get(frame.payload, m));
        std::string line = "unsubscribe";
        for (const std::string_view topic : m.topics) line += " " + std::string(topic);
        lines.push_back(line);
        break;
      }
      case Type::kResend: {
        Resend m;
        REQUIRE(get(frame.payload, m));
        std::string line = "resend";
        for (const Range& r : m.ranges) {
          line += " " + std::to_string(r.source) + ":" + std::to_string(r.from) + "-" + std::to_string(r.to);
        }
        lines.push_back(line);
        break;
      }
      case Type::kPing: {
        Ping m;
        REQUIRE(get(frame.payload, m));
        last_ping = m.token;
        lines.emplace_back("ping");
        break;
      }
      case Type::kPong: {
        Pong m;
        REQUIRE(get(frame.payload, m));
        lines.push_back("pong " + std::to_string(m.token));
        break;
      }
      case Type::kBye: {
        Bye m;
        REQUIRE(get(frame.payload, m));
        lines.push_back("bye " + std::to_string(static_cast<int>(m.why)) + " " + std::string(m.text));
        break;
      }
      default:
        FAIL("a frame of type " << int{frame.header.type});
    }
    return Flow::kContinue;
  }
  std::vector<std::string> lines;
  uint32_t last_request = 0;
  uint64_t last_ping = 0;
};

class SessionRig {
 public:
  explicit SessionRig(SessionOptions options = {}, ReceiverOptions receiver_options = {},
                      std::vector<std::string> topics = {"a"},
                      std::shared_ptr<SpoiledStream::Faults> spoil = std::make_shared<SpoiledStream::Faults>())
      : receiver(receiver_options, notes), faults(std::move(spoil)) {
    auto made_loop = Loop::create();
    REQUIRE(made_loop.ok());
    loop = std::move(made_loop.value());
    subscriptions.add(topics, {});
    connect(std::move(options));
  }
  SessionRig(const SessionRig&) = delete;
  SessionRig& operator=(const SessionRig&) = delete;

  void connect(SessionOptions options) {
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
    session.reset();
    auto made = Session::create(*loop, std::make_unique<SpoiledStream>(std::move(client), faults), std::move(options),
                                receiver, subscriptions, notes);
    REQUIRE_MESSAGE(made.ok(), made.error().text);
    session = std::move(made.value());
  }

  // Turns the loop, and moves bytes at the sender's end, until `done` or for five seconds.
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
  bool pump_sent(size_t count) {
    return pump([this, count] { return sent.lines.size() >= count; });
  }
  bool pump_messages(size_t count) {
    return pump([this, count] { return notes.messages.size() >= count; });
  }
  void open(uint64_t epoch = 1, uint32_t heartbeat_ms = 0) {
    session->start();
    put(welcome_frame(epoch, heartbeat_ms));
    const size_t before = notes.opens.size();
    REQUIRE(pump([&] { return notes.opens.size() > before; }));
    REQUIRE(pump([this] { return !sent.lines.empty(); }));
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
    const ParseOutcome out = parser.feed(received, 1u << 20, sent);
    received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(out.consumed));
  }
  void peer_end() {
    // Everything first, or the rest would be cut off.
    REQUIRE(pump([this] { return outgoing.empty(); }));
    peer.reset();
  }
  void peer_reset() {
    net_test::reset_on_close(peer.get());
    peer.reset();
  }

  SessionNotes notes;
  Receiver receiver;
  Subscriptions subscriptions;
  std::shared_ptr<SpoiledStream::Faults> faults;
  std::unique_ptr<Loop> loop;
  Fd peer;
  std::unique_ptr<Session> session;
  bool reading = true;
  bool peer_saw_end = false;
  bool peer_saw_reset = false;
  Bytes outgoing;
  Bytes received;
  FrameParser parser;
  SentFrames sent;
};

}  // namespace tickwire::wire::testing
