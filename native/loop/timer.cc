#include "loop/timer.h"

namespace tickwire {

Timer::~Timer() {
  if (armed()) heap_->disarm(*this);
}

TimerHeap::~TimerHeap() {
  for (Timer* timer : heap_) timer->index_ = Timer::kIdle;
  for (Timer* timer : due_) {
    if (timer != nullptr) timer->index_ = Timer::kIdle;
  }
}

void TimerHeap::arm(Timer& timer, int64_t deadline_ns) {
  if (timer.armed() && (timer.heap_ != this || timer.index_ >= Timer::kDue)) timer.heap_->disarm(timer);
  timer.deadline_ = deadline_ns;
  timer.order_ = next_order_++;
  if (!timer.armed()) {
    heap_.push_back(&timer);
    timer.heap_ = this;
    timer.index_ = heap_.size() - 1;
    sift_up(timer.index_);
    return;
  }
  sift_up(timer.index_);
  sift_down(timer.index_);
}

void TimerHeap::disarm(Timer& timer) noexcept {
  if (!timer.armed() || timer.heap_ != this) return;
  if (timer.index_ >= Timer::kDue) {
    due_[timer.index_ - Timer::kDue] = nullptr;
    --due_left_;
  } else {
    erase(timer.index_);
  }
  timer.index_ = Timer::kIdle;
}

int64_t TimerHeap::next_deadline_ns() const noexcept { return heap_.empty() ? INT64_MAX : heap_.front()->deadline_; }

uint32_t TimerHeap::run_due(int64_t now_ns) {
  if (running_ || heap_.empty() || heap_.front()->deadline_ > now_ns) return 0;
  running_ = true;
  // What is due is taken out first: whatever callbacks arm then lands in the heap and waits for the next call.
  while (!heap_.empty() && heap_.front()->deadline_ <= now_ns) {
    Timer* const timer = heap_.front();
    due_.push_back(timer);
    erase(0);
    timer->index_ = Timer::kDue + due_.size() - 1;
  }
  due_left_ = due_.size();
  uint32_t ran = 0;
  for (Timer*& slot : due_) {
    if (slot == nullptr) continue;
    Timer* const timer = slot;
    slot = nullptr;
    --due_left_;
    timer->index_ = Timer::kIdle;
    ++ran;
    timer->on_timer(now_ns);  // may destroy `timer`
  }
  due_.clear();
  running_ = false;
  return ran;
}

void TimerHeap::erase(size_t i) noexcept {
  Timer* const last = heap_.back();
  heap_.pop_back();
  if (i == heap_.size()) return;
  place(i, last);
  sift_up(i);
  sift_down(last->index_);
}

void TimerHeap::sift_up(size_t i) noexcept {
  Timer* const timer = heap_[i];
  while (i > 0) {
    const size_t parent = (i - 1) / 2;
    if (!before(*timer, *heap_[parent])) break;
    place(i, heap_[parent]);
    i = parent;
  }
  place(i, timer);
}

void TimerHeap::sift_down(size_t i) noexcept {
  Timer* const timer = heap_[i];
  for (;;) {
    size_t child = 2 * i + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
    if (!before(*heap_[child], *timer)) break;
    place(i, heap_[child]);
    i = child;
  }
  place(i, timer);
}

}  // namespace tickwire
