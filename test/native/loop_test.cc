#include "loop/loop.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "loop_rig.h"

using namespace tickwire;
using namespace tickwire::loop_rig;

TEST_CASE("a turn with nothing to do returns 0 and keeps its timeout") {
  auto loop = make_loop();
  CHECK(loop->run_once(0) == 0);
  const int64_t before = mono_ns();
  CHECK(loop->run_once(5 * kMs) == 0);
  CHECK(mono_ns() - before >= 5 * kMs);
  CHECK(loop->now_ns() >= before + 5 * kMs);
  CHECK(loop->now_ns() <= mono_ns());
  CHECK(!loop->has_immediate_work());
  CHECK(loop->next_deadline_ns() == INT64_MAX);
  CHECK(!loop->poll_error());
}

TEST_CASE("watchers get their readiness") {
  auto loop = make_loop();
  Pair pair;
  CallWatcher watcher;
  REQUIRE(loop->watch(pair.ours, watcher).ok());
  CHECK(loop->run_once(1000 * kMs) == 1);
  CHECK(watcher.last == kWritable);
  pair.send();
  CHECK(loop->run_once(1000 * kMs) == 1);
  CHECK((watcher.last & kReadable) != 0);
  CHECK(loop->run_once(0) == 0);
  loop->unwatch(pair.ours, watcher);
  pair.send();
  CHECK(loop->run_once(0) == 0);
}

TEST_CASE("impossible descriptors are refused") {
  auto loop = make_loop();
  CallWatcher watcher;
  CHECK(!loop->watch(-1, watcher).ok());
  CHECK(!loop->rewatch(-1, watcher).ok());
  CHECK(!loop->watch(1 << 20, watcher).ok());
  loop->unwatch(-1, watcher);
  loop->unwatch(1 << 24, watcher);
  Pair pair;
  CHECK(!loop->rewatch(pair.ours, watcher).ok());
  REQUIRE(loop->watch(pair.ours, watcher).ok());
  loop->unwatch(pair.ours, watcher);
  loop->unwatch(pair.ours, watcher);  // twice does no harm
}

TEST_CASE("unwatch drops what this turn has not delivered, whichever comes first") {
  auto loop = make_loop();
  Pair a, b;
  CallWatcher first, second;
  first.call = [&](uint32_t) { loop->unwatch(b.ours, second); };
  second.call = [&](uint32_t) { loop->unwatch(a.ours, first); };
  REQUIRE(loop->watch(a.ours, first).ok());
  REQUIRE(loop->watch(b.ours, second).ok());
  CHECK(loop->run_once(1000 * kMs) == 1);
  CHECK(first.runs + second.runs == 1);
  a.send();
  b.send();
  CHECK(loop->run_once(1000 * kMs) == 1);
  CHECK(first.runs + second.runs == 2);
  CHECK((first.runs == 0 || second.runs == 0));
}

TEST_CASE("a watcher may be destroyed by another's callback") {
  auto loop = make_loop();
  std::vector<std::unique_ptr<Pair>> pairs;
  std::vector<std::unique_ptr<CallWatcher>> watchers;
  for (int i = 0; i < 20; ++i) {
    pairs.push_back(std::make_unique<Pair>());
    watchers.push_back(std::make_unique<CallWatcher>());
  }
  int ran = 0;
  for (size_t i = 0; i < watchers.size(); ++i) {
    watchers[i]->call = [&, i](uint32_t) {
      ++ran;
      for (size_t k = 0; k < watchers.size(); ++k) {
        if (k == i || !watchers[k]) continue;
        loop->unwatch(pairs[k]->ours, *watchers[k]);
        pairs[k]->close_ours();
        watchers[k].reset();
      }
    };
    REQUIRE(loop->watch(pairs[i]->ours, *watchers[i]).ok());
  }
  CHECK(loop->run_once(1000 * kMs) == 1);
  CHECK(ran == 1);
}

TEST_CASE("a descriptor number used again within the turn gets no events of its predecessor") {
  auto loop = make_loop();
  Pair a, b;
  CallWatcher first, second, successor;
  int reused = -1;
  std::unique_ptr<Pair> fresh;
  const auto replace = [&](Pair& pair, CallWatcher& watcher) {
    const int number = pair.ours;
    loop->unwatch(number, watcher);
    pair.close_ours();
    fresh = std::make_unique<Pair>();  // takes the lowest free number, the one just closed
    reused = fresh->ours;
    CHECK(reused == number);
    REQUIRE(loop->watch(reused, successor, Trigger::kLevel).ok());  // level: only data counts, and there is none
  };
  first.call = [&](uint32_t) { replace(b, second); };
  second.call = [&](uint32_t) { replace(a, first); };
  REQUIRE(loop->watch(a.ours, first).ok());
  REQUIRE(loop->watch(b.ours, second).ok());
  CHECK(loop->run_once(1000 * kMs) == 1);
  CHECK(first.runs + second.runs == 1);
  CHECK(successor.runs == 0);
  CHECK(loop->run_once(0) == 0);
  fresh->send();
  CHECK(loop->run_once(1000 * kMs) == 1);
  CHECK(successor.runs == 1);
  loop->unwatch(reused, successor);
}

