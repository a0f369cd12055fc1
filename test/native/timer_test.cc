#include "loop/timer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <vector>

using namespace tickwire;

namespace {

class CallTimer final : public Timer {
 public:
  explicit CallTimer(std::function<void(int64_t)> call = nullptr) : call_(std::move(call)) {}
  void on_timer(int64_t now_ns) override {
    ++runs;
    if (call_) {
      const std::function<void(int64_t)> call = call_;  // the callback may destroy this timer
      call(now_ns);
    }
  }
  void set(std::function<void(int64_t)> call) { call_ = std::move(call); }
  int runs = 0;

 private:
  std::function<void(int64_t)> call_;
};

}  // namespace

TEST_CASE("deadlines saturate") {
  static_assert(deadline_after(5, 10) == 15);
  static_assert(deadline_after(5, 0) == 5);
  static_assert(deadline_after(5, -10) == 5);
  static_assert(deadline_after(5, INT64_MIN) == 5);
  static_assert(deadline_after(5, INT64_MAX) == INT64_MAX);
  static_assert(deadline_after(5, INT64_MAX - 5) == INT64_MAX);
  static_assert(deadline_after(5, INT64_MAX - 6) == INT64_MAX - 1);
  static_assert(deadline_after(0, INT64_MAX) == INT64_MAX);
  static_assert(deadline_after(INT64_MAX, 1) == INT64_MAX);
  static_assert(deadline_after(-100, 50) == -50);
}

TEST_CASE("an empty heap has no deadline and runs nothing") {
  TimerHeap heap;
  CHECK(heap.next_deadline_ns() == INT64_MAX);
  CHECK(heap.run_due(INT64_MAX) == 0);
  CHECK(heap.size() == 0);
}

TEST_CASE("a timer runs once, not before its deadline, with the time of the call") {
  TimerHeap heap;
  int64_t seen = 0;
  CallTimer timer([&](int64_t now) { seen = now; });
  CHECK(!timer.armed());
  heap.arm(timer, 100);
  CHECK(timer.armed());
  CHECK(timer.deadline_ns() == 100);
  CHECK(heap.next_deadline_ns() == 100);
  CHECK(heap.run_due(99) == 0);
  CHECK(timer.armed());
  CHECK(heap.run_due(100) == 1);
  CHECK(seen == 100);
  CHECK(!timer.armed());
  CHECK(heap.run_due(1000) == 0);
  CHECK(timer.runs == 1);
}

TEST_CASE("timers run by deadline, and by the order of arming where these are equal") {
  TimerHeap heap;
  std::vector<int> order;
  std::vector<std::unique_ptr<CallTimer>> timers;
  const int64_t deadlines[] = {50, 10, 30, 10, 20, 10, 50, 40, 10};
  for (int i = 0; i < 9; ++i) {
    timers.push_back(std::make_unique<CallTimer>([&order, i](int64_t) { order.push_back(i); }));
    heap.arm(*timers.back(), deadlines[i]);
  }
  CHECK(heap.run_due(45) == 7);
  CHECK(order == std::vector<int>{1, 3, 5, 8, 4, 2, 7});
  CHECK(heap.next_deadline_ns() == 50);
  CHECK(heap.run_due(50) == 2);
  CHECK(order == std::vector<int>{1, 3, 5, 8, 4, 2, 7, 0, 6});
}

TEST_CASE("arming again moves the deadline either way and counts once") {
  TimerHeap heap;
  CallTimer timer, other;
  heap.arm(other, 60);
  heap.arm(timer, 100);
  heap.arm(timer, 50);
  CHECK(heap.size() == 2);
  CHECK(heap.next_deadline_ns() == 50);
  heap.arm(timer, 200);
  CHECK(heap.next_deadline_ns() == 60);
  CHECK(heap.run_due(199) == 1);
  CHECK(timer.runs == 0);
  CHECK(heap.run_due(200) == 1);
  CHECK(timer.runs == 1);
}

TEST_CASE("disarming is idempotent, also for timers that never were armed") {
  TimerHeap heap, stranger;
  CallTimer timer;
  heap.disarm(timer);
  heap.arm(timer, 1);
  stranger.disarm(timer);  // not its heap
  CHECK(timer.armed());
  heap.disarm(timer);
  heap.disarm(timer);
  CHECK(!timer.armed());
  CHECK(heap.run_due(10) == 0);
}

TEST_CASE("arming in another heap leaves the first") {
  TimerHeap a, b;
  CallTimer timer;
  a.arm(timer, 1);
  b.arm(timer, 2);
  CHECK(a.size() == 0);
  CHECK(b.size() == 1);
  CHECK(a.run_due(5) == 0);
  CHECK(b.run_due(5) == 1);
}

TEST_CASE("a destroyed timer leaves its heap, a destroyed heap its timers") {
  CallTimer survivor;
  {
    TimerHeap heap;
    {
      CallTimer timer;
      heap.arm(timer, 1);
      CHECK(heap.size() == 1);
    }
    CHECK(heap.size() == 0);
    CHECK(heap.run_due(10) == 0);
    heap.arm(survivor, 5);
  }
  CHECK(!survivor.armed());
  TimerHeap next;
  next.arm(survivor, 1);
  CHECK(next.run_due(1) == 1);
}

