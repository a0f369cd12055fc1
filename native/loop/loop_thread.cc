#include "loop/loop_thread.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <system_error>
#include <utility>

#include "base/cpu.h"

namespace tickwire {
namespace {

// A spinning thread that never gives up its core makes whoever else must run there wait for a whole scheduling slice.
// With nobody waiting a yield costs less than a microsecond, which is 2 % of the time at this distance. Where others
// take long, the thread keeps the core as long as they did before it yields again: yielding to one that computes
// without end after every 50 us would leave this one a few percent of the core.
constexpr int64_t kShortestTurnNs = 50'000;
constexpr int64_t kLongestTurnNs = 5'000'000;

void yield_core() noexcept {
  static_cast<void>(sched_yield());  // always succeeds on Linux and macOS
}

// Rests between two polls that found nothing. The system call before it takes longer than this.
void rest() noexcept {
  for (int i = 0; i < 4; ++i) cpu_relax();
}

}  // namespace

Result<std::unique_ptr<LoopThread>> LoopThread::start(const LoopThreadOptions& options) {
  Result<std::unique_ptr<Loop>> loop = Loop::create();
  if (!loop.ok()) return loop.error();
  std::unique_ptr<LoopThread> self(new LoopThread(std::move(loop.value()), options));
  Result<void> launched = self->launch();
  if (!launched.ok()) return launched.error();
  return self;
}

LoopThread::LoopThread(std::unique_ptr<Loop> loop, const LoopThreadOptions& options)
    : loop_(std::move(loop)), options_(options) {
  options_.backoff_spin_ns = std::max<int64_t>(options_.backoff_spin_ns, 0);
}

Result<void> LoopThread::launch() {
  std::promise<Result<void>> started;
  std::future<Result<void>> outcome = started.get_future();
  try {
    thread_ = std::thread([this, started = std::move(started)]() mutable {
      name_this_thread("tickwire-loop");
      Result<void> pinned = options_.cpu < 0 ? Result<void>() : pin_this_thread(options_.cpu);
      const bool ok = pinned.ok();
      started.set_value(std::move(pinned));
      if (ok) run();
    });
  } catch (const std::system_error& error) {
    return error_from_errno(error.code().value(), "thread");
  }
  return outcome.get();
}

LoopThread::~LoopThread() {
  if (!thread_.joinable()) return;
  stop_.store(true, std::memory_order_release);
  loop_->wake();
  thread_.join();
}

int64_t LoopThread::cpu_time_ns() const noexcept {
  // native_handle() is not const in the standard library although it changes nothing.
  return thread_cpu_time_ns(const_cast<std::thread&>(thread_).native_handle());
}

void LoopThread::run() {
  switch (options_.mode) {
    case IdleMode::kPark:
      run_parked();
      break;
    case IdleMode::kSpin:
      loop_->set_driven_continuously(true);
      run_spinning();
      break;
    case IdleMode::kBackoff:
      loop_->set_driven_continuously(true);
      run_backing_off();
      break;
  }
  loop_->close();
}

void LoopThread::run_parked() {
  while (!stop_.load(std::memory_order_acquire)) {
    loop_->run_once(-1);
    if (loop_->poll_error()) [[unlikely]] {
      // Nothing can be waited for any more; tasks still run, at a pace that leaves the core to others.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

void LoopThread::run_spinning() {
  int64_t turn_began = loop_->now_ns();
  int64_t turn_ns = kShortestTurnNs;
  while (!stop_.load(std::memory_order_acquire)) {
    if (loop_->run_once(0) > 0) continue;  // busy: the scheduler alone decides who else runs
    const int64_t now = loop_->now_ns();
    if (now - turn_began < turn_ns) {
      rest();
      continue;
    }
    yield_core();
    turn_began = loop_->refresh_now();
    turn_ns = std::clamp(turn_began - now, kShortestTurnNs, kLongestTurnNs);
  }
}

void LoopThread::run_backing_off() {
  int64_t last_event = loop_->now_ns();
  while (!stop_.load(std::memory_order_acquire)) {
    if (loop_->run_once(0) > 0) {
      last_event = loop_->now_ns();
      continue;
    }
    const int64_t idle = loop_->now_ns() - last_event;
    if (idle < options_.backoff_spin_ns) {
      rest();
    } else if (idle - options_.backoff_spin_ns < options_.backoff_yield_ns) {
      yield_core();
    } else {
      // The turn above may have swallowed the wake-up of a stop that came after the loop's condition was read.
      if (stop_.load(std::memory_order_acquire)) break;
      loop_->run_once(-1);
      last_event = loop_->now_ns();
      if (loop_->poll_error()) [[unlikely]] {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
  }
}

}  // namespace tickwire
