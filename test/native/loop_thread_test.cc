#include "loop/loop_thread.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/cpu.h"

using namespace tickwire;

namespace {

constexpr int64_t kMs = 1'000'000;
constexpr IdleMode kModes[] = {IdleMode::kPark, IdleMode::kSpin, IdleMode::kBackoff};

std::unique_ptr<LoopThread> start(IdleMode mode, int cpu = -1) {
  LoopThreadOptions options;
  options.mode = mode;
  options.cpu = cpu;
  Result<std::unique_ptr<LoopThread>> thread = LoopThread::start(options);
  REQUIRE(thread.ok());
  return std::move(thread.value());
}

// Runs `call` on the loop's thread and waits for it.
template <class Call>
void on_loop(LoopThread& thread, Call call) {
  std::promise<void> done;
  REQUIRE(thread.loop().post([&] {
    call();
    done.set_value();
  }));
  done.get_future().get();
}

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

struct Echo final : Watcher {
  void on_ready(uint32_t ready) override {
    if ((ready & kReadable) == 0) return;
    char bytes[64];
    for (;;) {
      const ssize_t n = read(fd, bytes, sizeof bytes);
      if (n <= 0) return;
      if (write(fd, bytes, static_cast<size_t>(n)) != n) std::abort();
    }
  }
  int fd = -1;
};

struct FlagTimer final : Timer {
  void on_timer(int64_t now_ns) override { fired.set_value(now_ns); }
  std::promise<int64_t> fired;
};

}  // namespace

TEST_CASE("every idle mode runs tasks on a thread of its own") {
  for (const IdleMode mode : kModes) {
    auto thread = start(mode);
    CHECK(!thread->loop().on_loop_thread());
    bool inside = false;
    std::thread::id id;
    for (int i = 0; i < 200; ++i) {
      on_loop(*thread, [&] {
        inside = thread->loop().on_loop_thread();
        id = std::this_thread::get_id();
      });
      CHECK(inside);
      CHECK(id != std::this_thread::get_id());
      if (i % 50 == 0) sleep_ms(2);  // long enough for backoff to park
    }
  }
}

TEST_CASE("every idle mode serves descriptors and timers") {
  for (const IdleMode mode : kModes) {
    auto thread = start(mode);
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    REQUIRE(fcntl(fds[0], F_SETFL, fcntl(fds[0], F_GETFL) | O_NONBLOCK) == 0);
    Echo echo;
    echo.fd = fds[0];
    on_loop(*thread, [&] { CHECK(thread->loop().watch(fds[0], echo).ok()); });
    for (int i = 0; i < 200; ++i) {
      const char out = static_cast<char>(i);
      char in = static_cast<char>(i + 1);
      REQUIRE(write(fds[1], &out, 1) == 1);
      REQUIRE(read(fds[1], &in, 1) == 1);
      REQUIRE(in == out);
      if (i % 50 == 0) sleep_ms(2);
    }
    auto timer = std::make_unique<FlagTimer>();
    std::future<int64_t> fired = timer->fired.get_future();
    int64_t turn = 0;
    on_loop(*thread, [&] {
      turn = thread->loop().now_ns();
      thread->loop().arm_in(*timer, 5 * kMs);
    });
    CHECK(fired.get() >= turn + 5 * kMs);
    on_loop(*thread, [&] { thread->loop().unwatch(fds[0], echo); });
    close(fds[0]);
    close(fds[1]);
  }
}

TEST_CASE("a parked loop uses no CPU time, a spinning one does") {
  for (const IdleMode mode : {IdleMode::kPark, IdleMode::kBackoff}) {
    auto thread = start(mode);
    on_loop(*thread, [] {});
    sleep_ms(5);  // beyond the backoff
    const int64_t before = thread->cpu_time_ns();
    REQUIRE(before >= 0);
    sleep_ms(100);
    CHECK(thread->cpu_time_ns() - before < 5 * kMs);
  }
  auto thread = start(IdleMode::kSpin);
  on_loop(*thread, [] {});
  const int64_t before = thread->cpu_time_ns();
  sleep_ms(100);
  CHECK(thread->cpu_time_ns() - before > 5 * kMs);  // even when it shares its core with all the others here
}