TEST_CASE("rewatch hands over: the new owner hears of the present state, the old one of nothing") {
  auto loop = make_loop();
  Pair pair;
  CallWatcher next;
  auto old = std::make_unique<CallWatcher>();
  old->call = [&](uint32_t) {
    CHECK(loop->rewatch(pair.ours, next).ok());
    old.reset();
  };
  REQUIRE(loop->watch(pair.ours, *old).ok());
  pair.send();
  CHECK(loop->run_once(1000 * kMs) == 1);
  CHECK(!old);
  CHECK(next.runs == 0);
  CHECK(loop->run_once(1000 * kMs) == 1);
  CHECK(next.last == (kReadable | kWritable));
  loop->unwatch(pair.ours, next);
}

TEST_CASE("rewatch by somebody else in the same turn drops the old owner's event and loses none") {
  auto loop = make_loop();
  Pair a, b;
  CallWatcher first, second, taker;
  bool taken = false;
  const auto take = [&](Pair& pair) {
    if (taken) return;
    taken = true;
    CHECK(loop->rewatch(pair.ours, taker).ok());
  };
  first.call = [&](uint32_t) { take(b); };
  second.call = [&](uint32_t) { take(a); };
  REQUIRE(loop->watch(a.ours, first).ok());
  REQUIRE(loop->watch(b.ours, second).ok());
  a.send();
  b.send();
  CHECK(loop->run_once(1000 * kMs) == 1);
  CHECK(loop->run_once(1000 * kMs) == 1);
  CHECK(first.runs + second.runs == 1);
  CHECK((taker.last & kReadable) != 0);
  // A former owner that says goodbye late must not take the descriptor from the new one.
  loop->unwatch(a.ours, first.runs == 0 ? first : second);
  loop->unwatch(b.ours, first.runs == 0 ? first : second);
  a.send();
  b.send();
  CHECK(loop->run_once(1000 * kMs) == 2);
  CHECK(taker.runs == 2);
}

TEST_CASE("more ready descriptors than one turn takes are served by the next turns") {
  auto loop = make_loop();
  std::vector<std::unique_ptr<Pair>> pairs;
  std::vector<std::unique_ptr<CallWatcher>> watchers;
  for (int i = 0; i < 300; ++i) {
    pairs.push_back(std::make_unique<Pair>());
    watchers.push_back(std::make_unique<CallWatcher>());
    REQUIRE(loop->watch(pairs.back()->ours, *watchers.back()).ok());
  }
  settle(*loop);
  for (const auto& pair : pairs) pair->send();
  settle(*loop);
  for (const auto& watcher : watchers) CHECK((watcher->last & kReadable) != 0);
}

TEST_CASE("what resumes itself goes on in the next turn, and others get theirs in between") {
  auto loop = make_loop();
  CallResumable greedy;
  greedy.call = [&] { loop->resume_later(greedy); };
  CallResumable modest;
  int tasks = 0;
  loop->resume_later(greedy);
  loop->resume_later(greedy);  // once is enough
  loop->resume_later(modest);
  CHECK(loop->has_immediate_work());
  REQUIRE(loop->post([&] { ++tasks; }));
  CHECK(loop->run_once(-1) == 3);
  CHECK(greedy.runs == 1);
  CHECK(modest.runs == 1);
  CHECK(tasks == 1);
  CHECK(loop->has_immediate_work());
  Pair pair;
  CallWatcher watcher;
  REQUIRE(loop->watch(pair.ours, watcher).ok());
  CHECK(loop->run_once(-1) == 2);  // does not wait, and still looks at descriptors
  CHECK(greedy.runs == 2);
  CHECK(watcher.runs == 1);
  loop->cancel_resume(greedy);
  CHECK(!loop->has_immediate_work());
  CHECK(loop->run_once(0) == 0);
  loop->cancel_resume(greedy);
  loop->unwatch(pair.ours, watcher);
}

TEST_CASE("cancelled resumptions do not run, also within their own turn") {
  auto loop = make_loop();
  CallResumable a, b, c;
  a.call = [&] {
    loop->cancel_resume(b);
    loop->cancel_resume(a);  // it runs already; nothing to cancel
  };
  loop->resume_later(a);
  loop->resume_later(b);
  loop->resume_later(c);
  CHECK(loop->run_once(0) == 2);
  CHECK(b.runs == 0);
  CHECK(c.runs == 1);
  loop->resume_later(b);
  CHECK(loop->run_once(0) == 1);
  CHECK(b.runs == 1);

  // Cancelled and queued again in one go: once, in the next turn.
  a.call = [&] {
    loop->cancel_resume(b);
    loop->resume_later(b);
  };
  loop->resume_later(a);
  loop->resume_later(b);
  CHECK(loop->run_once(0) == 1);
  CHECK(b.runs == 1);
  a.call = nullptr;
  CHECK(loop->run_once(0) == 1);
  CHECK(b.runs == 2);
}

