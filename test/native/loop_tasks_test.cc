// Tasks, closing, and driving a loop from outside.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "loop/loop.h"
#include "loop_rig.h"

using namespace tickwire;
using namespace tickwire::loop_rig;

TEST_CASE("tasks run in the order of posting; those that a task posts run in the next turn") {
  auto loop = make_loop();
  std::string order;
  REQUIRE(loop->post([&] {
    order += 'a';
    CHECK(loop->on_loop_thread());
    REQUIRE(loop->post([&] { order += 'c'; }));
  }));
  REQUIRE(loop->post([&] { order += 'b'; }));
  CHECK(loop->run_once(-1) == 2);
  CHECK(order == "ab");
  CHECK(loop->has_immediate_work());
  CHECK(loop->run_once(-1) == 1);
  CHECK(order == "abc");
}

TEST_CASE("a nested turn does nothing") {
  auto loop = make_loop();
  uint32_t nested = 99;
  REQUIRE(loop->post([&] {
    REQUIRE(loop->post([] {}));
    nested = loop->run_once(-1);
  }));
  CHECK(loop->run_once(-1) == 1);
  CHECK(nested == 0);
}

TEST_CASE("closing runs what was posted and refuses the rest") {
  auto loop = make_loop();
  std::string order;
  bool late = true;
  REQUIRE(loop->post([&] {
    order += 'a';
    late = loop->post([&] { order += 'x'; });
  }));
  REQUIRE(loop->post([&] { order += 'b'; }));
  loop->close();
  CHECK(order == "ab");
  CHECK(!late);
  CHECK(!loop->post([&] { order += 'y'; }));
  loop->close();
  CHECK(loop->run_once(0) == 0);
  CHECK(order == "ab");
}

TEST_CASE("closing from a task runs the tasks behind it first, in order") {
  auto loop = make_loop();
  std::string order;
  REQUIRE(loop->post([&] {
    order += 'a';
    REQUIRE(loop->post([&] { order += 'c'; }));
    loop->close();
    order += 'd';
  }));
  REQUIRE(loop->post([&] { order += 'b'; }));
  loop->run_once(-1);
  CHECK(order == "abcd");
  CHECK(!loop->post([] {}));
  CHECK(loop->run_once(0) == 0);
}

TEST_CASE("a destroyed loop has run its tasks, and a refused task is destroyed unrun") {
  auto held = std::make_shared<int>(0);
  auto loop = make_loop();
  REQUIRE(loop->post([held] { ++*held; }));
  loop.reset();
  CHECK(*held == 1);
  CHECK(held.use_count() == 1);
  loop = make_loop();
  loop->close();
  CHECK(!loop->post([held] { ++*held; }));
  CHECK(held.use_count() == 1);
}

TEST_CASE("whoever watches the loop's descriptor learns of every kind of work") {
  auto loop = make_loop();
  CHECK(!readable(loop->poll_fd()));
  REQUIRE(loop->post([] {}));
  CHECK(readable(loop->poll_fd(), 1000));
  CHECK(loop->has_immediate_work());
  settle(*loop);
  CHECK(!readable(loop->poll_fd()));
  CHECK(!loop->has_immediate_work());

  loop->wake();
  CHECK(readable(loop->poll_fd(), 1000));
  settle(*loop);

  Pair pair;
  CallWatcher watcher;
  REQUIRE(loop->watch(pair.ours, watcher).ok());
  settle(*loop);
  CHECK(!readable(loop->poll_fd()));
  pair.send();
  CHECK(readable(loop->poll_fd(), 1000));
  CHECK(!loop->has_immediate_work());
  CHECK(loop->run_once(0) == 1);
  CHECK(!readable(loop->poll_fd()));

  // A task that posts: the driver must see it although nothing was written to the descriptor.
  REQUIRE(loop->post([&] { REQUIRE(loop->post([] {})); }));
  CHECK(loop->run_once(0) == 1);
  CHECK(loop->has_immediate_work());
  CHECK(loop->run_once(0) == 1);
  CHECK(!loop->has_immediate_work());
  // Posting from the own thread outside a turn wakes as well: the driver may be asleep in its own poller.
  settle(*loop);
  REQUIRE(loop->post([] {}));
  CHECK(readable(loop->poll_fd(), 1000));
}