TEST_CASE("stopping runs what was posted, on the loop's thread, and releases what was deferred") {
  for (const IdleMode mode : kModes) {
    auto thread = start(mode);
    std::atomic<int> ran{0};
    std::atomic<bool> elsewhere{false};
    struct Probe {
      explicit Probe(std::atomic<bool>& e, Loop& l) : flag(e), loop(l) {}
      ~Probe() {
        if (!loop.on_loop_thread()) flag = true;
      }
      std::atomic<bool>& flag;
      Loop& loop;
    };
    Loop& loop = thread->loop();
    for (int i = 0; i < 100; ++i) {
      REQUIRE(loop.post([&] {
        ran.fetch_add(1);
        if (!loop.on_loop_thread()) elsewhere = true;
        loop.defer_delete(std::make_unique<Probe>(elsewhere, loop));
      }));
    }
    thread.reset();
    CHECK(ran.load() == 100);
    CHECK(!elsewhere.load());
  }
}

TEST_CASE("starting and stopping at once, many times, leaves no descriptor behind") {
  const auto lowest_free = [] {
    const int fd = dup(0);
    close(fd);
    return fd;
  };
  const int before = lowest_free();
  for (int i = 0; i < 60; ++i) {
    auto thread = start(kModes[i % 3]);
    if (i % 2 == 0) on_loop(*thread, [] {});
  }
  CHECK(lowest_free() == before);
}

TEST_CASE("a CPU that does not exist is refused") {
  for (const int cpu : {1 << 20, 1023, INT_MAX}) {
    LoopThreadOptions options;
    options.cpu = cpu;
    const Result<std::unique_ptr<LoopThread>> thread = LoopThread::start(options);
    REQUIRE(!thread.ok());
    CHECK(thread.error().code == Errc::kSystem);
    CHECK(!thread.error().text.empty());
  }
  CHECK(!pin_this_thread(-1).ok());
}

TEST_CASE("several loops post to each other") {
  constexpr int kHops = 2000;
  for (const IdleMode mode : kModes) {
    auto a = start(mode);
    auto b = start(mode);
    std::promise<void> finished;
    int hops = 0;  // handed over with the task, so that no two threads touch it at once
    std::function<void()> hop = [&] {
      if (++hops == kHops) {
        finished.set_value();
        return;
      }
      LoopThread& next = hops % 2 == 0 ? *a : *b;
      if (!next.loop().post(hop)) std::abort();
    };
    REQUIRE(a->loop().post(hop));
    finished.get_future().get();
    CHECK(hops == kHops);
  }
}

TEST_CASE("zero and huge backoff times work") {
  for (const int64_t ns : {int64_t{0}, int64_t{1}, INT64_MAX, INT64_MIN}) {
    LoopThreadOptions options;
    options.mode = IdleMode::kBackoff;
    options.backoff_spin_ns = ns;
    options.backoff_yield_ns = ns;
    Result<std::unique_ptr<LoopThread>> thread = LoopThread::start(options);
    REQUIRE(thread.ok());
    for (int i = 0; i < 20; ++i) on_loop(*thread.value(), [] {});
  }
}

TEST_CASE("a thread has a name and its CPU time grows with its work") {
  std::thread worker([] {
    name_this_thread("a name that is longer than fifteen characters");
    char name[64] = {};
    REQUIRE(pthread_getname_np(pthread_self(), name, sizeof name) == 0);
    CHECK(std::strncmp(name, "a name that is ", 15) == 0);
    const int64_t before = thread_cpu_time_ns(pthread_self());
    const int64_t until = mono_ns() + 20 * kMs;
    while (mono_ns() < until) cpu_relax();
    CHECK(thread_cpu_time_ns(pthread_self()) > before);
  });
  worker.join();
}
