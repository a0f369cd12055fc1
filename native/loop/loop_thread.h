// A thread of its own that drives a Loop in one of three idle modes.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "loop/loop.h"

namespace tickwire {

enum class IdleMode : uint8_t {
  kPark,     // sleeps in the poller
  kSpin,     // polls without sleeping, yields the core now and then
  kBackoff,  // spins for a while after the last event, then yields, then parks
};

struct LoopThreadOptions {
  IdleMode mode = IdleMode::kPark;
  int cpu = -1;  // pin to this CPU; -1 leaves it to the system
  // Times below 0 count as 0.
  int64_t backoff_spin_ns = 50'000;    // kBackoff: how long it spins after the last event
  int64_t backoff_yield_ns = 200'000;  // kBackoff: how long it then yields between polls, before it parks
};

class LoopThread {
 public:
  // Fails when the CPU does not exist or may not be used (kSystem), or when no thread can be had.
  [[nodiscard]] static Result<std::unique_ptr<LoopThread>> start(const LoopThreadOptions& options);
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  // Stops and joins; not from the loop's own thread. What was posted before still runs, on the loop's thread.
  ~LoopThread();
  [[nodiscard]] Loop& loop() noexcept { return *loop_; }
  [[nodiscard]] int64_t cpu_time_ns() const noexcept;  // CPU time this thread has used; -1 when unknown

 private:
  LoopThread(std::unique_ptr<Loop> loop, const LoopThreadOptions& options);
  [[nodiscard]] Result<void> launch();
  void run();
  void run_parked();
  void run_spinning();
  void run_backing_off();
  std::unique_ptr<Loop> loop_;
  LoopThreadOptions options_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace tickwire
