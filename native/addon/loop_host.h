// Who drives a Loop: a thread of its own, or the JS thread that made it.
//
// Order of destruction, and why: feeds first (they hold descriptors and timers of the loop), then the channel (feeds
// publish into it), then the loop's thread (it may still run their last tasks), last the JS memory (the ring and the
// statistics, which all of the former write). A channel therefore keeps its host alive, waits for the loop to have
// destroyed its feeds, and only then lets go of memory.
#pragma once
#include <functional>
#include <memory>

#include "base/error.h"
#include "loop/loop.h"

namespace tickwire::addon {

// Wants to be called when an inline turn is over and none of the loop's frames is on the stack: the place to enter JS.
class TurnEndListener {
 public:
  virtual void on_turn_end() = 0;

 protected:
  ~TurnEndListener() = default;
};

class LoopHost {
 public:
  virtual ~LoopHost() = default;
  [[nodiscard]] virtual Loop& loop() noexcept = 0;
  // Runs `task` on the loop's thread and returns when it has run. From the JS thread.
  virtual void run_and_wait(std::function<void()> task) = 0;
  [[nodiscard]] virtual int64_t cpu_time_ns() const noexcept = 0;
  // One turn on the calling JS thread; only hosts without a thread can.
  virtual uint32_t run_once() { return 0; }
  [[nodiscard]] virtual bool is_inline() const noexcept { return false; }
  // Inline only: calls back after the present turn. False when no turn is running.
  [[nodiscard]] virtual bool after_turn(TurnEndListener&) { return false; }
  virtual void cancel_after_turn(TurnEndListener&) noexcept {}
};

}  // namespace tickwire::addon
