// Loopback servers for tests, each on a thread of its own with blocking sockets that give up after a few seconds.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "net/socket.h"
#include "net/socket_address.h"

namespace tickwire::net_test {

inline void give_up_after(int fd, int seconds) {
  timeval limit{};
  limit.tv_sec = seconds;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

// Closing it sends RST.
inline void reset_on_close(int fd) {
  const linger now{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

inline void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

// Reads until the text ends with `end`, the peer closes or the time is up.
inline std::string receive_until(int fd, std::string_view end) {
  std::string all;
  char c;
  while (all.size() < end.size() || all.compare(all.size() - end.size(), end.size(), end) != 0) {
    if (::recv(fd, &c, 1, 0) != 1) break;
    all.push_back(c);
  }
  return all;
}

inline std::string receive_exactly(int fd, size_t n) {
  std::string all(n, '\0');
  size_t have = 0;
  while (have < n) {
    const ssize_t got = ::recv(fd, all.data() + have, n - have, 0);
    if (got <= 0) break;
    have += static_cast<size_t>(got);
  }
  all.resize(have);
  return all;
}

class Listener {
 public:
  explicit Listener(const std::string& host = "127.0.0.1", uint16_t port = 0, int backlog = 64) {
    const auto address = SocketAddress::parse(host, port);
    if (!address) throw std::runtime_error("bad address");
    fd_ = Fd(::socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->family() == AF_INET6) ::setsockopt(fd_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (::bind(fd_.get(), address->raw(), address->length) != 0 || ::listen(fd_.get(), backlog) != 0) {
      throw std::runtime_error(std::string("listen: ") + std::strerror(errno));
    }
    SocketAddress bound;
    bound.length = sizeof bound.storage;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.length);
    port_ = bound.port();
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  Fd fd_;
  uint16_t port_ = 0;
};

// Accepts connections one after another and hands each to `serve`, which runs on the peer's thread.
class TcpPeer {
 public:
  using Serve = std::function<void(Fd& connection)>;
  explicit TcpPeer(Serve serve, const std::string& host = "127.0.0.1", uint16_t port = 0)
      : listener_(host, port), serve_(std::move(serve)), thread_([this] { run(); }) {}
  ~TcpPeer() {
    stop_ = true;
    thread_.join();
  }
  TcpPeer(const TcpPeer&) = delete;
  TcpPeer& operator=(const TcpPeer&) = delete;
  [[nodiscard]] uint16_t port() const { return listener_.port(); }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  void run() {
    // Blocked here alone: OpenSSL's own socket layer raises it, and the code under test must not.
    sigset_t pipe_signal;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
    while (!stop_) {
      pollfd waiting{listener_.fd(), POLLIN, 0};
      if (::poll(&waiting, 1, 5) <= 0) continue;
      Fd connection(::accept(listener_.fd(), nullptr, nullptr));
      if (!connection.valid()) continue;
      give_up_after(connection.get(), 5);
      const int on = 1;
      ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ++accepted_;
      serve_(connection);
    }
  }

  Listener listener_;
  Serve serve_;
  std::atomic<bool> stop_{false};
  std::atomic<int> accepted_{0};
  std::thread thread_;
};

// A non-blocking socket that is connected to the port.
inline Fd connect_to(uint16_t port, const SocketOptions& options = {}) {
  auto fd = open_tcp_socket(AF_INET, options);
  if (!fd.ok()) throw std::runtime_error(fd.error().text);
  const auto address = SocketAddress::parse("127.0.0.1", port);
  if (::connect(fd.value().get(), address->raw(), address->length) != 0) {
    pollfd waiting{fd.value().get(), POLLOUT, 0};
    ::poll(&waiting, 1, 5000);
  }
  return std::move(fd.value());
}

inline bool wait_for(int fd, short events, int timeout_ms = 5000) {
  pollfd waiting{fd, events, 0};
  return ::poll(&waiting, 1, timeout_ms) == 1;
}

}  // namespace tickwire::net_test
