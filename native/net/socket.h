// Owned socket descriptors and the few options that matter for latency.
#pragma once
#include <cstdint>
#include <string>

#include "base/error.h"

struct sockaddr;

namespace tickwire {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& o) noexcept : fd_(o.release()) {}
  Fd& operator=(Fd&& o) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }
  int release() noexcept {
    int f = fd_;
    fd_ = -1;
    return f;
  }
  void reset() noexcept;

 private:
  int fd_ = -1;
};

struct SocketOptions {
  bool no_delay = true;
  int recv_buffer = 0;  // SO_RCVBUF bytes; 0 keeps the system's autotuning
  int send_buffer = 0;
  int busy_poll_us = 0;  // SO_BUSY_POLL where the system has it; 0 leaves it off
  bool kernel_timestamps = true;
  bool keep_alive = true;     // TCP keep-alive probes: 30 s idle, 10 s apart, 3 tries
  std::string local_address;  // numeric address to bind to before connecting; "" = any
};

// Non-blocking, close-on-exec TCP socket with the options applied (SO_NOSIGPIPE / MSG_NOSIGNAL handled by the stream).
[[nodiscard]] Result<Fd> open_tcp_socket(int family, const SocketOptions& options);

}  // namespace tickwire
