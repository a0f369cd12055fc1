// A WebSocket server in the hands of a test: blocking, one connection after another on a thread of its own
// (tcp_peer.h).
#pragma once
#include <functional>
#include <string>

#include "base/base64.h"
#include "base/sha1.h"
#include "tcp_peer.h"
#include "ws_peer.h"

namespace tickwire::test {

class ServerConnection {
 public:
  ServerConnection(Fd& fd, int number) : fd_(fd), number_(number) {}

  // 0 for the first connection.
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] const std::string& request() const { return request_; }
  // False when the client went away before.
  bool accept() {
    if (!read_request()) return false;
    const std::string name = "Sec-WebSocket-Key: ";
    const size_t at = request_.find(name);
    if (at == std::string::npos) return false;
    const std::string salted = request_.substr(at + name.size(), 24) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
        base64_encode(sha1({reinterpret_cast<const uint8_t*>(salted.data()), salted.size()})) + "\r\n\r\n");
    return true;
  }
  bool read_request() {
    request_ = net_test::receive_until(fd_.get(), "\r\n\r\n");
    return request_.size() > 4;
  }
  void raw(std::string_view bytes) { net_test::send_all(fd_.get(), bytes); }
  void frame(const ws::test::Bytes& bytes) { raw({reinterpret_cast<const char*>(bytes.data()), bytes.size()}); }
  void text(std::string_view s) { frame(ws::test::text(s)); }

  // The next message or control frame as "text:…", "ping:…", "close:1000:…"; "" when the client went away (or said
  // nothing for 5 s).
  std::string receive() {
    while (next_ == got_.events.size()) {
      uint8_t chunk[4096];
      const ssize_t n = ::recv(fd_.get(), chunk, sizeof chunk, 0);
      if (n <= 0) return "";
      buffer_.insert(buffer_.end(), chunk, chunk + n);
      const auto out = parser_.feed(buffer_, 1u << 20, got_);
      if (out.error) return "error:" + std::string(errc_name(out.error.code));
      buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(out.consumed));
    }
    return got_.events[next_++];
  }
  // Reads on until the client ends the connection, answering pings and its close frame.
  void until_gone() {
    for (;;) {
      const std::string event = receive();
      if (event.rfind("close:", 0) == 0) {
        frame(ws::test::close_frame(std::stoi(event.substr(6))));
        return;
      }
      if (event.rfind("ping:", 0) == 0) frame(ws::test::pong(event.substr(5)));
      if (event.empty() || event.rfind("error:", 0) == 0) return;
    }
  }
  void reset() {
    net_test::reset_on_close(fd_.get());
    fd_.reset();
  }

 private:
  Fd& fd_;
  int number_;
  std::string request_;
  ws::test::Bytes buffer_;
  ws::FrameParser parser_{ws::Role::kServer, {}};
  ws::test::Recorder got_;
  size_t next_ = 0;
};

class WsServer {
 public:
  using Script = std::function<void(ServerConnection&)>;
  explicit WsServer(Script script, uint16_t port = 0)
      : script_(std::move(script)),
        peer_(
            [this](Fd& fd) {
              ServerConnection connection(fd, number_++);
              script_(connection);
            },
            "127.0.0.1", port) {}
  [[nodiscard]] uint16_t port() const { return peer_.port(); }
  [[nodiscard]] int accepted() const { return peer_.accepted(); }

 private:
  Script script_;
  int number_ = 0;
  net_test::TcpPeer peer_;
};

}  // namespace tickwire::test
