// One event loop: a poller, timers and a task queue. run_once() is all it is; a LoopThread, or the JS thread itself,
// drives it. Everything but post() and wake() belongs to the one thread that runs it.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "loop/poller.h"
#include "loop/timer.h"

namespace tickwire {

// Something with one descriptor. It must outlive its registration: unwatch() first, then destroy (or release through
// Loop::defer_delete when inside one of its own callbacks).
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void on_ready(uint32_t ready) = 0;  // Ready bits; edge-triggered: drain to EAGAIN
};

// Something that did not finish its share of work in one go (a read budget) and wants to go on in the next turn
// without waiting for an edge that will not come. Cancel it before destroying it.
class Resumable {
 public:
  virtual ~Resumable() = default;
  virtual void on_resume() = 0;

 private:
  friend class Loop;
  bool queued_ = false;
};

class Loop {
 public:
  using Task = std::function<void()>;
  [[nodiscard]] static Result<std::unique_ptr<Loop>> create();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();  // closes; no other thread may use the loop any more

  // One turn: wait (no longer than timeout_ns, the next timer, or 0 when work is queued), then ready descriptors,
  // resumed work, tasks, timers, deferred releases. Returns the number of things that were done. timeout_ns < 0 waits
  // for ever, 0 does not wait. Tasks and resumptions that are queued while their own stage runs wait for the next turn.
  // Called from a callback it does nothing and returns 0.
  uint32_t run_once(int64_t timeout_ns);

  [[nodiscard]] Result<void> watch(int fd, Watcher& watcher, Trigger trigger = Trigger::kEdge);
  // New owner; readiness reported anew. What the present turn has not delivered to the old owner is dropped.
  [[nodiscard]] Result<void> rewatch(int fd, Watcher& watcher, Trigger trigger = Trigger::kEdge);
  // Also drops events of this descriptor's watcher that the present turn has not delivered yet. Does not touch the
  // descriptor when it belongs to another watcher by now.
  void unwatch(int fd, Watcher& watcher) noexcept;

  void resume_later(Resumable& r);  // idempotent until it ran
  void cancel_resume(Resumable& r) noexcept;

  TimerHeap& timers() noexcept { return timers_; }
  // Inside a turn from now_ns(), outside from the present time. Never overflows; a negative delay counts as 0.
  void arm_in(Timer& timer, int64_t delay_ns) {
    timers_.arm(timer, deadline_after(in_turn_ ? now_ : refresh_now(), delay_ns));
  }
  // The monotonic time at which this turn's events were returned; refreshed by refresh_now().
  [[nodiscard]] int64_t now_ns() const noexcept { return now_; }
  int64_t refresh_now() noexcept;

  // Destroys `owned` at the end of the turn, when no frame of it is on the stack any more.
  template <class T>
  void defer_delete(std::unique_ptr<T> owned) {
    graveyard_.push_back(std::shared_ptr<void>(std::move(owned)));
  }

  // From any thread; wakes the loop at most once for any number of tasks. Tasks of one thread run in the order in which
  // it posted them. Returns false, and does not take the task, once the loop was closed.
  bool post(Task task);
  void wake() noexcept { poller_.wake(); }
  // Runs what is posted and refuses further posts, also those of the tasks that it runs; inside no turn it also
  // releases what was deferred. From the loop's own thread (or when no thread runs it).
  void close();

  // A driver that calls run_once() again and again without anything between the calls says so: post() then need not
  // wake it while it is not blocked, and run_once(0) may serve tasks without asking the poller every time. Any other
  // driver leaves it off, as tasks must then wake it through poll_fd().
  void set_driven_continuously(bool on) noexcept;

  [[nodiscard]] int poll_fd() const noexcept { return poller_.fd(); }
  // Whether run_once() would find work without waiting, apart from descriptors and timers: so that a driver without
  // run_once's wait knows to go on. Ask after run_once() and after every use of the loop outside a turn.
  [[nodiscard]] bool has_immediate_work() const noexcept;
  // Deadline of the next timer, INT64_MAX when none: a driver that watches poll_fd() needs its own timer for it.
  [[nodiscard]] int64_t next_deadline_ns() const noexcept { return timers_.next_deadline_ns(); }
  [[nodiscard]] bool on_loop_thread() const noexcept;
  // What the last wait failed with: nothing, unless somebody closed the poller's descriptor.
  [[nodiscard]] const Error& poll_error() const noexcept { return poll_error_; }

 private:
  explicit Loop(Poller poller);
  void poll(int64_t timeout_ns);
  uint32_t deliver_events();
  uint32_t run_resumed();
  uint32_t run_tasks();
  uint32_t run_taken_tasks();
  uint32_t bury();
  void adopt_thread() noexcept;
  void own(int fd, Watcher& watcher) noexcept;
  void drop_events_of(const Watcher* watcher) noexcept;
  [[nodiscard]] Result<void> reserve_owner(int fd);

  static constexpr size_t kEventsPerTurn = 128;
  Poller poller_;
  TimerHeap timers_;
  int64_t now_ = 0;
  bool in_turn_ = false;
  bool skipped_poll_ = false;
  bool driven_continuously_ = false;
  PollEvent events_[kEventsPerTurn];
  uint32_t event_count_ = 0;
  uint32_t event_next_ = 0;
  Error poll_error_;
  std::vector<Watcher*> owners_;  // by descriptor, so that a former owner can neither receive nor remove
  std::vector<Resumable*> resumed_;
  std::vector<Resumable*> resuming_;
  std::vector<std::shared_ptr<void>> graveyard_;
  std::vector<std::shared_ptr<void>> burying_;
  std::mutex tasks_mutex_;
  std::vector<Task> tasks_;
  std::vector<Task> running_tasks_;
  size_t running_next_ = 0;
  bool closed_ = false;                     // under tasks_mutex_
  std::atomic<bool> tasks_pending_{false};  // lets a spinning loop skip the mutex
  std::atomic<bool> needs_wake_{true};      // false only while a continuous driver is not blocked
  std::atomic<uint64_t> thread_tag_{0};
};

}  // namespace tickwire