TEST_CASE("any number of posts is one wake-up") {
  auto loop = make_loop();
  loop->run_once(0);
  int ran = 0;
  for (int i = 0; i < 1000; ++i) REQUIRE(loop->post([&] { ++ran; }));
  CHECK(loop->run_once(-1) == 1000);
  CHECK(ran == 1000);
  CHECK(!readable(loop->poll_fd()));
  const int64_t before = mono_ns();
  CHECK(loop->run_once(10 * kMs) == 0);
  CHECK(mono_ns() - before >= 10 * kMs);  // no second wake-up was left
}

TEST_CASE("a continuously driven loop serves tasks and descriptors alike") {
  auto loop = make_loop();
  loop->set_driven_continuously(true);
  Pair pair;
  CallWatcher watcher;
  REQUIRE(loop->watch(pair.ours, watcher).ok());
  int tasks = 0;
  std::function<void()> again = [&] {
    ++tasks;
    if (tasks < 100) REQUIRE(loop->post(again));
  };
  REQUIRE(loop->post(again));
  CHECK(readable(loop->poll_fd()));  // the socket's first edge
  loop->run_once(0);
  loop->run_once(0);
  CHECK(watcher.runs == 1);  // an endless stream of tasks holds the descriptors up for one turn only
  CHECK(tasks == 2);
  settle(*loop);
  CHECK(tasks == 100);
  REQUIRE(loop->post([&] { ++tasks; }));
  CHECK(!readable(loop->poll_fd()));  // nobody sleeps, so nobody is woken
  CHECK(loop->run_once(-1) == 1);     // and a wait sees the task
  CHECK(tasks == 101);
  loop->set_driven_continuously(false);
  REQUIRE(loop->post([] {}));
  CHECK(readable(loop->poll_fd(), 1000));
  loop->unwatch(pair.ours, watcher);
}

TEST_CASE("posting from many threads loses nothing and keeps every thread's order") {
  for (const bool continuous : {false, true}) {
    auto loop = make_loop();
    loop->set_driven_continuously(continuous);
    constexpr int kThreads = 4;
    constexpr int kEach = 5000;
    std::vector<int> last(kThreads, -1);
    int ran = 0;
    bool in_order = true;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          const bool taken = loop->post([&, t, i] {
            in_order = in_order && last[static_cast<size_t>(t)] == i - 1;
            last[static_cast<size_t>(t)] = i;
            ++ran;
          });
          if (!taken) std::abort();
          if (i % 64 == 0) std::this_thread::yield();
        }
      });
    }
    int64_t until = mono_ns() + 60'000 * kMs;
    while (ran < kThreads * kEach && mono_ns() < until) loop->run_once(ran % 2 == 0 ? -1 : 0);
    for (std::thread& thread : threads) thread.join();
    CHECK(ran == kThreads * kEach);
    CHECK(in_order);
  }
}

TEST_CASE("a sleeping loop never misses a task") {
  // One task at a time, with the loop asleep or about to sleep: a lost wake-up would hang here.
  for (const bool continuous : {false, true}) {
    auto loop = make_loop();
    loop->set_driven_continuously(continuous);
    constexpr int kRounds = 3000;
    std::atomic<int> served{0};
    std::thread poster([&] {
      for (int i = 0; i < kRounds; ++i) {
        if (!loop->post([&] { served.fetch_add(1); })) std::abort();
        while (served.load() <= i) std::this_thread::yield();
      }
    });
    while (served.load() < kRounds) loop->run_once(-1);
    poster.join();
    CHECK(served.load() == kRounds);
  }
}

TEST_CASE("posts that race with closing either run or are refused") {
  for (int round = 0; round < 50; ++round) {
    auto loop = make_loop();
    std::atomic<int> taken{0};
    std::atomic<int> ran{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        while (!go) std::this_thread::yield();
        while (loop->post([&] { ran.fetch_add(1); })) taken.fetch_add(1);
      });
    }
    go = true;
    for (int i = 0; i < round % 5; ++i) loop->run_once(0);
    loop->close();
    for (std::thread& thread : threads) thread.join();
    CHECK(ran.load() == taken.load());
  }
}

TEST_CASE("the loop's thread is the one that drives it") {
  auto loop = make_loop();
  CHECK(!loop->on_loop_thread());
  loop->run_once(0);
  CHECK(loop->on_loop_thread());
  std::thread other([&] {
    CHECK(!loop->on_loop_thread());
    loop->run_once(0);
    CHECK(loop->on_loop_thread());
  });
  other.join();
  CHECK(!loop->on_loop_thread());
}