TEST_CASE("a timer armed from a callback runs in the next call, however early it is due") {
  TimerHeap heap;
  CallTimer self, ping, pong;
  self.set([&](int64_t) { heap.arm(self, INT64_MIN); });
  ping.set([&](int64_t) { heap.arm(pong, 0); });
  pong.set([&](int64_t) { heap.arm(ping, 0); });
  heap.arm(self, 0);
  heap.arm(ping, 0);
  CHECK(heap.run_due(10) == 2);
  CHECK(self.runs == 1);
  CHECK(self.armed());
  CHECK(pong.armed());
  CHECK(heap.run_due(10) == 2);
  CHECK(self.runs == 2);
  CHECK(ping.runs == 1);
  CHECK(pong.runs == 1);
  CHECK(heap.next_deadline_ns() == INT64_MIN);
}

TEST_CASE("a due timer that another callback puts off does not run now") {
  TimerHeap heap;
  CallTimer first, second;
  first.set([&](int64_t) { heap.arm(second, 500); });
  heap.arm(first, 1);
  heap.arm(second, 2);
  CHECK(heap.run_due(10) == 1);
  CHECK(second.runs == 0);
  CHECK(second.armed());
  CHECK(heap.next_deadline_ns() == 500);
  CHECK(heap.run_due(500) == 1);
}

TEST_CASE("a due timer that another callback disarms does not run") {
  TimerHeap heap;
  CallTimer first, second;
  first.set([&](int64_t) {
    CHECK(heap.size() == 1);
    CHECK(second.armed());
    heap.disarm(second);
    CHECK(!second.armed());
    CHECK(heap.size() == 0);
  });
  heap.arm(first, 1);
  heap.arm(second, 2);
  CHECK(heap.run_due(10) == 1);
  CHECK(second.runs == 0);
}

TEST_CASE("callbacks may destroy their own timer and others, due or not") {
  TimerHeap heap;
  auto self = std::make_unique<CallTimer>();
  auto due = std::make_unique<CallTimer>();
  auto later = std::make_unique<CallTimer>();
  int ran = 0;
  self->set([&](int64_t) {
    ++ran;
    due.reset();
    later.reset();
    self.reset();
  });
  heap.arm(*self, 1);
  heap.arm(*due, 2);
  heap.arm(*later, 100);
  CHECK(heap.run_due(10) == 1);
  CHECK(ran == 1);
  CHECK(heap.size() == 0);
  CHECK(heap.run_due(1000) == 0);
}

TEST_CASE("running from a callback does nothing") {
  TimerHeap heap;
  CallTimer first, second;
  uint32_t nested = 99;
  first.set([&](int64_t) { nested = heap.run_due(100); });
  heap.arm(first, 1);
  heap.arm(second, 50);
  CHECK(heap.run_due(10) == 1);
  CHECK(nested == 0);
  CHECK(second.runs == 0);
  CHECK(heap.run_due(100) == 1);
}

TEST_CASE("a deadline that never comes never runs") {
  TimerHeap heap;
  CallTimer never;
  heap.arm(never, INT64_MAX);
  CHECK(heap.next_deadline_ns() == INT64_MAX);
  CHECK(heap.run_due(INT64_MAX - 1) == 0);
  CHECK(never.armed());
}

TEST_CASE("any sequence of arming, disarming and running agrees with a sorted list") {
  struct Entry {
    int64_t deadline = 0;
    uint64_t order = 0;
    bool armed = false;
  };
  constexpr size_t kTimers = 200;
  for (unsigned seed = 1; seed <= 10; ++seed) {
    std::mt19937 random(seed);
    TimerHeap heap;
    std::vector<size_t> ran;
    std::vector<std::unique_ptr<CallTimer>> timers;
    std::vector<Entry> model(kTimers);
    for (size_t i = 0; i < kTimers; ++i) {
      timers.push_back(std::make_unique<CallTimer>([&ran, i](int64_t) { ran.push_back(i); }));
    }
    uint64_t order = 0;
    int64_t now = 0;
    for (int step = 0; step < 5000; ++step) {
      const size_t i = random() % kTimers;
      switch (random() % 8) {
        case 0:
          heap.disarm(*timers[i]);
          model[i].armed = false;
          break;
        case 1: {
          now += static_cast<int64_t>(random() % 40);
          ran.clear();
          std::vector<size_t> expected;
          for (size_t k = 0; k < kTimers; ++k) {
            if (model[k].armed && model[k].deadline <= now) expected.push_back(k);
          }
          std::sort(expected.begin(), expected.end(), [&](size_t a, size_t b) {
            return std::pair(model[a].deadline, model[a].order) < std::pair(model[b].deadline, model[b].order);
          });
          REQUIRE(heap.run_due(now) == expected.size());
          REQUIRE(ran == expected);
          for (const size_t k : expected) model[k].armed = false;
          break;
        }
        case 2: {
          timers[i] = std::make_unique<CallTimer>([&ran, i](int64_t) { ran.push_back(i); });
          model[i].armed = false;
          break;
        }
        default: {
          const int64_t deadline = now + static_cast<int64_t>(random() % 300) - 20;
          heap.arm(*timers[i], deadline);
          model[i] = {deadline, order++, true};
        }
      }
      int64_t next = INT64_MAX;
      size_t armed = 0;
      for (size_t k = 0; k < kTimers; ++k) {
        REQUIRE(timers[k]->armed() == model[k].armed);
        if (!model[k].armed) continue;
        next = std::min(next, model[k].deadline);
        ++armed;
      }
      REQUIRE(heap.next_deadline_ns() == next);
      REQUIRE(heap.size() == armed);
    }
  }
}
