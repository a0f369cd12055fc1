// A hub whose loops the test drives itself, and clients at the other ends of socket pairs or loopback connections.
#pragma once
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/hub.h"
#include "loop/loop.h"
#include "net/tcp_stream.h"
#include "ws/frame_writer.h"

namespace tickwire::hub_rig {

using namespace tickwire::hub;

inline constexpr int64_t kMs = 1'000'000;

inline std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

struct Received {
  uint8_t opcode = 0;
  bool compressed = false;
  std::string payload;
};

// What a server sends: unmasked, unfragmented frames.
class ServerFrames {
 public:
  void feed(std::string_view bytes) {
    raw.append(bytes);
    parse();
  }
  [[nodiscard]] std::vector<std::string> texts() const {
    std::vector<std::string> out;
    for (const Received& f : frames) {
      if (f.opcode == 1 || f.opcode == 2) out.push_back(f.payload);
    }
    return out;
  }
  // The next message, "" when there is none.
  std::string next() {
    if (frames.empty()) return {};
    std::string payload = std::move(frames.front().payload);
    frames.pop_front();
    return payload;
  }

  std::deque<Received> frames;
  std::string raw;  // not parsed yet

 protected:
  void parse() {
    size_t at = 0;
    for (;;) {
      const auto* const p = reinterpret_cast<const uint8_t*>(raw.data()) + at;
      const size_t left = raw.size() - at;
      if (left < 2) break;
      REQUIRE((p[0] & 0x80) != 0);
      REQUIRE((p[0] & 0x30) == 0);
      REQUIRE((p[1] & 0x80) == 0);
      uint64_t size = p[1];
      size_t header = 2;
      if (size == 126) {
        header = 4;
        if (left < header) break;
        size = static_cast<uint64_t>(p[2]) << 8 | p[3];
        REQUIRE(size >= 126);
      } else if (size == 127) {
        header = 10;
        if (left < header) break;
        size = 0;
        for (int i = 0; i < 8; ++i) size = size << 8 | p[2 + i];
        REQUIRE(size >= 65536);
      }
      if (left - header < size) break;
      frames.push_back({static_cast<uint8_t>(p[0] & 0x0F), (p[0] & 0x40) != 0, raw.substr(at + header, size)});
      at += header + size;
    }
    raw.erase(0, at);
  }
};

// The client's end of a connection.
class ClientEnd : public ServerFrames {
 public:
  explicit ClientEnd(int fd) : fd_(fd) { REQUIRE(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0); }
  ClientEnd(ClientEnd&& other) noexcept
      : ServerFrames(std::move(other)),
        ended(other.ended),
        fd_(std::exchange(other.fd_, -1)),
        keep_raw_(other.keep_raw_) {}
  ClientEnd& operator=(ClientEnd&& other) noexcept {
    hang_up();
    ServerFrames::operator=(std::move(other));
    ended = other.ended;
    keep_raw_ = other.keep_raw_;
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ClientEnd(const ClientEnd&) = delete;
  ClientEnd& operator=(const ClientEnd&) = delete;
  ~ClientEnd() { hang_up(); }
  void hang_up() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  void keep_raw() { keep_raw_ = true; }  // not WebSocket: bytes as they come
  [[nodiscard]] int fd() const { return fd_; }

  // At most `most` bytes; returns how many came.
  size_t read_some(size_t most = SIZE_MAX) {
    size_t total = 0;
    char buffer[65536];
    while (total < most) {
      const ssize_t n = recv(fd_, buffer, std::min(sizeof buffer, most - total), 0);
      if (n == 0) ended = true;
      if (n < 0 && errno == ECONNRESET) ended = true;
      if (n <= 0) break;
      raw.append(buffer, static_cast<size_t>(n));
      total += static_cast<size_t>(n);
    }
    if (!keep_raw_) parse();
    return total;
  }
  void send_bytes(std::span<const uint8_t> bytes) const {
    REQUIRE(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  void send_frame(ws::Opcode opcode, std::string_view payload) const {
    const uint32_t key = 0x5ea1e57;
    std::vector<uint8_t> frame(ws::kMaxFrameHeader + payload.size());
    const size_t header = ws::write_frame_header(frame.data(), opcode, true, false, payload.size(), &key);
    ws::mask_copy(frame.data() + header, bytes_of(payload).data(), payload.size(), key);
    send_bytes(std::span(frame).first(header + payload.size()));
  }
  void say(std::string_view json) const { send_frame(ws::Opcode::kText, json); }

  bool ended = false;

 private:
  int fd_;
  bool keep_raw_ = false;
};

struct Slow {
  SubscriberId id;
  SlowEvent::Phase phase;
  SlowPolicy policy;
  uint64_t missed;
  std::vector<MissedRange> ranges;
};

struct Gone {
  SubscriberId id;
  Errc code;
  int32_t detail;
  bool clean;
  uint64_t messages;
  uint64_t missed;
};

class Recorder : public HubListener {
 public:
  void on_connected(const SubscriberInfo& info) override {
    connected.push_back(info.id);
    if (when_connected) when_connected();
  }
  void on_disconnected(const Disconnected& e) override {
    gone.push_back({e.id, e.why->code, e.why->detail, e.clean, e.messages, e.missed});
  }
  void on_subscription(SubscriberId, std::string_view topic, bool subscribed) override {
    subscriptions.push_back((subscribed ? "+" : "-") + std::string(topic));
  }
  void on_slow(const SlowEvent& e) override {
    slow.push_back({e.id, e.phase, e.policy, e.missed, {e.ranges.begin(), e.ranges.end()}});
  }
  void on_message(SubscriberId, ws::Opcode, std::span<const uint8_t> data) override {
    messages.emplace_back(data.begin(), data.end());
  }
  void on_snapshot_needed(TopicId topic, std::string_view) override { needed.push_back(topic); }
  void on_drain() override { ++drains; }
  void on_measured(uint64_t, std::span<const SubscriberLag> some, bool last) override {
    lags.insert(lags.end(), some.begin(), some.end());
    measured += last ? 1 : 0;
  }
  void on_closed() override { ++closed; }

  std::function<void()> when_connected;
  std::vector<SubscriberId> connected;
  std::vector<Gone> gone;
  std::vector<std::string> subscriptions;
  std::vector<Slow> slow;
  std::vector<std::string> messages;
  std::vector<TopicId> needed;
  int drains = 0;
  int closed = 0;
  std::vector<SubscriberLag> lags;
  int measured = 0;
};

inline HubOptions quick_options() {
  HubOptions options;
  options.flush.max_delay_ns = 0;
  options.ring.bytes = 1u << 20;
  options.ring.entries = 8192;
  options.max_message = 64u << 10;
  return options;
}

inline SubscriberInfo all_topics(Lane lane = Lane::kWs) {
  SubscriberInfo info;
  info.lane = lane;
  info.all_topics = true;
  return info;
}
inline SubscriberInfo topics(std::vector<std::string> names, Lane lane = Lane::kWs) {
  SubscriberInfo info;
  info.lane = lane;
  info.topics = std::move(names);
  return info;
}

class HubRig {
 public:
  explicit HubRig(const HubOptions& options = quick_options(), uint32_t loops = 1) {
    std::vector<Loop*> all;
    for (uint32_t i = 0; i < loops; ++i) {
      auto loop = Loop::create();
      REQUIRE(loop.ok());
      loops_.push_back(std::move(loop.value()));
      all.push_back(loops_.back().get());
    }
    auto made = Hub::create(options, all, events);
    REQUIRE_MESSAGE(made.ok(), made.error().text);
    hub_ = std::move(made.value());
  }
  ~HubRig() {
    for (uint32_t i = 0; i < loops_.size(); ++i) hub_->release(i);
    run();
    hub_.reset();
  }

  Hub& hub() { return *hub_; }
  Hub* operator->() { return hub_.get(); }
  Loop& loop(uint32_t i = 0) { return *loops_[i]; }
  // Until nothing happens any more.
  void run() {
    for (bool any = true; any;) {
      any = false;
      for (const auto& loop : loops_) any = loop->run_once(0) > 0 || any;
    }
  }

  ClientEnd connect(SubscriberInfo info = all_topics(), uint32_t loop = 0) {
    return connect_small(std::move(info), 0, loop);
  }
  // A socket pair that takes about `buffer` bytes and, unlike TCP, not one more before something was read.
  ClientEnd connect_small(SubscriberInfo info, int buffer, uint32_t loop = 0) {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    if (buffer != 0) REQUIRE(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer) == 0);
    return attach(std::move(info), fds[0], fds[1], loop);
  }
  // Over loopback, with small buffers when asked.
  ClientEnd connect_tcp(SubscriberInfo info = all_topics(), int buffers = 0, uint32_t loop = 0) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (buffers != 0) REQUIRE(setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &buffers, sizeof buffers) == 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    REQUIRE(listen(listener, 1) == 0);
    const int theirs = socket(AF_INET, SOCK_STREAM, 0);
    if (buffers != 0) REQUIRE(setsockopt(theirs, SOL_SOCKET, SO_RCVBUF, &buffers, sizeof buffers) == 0);
    REQUIRE(::connect(theirs, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    const int ours = accept(listener, nullptr, nullptr);
    REQUIRE(ours >= 0);
    const int on = 1;
    REQUIRE(setsockopt(ours, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    close(listener);
    return attach(std::move(info), ours, theirs, loop);
  }

  TopicId topic(std::string_view name, const TopicOptions& options = {}) {
    const auto made = hub_->topic(name, options);
    REQUIRE_MESSAGE(made.ok(), made.error().text);
    return made.value();
  }
  KeyId key(std::string_view name) {
    const auto made = hub_->key(name);
    REQUIRE(made.ok());
    return made.value();
  }
  PublishResult publish(TopicId topic, std::string_view text, KeyId key = kNoKey) {
    Message message;
    message.topic = topic;
    message.key = key;
    message.payload = bytes_of(text);
    return hub_->publish(message);
  }

  // Over a stream of the test's own.
  void attach(SubscriberInfo info, std::unique_ptr<Stream> stream, uint32_t loop = 0) {
    info.id = last_id = hub_->new_id(loop);
    hub_->add(std::move(stream), std::move(info));
  }

  Recorder events;
  SubscriberId last_id = 0;

 private:
  ClientEnd attach(SubscriberInfo info, int ours, int theirs, uint32_t loop) {
    REQUIRE(fcntl(ours, F_SETFL, fcntl(ours, F_GETFL) | O_NONBLOCK) == 0);
    attach(std::move(info), std::make_unique<TcpStream>(Fd(ours)), loop);
    return ClientEnd(theirs);
  }

  std::vector<std::unique_ptr<Loop>> loops_;
  std::unique_ptr<Hub> hub_;
};

}  // namespace tickwire::hub_rig
