// A listening TCP socket on a loop.
#pragma once
#include <cstdint>
#include <memory>

#include "base/error.h"
#include "loop/loop.h"
#include "net/socket.h"
#include "net/socket_address.h"

namespace tickwire {

class AcceptListener {
 public:
  // A connection, non-blocking and closed on exec, with the listener's socket options. May close or destroy the
  // listener, the latter through Loop::defer_delete.
  virtual void on_accepted(Fd socket, const SocketAddress& peer) = 0;
  // Accepting failed for want of descriptors or memory (kTooManyFiles, kNoMemory, else kSystem). Connections wait in
  // the kernel's backlog; the next attempt comes in `retry_ns`.
  virtual void on_accept_failed(const Error& error, int64_t retry_ns) = 0;

 protected:
  ~AcceptListener() = default;
};

struct ListenOptions {
  SocketAddress address;      // port 0: any free one
  int backlog = 4096;         // connections that the kernel keeps; it cuts this to its own limit (net.core.somaxconn)
  bool only_v6 = false;       // "::" does not take IPv4 connections as well
  uint32_t accepts = 64;      // connections taken per turn before other sockets of the loop get theirs; at least 1
  SocketOptions socket = {};  // of accepted connections, no local_address; buffers and keep-alive are inherited
  int64_t first_retry_ns = 10'000'000;  // after a failure; doubles up to max_retry_ns while failures follow each other
  int64_t max_retry_ns = 1'000'000'000;
};

struct ListenCounters {
  uint64_t accepted = 0;
  uint64_t aborted = 0;  // gone before they were taken
  uint64_t failed = 0;   // attempts that on_accept_failed was told of
};

class Listener final : private Watcher, private Resumable {
 public:
  // Binds and listens; connections are taken from the loop's next turn on. From the loop's thread, or before anything
  // drives the loop. kAddrInUse, kAddrNotAvailable, kAccess, kTooManyFiles and the like, kSystem.
  [[nodiscard]] static Result<std::unique_ptr<Listener>> open(Loop& loop, const ListenOptions& options,
                                                              AcceptListener& listener);
  ~Listener() override { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Stops listening: connections in the backlog are reset by the kernel. Idempotent.
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return fd_.valid(); }
  [[nodiscard]] const SocketAddress& address() const noexcept { return address_; }  // with the port in use
  [[nodiscard]] const ListenCounters& counters() const noexcept { return counters_; }

 private:
  Listener(Loop& loop, const ListenOptions& options, AcceptListener& listener, Fd fd);
  void on_ready(uint32_t ready) override;
  void on_resume() override { drain(); }
  void on_retry(int64_t now_ns);
  void drain();
  void back_off(int err);

  Loop& loop_;
  AcceptListener& listener_;
  ListenOptions options_;
  Fd fd_;
  SocketAddress address_;
  ListenCounters counters_;
  int64_t retry_ns_;
  MemberTimer<Listener, &Listener::on_retry> retry_timer_{*this};
};

}  // namespace tickwire
