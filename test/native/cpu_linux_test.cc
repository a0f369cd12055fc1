#include <doctest/doctest.h>
#include <sched.h>

#include <thread>

#include "base/cpu.h"
#include "loop/loop_thread.h"

using namespace tickwire;

TEST_CASE("a pinned thread runs on its CPU only") {
  cpu_set_t allowed;
  REQUIRE(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(static_cast<size_t>(cpu), &allowed)) continue;
    std::thread thread([cpu] {
      REQUIRE(pin_this_thread(cpu).ok());
      CHECK(sched_getcpu() == cpu);
      cpu_set_t now;
      REQUIRE(sched_getaffinity(0, sizeof now, &now) == 0);
      CHECK(CPU_COUNT(&now) == 1);
    });
    thread.join();

    LoopThreadOptions options;
    options.cpu = cpu;
    Result<std::unique_ptr<LoopThread>> loop_thread = LoopThread::start(options);
    REQUIRE(loop_thread.ok());
    std::atomic<int> seen{-1};
    REQUIRE(loop_thread.value()->loop().post([&] { seen = sched_getcpu(); }));
    loop_thread.value().reset();
    CHECK(seen.load() == cpu);
  }
}