TEST_CASE("timers run at their time and end the wait") {
  auto loop = make_loop();
  CallTimer timer;
  const int64_t before = mono_ns();
  loop->arm_in(timer, 3 * kMs);
  CHECK(loop->next_deadline_ns() == timer.deadline_ns());
  uint32_t done = 0;
  while (done == 0) done = loop->run_once(-1);
  CHECK(timer.runs == 1);
  CHECK(timer.at >= before + 3 * kMs);
  CHECK(mono_ns() - before < 1000 * kMs);
}

TEST_CASE("a timer armed outside a turn counts from the present, not from the last turn") {
  auto loop = make_loop();
  loop->run_once(0);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CallTimer timer;
  const int64_t before = mono_ns();
  loop->arm_in(timer, 10 * kMs);
  CHECK(timer.deadline_ns() >= before + 10 * kMs);
}

TEST_CASE("huge and negative delays are what they mean") {
  auto loop = make_loop();
  CallTimer never, now, past;
  loop->arm_in(never, INT64_MAX);
  CHECK(never.deadline_ns() == INT64_MAX);
  loop->arm_in(now, 0);
  loop->arm_in(past, INT64_MIN);
  CHECK(loop->run_once(-1) == 2);
  CHECK(never.runs == 0);
  CHECK(loop->next_deadline_ns() == INT64_MAX);
  CHECK(loop->run_once(2 * kMs) == 0);  // a deadline that never comes does not disturb the wait
}

TEST_CASE("a time-consuming turn does not put off the next timer") {
  auto loop = make_loop();
  CallTimer timer;
  REQUIRE(loop->post([&] {
    loop->arm_in(timer, 20 * kMs);
    std::this_thread::sleep_for(std::chrono::milliseconds(15));
  }));
  const int64_t before = mono_ns();
  while (timer.runs == 0) loop->run_once(-1);
  CHECK(timer.at - before < 34 * kMs);  // 15 and then 20 more would be 35
}

TEST_CASE("a self-arming timer does not keep a turn from ending") {
  auto loop = make_loop();
  CallTimer timer;
  timer.call = [&] { loop->arm_in(timer, 0); };
  loop->arm_in(timer, 0);
  for (int i = 1; i <= 10; ++i) {
    CHECK(loop->run_once(-1) == 1);
    CHECK(timer.runs == i);
  }
}

TEST_CASE("deferred objects live to the end of the turn and no longer") {
  struct Flag {
    explicit Flag(bool& f) : gone(f) {}
    ~Flag() { gone = true; }
    bool& gone;
  };
  auto loop = make_loop();
  bool gone = false;
  bool alive_in_timer = false;
  CallTimer timer([&] { alive_in_timer = !gone; });
  loop->arm_in(timer, 0);
  REQUIRE(loop->post([&] {
    loop->defer_delete(std::make_unique<Flag>(gone));
    CHECK(!gone);
  }));
  loop->run_once(0);
  CHECK(alive_in_timer);
  CHECK(gone);

  bool outside = false;
  loop->defer_delete(std::make_unique<Flag>(outside));
  CHECK(!outside);
  CHECK(loop->has_immediate_work());
  CHECK(loop->run_once(-1) == 1);
  CHECK(outside);
  CHECK(!loop->has_immediate_work());

  bool last = false;
  loop->defer_delete(std::make_unique<Flag>(last));
  loop.reset();
  CHECK(last);
}

TEST_CASE("a destructor may defer, unwatch and disarm") {
  auto loop = make_loop();
  Pair pair;
  int gone = 0;
  struct Inner {
    explicit Inner(int& g) : gone(g) {}
    ~Inner() { ++gone; }
    int& gone;
  };
  struct Outer final : Watcher {
    Outer(Loop& l, Pair& p, int& g) : loop(l), pair(p), gone(g), timer() {}
    ~Outer() override {
      loop.unwatch(pair.ours, *this);
      loop.defer_delete(std::make_unique<Inner>(gone));
    }
    void on_ready(uint32_t) override {}
    Loop& loop;
    Pair& pair;
    int& gone;
    CallTimer timer;
  };
  auto outer = std::make_unique<Outer>(*loop, pair, gone);
  REQUIRE(loop->watch(pair.ours, *outer).ok());
  loop->arm_in(outer->timer, 0);
  loop->defer_delete(std::move(outer));
  settle(*loop);
  CHECK(gone == 1);
  CHECK(loop->timers().size() == 0);
}
