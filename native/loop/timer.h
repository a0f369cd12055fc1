// Timers of one loop: a binary heap of pointers to timers that live inside their owners; arming allocates nothing
// once the heap has grown to the number of timers in use.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tickwire {

class TimerHeap;

// now + delay without overflow: INT64_MAX means never. A delay below 0 counts as 0.
[[nodiscard]] constexpr int64_t deadline_after(int64_t now_ns, int64_t delay_ns) noexcept {
  if (delay_ns <= 0) return now_ns;
  return now_ns > INT64_MAX - delay_ns ? INT64_MAX : now_ns + delay_ns;
}

class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer();  // disarms itself
  virtual void on_timer(int64_t now_ns) = 0;
  // False from the moment on_timer() is entered, so that it may arm again or destroy itself.
  [[nodiscard]] bool armed() const noexcept { return index_ != kIdle; }
  [[nodiscard]] int64_t deadline_ns() const noexcept { return deadline_; }

 private:
  friend class TimerHeap;
  static constexpr size_t kIdle = SIZE_MAX;
  static constexpr size_t kDue = SIZE_MAX / 2 + 1;  // set in index_ while in TimerHeap::due_
  int64_t deadline_ = 0;
  uint64_t order_ = 0;  // of equal deadlines the one armed first runs first
  size_t index_ = kIdle;
  TimerHeap* heap_ = nullptr;
};

// A timer that calls a member function of its owner.
template <class Owner, void (Owner::*Method)(int64_t now_ns)>
class MemberTimer final : public Timer {
 public:
  explicit MemberTimer(Owner& owner) : owner_(owner) {}
  void on_timer(int64_t now_ns) override { (owner_.*Method)(now_ns); }

 private:
  Owner& owner_;
};

class TimerHeap {
 public:
  TimerHeap() = default;
  TimerHeap(const TimerHeap&) = delete;
  TimerHeap& operator=(const TimerHeap&) = delete;
  ~TimerHeap();                                 // leaves the remaining timers disarmed
  void arm(Timer& timer, int64_t deadline_ns);  // re-arms when it is armed already, also in another heap
  void disarm(Timer& timer) noexcept;
  // INT64_MAX when there is none.
  [[nodiscard]] int64_t next_deadline_ns() const noexcept;
  // Runs what is due and returns how many ran. A timer that is armed from a callback, its own or another's, with a
  // deadline in the past runs in the next call, so that one call ends. Callbacks may arm, disarm and destroy any timer.
  // Does nothing when called from a callback.
  uint32_t run_due(int64_t now_ns);
  [[nodiscard]] size_t size() const noexcept { return heap_.size() + due_left_; }

 private:
  [[nodiscard]] static bool before(const Timer& a, const Timer& b) noexcept {
    return a.deadline_ != b.deadline_ ? a.deadline_ < b.deadline_ : a.order_ < b.order_;
  }
  void place(size_t i, Timer* timer) noexcept {
    heap_[i] = timer;
    timer->index_ = i;
  }
  void sift_up(size_t i) noexcept;
  void sift_down(size_t i) noexcept;
  void erase(size_t i) noexcept;
  std::vector<Timer*> heap_;
  std::vector<Timer*> due_;  // taken out of the heap by the present run_due(); null where disarmed meanwhile
  size_t due_left_ = 0;
  uint64_t next_order_ = 0;
  bool running_ = false;
};

}  // namespace tickwire
