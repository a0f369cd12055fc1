// What the tests of the loop share: a socket pair, and a watcher, a timer and a resumable that call a function and
// count.
#pragma once
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <utility>

#include "loop/loop.h"

namespace tickwire::loop_rig {

inline constexpr int64_t kMs = 1'000'000;

inline std::unique_ptr<Loop> make_loop() {
  Result<std::unique_ptr<Loop>> loop = Loop::create();
  REQUIRE(loop.ok());
  return std::move(loop.value());
}

struct Pair {
  Pair() {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    for (const int fd : fds) REQUIRE(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
    ours = fds[0];
    theirs = fds[1];
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    close_ours();
    if (theirs >= 0) close(theirs);
  }
  void close_ours() {
    if (ours >= 0) close(ours);
    ours = -1;
  }
  void send() const { REQUIRE(write(theirs, "x", 1) == 1); }
  int ours, theirs;
};

struct CallWatcher final : Watcher {
  explicit CallWatcher(std::function<void(uint32_t)> c = nullptr) : call(std::move(c)) {}
  void on_ready(uint32_t ready) override {
    ++runs;
    last = ready;
    if (call) {
      const std::function<void(uint32_t)> copy = call;  // the callback may destroy this watcher
      copy(ready);
    }
  }
  std::function<void(uint32_t)> call;
  int runs = 0;
  uint32_t last = 0;
};

struct CallTimer final : Timer {
  explicit CallTimer(std::function<void()> c = nullptr) : call(std::move(c)) {}
  void on_timer(int64_t now_ns) override {
    ++runs;
    at = now_ns;
    if (call) call();
  }
  std::function<void()> call;
  int runs = 0;
  int64_t at = 0;
};

struct CallResumable final : Resumable {
  explicit CallResumable(std::function<void()> c = nullptr) : call(std::move(c)) {}
  void on_resume() override {
    ++runs;
    if (call) call();
  }
  std::function<void()> call;
  int runs = 0;
};

inline void settle(Loop& loop) {
  while (loop.run_once(0) > 0) {
  }
}

inline bool readable(int fd, int timeout_ms = 0) {
  pollfd watched{fd, POLLIN, 0};
  return ::poll(&watched, 1, timeout_ms) == 1;
}

}  // namespace tickwire::loop_rig
